package milter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/auth"
	"assay/auth/message"
)

// TestMain fails when anything reaches the standard log: the library writes there.
func TestMain(m *testing.M) {
	var standard lockedBuffer
	log.SetOutput(&standard)
	code := m.Run()
	if text := standard.String(); text != "" && code == 0 {
		fmt.Fprintf(os.Stderr, "on the standard log:\n%s", text)
		code = 1
	}
	os.Exit(code)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A fake is a verifier that notes how it is called.
type fake struct {
	report  auth.Report // what Finish returns, envelope aside unless there is a relay
	limits  auth.Limits
	skip    bool          // the body is not wanted
	panicAt string        // the call that panics, once
	finish  time.Duration // how long Finish takes
	hold    chan struct{} // Finish waits until it is closed; may be nil
	held    chan struct{} // closed when Finish waits

	mu      sync.Mutex
	calls   []string
	headers []message.Header
	envs    []auth.Envelope
	open    int // sessions and checks that are not ended
}

func (f *fake) note(format string, args ...any) {
	call := fmt.Sprintf(format, args...)
	f.mu.Lock()
	f.calls = append(f.calls, call)
	stage, _, _ := strings.Cut(call, " ")
	doPanic := f.panicAt == stage
	if doPanic {
		f.panicAt = ""
	}
	f.mu.Unlock()
	if doPanic {
		panic("injected at " + stage)
	}
}

func (f *fake) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open += n
}

func (f *fake) ended() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open == 0
}

func (f *fake) history() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, "\n")
}

func (f *fake) last() (auth.Envelope, message.Header) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.envs[len(f.envs)-1], f.headers[len(f.headers)-1]
}

func (f *fake) Connect(_ context.Context, ip netip.Addr) smtpSession {
	f.note("connect %s", ip)
	f.add(1)
	return &fakeSession{fake: f}
}

func (f *fake) Limits() auth.Limits { return f.limits }

type fakeSession struct {
	*fake
	closed bool
}

func (s *fakeSession) Helo(name string)           { s.note("helo %s", name) }
func (s *fakeSession) MailFrom(env auth.Envelope) { s.note("mail %s", env.MailFrom) }

func (s *fakeSession) Begin(env auth.Envelope, h message.Header) check {
	s.note("begin %s", env.QueueID)
	s.add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.envs, s.headers = append(s.envs, env), append(s.headers, h)
	return &fakeCheck{fake: s.fake, env: env}
}

func (s *fakeSession) Close() {
	if !s.closed {
		s.closed = true
		s.add(-1)
	}
	s.note("close")
}

type fakeCheck struct {
	*fake
	env   auth.Envelope
	body  int
	ended bool
}

func (c *fakeCheck) Write(p []byte) (int, error) {
	c.body += len(p)
	if c.panicAt == "write" {
		c.note("write %d", len(p))
	}
	return len(p), nil
}

func (c *fakeCheck) WantsBody() bool { return !c.skip }

func (c *fakeCheck) end() {
	if !c.ended {
		c.ended = true
		c.add(-1)
	}
}

func (c *fakeCheck) Finish() *auth.Report {
	defer c.end()
	c.note("finish %d", c.body)
	if c.finish > 0 {
		time.Sleep(c.finish) // in a synctest bubble
	}
	if c.hold != nil {
		close(c.held)
		<-c.hold
	}
	r := c.report
	if !r.Relay.IsValid() { // else it is that of the host behind
		r.Envelope = c.env
	}
	return &r
}

func (c *fakeCheck) Cancel() {
	c.end()
	c.note("cancel")
}

// A daemon is a server under test.
type daemon struct {
	*Server
	log   *lockedBuffer
	addr  net.Addr
	serve chan error
}

// newDaemon makes a server that is not served yet.
func newDaemon(v verifier, change ...func(*Server)) *daemon {
	d := &daemon{Server: &Server{}, log: &lockedBuffer{}, serve: make(chan error, 1)}
	d.Log = slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, f := range change {
		f(d.Server)
	}
	d.prepare()
	d.use(v)
	return d
}

// start serves on the loopback interface until the end of the test.
func start(t testing.TB, v verifier, change ...func(*Server)) *daemon {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(v, change...)
	d.on(t, ln)
	return d
}

// on serves on a listener until the end of the test.
func (d *daemon) on(t testing.TB, ln net.Listener) {
	d.addr = ln.Addr()
	go func() { d.serve <- d.Serve(ln) }()
	t.Cleanup(func() {
		d.Close()
		d.running.Wait()
		if err := <-d.serve; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		if f, ok := (*d.verifier.Load()).(*fake); ok && !f.ended() {
			t.Errorf("sessions or checks were not ended:\n%s", f.history())
		}
	})
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
