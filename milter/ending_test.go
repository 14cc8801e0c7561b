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
		want  bool
	}{
		"taken":                   {after: func(t *testing.T, m *mta) { m.read() }},
		"taken, QUIT":             {after: func(t *testing.T, m *mta) { m.read(); m.send('Q', "") }},
		"taken, and the next one": {after: func(t *testing.T, m *mta) { m.read(); m.send('M', cstrings("<a@example.com>")) }},
		"gone before":             {held: func(t *testing.T, m *mta) { _ = m.Close() }, want: true},
		"reset before":            {held: reset, want: true},
		"not read":                {after: leave, want: true},
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
				want := 0
				if tt.want {
					want = 1
				}
				if text := d.log.String(); strings.Count(text, notTaken) != want || tt.want && !strings.Contains(text, "queue_id=N1 error=") {
					t.Errorf("log: %s", text)
				}
			})
		}
	}
}

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
