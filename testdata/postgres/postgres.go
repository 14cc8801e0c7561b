// Package postgres runs a real PostgreSQL for the tests: as installed by testdata/setup, on
// loopback, with all of its state in a temporary directory, independent of any other cluster
// of the machine.
//
// Divergences from the RFC: none; no RFC is about it.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ErrMissing is returned when the machine has no PostgreSQL.
var ErrMissing = errors.New("run testdata/setup as root")

const (
	binaries     = "/usr/lib/postgresql/*/bin"
	nobody       = 65534 // the user and group it runs as, when root starts it: it refuses to be root
	startTimeout = 60 * time.Second
)

// A Server is a PostgreSQL that lets anybody in, whatever the password. Its methods are not
// safe for concurrent use.
type Server struct {
	Port int    // on 127.0.0.1
	Dir  string // all of its state, and its socket; removed by Stop

	bin   string
	cmd   *exec.Cmd // nil while it is not running
	done  chan struct{}
	guard *exec.Cmd
}

// Start starts a server and waits until it answers. The error wraps [ErrMissing] when it is
// not installed.
func Start(ctx context.Context) (*Server, error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "assay-postgres-")
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s := &Server{Dir: dir, bin: bin}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// find gives the directory of the newest version's programs.
func find() (string, error) {
	dirs, err := filepath.Glob(filepath.Join(binaries, "postgres"))
	if err != nil || len(dirs) == 0 {
		return "", fmt.Errorf("postgres: not installed: %w", ErrMissing)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	newest := slices.MaxFunc(dirs, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

func (s *Server) create(ctx context.Context) error {
	if os.Geteuid() == 0 {
		if err := os.Chown(s.Dir, nobody, nobody); err != nil {
			return fmt.Errorf("postgres: %w", err)
		}
	}
	var err error
	if s.Port, err = freePort(); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	initdb := s.command(ctx, "initdb", "-D", s.path("data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("postgres: initdb: %w\n%s", err, out)
	}
	return s.Restart(ctx)
}

func (s *Server) path(name string) string { return filepath.Join(s.Dir, name) }

// command is one of PostgreSQL's programs, run as a user that is not root.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin", "PGHOST=" + s.Dir, "PGPORT=" + strconv.Itoa(s.Port), "PGUSER=postgres"}
	cmd.Dir = s.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of Ctrl-C
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

// Restart starts the server again after Kill, with what it had, and waits until it answers.
func (s *Server) Restart(ctx context.Context) error {
	s.Kill()
	// Without fsync what is written survives the end of the processes, if not that of the machine.
	cmd := s.command(context.WithoutCancel(ctx), "postgres", "-D", s.path("data"), "-k", s.Dir, "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port),
		"-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=50", "-c", "autovacuum=off")
	output, err := os.OpenFile(s.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	s.cmd, s.done = cmd, make(chan struct{})
	go func() {
		defer close(s.done)
		_ = cmd.Wait()
	}()
	if err := s.startGuard(); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return s.ready(ctx)
}

// startGuard starts a shell that ends the server when this process is gone without having
// called Stop: the pipe that it reads has then no other end. The server's own children end by themselves,
// unless they are paused.
func (s *Server) startGuard() error {
	const script = `read -r _; kill -CONT "$1" $(cat "/proc/$1/task/$1/children"); kill -KILL "$1"; sleep 1; rm -rf "$2"`
	s.guard = exec.Command("/bin/sh", "-c", script, "guard", strconv.Itoa(s.cmd.Process.Pid), s.Dir)
	s.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := s.guard.StdinPipe(); err != nil { // exec.Cmd keeps it until Wait
		return err
	}
	return s.guard.Start()
}

// ready waits until it answers.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.SQL(ctx, "postgres", "SELECT 1") != nil {
		select {
		case <-s.done:
			return fmt.Errorf("postgres: ended at once\n%s", s.Log())
		case <-ctx.Done():
			return fmt.Errorf("postgres: %w\n%s", ctx.Err(), s.Log())
		case <-tick.C:
		}
	}
	return nil
}

// SQL runs statements in a database, each in a transaction of its own.
func (s *Server) SQL(ctx context.Context, database string, statements ...string) error {
	args := []string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database}
	for _, statement := range statements {
		args = append(args, "-c", statement)
	}
	if out, err := s.command(ctx, "psql", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("postgres: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// Create makes an empty database and gives its URL. The name is one that SQL takes without quotes.
func (s *Server) Create(ctx context.Context, name string) (string, error) {
	if err := s.SQL(ctx, "postgres", "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return s.URL(name), nil
}

// URL is that of a database.
func (s *Server) URL(name string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.Port, name)
}

// Log is all that the server has logged so far.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.path("log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Pause stops all processes of the server where they are: connections stay, and nothing answers.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) error {
	if s.cmd == nil {
		return errors.New("postgres: not running")
	}
	_, err := s.signalAll(sig)
	return err
}

// signalAll reaches the server first, so that it starts nothing new, and then its children, each
// of which leads a session of its own.
func (s *Server) signalAll(sig syscall.Signal) (pids []int, err error) {
	pids = []int{s.cmd.Process.Pid}
	if err := syscall.Kill(pids[0], sig); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	pids = append(pids, children(pids[0])...)
	for _, child := range pids[1:] {
		if err := syscall.Kill(child, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return nil, fmt.Errorf("postgres: %w", err)
		}
	}
	return pids, nil
}

// children are the processes that a process started.
func children(parent int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(path))
		if _, ppid := stat(pid); err == nil && ppid == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

// stat gives the state of a process, "" when there is none, and what started it.
func stat(pid int) (state string, parent int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	// pid (name) state ppid: the name may have anything in it.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 2 {
		return "", 0
	}
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}

// Kill kills all processes of the server, as a crash would, and waits for their end. Idempotent.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	// Once the server is dead nobody knows its children, and one may still do what it is asked for.
	pids, _ := s.signalAll(syscall.SIGSTOP)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = s.cmd.Process.Kill()
	<-s.done
	for _, pid := range pids {
		for state, _ := stat(pid); state != "" && state != "Z"; state, _ = stat(pid) {
			time.Sleep(time.Millisecond)
		}
	}
	s.stopGuard()
	s.cmd = nil
}

func (s *Server) stopGuard() {
	if s.guard != nil && s.guard.Process != nil {
		_ = s.guard.Process.Kill()
		_ = s.guard.Wait()
	}
	s.guard = nil
}

// Stop ends the server and removes its directory. Idempotent.
func (s *Server) Stop() error {
	s.Kill()
	if err := os.RemoveAll(s.Dir); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return nil
}

// freePort finds a port below those that the kernel gives to clients, so that no connection
// takes it before the server does.
func freePort() (int, error) {
	var err error
	for range 100 {
		port := 10240 + rand.N(20000)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}

// ForTest starts a server and stops it at the end of the test; if that failed, it prints the
// server's log. Where there is no PostgreSQL the test is skipped, but fails when
// $ASSAY_REQUIRE_TOOLS is set.
func ForTest(t testing.TB) *Server {
	t.Helper()
	s, err := Start(t.Context())
	SkipMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL's log:\n%s", s.Log())
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// SkipMissing skips the test for an [ErrMissing], unless nothing may be missing.
func SkipMissing(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv("ASSAY_REQUIRE_TOOLS") == "" {
		t.Skip(err)
	}
}
