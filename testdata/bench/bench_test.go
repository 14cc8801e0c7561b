package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/testdata/corpus"
	"assay/testdata/load"
)

// TestMain serves the floor when the tests start this program as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-floor" {
		os.Exit(run(os.Stdout, os.Stderr, os.Args[1:]))
	}
	code := m.Run()
	if daemonDir != "" {
		_ = os.RemoveAll(daemonDir)
	}
	os.Exit(code)
}

// daemonDir is where daemon builds; "" until it is asked for.
var daemonDir string

// daemon builds the daemon once for all tests.
var daemon = sync.OnceValues(func() (path string, err error) {
	if daemonDir, err = os.MkdirTemp("", "assay-binary-"); err != nil {
		return "", err
	}
	path = filepath.Join(daemonDir, "assay")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/assay").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func build(t *testing.T) string {
	t.Helper()
	path, err := daemon()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestContestants: each of them that is installed gives the right answers to all kinds of mail.
func TestContestants(t *testing.T) {
	b := &bench{assay: build(t), dir: t.TempDir(), progress: io.Discard}
	if err := os.Chmod(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	allowParents(t, b.dir)
	var err error
	if b.mail, err = makeMail(2); err != nil {
		t.Fatal(err)
	}
	for _, c := range contestants() {
		t.Run(c.key, func(t *testing.T) {
			if err := c.missing(); err != nil {
				t.Skip(err)
			}
			strict := *c
			strict.rival = false
			if err := b.with(t.Context(), &strict, 0, b.tryAll); err != nil {
				t.Error(err)
			}
		})
	}
}

// allowParents lets other users, as rspamd runs as one, into the folders above.
func allowParents(t *testing.T, dir string) {
	t.Helper()
	for dir = filepath.Dir(dir); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// tryAll sends each kind, and looks at memory and CPU.
func (b *bench) tryAll(ctx context.Context, r *running, _ *resolver) error {
	for _, k := range corpus.Kinds() {
		if _, err := b.load(ctx, r, load.Options{Samples: b.mail.kinds[k][:2], Count: 2}); err != nil {
			return err
		}
	}
	if n, err := r.settledMemory(ctx); err != nil || n < 1<<20 {
		return err
	}
	return nil
}

// TestRun measures assay and the floor, shortly, and writes the tables.
func TestRun(t *testing.T) {
	readme := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(readme, []byte(beginMark+endMark), 0o644); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	b := &bench{assay: build(t), rounds: 1, time: 50 * time.Millisecond, cold: 4, idle: 20, halfway: 4, progress: io.Discard}
	if err := b.run(t.Context(), &out, "floor,assay", readme); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"| the floor | ", "| assay | ", "| 1 MB, one signature | ", "20 idle sessions", "Cold DNS"} {
		if !strings.Contains(string(text), row) || !strings.Contains(string(text), out.String()[:20]) {
			t.Errorf("no %q in\n%s", row, text)
		}
	}
	// An answer that SPF needs, and then another one.
	if f, ok := b.results.figures(contestants()[1], coldOne); !ok || f.median < 2*delay {
		t.Errorf("with cold DNS a message takes %v", f.median)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(readme), chartFile)); err != nil {
		t.Error(err)
	}
}

func TestRunFails(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"-only", "nobody"}, {"-floor", "/nonexistent"}, {"-assay", "/nonexistent", "-only", "assay"}} {
		var out, progress strings.Builder
		if code := run(&out, &progress, append([]string{"-assay", build(t)}, args...)); code == 0 || progress.Len() == 0 {
			t.Errorf("%q: exit %d, %q", args, code, progress.String())
		}
	}
}

// A process counts with its children, and is gone after stop with all of them.
func TestProcess(t *testing.T) {
	p, err := start(t.TempDir(), "sh", exec.Command("sh", "-c", "sleep 600 & echo $!; wait"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has a child", func() bool { return len(p.pids()) == 2 })
	pids := p.pids()
	if n, err := p.memory(); err != nil || n <= 0 || len(pids) != 2 || p.cpu() < 0 {
		t.Errorf("%d bytes, %v, processes %v", n, err, pids)
	}
	p.stop()
	for _, pid := range pids {
		eventually(t, "it has ended", func() bool { // nobody may be there to reap it
			f := statFields(pid)
			return len(f) == 0 || f[0] == "Z"
		})
	}
	if err := p.waitFor(t.Context(), "unix", "/nonexistent"); err == nil {
		t.Error("a process that has ended listens")
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
