package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"assay/arc"

	"golang.org/x/sys/unix"
)

// A reader never sees anything but a whole text, while the file is rewritten 200 times.
func TestRewriteIsAtomic(t *testing.T) {
	name := filepath.Join(t.TempDir(), "list")
	texts := []string{strings.Repeat("one\n", 5000), strings.Repeat("the other\n", 5000)}
	if err := os.WriteFile(name, []byte(texts[0]), 0o644); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			got, err := os.ReadFile(name)
			if err != nil || !slices.Contains(texts, string(got)) {
				t.Errorf("%d bytes: %.20q, %v", len(got), got, err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for i := range 200 {
		err := rewriteFile(t.Context(), name, 1<<20, func(text string, exists bool) (string, error) {
			if text != texts[i%2] || !exists {
				t.Fatalf("edit %d is given %.20q, %v", i, text, exists)
			}
			return texts[(i+1)%2], nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	reader.Wait()
	wantNoOther(t, name)
}

// wantNoOther holds that no temporary file is left.
func wantNoOther(t *testing.T, names ...string) {
	t.Helper()
	found, err := os.ReadDir(filepath.Dir(names[0]))
	if err != nil || len(found) != len(names) {
		t.Errorf("found %v, %v", found, err)
	}
}

// Commands at the same time lose nothing of each other.
func TestConcurrentAdds(t *testing.T) {
	s := newSealersTest(t)
	const writers, adds = 4, 25
	var all sync.WaitGroup
	for w := range writers {
		p := newProgram(t)
		p.configFile = s.configFile
		all.Go(func() {
			for i := range adds {
				if code, _, stderr := p.run(t, "sealers", "add", fmt.Sprintf("lists.w%d-%d.example", w, i)); code != exitOK {
					t.Errorf("%d: %s", code, stderr)
				}
			}
		})
	}
	all.Wait()
	f, err := arc.ParseSealersFile(s.read(), "f")
	if err != nil || len(f.Entries) != writers*adds || len(f.Repeats()) > 0 {
		t.Errorf("%d entries, want %d: %v", len(f.Entries), writers*adds, err)
	}
	wantNoOther(t, s.list, s.configFile)
}

// A file that another process makes between two looks at its name is no broken link.
func TestResolveLinkWhileFileAppears(t *testing.T) {
	name := filepath.Join(t.TempDir(), "list")
	done := make(chan struct{})
	var other sync.WaitGroup
	other.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := os.WriteFile(name, nil, 0o644); err != nil {
				t.Error(err)
				return
			}
			_ = os.Remove(name)
		}
	})
	for range 20_000 {
		if got, err := resolveLink(name); err != nil || got != name {
			t.Errorf("resolveLink = %q, %v", got, err)
			break
		}
	}
	close(done)
	other.Wait()
}

func rewriteTo(name, text string) error {
	return rewriteFile(context.Background(), name, 100, func(string, bool) (string, error) { return text, nil })
}

func TestRewriteKeeps(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "list"), filepath.Join(dir, "link")
	if err := rewriteTo(name, "new\n"); err != nil {
		t.Fatal(err)
	}
	wantFile(t, name, "new\n", 0o644, os.Geteuid())
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	owner := os.Geteuid()
	if owner == 0 {
		owner = 65534
		if err := os.Chown(name, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("list", link); err != nil {
		t.Fatal(err)
	}
	if err := rewriteTo(link, "changed\n"); err != nil {
		t.Fatal(err)
	}
	wantFile(t, name, "changed\n", 0o640, owner)
	if to, err := os.Readlink(link); to != "list" || err != nil {
		t.Errorf("the link is gone: %q, %v", to, err)
	}
}

func wantFile(t *testing.T, name, text string, mode os.FileMode, owner int) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != text {
		t.Errorf("%q, %v, want %q", got, err, text)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if stat := info.Sys().(*syscall.Stat_t); info.Mode() != mode || int(stat.Uid) != owner {
		t.Errorf("mode %v of %d, want %v of %d", info.Mode(), stat.Uid, mode, owner)
	}
}

// What is not changed is not written, so that nobody reads it again.
func TestRewriteNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "list")
	if err := rewriteTo(name, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("an empty file was made: %v", err)
	}
	if err := rewriteTo(name, "text\n"); err != nil {
		t.Fatal(err)
	}
	before, failed := identify(name), errors.New("refused")
	if err := rewriteTo(name, "text\n"); err != nil {
		t.Fatal(err)
	}
	if err := rewriteFile(t.Context(), name, 100, func(string, bool) (string, error) { return "x", failed }); err != failed {
		t.Errorf("%v", err)
	}
	if err := rewriteTo(name, strings.Repeat("x", 101)); err == nil || !strings.Contains(err.Error(), "longer than 100 bytes") {
		t.Errorf("%v", err)
	}
	if now := identify(name); now != before {
		t.Errorf("written: %+v, was %+v", now, before)
	}
	wantNoOther(t, name)
}

// lockedFolder is a folder that somebody else has locked.
func lockedFolder(t *testing.T) (dir string, unlock func()) {
	t.Helper()
	dir = t.TempDir()
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return dir, func() { folder.Close() }
}

// Who keeps the folder locked is waited for, but not for ever.
func TestRewriteLocked(t *testing.T) {
	dir, unlock := lockedFolder(t)
	name := filepath.Join(dir, "list")
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := rewriteTo(name, "text\n")
		if want := dir + ": another process keeps this folder locked; "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if took := time.Since(start); took != maxLockWait {
			t.Errorf("waited %s", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = rewriteFile(ctx, name, 100, func(string, bool) (string, error) { return "text\n", nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
	if found, err := os.ReadDir(dir); err != nil || len(found) != 0 {
		t.Errorf("found %v, %v", found, err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.AfterFunc(maxLockWait-time.Second, unlock)
		if err := rewriteTo(name, "text\n"); err != nil {
			t.Errorf("the lock ended: %v", err)
		}
	})
	wantFile(t, name, "text\n", 0o644, os.Geteuid())
}

// A pipe that nobody writes to, and a file that is too long, are refused.
func TestReadListFile(t *testing.T) {
	dir := t.TempDir()
	pipe, long := filepath.Join(dir, "pipe"), filepath.Join(dir, "long")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(long, []byte("12345678901"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		pipe: "is no regular file; name the file with the list", long: "is longer than 10 bytes; is this the right file?",
		dir: "is no regular file; name the file with the list", dir + "/none": "no such file or directory",
	} {
		if text, err := readListFile(name, 10); text != "" || err == nil || err.Error() != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if text, err := readListFile(long, 11); text != "12345678901" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
