package history

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRetention(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database, func(o *Options, t *tuning) { o.RetentionDays, t.deleted = 40, 100 })
		for _, ago := range []time.Duration{39, 40} {
			at := noon.Add(-ago * day)
			for i := range 150 { // more than a statement deletes
				p := Pair{OrgDomain: fmt.Sprintf("example%d.com", i), PTR: "sender.example", From: "joe@example.com",
					Rcpt: []string{fmt.Sprintf("ann%d%d@example.org", ago, i)}}
				s.Record(Message{Pair: p, Time: at, Verdict: good, Entry: fmt.Sprint("entry", ago, i),
					Sighting: &Sighting{Domain: p.OrgDomain}})
				s.Record(Message{Pair: Pair{From: p.Rcpt[0], Rcpt: []string{p.From}}, Time: at, Outbound: true})
			}
		}
		s.flush() // prunes nothing: a look at the size was taken when the store was opened
		tables := map[string]int{"assay_pair": 600, "assay_contact": 300, "assay_sighting": 300, "assay_use": 300}
		for table, n := range tables {
			if got := s.count("SELECT COUNT(*) FROM " + table); got != n {
				t.Errorf("%s: %d rows, want %d", table, got, n)
			}
		}
		s.clock.add(time.Hour)
		s.flush()
		for table, n := range tables {
			if got := s.count("SELECT COUNT(*) FROM " + table); got != n/2 {
				t.Errorf("%s: %d rows are left, want %d", table, got, n/2)
			}
			if oldest := s.count("SELECT MIN(day) FROM " + table); int64(oldest) != dayOf(noon)-39 {
				t.Errorf("%s: the oldest is of day %d", table, oldest)
			}
		}
	})
}

func TestSizeBound(t *testing.T) {
	const most = 150
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database, func(_ *Options, t *tuning) { t.rows, t.deleted = most, 40 })
		for ago := range 3 {
			for i := range 100 {
				s.record(Pair{OrgDomain: fmt.Sprintf("example%d.com", i), PTR: "sender.example"}, other, ago, 1)
			}
		}
		s.flush()
		if n := s.count("SELECT COUNT(*) FROM assay_pair"); n != most {
			t.Errorf("%d rows, want %d", n, most)
		}
		for ago, want := range []int{100, 50, 0} {
			if n := s.count(fmt.Sprintf("SELECT COUNT(*) FROM assay_pair WHERE day = %d", dayOf(noon)-int64(ago))); n != want {
				t.Errorf("%d days ago: %d rows, want %d", ago, n, want)
			}
		}
	})
}

// TestFlood has more failing pairs come than there is room for: they go, and what is good stays.
func TestFlood(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database, func(_ *Options, t *tuning) { t.rows, t.deleted = 50, 10 })
		for ago := range 10 {
			s.record(fromPTR(), good, 20+ago, 1)
		}
		for i := range 200 {
			s.record(Pair{OrgDomain: fmt.Sprintf("example%d.com", i), PTR: "sender.example"}, failed, 0, 1)
		}
		s.flush()
		s.want(fromPTR(), 701)
		if n := s.count("SELECT COUNT(*) FROM assay_pair"); n != 50 {
			t.Errorf("%d rows", n)
		}
		for i := range 45 {
			s.record(Pair{OrgDomain: fmt.Sprintf("example%d.com", i), PTR: "sender.example"}, good, 0, 1)
		}
		s.clock.add(time.Hour)
		s.flush()
		if n := s.count("SELECT COUNT(*) FROM assay_pair WHERE good > 0"); n != 50 {
			t.Errorf("%d good rows, want the last 50", n)
		}
		if oldest := s.count("SELECT MIN(day) FROM assay_pair"); int64(oldest) != dayOf(noon)-24 {
			t.Errorf("the oldest is of %d days ago", dayOf(noon)-int64(oldest))
		}
	})
}

// flood is authenticated mail of one sender, to n recipients that do not exist.
func (s *testStore) flood(sender string, n int) {
	p := Pair{OrgDomain: "flood.example", PTR: "flood.example", From: sender + "@flood.example"}
	for i := range n {
		if len(p.Rcpt) == maxRcpt {
			s.record(p, good, 0, 1)
			p.Rcpt = nil
		}
		p.Rcpt = append(p.Rcpt, fmt.Sprintf("user+%d@example.org", i))
	}
	s.record(p, good, 0, 1)
}

// TestGoodFlood has more authenticated mail come than there is room for: each kind of pair loses its own
// oldest rows, and no other.
func TestGoodFlood(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database, func(_ *Options, t *tuning) { t.rows, t.deleted = 100, 40 })
		genuine := Pair{OrgDomain: "example.com", PTR: "sender.example", DKIM: []string{"signer.example"}, Network: network("192.0.2.0/24")}
		for ago := range 20 {
			s.record(genuine, good, ago+1, 1)
		}
		s.flush()
		for i := range 3 {
			s.flood(fmt.Sprint("joe", i), 200)
		}
		s.clock.add(time.Hour)
		s.flush()
		for kind, want := range map[kind]int{kindPTR: 21, kindDKIM: 20, kindNetwork: 20, kindAddress: 100} {
			if n := s.count(fmt.Sprintf("SELECT COUNT(*) FROM assay_pair WHERE kind = %d", kind)); n != want {
				t.Errorf("kind %d: %d rows, want %d", kind, n, want)
			}
		}
		s.want(genuine, 701)
		signed := genuine
		signed.PTR, signed.OrgDomain = "", "flood.example"
		for i := range 10 { // of one message 20 signatures count
			signed.DKIM = nil
			for j := range maxDKIM {
				signed.DKIM = append(signed.DKIM, fmt.Sprintf("d%d-%d.flood.example", i, j))
			}
			s.record(signed, good, 0, 1)
		}
		s.clock.add(time.Hour)
		s.flush()
		signed = genuine
		s.want(signed, 701)
		signed.PTR = ""
		s.want(signed, 703) // that by the signer is lost
	})
}

// TestCrowded has the warning come once, as long as it is true.
func TestCrowded(t *testing.T) {
	s := openTest(t, newSQLite(t), func(o *Options, t *tuning) { t.rows, o.RetentionDays = 100, 40 })
	const text = "before its time"
	want := func(when string, n int) {
		t.Helper()
		s.clock.add(time.Hour)
		s.flush()
		if got := s.lines(text); got != n {
			t.Errorf("%s: %d warnings, want %d:\n%s", when, got, n, s.log)
		}
	}
	s.flood("old", 100)
	want("as many as there is room for", 0)
	s.clock.add(41 * day)
	s.record(fromPTR(), good, 0, 1)
	s.flush() // the clock is not believed at once
	s.clock.add(holdAhead)
	s.flood("joe", 100)
	want("those before are too old", 0)
	s.flood("jim", 1)
	want("one too many", 1)
	if s.lines(`kind="address pairs" rows=100 retention_days=40`) != 1 {
		t.Errorf("logged:\n%s", s.log)
	}
	s.flood("jack", 50)
	want("still", 1)
	for i := range 101 {
		s.record(Pair{OrgDomain: fmt.Sprintf("example%d.com", i), PTR: "sender.example"}, failed, 0, 1)
	}
	want("another kind", 2)
	if _, err := s.link.Load().db.ExecContext(t.Context(), "DELETE FROM assay_pair WHERE kind = 4"); err != nil {
		t.Fatal(err)
	}
	s.flood("joe", 91)
	want("room again, but little", 2)
	s.flood("jim", 10)
	want("one too many since then", 2)
	if _, err := s.link.Load().db.ExecContext(t.Context(), "DELETE FROM assay_pair WHERE kind = 4"); err != nil {
		t.Fatal(err)
	}
	want("room again", 2)
	s.flood("joe", 101)
	want("too many again", 3)
}

// TestPlan has every deletion find its rows by an index, in their order.
func TestPlan(t *testing.T) {
	s := openTest(t, newSQLite(t))
	for _, p := range parts[:4] {
		for _, where := range []string{p.where, p.worthless, p.where + " AND day <= 7", p.where + " AND day > 7"} {
			rows, err := s.link.Load().db.QueryContext(t.Context(),
				"EXPLAIN QUERY PLAN SELECT kind, infra, org, day FROM assay_pair WHERE "+where+" ORDER BY day LIMIT 10")
			if err != nil {
				t.Fatal(err)
			}
			var plan string
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					t.Fatal(err)
				}
				plan += detail + "; "
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
			index := "INDEX assay_pair_day (kind=?"
			if where == p.worthless {
				index = "INDEX assay_pair_worthless (kind=?"
			}
			if !strings.Contains(plan, index) || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%s: %s", where, plan)
			}
		}
	}
}
