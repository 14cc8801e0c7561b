package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = time.Minute
	maxLines     = 20   // of the log, that are kept
	maxLine      = 2000 // bytes of each
)

// A daemon is a running assay serve.
type daemon struct {
	address string // of its listener
	metrics string // the URL of its metrics
	dir     string
	cmd     *exec.Cmd
	ended   chan struct{} // closed when it has
	client  http.Client

	mu     sync.Mutex
	lines  []string // of the log, the last ones that are no messages
	panics int      // lines that tell of one
	errors int      // lines at ERROR
}

func startDaemon(ctx context.Context, binary, dir, dns string) (*daemon, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	metrics, err := freeAddress()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "assay.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, dir, listen, metrics, dns, cacheEntries), 0o600); err != nil {
		return nil, err
	}
	d := &daemon{address: listen, metrics: "http://" + metrics + "/metrics", dir: dir, ended: make(chan struct{}), client: http.Client{Timeout: 10 * time.Second}}
	d.cmd = exec.Command(binary, "serve", "-c", file)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of Ctrl-C
	log, err := d.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		d.read(log)
		_ = d.cmd.Wait()
		close(d.ended)
	}()
	return d, d.ready(ctx)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ready waits until it accepts connections.
func (d *daemon) ready(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(startTimeout)
	for {
		conn, err := net.Dial("tcp", d.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-d.ended:
			return fmt.Errorf("the daemon ended at once: %s", d.tail())
		case <-limit:
			return fmt.Errorf("the daemon does not listen: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// read reads the log to its end. Nothing of a message stays.
func (d *daemon) read(log io.Reader) {
	lines := bufio.NewReaderSize(log, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		if line != "" && !strings.Contains(line, " msg=message ") {
			d.note(strings.TrimRight(line, "\n"))
		}
		if err != nil {
			return
		}
	}
}

func (d *daemon) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if strings.Contains(line, "panic") || strings.HasPrefix(line, "fatal error") {
		d.panics++
	}
	if strings.Contains(line, "level=ERROR") {
		d.errors++
	}
	if strings.Contains(line, "level=INFO") {
		return
	}
	if d.lines = append(d.lines, line[:min(len(line), maxLine)]); len(d.lines) > maxLines {
		d.lines = d.lines[1:]
	}
}

// tail is the last lines of the log but for those at INFO.
func (d *daemon) tail() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

// complaints are how many lines of the log tell of a panic, and how many are errors.
func (d *daemon) complaints() (panics, errors int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.panics, d.errors
}

// stop asks the daemon to end.
func (d *daemon) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-d.ended:
	case <-time.After(stopTimeout):
		return fmt.Errorf("the daemon does not end")
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the daemon ended with exit code %d: %s", code, d.tail())
	}
	return nil
}

// kill ends it at once. Idempotent.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// A sample is what the daemon holds at some time.
type sample struct {
	messages    int
	at          time.Duration // since the start
	memory      float64       // resident, in bytes
	goroutines  float64
	descriptors float64
	history     float64 // files, in bytes
}

// sample looks at the daemon.
func (d *daemon) sample(ctx context.Context) (s sample, err error) {
	proc := fmt.Sprintf("/proc/%d/", d.cmd.Process.Pid)
	text, err := os.ReadFile(proc + "status")
	if err != nil {
		return s, err
	}
	if s.memory, err = field(string(text), "VmRSS:"); err != nil {
		return s, err
	}
	s.memory *= 1024
	fds, err := os.ReadDir(proc + "fd")
	if err != nil {
		return s, err
	}
	s.descriptors = float64(len(fds))
	files, err := filepath.Glob(filepath.Join(d.dir, "history.db*"))
	if err != nil {
		return s, err
	}
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			s.history += float64(info.Size())
		}
	}
	s.goroutines, err = d.goroutines(ctx)
	return s, err
}

// goroutines asks the metrics.
func (d *daemon) goroutines(ctx context.Context) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.metrics, nil)
	if err != nil {
		return 0, err
	}
	response, err := d.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return 0, err
	}
	return field("\n"+string(text), "\ngo_goroutines")
}

// field is the number behind a name.
func field(text, name string) (float64, error) {
	_, rest, ok := strings.Cut(text, name)
	words := strings.Fields(rest)
	if !ok || len(words) == 0 {
		return 0, fmt.Errorf("no %q", strings.TrimSpace(name))
	}
	return strconv.ParseFloat(words[0], 64)
}
