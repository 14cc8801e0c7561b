package milter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// A pulse shows that the loop that accepts the connections of a listener goes round.
type pulse struct {
	ln interface{ SetDeadline(time.Time) error } // nil: the listener has no deadlines
	// turns holds a token when the loop went round since somebody took the last one.
	turns chan struct{}
}

func newPulse(ln net.Listener) *pulse {
	p := &pulse{turns: make(chan struct{}, 1)}
	p.ln, _ = ln.(interface{ SetDeadline(time.Time) error })
	return p
}

// turn is called by the loop when Accept has returned. It is true when there is nothing but a check to answer.
func (p *pulse) turn(err error) (checked bool) {
	if checked = p.ln != nil && errors.Is(err, os.ErrDeadlineExceeded); checked {
		_ = p.ln.SetDeadline(time.Time{})
	}
	select {
	case p.turns <- struct{}{}:
	default:
	}
	return checked
}

// wake has an Accept that waits return. It loses no connection: those wait for the next Accept.
func (p *pulse) wake() {
	select {
	case <-p.turns: // an old one
	default:
	}
	_ = p.ln.SetDeadline(time.Unix(1, 0))
}

// Check tells whether the server is alive: every loop that accepts connections goes round,
// and the lock that every connection needs is free. It makes no connection and takes no slot, so
// that neither a full server nor one short of descriptors is taken for a dead one. The error says that ctx
// ended first. One call at a time.
func (s *Server) Check(ctx context.Context) error {
	s.prepare()
	ended := make(chan error, 1)
	go func() { ended <- s.check(ctx) }() // it may wait for the lock for ever
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return fmt.Errorf("milter: the server does not answer: %w", ctx.Err())
	}
}

func (s *Server) check(ctx context.Context) error {
	for _, p := range s.pulses() {
		if p.ln == nil {
			continue
		}
		if err := s.goesRound(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// fullCheck is how often a check looks whether the server has become full since.
const fullCheck = 20 * time.Millisecond

// goesRound waits until a loop goes round. One that waits for a slot has to, and so may one that takes
// the last slot while it is waited for.
func (s *Server) goesRound(ctx context.Context, p *pulse) error {
	looks := time.NewTicker(fullCheck)
	defer looks.Stop()
	for woken := false; len(s.slots) < cap(s.slots); woken = true {
		if !woken {
			p.wake()
		}
		select {
		case <-p.turns:
			return nil
		case <-looks.C:
		case <-s.stopping:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("milter: connections are not accepted: %w", ctx.Err())
		}
	}
	return nil
}

func (s *Server) pulses() []*pulse {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pulses []*pulse
	for _, p := range s.listeners {
		pulses = append(pulses, p)
	}
	return pulses
}
