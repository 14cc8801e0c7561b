package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"assay/testdata/milterclient"
)

// passed has a command get sockets as systemd passes them on.
func passed(t *testing.T, listeners ...net.Listener) func(*exec.Cmd) {
	t.Helper()
	var files []*os.File
	for _, ln := range listeners {
		file, err := ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = file.Close() })
		files = append(files, file)
	}
	script := fmt.Sprintf(`LISTEN_PID=$$ LISTEN_FDS=%d exec "$0" "$@"`, len(files))
	return func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"/bin/sh", "-c", script, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		cmd.ExtraFiles = files // from 3 on
	}
}

// With the sockets of systemd and with its own, the daemon goes by the same config: an address that was passed on
// is not bound again, others are, and what was passed on is served in any case.
func TestSocketsOfSystemd(t *testing.T) {
	t.Parallel()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	path := filepath.Join(t.TempDir(), "a.sock")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	p := launchProcess(t, "authserv_id = \"mx.example.test\"", passed(t, tcp, unix))
	own := strings.TrimPrefix(p.listen, "inet:")
	p.log.wait(t, "address=tcp:"+own)
	config := readText(t, p.config)
	for name, listen := range map[string]string{
		"all":     fmt.Sprintf("%q, %q, %q", p.listen, "inet:"+tcp.Addr().String(), "unix:"+path),
		"own":     fmt.Sprintf("%q", p.listen),
		"with fd": fmt.Sprintf("%q, \"fd\"", p.listen),
	} {
		p.configure(strings.Replace(config, fmt.Sprintf("%q", p.listen), listen, 1))
		if code := p.stop(); code != exitOK {
			t.Errorf("%s: exit code %d", name, code)
		}
		p.launch()
		p.log.wait(t, "address=tcp:"+own)
		for _, ln := range []struct{ network, address string }{{"tcp", own}, {"tcp", tcp.Addr().String()}, {"unix", path}} {
			client, err := milterclient.Dial(ln.network, ln.address, milterclient.Options{})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := client.Send(milterclient.Message{From: "joe@example.org"}); err != nil {
				t.Errorf("%s: %s: %v", name, ln.address, err)
			}
			client.Drop()
		}
		if n := strings.Count(p.log.String(), "msg=listening"); n != 3 {
			t.Errorf("%s: %d listeners", name, n)
		}
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("systemd's socket is gone: %v", err)
	}
}

// A load is clients that send messages without a pause, each again until it is answered.
type load struct {
	t        *testing.T
	dial     func() (net.Conn, error)
	answered atomic.Int64
	retried  atomic.Int64
	killed   atomic.Bool // the daemon is killed: a message that it has may be lost
	stopping chan struct{}
	ending   sync.Once
	clients  sync.WaitGroup
}

// leadingSpace is an offer of an MTA that waits for a reply to each command, and so knows what
// the milter has (SMFIP_HDR_LEADSPC alone).
const leadingSpace = 0x100000

func startLoad(t *testing.T, clients int, dial func() (net.Conn, error)) *load {
	t.Helper()
	l := &load{t: t, dial: dial, stopping: make(chan struct{})}
	for i := range clients {
		l.clients.Go(func() { l.client(i) })
	}
	t.Cleanup(l.stop)
	return l
}

// client sends messages until the end, some of them in one session.
func (l *load) client(number int) {
	for n := 0; !l.t.Failed(); n++ {
		select {
		case <-l.stopping:
			return
		default:
			l.session(1+(number+n)%4, fmt.Sprintf("Q%dN%d", number, n))
		}
	}
}

// session sends a number of messages in one session, and in more when the daemon closes it.
func (l *load) session(messages int, id string) {
	var conn *milterclient.Conn
	for limit := time.Now().Add(time.Minute); messages > 0; {
		if conn == nil {
			if conn = l.connect(); conn == nil {
				if time.Now().After(limit) || l.t.Failed() {
					l.t.Error("no session could be begun")
					return
				}
				continue
			}
		}
		if l.send(conn, id) {
			messages--
			continue
		}
		conn.Drop()
		conn = nil
	}
	_ = conn.Close()
}

// connect begins a session; nil when the daemon closed it before it began. A connection
// that is refused fails the test.
func (l *load) connect() *milterclient.Conn {
	raw, err := l.dial()
	if err != nil {
		l.t.Errorf("refused: %v", err)
		return nil
	}
	conn, err := milterclient.New(raw, milterclient.Options{Protocol: leadingSpace})
	if err == nil {
		_, err = conn.Connect(milterclient.Client{Addr: netip.MustParseAddr("192.0.2.1"), Helo: "mail.example.org"})
		if err != nil {
			conn.Drop()
		}
	}
	if err != nil {
		l.again(err)
		return nil
	}
	return conn
}

// send tells whether a message was answered. Only a daemon that is killed may leave one that it has.
func (l *load) send(conn *milterclient.Conn, id string) bool {
	result, err := conn.Send(milterclient.Message{From: "joe@example.org", Body: []byte("Hello\r\n"), Macros: map[string]string{"i": id}})
	switch {
	case err == nil && result.Stage == "end" && len(result.Edits) == 1:
		l.answered.Add(1)
		return true
	case err == nil:
		l.t.Errorf("%s: %+v", id, result)
	case !l.killed.Load() && !strings.Contains(err.Error(), `after stage "mail"`): // where it has not begun
		l.t.Errorf("%s: a message that was begun is not answered: %v", id, err)
	default:
		l.again(err)
	}
	return false
}

// again counts what is tried again. The daemon never lets anybody wait until they give up.
func (l *load) again(err error) {
	l.retried.Add(1)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.t.Error(err)
	}
}

// more waits until so many more messages are answered.
func (l *load) more(messages int64) {
	l.t.Helper()
	want := l.answered.Load() + messages
	for limit := time.Now().Add(time.Minute); l.answered.Load() < want && !l.t.Failed(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			l.t.Fatalf("%d messages are answered, want %d", l.answered.Load(), want)
		}
	}
}

// stop lets every client end what it began.
func (l *load) stop() {
	l.ending.Do(func() { close(l.stopping) })
	l.clients.Wait()
}

// A daemon that is stopped and started under load, on a socket that stays open: no connection is refused, no
// message that it has begun is left, and one that is killed costs nothing but the messages that it had.
func TestRestartUnderLoad(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := launchProcess(t, "authserv_id = \"mx.example.test\"", passed(t, ln))
	l := startLoad(t, 20, func() (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) })
	for range 5 {
		l.more(100)
		p.signal(syscall.SIGTERM)
		<-p.ended
		if code := p.cmd.ProcessState.ExitCode(); code != exitOK || strings.Contains(p.log.String(), "messages in flight") {
			t.Errorf("exit code %d", code)
		}
		p.launch()
	}
	closed := l.retried.Load()
	l.more(100)
	l.killed.Store(true)
	for range 2 {
		l.more(100)
		p.kill()
		p.launch()
	}
	l.more(100)
	l.stop()
	t.Logf("%d messages were answered; %d sessions were closed between messages, %d by a kill", l.answered.Load(), closed, l.retried.Load()-closed)
}
