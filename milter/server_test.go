package milter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth"
)

func TestSessionLimit(t *testing.T) {
	d := start(t, &fake{}, func(s *Server) { s.MaxSessions = 2 })
	first := connected(t, d.addr, offeredActions, offeredProtocol)
	connected(t, d.addr, offeredActions, offeredProtocol)
	third, fourth := dial(t, d.addr), dial(t, d.addr)
	for _, m := range []*mta{third, fourth} {
		m.send('O', offering(6, offeredActions, offeredProtocol))
	}
	eventually(t, "the limit is logged", func() bool { return strings.Contains(d.log.String(), "session limit reached") })
	if d.Sessions() != 2 {
		t.Errorf("%d sessions", d.Sessions())
	}
	first.send('Q', "")
	if code, _ := third.read(); code != 'O' {
		t.Errorf("the third: %c", code)
	}
	third.send('Q', "")
	if code, _ := fourth.read(); code != 'O' {
		t.Errorf("the fourth: %c", code)
	}
	if n := strings.Count(d.log.String(), "session limit reached"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestShutdownWaitsForMessages(t *testing.T) {
	f := &fake{hold: make(chan struct{}), held: make(chan struct{})}
	d := start(t, f)
	fresh := dial(t, d.addr)
	idle := connected(t, d.addr, offeredActions, offeredProtocol)
	idle.hello()
	answered := connected(t, d.addr, offeredActions, offeredProtocol)
	answered.hello()
	answered.mail("S0", "a@example.com")
	answered.send('A', "")
	inBody := connected(t, d.addr, offeredActions, 0)
	inBody.hello()
	inBody.mail("S1", "a@example.com")
	inFinish := connected(t, d.addr, offeredActions, offeredProtocol)
	inFinish.hello()
	inFinish.mail("S2", "b@example.com")
	inFinish.send('E', "")
	<-f.held
	eventually(t, "all are served", func() bool { return d.Sessions() == 5 })

	result := make(chan error, 1)
	go func() { result <- d.Shutdown(context.Background()) }()
	for name, m := range map[string]*mta{"fresh": fresh, "idle": idle, "answered": answered} {
		if !m.closed() {
			t.Errorf("%s: not closed", name)
		}
	}
	if c, err := net.Dial("tcp", d.addr.String()); err == nil {
		_ = c.Close()
		t.Error("still accepting")
	}
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	close(hold)
	if code, _ := inFinish.read(); code != 'a' {
		t.Errorf("in Finish: %c", code)
	}
	f.mu.Lock()
	f.held = make(chan struct{})
	f.mu.Unlock()
	inBody.say('B', "more")
	if got := inBody.end(); got[0] != "a" {
		t.Errorf("in the body: %q", got)
	}
	if !inBody.closed() || !inFinish.closed() {
		t.Error("not closed after the message")
	}
	if err := <-result; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if !f.ended() {
		t.Errorf("calls:\n%s", f.history())
	}
}

// A client that has just connected still gets its message checked; one that had its answer is let go at once.
func TestShutdownAwaitsFirstMessages(t *testing.T) {
	f := &fake{}
	d := start(t, f)
	fresh := connected(t, d.addr, offeredActions, offeredProtocol)
	fresh.hello()
	served := connected(t, d.addr, offeredActions, offeredProtocol)
	served.hello()
	served.mail("S1", "a@example.com")
	served.end()
	eventually(t, "both are served", func() bool { return d.Sessions() == 2 })
	result := make(chan error, 1)
	go func() { result <- d.Shutdown(context.Background()) }()
	if !served.closed() {
		t.Error("served: not closed")
	}
	fresh.mail("S2", "b@example.com")
	if got := fresh.end(); got[len(got)-1] != "a" {
		t.Errorf("answer %q", got)
	}
	if !fresh.closed() {
		t.Error("not closed after its message")
	}
	if err := <-result; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestShutdownGivesUp(t *testing.T) {
	f := &fake{}
	d := start(t, f)
	m := connected(t, d.addr, offeredActions, 0)
	m.hello()
	m.mail("S1", "a@example.com")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if !m.closed() {
		t.Error("not closed")
	}
	if err := d.Serve(); !errors.Is(err, ErrServerClosed) {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

func TestSetVerifier(t *testing.T) {
	first, second := &fake{}, &fake{}
	d := start(t, first)
	m := connected(t, d.addr, offeredActions, 0)
	m.hello()
	m.mail("V1", "a@example.com")
	d.use(second)
	m.say('B', "body")
	m.end()
	if want := "finish 4"; !strings.HasSuffix(first.history(), want) || second.history() != "" {
		t.Errorf("the message under way:\n%s\n--\n%s", first.history(), second.history())
	}
	m.message("V2", "b@example.com")
	want := "connect 192.0.2.1\nhelo mail.example.com\nmail b@example.com\nbegin V2\nfinish 7"
	if second.history() != want || !first.ended() {
		t.Errorf("the next message:\n%s\n--\n%s", first.history(), second.history())
	}
}

// The exported setters reach the sessions: a verifier that can do nothing panics.
func TestReplaceable(t *testing.T) {
	d := start(t, &fake{})
	d.SetVerifier(nil)
	d.SetOnError(auth.TempFail)
	m := connected(t, d.addr, offeredActions, offeredProtocol)
	m.hello()
	if got, want := m.message("R1", "a@example.com"), []string{"y451 4.3.0 internal error, try again later\x00"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A failing listener has errors to give before its connections.
type failing struct {
	net.Listener
	errs []error
}

func (l *failing) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, err
	}
	return l.Listener.Accept()
}

func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := make(pipes, 1)
		errs := []error{&net.OpError{Op: "accept", Err: syscall.EMFILE}, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS,
			errors.New("another"), syscall.ENOMEM, syscall.EINTR, syscall.EMFILE, syscall.EMFILE, syscall.EMFILE}
		d := newDaemon(&fake{})
		go func() { d.serve <- d.Serve(&failing{listener, errs}) }()
		ours, theirs := net.Pipe()
		listener <- ours
		began := time.Now()
		m := &mta{Conn: theirs, t: t}
		m.negotiate(offeredActions, offeredProtocol)
		if waited, want := time.Since(began), 1275*time.Millisecond+2*maxPause; waited != want {
			t.Errorf("served after %s, want %s", waited, want)
		}
		if n := strings.Count(d.log.String(), "can't accept"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		m.send('Q', "")
		close(listener)
		if err := <-d.serve; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
		d.running.Wait()
	})
}

func TestSeveralListeners(t *testing.T) {
	tcp, err := Listen(anyPort, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix, err := Listen(Address{"unix", filepath.Join(t.TempDir(), "s")}, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	d := newDaemon(f)
	go func() { d.serve <- d.Serve(tcp[0], unix[0]) }()
	for i, ln := range append(tcp, unix...) {
		m := connected(t, ln.Addr(), offeredActions, offeredProtocol)
		m.hello()
		if got := m.message(fmt.Sprintf("L%d", i), "a@example.com"); got[0] != "a" {
			t.Errorf("%s: %q", ln.Addr(), got)
		}
	}
	if err := d.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-d.serve; !errors.Is(err, ErrServerClosed) {
		t.Errorf("Serve: %v", err)
	}
	if _, err := os.Stat(unix[0].Addr().String()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}
