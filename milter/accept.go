package milter

import (
	"errors"
	"net"
	"time"
)

// The waits after an Accept that failed: doubled each time.
const (
	minPause = 5 * time.Millisecond
	maxPause = time.Second
)

// accept serves one listener until it is closed. A process or a system short of
// descriptors or memory fails to accept for some time; that is waited out.
func (s *Server) accept(ln net.Listener) error {
	pulse := newPulse(ln)
	if !s.listen(ln, pulse) {
		_ = ln.Close() // it has no use either
		return nil
	}
	defer s.leave(ln)
	pause := minPause
	for {
		raw, err := ln.Accept()
		checked := pulse.turn(err)
		switch {
		case checked:
		case err == nil:
			pause = minPause
			if !s.admit(raw) {
				_ = raw.Close() // never served
			}
		case s.closed():
			return nil
		case errors.Is(err, net.ErrClosed):
			s.Log.Error("milter: listener closed", "address", ln.Addr().String(), "error", err)
			return err
		default:
			if pause == minPause {
				s.Log.Warn("milter: can't accept connections", "address", ln.Addr().String(), "error", err)
			}
			s.pause(pause)
			pause = min(2*pause, maxPause)
		}
	}
}

// listen makes the listener one that stop closes. It is false when the server is
// stopping.
func (s *Server) listen(ln net.Listener, p *pulse) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.listeners[ln] = p
	s.running.Add(1) // so Shutdown waits for what is accepted as it begins
	return true
}

// leave closes a listener for good.
func (s *Server) leave(ln net.Listener) {
	defer s.running.Done()
	_ = ln.Close() // the listener has no use for what it could not do
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

// admit waits for a free slot and serves the connection. It is false when the
// server has stopped: a connection that waited until then had its grace as those that are served.
func (s *Server) admit(raw net.Conn) bool {
	select {
	case s.slots <- struct{}{}:
		s.full.Store(false)
	default:
		if !s.full.Swap(true) {
			s.Log.Warn("milter: session limit reached, connections wait", "max_sessions", s.MaxSessions)
		}
		select {
		case s.slots <- struct{}{}:
		case <-s.stopping:
			if !s.admitLate() {
				return false
			}
		}
	}
	if !s.start(raw) {
		<-s.slots
		return false
	}
	return true
}

// admitLate waits for a free slot until the sessions without a message have ended. Who waits has left the
// backlog of its socket, where a successor would have found it.
func (s *Server) admitLate() bool {
	grace := time.NewTimer(drainGrace)
	defer grace.Stop()
	select {
	case s.slots <- struct{}{}:
		return true
	case <-grace.C:
		return false
	}
}

// pause waits, but not longer than the server runs.
func (s *Server) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stopping:
	}
}
