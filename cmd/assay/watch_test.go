package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	name, other := filepath.Join(dir, "list"), filepath.Join(dir, "other")
	write := func(name, text string) func() error {
		return func() error { return os.WriteFile(name, []byte(text), 0o600) }
	}
	for _, test := range []struct {
		what   string
		before string // "" for no file
		change func() error
	}{
		{"created", "", write(name, "text")},
		{"removed", "text", func() error { return os.Remove(name) }},
		{"longer", "text", write(name, "more text")},
		{"touched", "text", func() error { return os.Chtimes(name, time.Time{}, time.Unix(1e9, 0)) }},
		{"replaced by one of the same time and length", "text", func() error {
			info, err := os.Stat(name)
			if err != nil {
				return err
			}
			if err := write(other, "TEXT")(); err != nil {
				return err
			}
			if err := os.Chtimes(other, time.Time{}, info.ModTime()); err != nil {
				return err
			}
			return os.Rename(other, name)
		}},
		{"replaced by a link", "text", func() error {
			if err := write(other, "text")(); err != nil {
				return err
			}
			if err := os.Remove(name); err != nil {
				return err
			}
			return os.Symlink(other, name)
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			_ = os.Remove(name)
			if test.before != "" {
				if err := write(name, test.before)(); err != nil {
					t.Fatal(err)
				}
			}
			var w watch
			w.begin(name)
			if looks(&w) > 0 {
				t.Fatal("due without a change")
			}
			if err := test.change(); err != nil {
				t.Fatal(err)
			}
			if got := looks(&w); got != 2 {
				t.Errorf("due at look %d", got)
			}
			if w.begin(name); looks(&w) > 0 {
				t.Error("due after it was read")
			}
		})
	}
}

// looks counts the looks until the file is due; -1 when it does not become due.
func looks(w *watch) int {
	for n := 1; n < 10; n++ {
		if w.due() {
			return n
		}
	}
	return -1
}

// A file that is being written is read when it is at rest, or at the third look, which
// is within two seconds.
func TestWatchRestless(t *testing.T) {
	name := filepath.Join(t.TempDir(), "list")
	var w watch
	w.begin(name)
	var due []bool
	for i := range 4 {
		if err := os.WriteFile(name, []byte(strings.Repeat("x", i+1)), 0o600); err != nil {
			t.Fatal(err)
		}
		due = append(due, w.due())
	}
	if got := fmt.Sprint(due); got != "[false false true true]" {
		t.Errorf("%s", got)
	}
	if 3*watchInterval >= 2*time.Second {
		t.Errorf("a change takes %v", 3*watchInterval)
	}
}

// A change that is taken back before it was read is none.
func TestWatchTakenBack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "list")
	var w watch
	w.begin(name)
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if w.due() {
		t.Error("due at once")
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if looks(&w) > 0 {
		t.Error("due although it is as it was")
	}
}

func TestWatchNothing(t *testing.T) {
	var w watch
	if looks(&w) > 0 {
		t.Error("the zero value is due")
	}
	if w.begin(""); looks(&w) > 0 {
		t.Error("no name is due")
	}
	if id := identify(strings.Repeat("x", 300)); id.err != syscall.ENAMETOOLONG {
		t.Errorf("%+v", id)
	}
}
