package milter

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth"
	"assay/auth/dns"
)

// A connection that waits for a slot as the server stops has left the backlog: it is served as soon as
// another one ends.
func TestStopWhileConnectionsWait(t *testing.T) {
	d := start(t, &fake{}, func(s *Server) { s.MaxSessions = 1 })
	first := connected(t, d.addr, offeredActions, offeredProtocol)
	first.hello()
	waiting := dial(t, d.addr)
	eventually(t, "the limit is logged", func() bool { return strings.Contains(d.log.String(), "session limit reached") })
	result := make(chan error, 1)
	go func() { result <- d.Shutdown(t.Context()) }()
	<-d.stopping
	if got := first.message("S1", "a@example.com"); got[0] != "a" {
		t.Errorf("the first: %q", got)
	}
	waiting.negotiate(offeredActions, offeredProtocol)
	waiting.hello()
	if got := waiting.message("S2", "b@example.com"); got[0] != "a" {
		t.Errorf("the one that waited: %q", got)
	}
	if !first.closed() || !waiting.closed() {
		t.Error("not closed")
	}
	if err := <-result; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// It does not wait longer than a session without a message would be there.
func TestStopWhileNothingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{finish: time.Minute}
		d := newDaemon(f, func(s *Server) { s.MaxSessions = 1 })
		listener := make(pipes, 2)
		go func() { d.serve <- d.Serve(listener) }()
		var peers []*mta
		for range 2 {
			ours, theirs := net.Pipe()
			listener <- ours
			peers = append(peers, &mta{Conn: theirs, t: t})
		}
		peers[0].negotiate(offeredActions, offeredProtocol)
		peers[0].hello()
		peers[0].mail("S1", "a@example.com")
		peers[0].send('E', "")
		synctest.Wait()
		close(listener)
		result, began := make(chan error, 1), time.Now()
		go func() { result <- d.Shutdown(t.Context()) }()
		if !peers[1].closed() || time.Since(began) != drainGrace {
			t.Errorf("closed after %s", time.Since(began))
		}
		for code := byte('p'); code != 'a'; {
			code, _ = peers[0].read()
		}
		if err := <-result; err != nil || time.Since(began) != f.finish {
			t.Errorf("Shutdown: %v after %s", err, time.Since(began))
		}
		<-d.serve
		for _, m := range peers {
			_ = m.Close()
		}
	})
}

// A late listener has accepted a connection, and gives it when it is told to.
type late struct {
	net.Listener
	accepted, give chan struct{}
	once           *sync.Once
}

func (l late) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	l.once.Do(func() { close(l.accepted) })
	<-l.give
	return c, err
}

// atStop stops a server that has accepted a connection and does not know of it yet.
func atStop(t *testing.T, stop func(*Server, context.Context) error, then func(d *daemon, m *mta, stopped chan error)) {
	synctest.Test(t, func(t *testing.T) {
		connections := make(pipes, 1)
		l := late{connections, make(chan struct{}), make(chan struct{}), &sync.Once{}}
		d := newDaemon(&fake{})
		go func() { d.serve <- d.Serve(l) }()
		ours, theirs := net.Pipe()
		connections <- ours
		<-l.accepted
		close(connections)
		stopped := make(chan error, 1)
		go func() { stopped <- stop(d.Server, t.Context()) }()
		synctest.Wait()
		if waits := len(stopped) == 0; waits == d.killed {
			t.Errorf("it waits for what it has accepted: %v", waits)
		}
		close(l.give)
		then(d, &mta{Conn: theirs, t: t}, stopped)
		<-d.serve
		d.running.Wait()
		_ = theirs.Close()
	})
}

// A connection that is accepted as the server stops is served, and Shutdown waits for it.
func TestAcceptedAtStop(t *testing.T) {
	atStop(t, (*Server).Shutdown, func(d *daemon, m *mta, stopped chan error) {
		m.negotiate(offeredActions, offeredProtocol)
		m.hello()
		if got := m.message("S1", "a@example.com"); got[0] != "a" {
			t.Errorf("%q", got)
		}
		if !m.closed() {
			t.Error("not closed")
		}
		if err := <-stopped; err != nil || d.Accepted() != 1 {
			t.Errorf("Shutdown: %v, %d connections served", err, d.Accepted())
		}
	})
}

// Of one that says nothing, it does not wait for long.
func TestSilentAtStop(t *testing.T) {
	atStop(t, (*Server).Shutdown, func(_ *daemon, m *mta, stopped chan error) {
		began := time.Now()
		if err := <-stopped; err != nil || time.Since(began) != drainGrace || !m.closed() {
			t.Errorf("Shutdown: %v after %s", err, time.Since(began))
		}
	})
}

// After Close nothing is served any more.
func TestAcceptedAtClose(t *testing.T) {
	atStop(t, func(s *Server, _ context.Context) error { s.Close(); return nil }, func(d *daemon, m *mta, _ chan error) {
		if !m.closed() || d.Accepted() != 0 {
			t.Errorf("%d connections served", d.Accepted())
		}
	})
}

// A silent resolver says nothing until nobody waits any more.
type silent struct {
	asked chan struct{} // closed when it is asked
	once  *sync.Once
}

func (r silent) Resolve(ctx context.Context, _ dns.Question) (dns.Answer, error) {
	r.once.Do(func() { close(r.asked) })
	<-ctx.Done()
	return dns.Answer{}, ctx.Err()
}

// Close ends the lookups of a message, and what they gave then is no result: it is not answered with,
// logged or counted.
func TestCloseInFinish(t *testing.T) {
	n, resolver := &notebook{}, silent{make(chan struct{}), &sync.Once{}}
	v := &auth.Verifier{Resolver: resolver, Timeout: time.Minute, Stamp: auth.Stamp{AuthServID: "mx.example.test"}}
	d := start(t, verifierOf{v}, func(s *Server) { s.Observer = n })
	m := connected(t, d.addr, offeredActions, offeredProtocol)
	m.hello()
	m.mail("Z1", "a@example.com")
	m.send('E', "")
	<-resolver.asked
	d.Close()
	if !m.closed() {
		t.Error("not closed")
	}
	d.running.Wait()
	text := d.log.String()
	if n.read() != "aborted" || strings.Contains(text, "msg=message ") || strings.Contains(text, "level=WARN") {
		t.Errorf("told of %q, log: %s", n.read(), text)
	}
}

// A stuck log holds the first line that tells of an answer that was not taken until it is freed.
type stuck struct {
	slog.Handler
	stuck, freed chan struct{}
}

func (l stuck) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, notTaken) {
		close(l.stuck)
		<-l.freed
	}
	return l.Handler.Handle(ctx, r)
}

// A log that takes nothing any more holds up its session, and neither stopping nor the check of health.
func TestStopWithStuckLog(t *testing.T) {
	for name, ahead := range map[string][]byte{"waiting": nil, "with more from the MTA": packet('A', "")} {
		t.Run(name, func(t *testing.T) {
			l := stuck{slog.NewTextHandler(io.Discard, nil), make(chan struct{}), make(chan struct{})}
			f := &fake{hold: make(chan struct{}), held: make(chan struct{})}
			d := newDaemon(f, func(s *Server) { s.Log = slog.New(l) })
			ours, theirs := socketPair(t)
			d.slots <- struct{}{}
			d.Server.start(ours)
			defer d.running.Wait()
			defer close(l.freed)
			m := &mta{Conn: theirs, t: t}
			m.negotiate(offeredActions, offeredProtocol)
			m.hello()
			m.mail("L1", "a@example.com")
			if _, err := m.Write(append(packet('E', ""), ahead...)); err != nil {
				t.Fatal(err)
			}
			<-f.held
			_ = m.Close()
			close(f.hold)
			<-l.stuck
			answers(t, "Shutdown", context.Canceled, func() error {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				return d.Shutdown(ctx)
			})
			answers(t, "Check", nil, func() error { return d.Check(t.Context()) })
		})
	}
}

// answers calls f, which is not to wait.
func answers(t *testing.T, name string, want error, f func() error) {
	t.Helper()
	answer := make(chan error, 1)
	go func() { answer <- f() }()
	select {
	case err := <-answer:
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%s does not return", name)
	}
}
