package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"assay/auth/dns/dnstest"
	"assay/milter"
)

// A notifySocket is the end of $NOTIFY_SOCKET that systemd has.
type notifySocket struct {
	*net.UnixConn
	t *testing.T
}

func listenNotify(t *testing.T, name string) notifySocket {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return notifySocket{conn, t}
}

// next is the next datagram; "" when none comes in time.
func (m notifySocket) next(wait time.Duration) string {
	m.t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(wait)); err != nil {
		m.t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, err := m.Read(buffer)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		m.t.Fatal(err)
	}
	return string(buffer[:n])
}

// until gives the next datagram that begins so, and leaves out those before it.
func (m notifySocket) until(prefix string) string {
	m.t.Helper()
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); {
		if text := m.next(time.Until(limit)); strings.HasPrefix(text, prefix) {
			return text
		}
	}
	m.t.Fatalf("no datagram with %s came", prefix)
	return ""
}

// launchProcess runs assay serve with more of an environment, and does not wait.
func launchProcess(t *testing.T, config string, wrap func(*exec.Cmd)) *process {
	t.Helper()
	p := &process{t: t, listen: "inet:" + freePort(t), config: filepath.Join(t.TempDir(), "assay.toml"), state: t.TempDir(), dns: dnstest.Start(t, ""), wrap: wrap}
	p.configure(fmt.Sprintf("%s\n[milter]\nlisten = [%q]\n[dns]\nservers = [%q]\n", config, p.listen, p.dns.Addr()))
	p.launch()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("assay log:\n%s", p.log)
		}
	})
	return p
}

// withEnv adds to the environment of a command.
func withEnv(env ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, env...) }
}

// warnings are the lines of the log that warn, but for that of root.
func (p *process) warnings() []string {
	var lines []string
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, "level=WARN") && !strings.Contains(line, "this runs as root") {
			lines = append(lines, line)
		}
	}
	return lines
}

// The service manager hears that mail is taken when it is, of reloads, and of the end.
func TestNotify(t *testing.T) {
	t.Parallel()
	for name, socket := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": fmt.Sprintf("@assay-test-%d", os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			manager := listenNotify(t, socket)
			p := launchProcess(t, "authserv_id = \"mx.example.test\"", withEnv("NOTIFY_SOCKET="+socket))
			if got, want := manager.next(time.Minute), "READY=1\nSTATUS=0 sessions, 0 connections since the start, history: ok"; got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
			client := p.dial(t)
			client.send(t)

			before := monotonic(t)
			p.signal(syscall.SIGHUP)
			began, found := strings.CutPrefix(manager.next(time.Minute), "RELOADING=1\nMONOTONIC_USEC=")
			if usec, err := strconv.ParseInt(began, 10, 64); !found || err != nil || usec < before || usec > monotonic(t) {
				t.Errorf("reloading since %q, not after %d", began, before)
			}
			if got, want := manager.next(time.Minute), "READY=1\nSTATUS=1 sessions, 1 connections since the start, history: ok"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			p.log.wait(t, "config reloaded") // the log is written beside
			p.signal(syscall.SIGTERM)
			if got := manager.next(time.Minute); got != "STOPPING=1" {
				t.Errorf("got %q", got)
			}
			if code := p.stop(); code != exitOK {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// monotonic is the clock that the manager compares with, in microseconds.
func monotonic(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / 1000
}

// A daemon that can't be started is never ready.
func TestNotifyNotReady(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "notify")
	manager := listenNotify(t, socket)
	p := launchProcess(t, "bogus = 1", withEnv("NOTIFY_SOCKET="+socket))
	<-p.ended
	if got := manager.next(time.Millisecond); got != "" {
		t.Errorf("got %q", got)
	}
}

// Signs of life come while the loop of the daemon goes round, and only then: here it hangs when it reads
// its config from a pipe, until somebody writes there.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	const watchdog = 300 * time.Millisecond
	socket := filepath.Join(t.TempDir(), "notify")
	manager := listenNotify(t, socket)
	p := launchProcess(t, "authserv_id = \"mx.example.test\"", withEnv("NOTIFY_SOCKET="+socket, fmt.Sprintf("WATCHDOG_USEC=%d", watchdog.Microseconds())))
	for range 5 {
		manager.until("WATCHDOG=1")
	}
	config, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(p.config), unix.Mkfifo(p.config, 0o600)); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	manager.until("RELOADING=1")
	beats := 0
	for manager.next(2*watchdog) != "" {
		if beats++; beats > 1 { // one may have been under way
			t.Fatal("a loop that hangs gives signs of life")
		}
	}
	p.dial(t).send(t) // mail does not hang with it

	pipe, err := os.OpenFile(p.config, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipe.Write(config); err != nil {
		t.Fatal(err)
	}
	if err := pipe.Close(); err != nil {
		t.Fatal(err)
	}
	manager.until("READY=1")
	manager.until("WATCHDOG=1")
}

// A sick listener accepts nothing, and hears no check, until it is cured.
type sick struct {
	net.Listener
	cured chan struct{}
	wakes chan struct{}
	once  sync.Once
}

func (l *sick) Accept() (net.Conn, error) {
	<-l.cured
	if _, woken := <-l.wakes; woken {
		return nil, os.ErrDeadlineExceeded
	}
	return nil, net.ErrClosed
}

func (l *sick) SetDeadline(at time.Time) error {
	if !at.IsZero() {
		select {
		case l.wakes <- struct{}{}:
		default:
		}
	}
	return nil
}

func (l *sick) Close() error {
	l.once.Do(func() { close(l.wakes) })
	return nil
}

// Two checks that find nothing alive are not yet the end: the third one still comes in the time of the watchdog.
func TestBeatMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const watchdog = time.Minute
		l := &sick{cured: make(chan struct{}), wakes: make(chan struct{}, 1)}
		log := &logBuffer{added: make(chan struct{})}
		d := &daemon{server: &milter.Server{}, manager: &manager{watchdog: watchdog}, urgent: t.Context(), log: slog.New(slog.NewTextHandler(log, nil))}
		go func() { _ = d.server.Serve(l) }()
		synctest.Wait()
		start, beats := time.Now(), d.manager.beats()
		defer beats.Stop()
		check := func() {
			<-beats.C
			d.beat()
			synctest.Wait()
		}
		check() // never ended but by its own limit
		check()
		if n := log.lines("no sign of life"); n != 1 {
			t.Errorf("%d checks are over when the second begins", n)
		}
		time.Sleep(watchdog/beatsInTime - time.Nanosecond)
		if n := log.lines("no sign of life"); n != 2 {
			t.Errorf("%d checks are over when the third begins", n)
		}
		close(l.cured)
		check()
		if d.checking.Load() || log.lines("no sign of life") != 2 || time.Since(start) >= watchdog {
			t.Errorf("the third gives no sign of life after %s: %s", time.Since(start), log)
		}
		d.server.Close()
	})
}

// A manager that is gone changes nothing but for one line in the log.
func TestNotifyNobody(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "notify")
	p := launchProcess(t, "authserv_id = \"mx.example.test\"", withEnv("NOTIFY_SOCKET="+socket))
	p.log.wait(t, "the service manager can't be told")
	p.dial(t).send(t)
	p.signal(syscall.SIGHUP)
	p.log.wait(t, "spoofed senders reloaded")
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(p.log.String(), "the service manager"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func TestNewManager(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, test := range []struct {
		socket, usec, pid string
		want              string // the socket
		watchdog          time.Duration
	}{
		{"", "1000", "", "", 0},
		{"/run/notify", "", "", "/run/notify", 0},
		{"@notify", "1000", "", "@notify", time.Millisecond},
		{"@n", "1000", self, "@n", time.Millisecond},
		{"@n", "1000", "1", "@n", 0},
		{"@n", "1", "", "@n", time.Microsecond},
		{"@n", "0", "", "@n", 0},
		{"@n", "-1", "", "@n", 0},
		{"@n", "x", "", "@n", 0},
		{"@n", "18446744073709551615", "", "@n", 24 * time.Hour},
		{"@n", "18446744073709551616", "", "@n", 0},
		{"notify", "1000", "", "", 0},
		{"vsock:2:1234", "1000", "", "", 0},
	} {
		env := environment{"NOTIFY_SOCKET": test.socket, "WATCHDOG_USEC": test.usec, "WATCHDOG_PID": test.pid}
		got := newManager(env.get, slog.Default())
		if got.socket != test.want || got.watchdog != test.watchdog {
			t.Errorf("%v: %q, %s", env, got.socket, got.watchdog)
		}
		got.beats().Stop() // of any interval
	}
}

// A name that fits no socket is no reason not to serve.
func TestNotifyLongName(t *testing.T) {
	var log strings.Builder
	m := newManager(environment{"NOTIFY_SOCKET": "/" + strings.Repeat("x", 200)}.get, slog.New(slog.NewTextHandler(&log, nil)))
	m.ready("x")
	m.show("y")
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("logged:\n%s", &log)
	}
}
