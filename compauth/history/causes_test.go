package history

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCauses has an outage whose cause changes, and one that does not end.
func TestCauses(t *testing.T) {
	var o outage
	for _, step := range []struct {
		at    time.Duration
		cause string
		want  bool
	}{
		{0, "refused by port 1", true},
		{time.Second, "refused by port 1", false},
		{time.Second, "no disk", false}, // too soon
		{time.Hour, "refused by port 2", false},
		{time.Hour, "no disk", true},
		{time.Hour + time.Second, "no password", false},
		{time.Hour + time.Minute, "refused by port 1", false},
		{time.Hour + time.Minute, "no password", true},
		{25 * time.Hour, "no disk", false},
		{25*time.Hour + time.Minute, "no disk", true}, // a day after the last line
		{26 * time.Hour, "no disk", false},
		{26 * time.Hour, "no password", true},
		{27 * time.Hour, "", true},
	} {
		if got := o.news(errors.New(step.cause), step.at); got != step.want {
			t.Errorf("%s, %q: %v", step.at, step.cause, got)
		}
	}
	for i := range 100 {
		o.news(errors.New(strings.Repeat("x", i)), 28*time.Hour+time.Duration(i)*time.Minute)
	}
	if len(o.causes) != maxCauses {
		t.Errorf("%d causes are remembered", len(o.causes))
	}
}

// TestCausesLogged has a file go on to be none, in one way and another.
func TestCausesLogged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, "sqlite:"+path, whenTold)
	want := func(when string, d time.Duration, down, still, back int) {
		t.Helper()
		s.clock.add(d)
		_ = s.tryFlush()
		if s.lines("is down") != down || s.lines("is still down") != still || s.lines("is back") != back {
			t.Errorf("%s: logged:\n%s", when, s.log)
		}
	}
	want("no database", 0, 1, 0, 0)
	want("an hour later", time.Hour, 1, 0, 0)
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	want("a folder", 0, 1, 1, 0)
	want("a day later", day, 1, 2, 0)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	want("gone", 0, 1, 2, 1)
	if err := errors.Join(os.RemoveAll(path+"-wal"), os.RemoveAll(path+"-shm"), os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	want("a folder again", 0, 2, 2, 1)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	want("gone again", 0, 2, 2, 2)
}
