package milter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// A server that serves is well, and a check loses no connection that comes meanwhile.
func TestCheck(t *testing.T) {
	listeners, err := ListenAll([]Address{anyPort, {"unix", filepath.Join(t.TempDir(), "s")}}, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(&fake{})
	go func() { d.serve <- d.Serve(listeners...) }()
	stop, checked := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				checked <- n
				return
			default:
			}
			if err := d.Check(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range 100 {
		for _, ln := range listeners {
			m := connected(t, ln.Addr(), offeredActions, offeredProtocol)
			m.hello()
			if got := m.message(fmt.Sprintf("C%d", i), "a@example.com"); got[0] != "a" {
				t.Errorf("%s: %q", ln.Addr(), got)
			}
			_ = m.Close()
		}
	}
	close(stop)
	if n := <-checked; n == 0 {
		t.Error("nothing was checked")
	}
	if err := d.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// A server at its limit is well: that others wait is what the limit is for.
func TestCheckFull(t *testing.T) {
	d := start(t, &fake{}, func(s *Server) { s.MaxSessions = 1 })
	first := connected(t, d.addr, offeredActions, offeredProtocol)
	first.hello()
	waiting, err := net.Dial("tcp", d.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	for range 10 {
		if err := d.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A deaf listener is never woken.
type deaf struct {
	net.Listener
	closed chan struct{}
}

func (l deaf) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}

func (l deaf) SetDeadline(time.Time) error { return nil }

// A filling listener is never woken, and the server is full by the time that it should be.
type filling struct {
	deaf
	fill func()
}

func (l *filling) SetDeadline(time.Time) error {
	l.fill()
	return nil
}

// A server that becomes full during a check is well, too.
func TestCheckFills(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(&fake{}, func(s *Server) { s.MaxSessions = 2 })
	l := &filling{deaf{ln, make(chan struct{})}, func() { d.slots <- struct{}{} }}
	go func() { d.serve <- d.Serve(l) }()
	for !d.Accepting() {
		runtime.Gosched()
	}
	d.slots <- struct{}{}
	if err := d.Check(ctx); err != nil {
		t.Error(err)
	}
	<-d.slots
	<-d.slots
	close(l.closed)
	<-d.serve
}

// What hangs is found: a loop that accepts no more, and the lock of the server.
func TestCheckHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := deaf{ln, make(chan struct{})}
	d := newDaemon(&fake{})
	go func() { d.serve <- d.Serve(l) }()
	for !d.Accepting() {
		runtime.Gosched()
	}
	if err := d.Check(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a loop that hangs: %v", err)
	}
	close(l.closed)
	<-d.serve

	d = start(t, &fake{})
	d.mu.Lock()
	if err := d.Check(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lock that is held: %v", err)
	}
	d.mu.Unlock()
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("free again: %v", err)
	}
}
