package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/auth/dns/dnstest"
	"assay/testdata/milterclient"
	"assay/testdata/mta"
)

// serveOnce runs assay serve as a process that has to end by itself, as a user if
// uid is not 0.
func serveOnce(t *testing.T, uid uint32, config string) (code int, stderr string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := publicDir(t)
	file := filepath.Join(dir, "assay.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "serve", "-c", file)
	cmd.Env = append(os.Environ(), "STATE_DIRECTORY="+filepath.Join(dir, "state"))
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		cmd.Dir = "/"
	}
	var out bytes.Buffer
	cmd.Stderr = &out
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), strings.ReplaceAll(out.String(), dir, "DIR")
}

// publicDir is a temporary directory that every user may read.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "assay-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What keeps the daemon from starting is said in one line, with the right exit code.
func TestServeDoesNotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	closed := publicDir(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		uid    uint32
		config string
		code   int
		want   string
	}{
		"syntax":            {0, "authserv_id = \n", exitData, "DIR/assay.toml:1: "},
		"unknown key":       {0, "\nautserv_id = \"x\"\n", exitData, "DIR/assay.toml:2: autserv_id: "},
		"port in use":       {0, fmt.Sprintf("[milter]\nlisten = [\"inet:%s\"]\n", taken.Addr()), exitUnavailable, "already in use"},
		"no folder":         {0, "[milter]\nlisten = [\"unix:/nonexistent/assay.sock\"]\n", exitUnavailable, "/nonexistent"},
		"unreadable folder": {nobody, fmt.Sprintf("[milter]\nlisten = [\"unix:%s/assay.sock\"]\n", closed), exitUnavailable, "permission denied"},
		"no activation":     {0, "[milter]\nlisten = [\"fd\"]\n", exitUnavailable, "systemd"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.uid != 0 && os.Geteuid() != 0 {
				t.Skip("only root can run the daemon as another user")
			}
			if test.uid != 0 {
				readableByAll(t)
			}
			code, stderr := serveOnce(t, test.uid, test.config)
			if code != test.code || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d, want %d: %q, want %q", code, test.code, stderr, test.want)
			}
		})
	}
}

// nobody is a user with no rights.
const nobody = 65534

// readableByAll lets other users run the binary.
func readableByAll(t *testing.T) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
}

// systemd hands over a socket that is bound already; a connection that came
// before the daemon is served.
func TestSocketActivation(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	socket, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	early, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "assay.toml")
	text := fmt.Sprintf("[milter]\nlisten = [\"fd\"]\n[dns]\nservers = [%q]\n", dnstest.Start(t, "").Addr())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve -c "$1"`, path, config)
	cmd.ExtraFiles = []*os.File{socket} // descriptor 3
	cmd.Env = append(os.Environ(), "STATE_DIRECTORY="+t.TempDir())
	log := &logBuffer{added: make(chan struct{})}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	client, err := milterclient.New(early, milterclient.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	defer client.Close()
	result, err := client.Send(milterclient.Message{From: "joe@example.org"})
	if err != nil || len(result.Edits) != 1 {
		t.Errorf("%+v, %v", result, err)
	}
}

// Both MTAs reach the daemon through a unix socket.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	for name, start := range mta.Servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			socket := "unix:" + filepath.Join(publicDir(t), "assay.sock")
			p := newProcess(t, socket, mtaZone, "authserv_id = \"mx.example.test\"\ntrusted_networks = []\n", "socket_mode = \"0666\"\n")
			m := mtaTest{t, mta.ForTest(t, start, mta.Options{Milters: []string{socket}}), p}
			m.wantStamp(m.deliver(m.Client(t, goodClient, "mail.good.example"), "joe@good.example", plainFrom("joe@good.example")), "dmarc=pass")
			if code := p.stop(); code != exitOK {
				t.Errorf("exit code %d", code)
			}
			if _, err := os.Stat(strings.TrimPrefix(socket, "unix:")); !os.IsNotExist(err) {
				t.Errorf("the socket is still there: %v", err)
			}
		})
	}
}

// inFlight begins a message at the daemon and leaves it open.
func inFlight(t *testing.T, p *process) {
	t.Helper()
	conn, err := milterclient.Dial("tcp", strings.TrimPrefix(p.listen, "inet:"), milterclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Drop() })
	if _, err := conn.Connect(milterclient.Client{Addr: netip.MustParseAddr("192.0.2.1"), Helo: "mail.example.org"}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Begin(milterclient.Message{From: "joe@example.org"}); err != nil {
		t.Fatal(err)
	}
	for p.asked("example.org") == 0 { // SPF is looked up: the daemon has read MAIL FROM
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
}

// A message in flight keeps the daemon; a second SIGTERM does not wait for it.
func TestSecondSIGTERM(t *testing.T) {
	p := startProcess(t, "", "authserv_id = \"mx.example.test\"")
	inFlight(t, p)
	p.signal(syscall.SIGTERM)
	p.log.wait(t, "msg=stopping")
	began := time.Now()
	if code := p.stop(); code != exitOK || time.Since(began) > shutdownTimeout/2 {
		t.Errorf("exit code %d after %v", code, time.Since(began))
	}
	p.log.wait(t, "messages in flight")
}

// A history that does not answer keeps the daemon for a while; a second SIGTERM does not wait for that.
func TestSecondSIGTERMWhileClosing(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connections wait to be accepted
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p := startProcess(t, spoofZone, fmt.Sprintf("authserv_id = \"mx.example.test\"\n[history]\ndatabase = \"postgres://joe:hunter2@%s/mail?sslmode=disable\"\n", silent.Addr()))
	p.dial(t).stamp(t, "ann@fabrikam.example")
	p.signal(syscall.SIGTERM)
	p.log.wait(t, "msg=stopping")
	p.waitClosed()
	began := time.Now()
	if code := p.stop(); code != exitOK || time.Since(began) > historyTimeout-time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(began))
	}
	p.log.wait(t, "the last messages are not in the history")
}

// waitClosed waits until nobody can connect any more.
func (p *process) waitClosed() {
	p.t.Helper()
	for limit := time.Now().Add(time.Minute); ; {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.listen, "inet:"))
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(limit) {
			p.t.Fatal("the daemon still accepts connections")
		}
	}
}

// The daemon warns of a password that every user of the host may read.
func TestServeExposedPassword(t *testing.T) {
	p := newProcess(t, "inet:"+freePort(t), "", "history.database = \"postgres://joe:hunter2@127.0.0.1:1/mail\"\n", "")
	if strings.Contains(p.log.String(), "has a password") {
		t.Error("warned of a file with mode 0600")
	}
	p.kill()
	if err := os.Chmod(p.config, 0o644); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.log.wait(t, "history.database has a password, and every user of this host may read the file")
	if strings.Contains(p.log.String(), "hunter2") {
		t.Error("the password is in the log")
	}
}

// JSON lines, when the config asks for them.
func TestJSONLog(t *testing.T) {
	p := newProcess(t, "inet:"+freePort(t), "", "log_format = \"json\"\n", "")
	p.log.wait(t, `"msg":"listening"`)
}
