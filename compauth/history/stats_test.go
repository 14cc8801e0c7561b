package history

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestStats has records wait, be written and be dropped, and a database go and come back.
func TestStats(t *testing.T) {
	for name, s := range map[string]*Store{"nil": nil, "zero": {}} {
		if got := s.Stats(); got != (Stats{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	dir := filepath.Join(t.TempDir(), "state")
	path := filepath.Join(dir, "history.db")
	s := openTest(t, "sqlite:"+path, whenTold, func(_ *Options, t *tuning) { t.keys = 8 })
	want := func(when string, want Stats) {
		t.Helper()
		if got := s.Stats(); got != want {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
	}
	s.flush()
	want("opened", Stats{Up: true})
	s.record(fromPTR(), good, 0, 3) // one pair, counted three times
	perMessage := s.Stats().Waiting
	if perMessage == 0 {
		t.Fatal("nothing waits")
	}
	want("recorded", Stats{Up: true, Waiting: perMessage})
	s.flush()
	want("written", Stats{Up: true})

	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.clock.add(time.Hour)
	failed := s.clock.now()
	for day := range 20 {
		s.record(fromPTR(), good, day, 1)
	}
	if s.tryFlush() == nil {
		t.Fatal("written to a folder that is none")
	}
	got := s.Stats()
	if got.Up || got.Waiting != 8 || got.Dropped == 0 || !got.LastError.Equal(failed) {
		t.Errorf("down: %+v", got)
	}
	dropped := got.Dropped
	s.record(fromPTR(), good, 30, 1)
	if again := s.Stats().Dropped; again <= dropped {
		t.Errorf("%d dropped, and %d after one more", dropped, again)
	}
	dropped = s.Stats().Dropped

	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	s.flush()
	s.flush()
	want("back", Stats{Up: true, Dropped: dropped, LastError: failed})
}
