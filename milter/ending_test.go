package milter

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"assay/auth"
)

// What ended a connection is told as what it was.
func TestExplain(t *testing.T) {
	opErr := func(err error) error {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", err)}
	}
	for _, tt := range []struct {
		err  error
		want string // of the line; "" is none
	}{
		{io.EOF, ""},
		{errDraining, ""},
		{opErr(net.ErrClosed), ""},
		{opErr(os.ErrDeadlineExceeded), ""},
		{opErr(syscall.ECONNRESET), ""},
		{opErr(syscall.EPIPE), ""},
		{io.ErrClosedPipe, ""},
		{errIdle, "applies its default action"},
		{errStalled, "applies its default action"},
		{fmt.Errorf("%w: header field", errMalformed), "did not keep to the protocol"},
		{errNoOffer, "did not keep to the protocol"},
		{fmt.Errorf("%w: 0", errPacketSize), "did not keep to the protocol"},
		{opErr(syscall.ETIMEDOUT), "connection lost"},
		{opErr(syscall.EHOSTUNREACH), "connection lost"},
		{fmt.Errorf("milter: in a packet: %w", io.ErrUnexpectedEOF), "connection lost"},
		{errors.New("another"), "connection lost"},
	} {
		d := newDaemon(&fake{})
		newConn(nil, 0, &blocks{}, d.Log).explain(tt.err)
		if text := d.log.String(); (tt.want == "") != (text == "") || !strings.Contains(text, tt.want) {
			t.Errorf("%v: %q, want %q", tt.err, text, tt.want)
		}
	}
}

const notTaken = "did not take the answer"

// An answer that the MTA has not waited for is told of, once, with its message. One that was taken is not, whatever the
// MTA does then.
func TestAnswerNotTaken(t *testing.T) {
	tests := map[string]struct {
		held  func(*testing.T, *mta) // while the message is checked
		after func(*testing.T, *mta)
		want  map[string]string // the errors of the line, by network; nil: no line
	}{
		"taken":                   {after: func(t *testing.T, m *mta) { m.read() }},
		"taken, QUIT":             {after: func(t *testing.T, m *mta) { m.read(); m.send('Q', "") }},
		"taken, and the next one": {after: func(t *testing.T, m *mta) { m.read(); m.send('M', cstrings("<a@example.com>")) }},
		"gone before":             {held: closeIt, want: map[string]string{"tcp": errGone.Error(), "unix": "write: broken pipe"}},
		"reset before":            {held: reset, want: map[string]string{"tcp": "read: connection reset by peer"}},
		"not read":                {after: leave, want: map[string]string{"tcp": "read: connection reset by peer", "unix": "read: connection reset by peer"}},
	}
	for network, listen := range map[string]func() (net.Listener, error){
		"tcp":  func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") },
		"unix": func() (net.Listener, error) { return net.Listen("unix", filepath.Join(t.TempDir(), "s")) },
	} {
		for name, tt := range tests {
			t.Run(network+"/"+name, func(t *testing.T) {
				ln, err := listen()
				if err != nil {
					t.Fatal(err)
				}
				f := &fake{hold: make(chan struct{}), held: make(chan struct{}), report: auth.Report{Disposition: rejection}}
				d := newDaemon(f)
				d.on(t, ln)
				m := connected(t, ln.Addr(), offeredActions, offeredProtocol)
				m.hello()
				m.mail("N1", "a@example.com")
				m.send('E', "")
				<-f.held
				if tt.held != nil {
					tt.held(t, m)
				}
				close(f.hold)
				if tt.after != nil {
					tt.after(t, m)
				}
				_ = m.Close()
				eventually(t, "the session ends", func() bool { return d.Sessions() == 0 })
				want, lines := 0, warnings(d)
				if tt.want != nil {
					want = 1
				}
				if len(lines) != want || want > 0 && !(strings.Contains(lines[0], notTaken) &&
					strings.Contains(lines[0], "queue_id=N1 error=") && strings.Contains(lines[0], tt.want[network])) {
					t.Errorf("log: %q, want %q", lines, tt.want[network])
				}
			})
		}
	}
}

// An MTA that sends its next message without having waited is told of with each of them.
func TestAnswersNotTaken(t *testing.T) {
	named := func(id string) (mail []byte) {
		for _, p := range [][]byte{packet('M', cstrings("<a@example.com>")), packet('D', "N"+cstrings("i", id)), packet('N', ""), packet('E', "")} {
			mail = append(mail, p...)
		}
		return mail
	}
	for name, late := range map[string]bool{"at once": false, "in the check": true} {
		t.Run(name, func(t *testing.T) {
			f := &fake{hold: make(chan struct{}), held: make(chan struct{})}
			d := newDaemon(f)
			ours, theirs := socketPair(t)
			d.slots <- struct{}{}
			d.Server.start(ours)
			m := &mta{Conn: theirs, t: t}
			m.negotiate(offeredActions, offeredProtocol)
			m.hello()
			first, second := named("N1"), named("N2")
			if !late {
				first, second = append(first, second...), nil
			}
			_, _ = m.Write(first)
			<-f.held
			f.held = make(chan struct{}) // for the second one
			_, _ = m.Write(second)
			_ = theirs.(*net.UnixConn).CloseWrite()
			close(f.hold)
			d.running.Wait()
			_ = m.Close()
			lines := warnings(d)
			if len(lines) != 2 || !strings.Contains(lines[0], "queue_id=N1 error=") || !strings.Contains(lines[1], "queue_id=N2 error=") {
				t.Errorf("log: %q", lines)
			}
		})
	}
}

// warnings are the lines at WARN.
func warnings(d *daemon) (lines []string) {
	for line := range strings.Lines(d.log.String()) {
		if strings.Contains(line, "level=WARN") {
			lines = append(lines, line)
		}
	}
	return lines
}

func closeIt(_ *testing.T, m *mta) { _ = m.Close() }

// reset closes a connection as a host does that has forgotten it.
func reset(t *testing.T, m *mta) {
	if c, ok := m.Conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = m.Close()
}

// leave waits for the answer and closes the connection without having read it.
func leave(t *testing.T, m *mta) {
	eventually(t, "an answer", func() bool {
		in := newInput(m.Conn, &blocks{})
		waits := false
		if err := in.raw.Control(func(fd uintptr) {
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(poll, 0)
			waits = err == nil && n == 1
		}); err != nil {
			t.Fatal(err)
		}
		return waits
	})
}

// A dead MTA's host is found by keepalive, on what was bound here and on what was passed on.
func TestKeepAlive(t *testing.T) {
	bound, err := Listen(anyPort, 0)
	if err != nil {
		t.Fatal(err)
	}
	file, err := bound[0].(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	passed, err := inherit(fd, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, ln := range map[string]net.Listener{"bound": bound[0], "passed on": passed[0]} {
		m := dial(t, bound[0].Addr())
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		on := 0
		if err := raw.Control(func(fd uintptr) { on, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE) }); err != nil {
			t.Fatal(err)
		}
		if err != nil || on == 0 {
			t.Errorf("%s: %d, %v", name, on, err)
		}
		_ = m.Close()
		_ = c.Close()
	}
	closeAll(append(bound, passed...))
}

// The deadline of one wait is not that of the next, nor of what has come already.
func TestDeadlines(t *testing.T) {
	ours, theirs := socketPair(t)
	defer ours.Close()
	defer theirs.Close()
	c := newConn(ours, time.Nanosecond, &blocks{}, slog.New(slog.DiscardHandler))
	c.began = true
	for range 3 {
		if _, err := theirs.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := c.fill(minPacket, false); err != nil || len(c.in.bytes()) != 1 {
			t.Errorf("what had come: %d bytes, %v", len(c.in.bytes()), err)
		}
		c.in.take(1)
		if err := c.fill(minPacket, false); err != errIdle {
			t.Errorf("without a message: %v", err)
		}
	}
	c.setBusy(true)
	came := make(chan error, 1)
	go func() { came <- c.fill(minPacket, false) }()
	eventually(t, "the deadline of the wait before ends", func() bool {
		c.state.Lock()
		defer c.state.Unlock()
		return !c.armed
	})
	if _, err := theirs.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-came; err != nil {
		t.Errorf("in a message: %v", err)
	}
}

// A hurried connection notes how long is to be waited at most, and the wait is over at once.
type hurried struct {
	*net.UnixConn
	mu    sync.Mutex
	waits []time.Duration
}

func (c *hurried) SetReadDeadline(deadline time.Time) error {
	if deadline.IsZero() {
		return c.UnixConn.SetReadDeadline(deadline)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, time.Until(deadline).Round(time.Minute/2))
	return c.UnixConn.SetReadDeadline(time.Unix(1, 0))
}

// How long an MTA on a socket is waited for, and what is told when that is over.
func TestPatienceOnSockets(t *testing.T) {
	const idle = time.Hour
	greeting := string(packet('O', offering(6, offeredActions, 0))) + string(packet('C', cstrings("x")+"U"))
	mail := string(packet('M', cstrings("<a@example.com>")))
	for name, tt := range map[string]struct {
		stream string // that has come as the session begins
		then   func(*mta)
		wait   time.Duration
		want   string // in the only line at WARN; "": there is none
	}{
		"nothing":       {wait: offerTimeout},
		"half an offer": {stream: greeting[:7], wait: offerTimeout},
		"no message":    {stream: greeting, wait: idle, want: errIdle.Error()},
		"half a length": {stream: greeting + mail + "\x00\x00", wait: packetTimeout, want: errStalled.Error()},
		"half a field":  {stream: greeting + mail + "\x00\x00\xff\xffLhalf", wait: packetTimeout, want: errStalled.Error()},
		"half a piece":  {stream: greeting + mail + "\x00\x00\xff\xffBhalf", wait: packetTimeout, want: errStalled.Error()},
		"a message": {stream: greeting + mail, then: func(m *mta) { // each reply comes as the next wait begins
			for range 3 {
				m.read()
			}
			m.say('R', cstrings("<b@example.com>"))
			m.say('N', "")
			m.end()
		}, wait: idle, want: errIdle.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon(stamper{}, func(s *Server) { s.IdleTimeout = idle })
			ours, theirs := socketPair(t)
			c := &hurried{UnixConn: ours.(*net.UnixConn)}
			defer theirs.Close()
			if _, err := io.WriteString(theirs, tt.stream); err != nil {
				t.Fatal(err)
			}
			d.slots <- struct{}{}
			d.Server.start(c)
			if tt.then != nil {
				tt.then(&mta{Conn: theirs, t: t})
			}
			eventually(t, "the session ends", func() bool { return d.Sessions() == 0 })
			if len(c.waits) != 1 || c.waits[0] != tt.wait {
				t.Errorf("waits of %s, want %s", c.waits, tt.wait)
			}
			if lines := warnings(d); len(lines) > 1 || (len(lines) == 1) != (tt.want != "") || !strings.Contains(strings.Join(lines, ""), tt.want) {
				t.Errorf("log: %q, want %q", lines, tt.want)
			}
		})
	}
}

// An answer for which there is no room on the way is sent as the MTA reads it.
func TestLargeAnswer(t *testing.T) {
	const edits, size = 200, 50_000
	var report auth.Report
	for range edits {
		report.Edits = append(report.Edits, auth.Edit{Name: "X-Long", Value: strings.Repeat("v", size)})
	}
	for _, address := range []Address{anyPort, {"unix", filepath.Join(t.TempDir(), "s")}} {
		t.Run(address.Network, func(t *testing.T) {
			ln, err := Listen(address, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			d := newDaemon(&fake{report: report})
			d.on(t, ln[0])
			m := connected(t, ln[0].Addr(), offeredActions, offeredProtocol)
			m.hello()
			got := m.message("L1", "a@example.com")
			if len(got) != edits+1 || got[edits] != "a" || len(got[edits-1]) != len("i1234X-Long\x00 \x00")+size {
				t.Errorf("%d packets", len(got))
			}
		})
	}
}
