package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/compauth"
)

func TestSightings(t *testing.T) {
	one := Sighting{Domain: "example.com", Infrastructure: "192.0.2.0/24", Internal: true, Reason: 601, Result: compauth.Fail,
		Implicit: 103, ImplicitResult: compauth.Pass, Policy: "none", Entry: "allow", Action: "accept"}
	two := one
	two.Domain, two.Internal, two.Reason = "a'\x00\"\xff;--\u00fc", false, 1
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		see := func(v Sighting, at time.Time) {
			v.Count, v.LastSeen = 7, at.Add(time.Hour) // of no meaning here
			s.Record(Message{Time: at, Verdict: failed, Sighting: &v})
		}
		see(one, noon.Add(-2*day))
		see(one, noon.Add(-2*day+time.Hour))
		s.flush()
		see(one, noon.Add(-2*day-time.Hour))
		see(one, noon)
		see(two, noon.Add(-time.Minute))
		s.flush()
		seen := func(v Sighting, n int, last time.Time) Sighting {
			v.Count, v.LastSeen = n, last
			return v
		}
		two.Domain = "a'\";--\u00fc"
		for _, tt := range []struct {
			since time.Time
			want  []Sighting
		}{
			{noon.Add(-7 * day), []Sighting{seen(one, 4, noon), seen(two, 1, noon.Add(-time.Minute))}},
			{noon.Add(-2 * day), []Sighting{seen(one, 4, noon), seen(two, 1, noon.Add(-time.Minute))}},
			{noon.Add(-day), []Sighting{seen(one, 1, noon), seen(two, 1, noon.Add(-time.Minute))}},
			{noon.Add(-time.Second), []Sighting{seen(one, 1, noon)}},
			{noon.Add(time.Second), nil},
		} {
			got, more, err := s.Sightings(t.Context(), tt.since)
			if err != nil || more || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("since %s: %v, %+v\nwant %+v", tt.since, err, got, tt.want)
			}
		}
	})
}

// TestManySightings has more rows than are given: the most frequent are.
func TestManySightings(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database, func(_ *Options, t *tuning) { t.sightings = 3 })
		see := func(domain string, n int, at time.Time) {
			for range n {
				s.Record(Message{Time: at, Verdict: failed, Sighting: &Sighting{Domain: domain}})
			}
			s.flush()
		}
		want := func(wantMore bool, domains ...string) {
			t.Helper()
			list, more, err := s.Sightings(t.Context(), noon.Add(-7*day))
			var got []string
			for _, v := range list {
				got = append(got, v.Domain)
			}
			if err != nil || more != wantMore || !slices.Equal(got, domains) {
				t.Errorf("%v, %v, more: %v; want %v, %v", err, got, more, domains, wantMore)
			}
		}
		want(false)
		see("a.example", 3, noon.Add(-2*day))
		see("a.example", 2, noon.Add(-day)) // 5 in all, never the most of a day
		see("b.example", 4, noon)
		see("c.example", 1, noon)
		want(false, "a.example", "b.example", "c.example")
		see("d.example", 1, noon.Add(time.Second))
		want(true, "a.example", "b.example", "d.example")
	})
}

func TestLastUsed(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		for _, use := range []struct {
			entry string
			at    time.Time
		}{
			{"allow a.example b.example external", noon},
			{"allow a.example b.example external", noon.Add(-time.Hour)},
			{"block * 192.0.2.0/24 external # \u00fc", noon.Add(-day)},
			{"block joe@a.example * external", noon.Add(-2 * day)},
			{"block joe@a.example * external", noon.Add(-day)},
			{strings.Repeat("x", maxEntry), noon},
			{strings.Repeat("y", maxEntry+1), noon},
		} {
			s.Record(Message{Time: use.at, Verdict: failed, Entry: use.entry})
			s.flush()
		}
		want := map[string]time.Time{
			"allow a.example b.example external":     noon,
			"block * 192.0.2.0/24 external # \u00fc": noon.Add(-day),
			strings.Repeat("x", maxEntry):            noon,
		}
		want["block joe@a.example * external"] = noon.Add(-day)
		asked := append(slices.Collect(maps.Keys(want)), "block jim@a.example * external", "@", "")
		if got, err := s.LastUsed(t.Context(), asked); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v, %v", err, got)
		}
	})
}

func TestFileModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b", "c?d#e%20", "history.db")
	s := openTest(t, "sqlite:"+path)
	s.record(fromPTR(), good, 0, 1)
	s.flush()
	for name, want := range map[string]fs.FileMode{
		path: 0o600, path + "-wal": 0o600, filepath.Dir(path): fs.ModeDir | 0o700, filepath.Dir(filepath.Dir(path)): fs.ModeDir | 0o700,
	} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want %s", name, info, want)
		}
	}
}

func TestNothing(t *testing.T) {
	none, err := Open(Options{})
	if none != nil || err != nil {
		t.Fatalf("%v, %v", none, err)
	}
	for _, s := range []*Store{none, {}} {
		s.Record(Message{Pair: fromPTR(), Verdict: good})
		if r := s.Qualifies(t.Context(), fromPTR()); r != 0 {
			t.Errorf("reason %s", r)
		}
		if s.InContact(t.Context(), []string{"ann@example.org"}, "example.com") {
			t.Error("in contact")
		}
		if err := s.Err(); err != nil {
			t.Error(err)
		}
		list, _, err := s.Sightings(t.Context(), time.Time{})
		used, err2 := s.LastUsed(t.Context(), []string{"allow a.example b.example external"})
		if err := errors.Join(err, err2, s.Close(t.Context())); err != nil || len(list)+len(used) != 0 {
			t.Errorf("%v, %v, %v", err, list, used)
		}
	}
}

// TestClosed shows that a closed store can still be called.
func TestClosed(t *testing.T) {
	database := newSQLite(t)
	s := openTest(t, database)
	s.recordGood(fromPTR())
	s.close()
	s.close()
	s.Record(Message{Pair: fromPTR(), Verdict: good})
	s.want(fromPTR(), 0)
	if _, _, err := s.Sightings(t.Context(), noon); err == nil {
		t.Error("a closed store has sightings")
	}
	if err := s.Err(); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	again := openTest(t, database)
	again.want(fromPTR(), 701)
	if n := again.count("SELECT SUM(good) FROM assay_pair"); n != 6 {
		t.Errorf("%d messages were kept", n)
	}
}

// TestCloseInTime closes a store that does not get done: the context decides.
func TestCloseInTime(t *testing.T) {
	s := newStore(Options{}, standard(), database{path: "/"}) // never started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestWait asks where nobody answers.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(Options{}, standard(), database{path: "/"}) // never started
		s.link.Store(&link{})
		for _, ask := range []func(context.Context) bool{
			func(ctx context.Context) bool { return s.Qualifies(ctx, fromPTR()) != 0 },
			func(ctx context.Context) bool {
				return s.Qualifies(ctx, Pair{PTR: "sender.example", From: "joe@example.com", Rcpt: []string{"a@example.org", "b@example.org"}}) != 0
			},
			func(ctx context.Context) bool { return s.InContact(ctx, []string{"ann@example.org"}, "example.com") },
		} {
			began := time.Now()
			if ask(t.Context()) {
				t.Error("an answer from nowhere")
			}
			if took := time.Since(began); took != 20*time.Millisecond {
				t.Errorf("waited %s", took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if ask(ctx); time.Since(began) != 21*time.Millisecond {
				t.Error("waited beyond the context")
			}
			cancel()
		}
	})
}

// TestQueue asks more than the readers can take: one flight a question, and no more than fit.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(Options{}, standard(), database{path: "/"})
		s.link.Store(&link{})
		for i := range 2 * maxQueue {
			for range 2 {
				s.Qualifies(t.Context(), Pair{OrgDomain: "example.com", PTR: fmt.Sprintf("sender%d.example", i)})
			}
		}
		if len(s.flights) != maxQueue || len(s.queue) != maxQueue {
			t.Errorf("%d flights, %d questions", len(s.flights), len(s.queue))
		}
	})
}

// TestAnswers has answers kept for a minute, yes and no.
func TestAnswers(t *testing.T) {
	s := openTest(t, newSQLite(t), func(_ *Options, t *tuning) { t.ttl = time.Minute })
	s.want(fromPTR(), 0)
	s.recordGood(fromPTR())
	s.flush()
	s.clock.add(59 * time.Second)
	s.want(fromPTR(), 0)
	s.clock.add(time.Second)
	s.want(fromPTR(), 701)
	if _, err := s.link.Load().db.ExecContext(t.Context(), "DELETE FROM assay_pair"); err != nil {
		t.Fatal(err)
	}
	s.clock.add(59 * time.Second)
	s.want(fromPTR(), 701)
	s.clock.add(time.Second)
	s.want(fromPTR(), 0)
}

// TestPanic has a clock that panics.
func TestPanic(t *testing.T) {
	var broken bool
	s := newStore(Options{}, tuning{keys: 9, memory: 9, uptime: func() time.Duration { return 0 }, now: func() time.Time {
		if broken {
			panic("no time")
		}
		return noon
	}}, database{path: "/"})
	broken = true
	s.Record(Message{Pair: fromPTR(), Verdict: good})
	if err := s.step(); err == nil {
		t.Error("no error")
	}
	broken = false
	s.Record(Message{Pair: fromPTR(), Verdict: good})
	if n := s.pending.size(); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestDays(t *testing.T) {
	for seconds, want := range map[int64]int64{0: 0, 86399: 0, 86400: 1, -1: -1, -86400: -1, -86401: -2, math.MaxInt64: math.MaxInt64 / 86400} {
		if got := dayOf(time.Unix(seconds, 0)); got != want {
			t.Errorf("%d: %d, want %d", seconds, got, want)
		}
	}
}
