package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"assay/auth/dns/dnstest"
)

// binaryDir is where binary builds; "" until it is asked for.
var binaryDir string

// binary builds the command once for all tests that run it as a process.
var binary = sync.OnceValues(func() (path string, err error) {
	if binaryDir, err = os.MkdirTemp("", "assay-binary-"); err != nil {
		return "", err
	}
	path = filepath.Join(binaryDir, "assay")
	if out, err := exec.Command("go", "build", "-race", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir)
	}
	os.Exit(code)
}

// A process is a running assay serve.
type process struct {
	t      *testing.T
	config string // its path
	state  string // its $STATE_DIRECTORY
	listen string // as smtpd_milters takes it
	cmd    *exec.Cmd
	wrap   func(*exec.Cmd) // changes the command before it is started; nil: nothing
	log    *logBuffer
	dns    *dnstest.Server
	ended  chan struct{}
}

// asked is how many DNS questions came for a name.
func (p *process) asked(name string) int {
	n := 0
	for _, q := range p.dns.Queries() {
		if q.Name == name {
			n++
		}
	}
	return n
}

// startProcess runs assay serve on a port of its own, with DNS from the zone. config
// is TOML in front of the sections [milter] and [dns], which are written here.
func startProcess(t *testing.T, zone, config string) *process {
	t.Helper()
	return newProcess(t, "inet:"+freePort(t), zone, config, "")
}

// newProcess does the same at a place of the caller's, with more keys of [milter].
func newProcess(t *testing.T, listen, zone, config, milter string) *process {
	t.Helper()
	zone = strings.ReplaceAll(zone, "{{rsa}}", publicKey(t, "rsa"))
	p := &process{t: t, listen: listen, config: filepath.Join(t.TempDir(), "assay.toml"), state: t.TempDir(), dns: dnstest.Start(t, zone)}
	p.configure(config + fmt.Sprintf("\n[milter]\nlisten = [%q]\n%s[dns]\nservers = [%q]\n", listen, milter, p.dns.Addr()))
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("assay log:\n%s", p.log)
		}
	})
	return p
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func (p *process) configure(toml string) {
	p.t.Helper()
	if err := os.WriteFile(p.config, []byte(toml), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// start runs the command and waits until it listens.
func (p *process) start() {
	p.t.Helper()
	p.launch()
	p.log.wait(p.t, "listening")
}

// launch runs the command.
func (p *process) launch() {
	p.t.Helper()
	path, err := binary()
	if err != nil {
		p.t.Fatal(err)
	}
	p.log = &logBuffer{added: make(chan struct{})}
	p.cmd = exec.Command(path, "serve", "-c", p.config)
	p.cmd.Env = append(os.Environ(), "STATE_DIRECTORY="+p.state)
	p.cmd.Stderr = p.log
	if p.wrap != nil {
		p.wrap(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	p.ended = ended
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(ended)
	}(p.cmd)
}

// kill ends the process at once, as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop asks it to end and gives the exit code.
func (p *process) stop() int {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		p.t.Fatalf("assay did not stop\n%s", p.log)
		return -1
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// A logBuffer collects standard error.
type logBuffer struct {
	mu    sync.Mutex
	text  bytes.Buffer
	added chan struct{}
}

var _ io.Writer = (*logBuffer)(nil)

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.added)
	b.added = make(chan struct{})
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// wait waits until the log holds the text, and gives the line with it.
func (b *logBuffer) wait(t *testing.T, text string) string {
	t.Helper()
	return b.waitFor(t, 1, text)
}

// waitFor waits until so many lines of the log hold the text, and gives the last of them.
func (b *logBuffer) waitFor(t *testing.T, lines int, text string) string {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		b.mu.Lock()
		log, added := b.text.String(), b.added
		b.mu.Unlock()
		left := lines
		for line := range strings.Lines(log) {
			if !strings.Contains(line, text) {
				continue
			}
			if left--; left == 0 {
				return line
			}
		}
		select {
		case <-added:
		case <-limit:
			t.Fatalf("no line with %q in the log:\n%s", text, log)
		}
	}
}
