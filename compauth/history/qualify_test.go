package history

import (
	"fmt"
	"testing"

	"assay/compauth"
)

// fromPTR is a pair that can qualify by its PTR organization alone.
func fromPTR() Pair { return Pair{OrgDomain: "example.com", PTR: "sender.example"} }

func TestQualifies(t *testing.T) {
	type some struct {
		verdict    compauth.Verdict
		daysAgo, n int
	}
	verdict := func(result compauth.Result, reason compauth.Reason) compauth.Verdict {
		return compauth.Verdict{Result: result, Reason: reason}
	}
	tests := []struct {
		name     string
		messages []some
		want     compauth.Reason
	}{
		{"nothing", nil, 0},
		{"4 messages", []some{{good, 0, 2}, {good, 1, 1}, {good, 2, 1}}, 0},
		{"5 messages", []some{{good, 0, 3}, {good, 1, 1}, {good, 2, 1}}, 701},
		{"2 days", []some{{good, 0, 50}, {good, 1, 50}}, 0},
		{"the 30th day", []some{{good, 0, 3}, {good, 1, 1}, {good, 29, 1}}, 701},
		{"the 31st day", []some{{good, 0, 3}, {good, 1, 1}, {good, 30, 1}}, 0},
		{"10 % failed", []some{{good, 0, 7}, {good, 1, 1}, {good, 2, 1}, {failed, 0, 1}}, 701},
		{"over 10 % failed", []some{{good, 0, 6}, {good, 1, 1}, {good, 2, 1}, {failed, 0, 1}}, 0},
		{"failed long ago", []some{{good, 0, 6}, {good, 1, 1}, {good, 2, 1}, {failed, 30, 9}}, 701},
		{"others do not thin out failures", []some{{good, 0, 6}, {good, 1, 1}, {good, 2, 1}, {other, 2, 1000}, {failed, 0, 1}}, 0},
		{"nor do they make any", []some{{good, 0, 7}, {good, 1, 1}, {good, 2, 1}, {other, 2, 1000}, {failed, 0, 1}}, 701},
		{"11 failed of 110", []some{{good, 0, 97}, {good, 1, 1}, {good, 2, 1}, {failed, 0, 11}}, 701},
		{"11 failed of 109", []some{{good, 0, 96}, {good, 1, 1}, {good, 2, 1}, {failed, 0, 11}}, 0},
		{"others are not good", []some{{good, 0, 2}, {good, 1, 1}, {good, 2, 1}, {other, 2, 3}}, 0},
		{"tomorrow, by another clock", []some{{good, 0, 3}, {good, 1, 1}, {good, -1, 1}}, 0},
		{"explicit reasons", []some{{good, 0, 1}, {verdict("pass", 101), 0, 1}, {verdict("pass", 102), 1, 1},
			{verdict("pass", 109), 1, 1}, {verdict("pass", 130), 2, 1}}, 701},
		{"112 is no authentication", []some{{good, 0, 3}, {good, 1, 1}, {verdict("pass", 112), 2, 1}}, 0},
		{"history does not feed itself", []some{{good, 0, 3}, {good, 1, 1}, {verdict("pass", 701), 2, 1}}, 0},
		{"nor does PTR", []some{{good, 0, 3}, {good, 1, 1}, {verdict("pass", 103), 2, 1}}, 0},
	}
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		pair := func(i int) Pair { return Pair{OrgDomain: "example.com", PTR: fmt.Sprintf("sender%d.example", i)} }
		for i, tt := range tests {
			for _, m := range tt.messages {
				s.record(pair(i), m.verdict, m.daysAgo, m.n)
			}
		}
		s.flush()
		for i, tt := range tests {
			if got := s.qualifies(pair(i)); got != tt.want {
				t.Errorf("%s: reason %s, want %s", tt.name, got, tt.want)
			}
		}
	})
}

func TestOptions(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database, func(o *Options, _ *tuning) { o.MinMessages, o.MinDays, o.MaxDomains = 2, 1, 1 })
		s.record(fromPTR(), good, 0, 1)
		s.flush()
		s.want(fromPTR(), 0)
		s.record(fromPTR(), good, 0, 1)
		s.flush()
		s.want(fromPTR(), 701)
		s.record(Pair{OrgDomain: "example.net", PTR: "sender.example"}, good, 0, 1)
		s.flush()
		s.want(fromPTR(), 0)
	})
}

// TestKinds has one pair of each kind, and asks with parts of it.
func TestKinds(t *testing.T) {
	all := Pair{OrgDomain: "example.com", PTR: "sender.example", DKIM: []string{"a.example", "b.example"},
		Network: network("192.0.2.0/24"), From: "joe@www.example.com", Rcpt: []string{"ann@example.org", "bob@example.org"}}
	tests := []struct {
		name string
		pair Pair
		want compauth.Reason
	}{
		{"all", all, 701},
		{"other From domain", Pair{OrgDomain: "example.net", PTR: all.PTR, DKIM: all.DKIM, Network: all.Network}, 0},
		{"no From domain", Pair{PTR: all.PTR, DKIM: all.DKIM, Network: all.Network}, 0},
		{"PTR", Pair{OrgDomain: "example.com", PTR: "sender.example"}, 701},
		{"PTR name as DKIM domain", Pair{OrgDomain: "example.com", DKIM: []string{"sender.example"}}, 0},
		{"DKIM", Pair{OrgDomain: "example.com", PTR: "x.example", DKIM: []string{"b.example"}, Network: all.Network}, 702},
		{"any of DKIM", Pair{OrgDomain: "example.com", DKIM: []string{"x.example", "a.example"}}, 702},
		{"network", Pair{OrgDomain: "example.com", DKIM: []string{"x.example"}, Network: all.Network}, 703},
		{"host in the network", Pair{OrgDomain: "example.com", Network: network("192.0.2.7/24")}, 703},
		{"other network", Pair{OrgDomain: "example.com", Network: network("192.0.3.0/24")}, 0},
		{"addresses", Pair{PTR: all.PTR, From: "joe@www.example.com", Rcpt: all.Rcpt}, 704},
		{"addresses, elsewhere", Pair{PTR: "x.example", From: "joe@www.example.com", Rcpt: all.Rcpt}, 0},
		{"addresses, elsewhere in the network", Pair{PTR: "x.example", Network: all.Network, From: "joe@www.example.com", Rcpt: all.Rcpt}, 0},
		{"addresses, the name gone", Pair{Network: all.Network, From: "joe@www.example.com", Rcpt: all.Rcpt}, 0},
		{"addresses, from anywhere", Pair{DKIM: all.DKIM, From: "joe@www.example.com", Rcpt: all.Rcpt}, 0},
		{"addresses in capitals", Pair{PTR: all.PTR, From: "Joe@www.Example.com", Rcpt: []string{"ANN@example.ORG"}}, 704},
		{"a recipient that got nothing", Pair{PTR: all.PTR, From: "joe@www.example.com", Rcpt: append(all.Rcpt, "eve@example.org")}, 0},
		{"a recipient without a domain", Pair{PTR: all.PTR, From: "joe@www.example.com", Rcpt: append(all.Rcpt, "postmaster")}, 0},
		{"no recipient", Pair{PTR: all.PTR, From: "joe@www.example.com"}, 0},
		{"other From address", Pair{PTR: all.PTR, From: "jim@www.example.com", Rcpt: all.Rcpt}, 0},
		{"recipient and From exchanged", Pair{PTR: all.PTR, From: "ann@example.org", Rcpt: []string{"joe@www.example.com"}}, 0},
	}
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		s.recordGood(all)
		s.flush()
		for _, tt := range tests {
			if got := s.qualifies(tt.pair); got != tt.want {
				t.Errorf("%s: reason %s, want %s", tt.name, got, tt.want)
			}
		}
	})
}

// TestOnce has the same recipient and the same signer twice in a message: it counts once.
func TestOnce(t *testing.T) {
	s := openTest(t, newSQLite(t))
	signed := Pair{OrgDomain: "example.com", DKIM: []string{"a.example", "a.example"}}
	sent := Pair{PTR: "sender.example", From: "joe@example.com", Rcpt: []string{"ann@example.org", "Ann@example.org"}}
	for ago := range 4 {
		s.record(signed, good, ago, 1)
		s.record(sent, good, ago, 1)
	}
	s.flush()
	s.want(signed, 0)
	s.want(sent, 0)
	s.record(signed, good, 0, 1)
	s.record(sent, good, 0, 1)
	s.flush()
	s.want(signed, 702)
	s.want(sent, 704)
}

func TestManyRecipients(t *testing.T) {
	s := openTest(t, newSQLite(t))
	p := Pair{Network: network("192.0.2.0/24"), From: "joe@example.com"}
	for i := range maxRcpt + 1 {
		p.Rcpt = append(p.Rcpt, fmt.Sprintf("user%d@example.org", i))
	}
	s.recordGood(p)
	s.flush()
	s.want(p, 0)
	last := p
	last.Rcpt = p.Rcpt[maxRcpt:]
	s.want(last, 0)
	p.Rcpt = p.Rcpt[:maxRcpt]
	s.want(p, 704)
}

func TestShared(t *testing.T) {
	domain := func(i int) Pair {
		return Pair{OrgDomain: fmt.Sprintf("example%d.com", i), PTR: "sender.example", DKIM: []string{"sender.example"},
			Network: network("2001:db8::/64"), From: "joe@example.com", Rcpt: []string{"ann@example.org"}}
	}
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		s.recordGood(domain(0))
		for i := range 9 {
			s.record(domain(i+1), good, 29, 1)
		}
		s.record(domain(10), other, 0, 9)
		s.record(domain(11), good, 30, 9)
		s.flush()
		s.want(domain(0), 701)
		s.record(domain(12), good, 29, 1)
		s.flush()
		s.want(domain(0), 704)
		s.clock.add(day)
		s.want(domain(0), 701)
	})
}
