package history

import (
	"testing"
	"time"
)

// rows are those of one sender that are kept.
func (s *testStore) rows() int {
	s.t.Helper()
	s.flush()
	return s.count("SELECT COUNT(*) FROM assay_pair WHERE infra = 'sender.example'")
}

func TestClock(t *testing.T) {
	type step struct {
		what   string
		change func(s *testStore)
		rows   int // of 3
		warned int
	}
	jump := func(d time.Duration) func(*testStore) {
		return func(s *testStore) { s.clock.jump(d); s.clock.add(time.Hour) }
	}
	add := func(d time.Duration) func(*testStore) {
		return func(s *testStore) { s.clock.add(d) }
	}
	for name, steps := range map[string][]step{
		"ahead and back": {
			{"100 days ahead", jump(100 * day), 3, 1},
			{"hours later", add(22 * time.Hour), 3, 1},
			{"back", jump(-100 * day), 3, 1},
			{"a day later", add(25 * time.Hour), 3, 1},
			{"ahead once more", jump(100 * day), 3, 2},
		},
		"ahead for good": {
			{"100 days ahead", jump(100 * day), 3, 1},
			{"less than a day later", add(24*time.Hour - time.Second), 3, 1},
			{"a day later", add(time.Hour), 0, 1},
		},
		"ahead, and further ahead": {
			{"100 days ahead", jump(100 * day), 3, 1},
			{"further", jump(100 * day), 3, 1},
			{"less than a day later", add(24*time.Hour - time.Second), 3, 1},
			{"a day later", add(time.Hour), 0, 1},
		},
		"off for two months": {
			{"on again", add(87 * day), 3, 1},
			{"a day later", add(25 * time.Hour), 2, 1},
			{"two days later", add(24 * time.Hour), 1, 1},
		},
		"off for a week": {
			{"on again", add(7 * day), 3, 0},
		},
		"always on": {
			{"a week", add(7 * day), 3, 0}, {"2 weeks", add(7 * day), 3, 0}, {"3", add(7 * day), 3, 0}, {"4", add(7 * day), 3, 0},
			{"5", add(7 * day), 3, 0}, {"6", add(7 * day), 3, 0}, {"7", add(7 * day), 3, 0}, {"8", add(7 * day), 3, 0},
			{"9", add(7 * day), 3, 0}, {"10", add(7 * day), 3, 0}, {"11", add(7 * day), 3, 0}, {"12", add(7 * day), 3, 0},
			{"88 days", add(4 * day), 2, 0}, {"89", add(day), 1, 0}, {"90", add(day), 0, 0},
		},
		"behind": {
			{"in 1970", jump(-time.Duration(noon.UnixNano())), 3, 0},
			{"a day later", add(25 * time.Hour), 3, 0},
			{"right again", jump(time.Duration(noon.UnixNano())), 3, 0},
		},
		"behind for a week": {
			{"a month", jump(-30 * day), 3, 0},
			{"nearly a week later", add(7*day - time.Second), 3, 0},
			{"a week later", add(time.Hour), 0, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, newSQLite(t))
			for ago := range 3 {
				s.record(fromPTR(), good, ago, 1)
			}
			if n := s.rows(); n != 3 {
				t.Fatalf("%d rows", n)
			}
			for _, step := range steps {
				step.change(s)
				if n, warned := s.rows(), s.lines("the clock is far ahead"); n != step.rows || warned != step.warned {
					t.Errorf("%s: %d rows, %d warnings, want %d, %d\n%s", step.what, n, warned, step.rows, step.warned, s.log)
				}
			}
		})
	}
}

// TestClockWarning has both dates, and a second store that is started meanwhile.
func TestClockWarning(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		s.recordGood(fromPTR())
		s.flush()
		s.close()
		late := func(_ *Options, t *tuning) { t.now = func() time.Time { return noon.Add(100 * day) } }
		s = openTest(t, database, late)
		if n := s.rows(); n != 3 || s.lines("last=2026-03-14 now=2026-06-22") != 1 {
			t.Errorf("%d rows, logged:\n%s", n, s.log)
		}
		s.clock.add(20 * time.Hour)
		again := openTest(t, database, late)
		again.clock.add(20 * time.Hour) // it has no day of its own yet
		if n := again.rows(); n != 3 {
			t.Errorf("%d rows", n)
		}
		s.clock.add(4 * time.Hour)
		if n := s.rows(); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

// TestClockOfOneNode has another node go on in the time that was: it knows better, however long that takes.
func TestClockOfOneNode(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		right, wrong := openTest(t, database), openTest(t, database)
		for ago := range 3 {
			right.record(fromPTR(), good, ago, 1)
		}
		right.flush()
		wrong.clock.jump(100 * day)
		for i := range 20 {
			right.clock.add(4 * time.Hour)
			wrong.clock.add(4 * time.Hour)
			if n := wrong.rows(); n != 3 {
				t.Fatalf("after %d hours: %d rows", 4*i, n)
			}
			right.flush()
		}
		if n := wrong.lines("far ahead"); n != 1 {
			t.Errorf("logged:\n%s", wrong.log)
		}
	})
}

// TestFuture has what a clock that was ahead left behind.
func TestFuture(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		for _, days := range []int{-8, -7, -1, 0} {
			s.record(fromPTR(), good, days, 9)
		}
		s.flush()
		s.clock.add(time.Hour)
		if n := s.rows(); n != 3 {
			t.Errorf("%d rows, want those of today, tomorrow and 7 days on", n)
		}
		s.want(fromPTR(), 0)
		s.clock.add(7 * day)
		s.want(fromPTR(), 701)
	})
}
