package history

import (
	"context"
	"fmt"
	"testing"
	"time"

	"assay/compauth"
)

// wrote records that one of our users wrote to somebody.
func (s *testStore) wrote(user string, rcpt ...string) {
	s.Record(Message{Outbound: true, Verdict: compauth.Verdict{Result: compauth.None, Reason: 401},
		Pair: Pair{OrgDomain: "example.org", Network: network("192.0.2.0/24"), From: user, Rcpt: rcpt}})
}

func TestContacts(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		s.wrote("Ann@example.org", "joe@mail.example.com", "jim@www.example.co.uk", "ann@[192.0.2.1]", "postmaster")
		s.wrote("bob@example.org", "x@partner.example")
		s.wrote("cid@example.org", "y@partner.example")
		inbound := Pair{OrgDomain: "known.example", From: "x@known.example", Rcpt: []string{"bob@example.org"}}
		s.record(inbound, good, 0, 1)
		tests := []struct {
			rcpt []string
			org  string
			want bool
		}{
			{[]string{"ann@example.org"}, "example.com", true},
			{[]string{"ANN@example.ORG"}, "example.co.uk", true},
			{[]string{"ann@example.org"}, "mail.example.com", false},
			{[]string{"ann@example.org"}, "partner.example", false},
			{[]string{"bob@example.org"}, "partner.example", true},
			{[]string{"bob@example.org", "cid@example.org"}, "partner.example", true},
			{[]string{"bob@example.org", "ann@example.org"}, "partner.example", false},
			{[]string{"bob@example.org", ""}, "partner.example", false},
			{[]string{"bob@example.org"}, "known.example", false},
			{[]string{"bob@example.org"}, "", false},
			{nil, "partner.example", false},
		}
		for _, state := range []string{"recorded", "written", "written, no longer in memory"} {
			for _, tt := range tests {
				if got := s.InContact(t.Context(), tt.rcpt, tt.org); got != tt.want {
					t.Errorf("%s: %s and %s: %v", state, tt.rcpt, tt.org, got)
				}
			}
			s.flush()
		}
		if n := s.count("SELECT COUNT(*) FROM assay_pair"); n != 0 {
			t.Errorf("outbound messages left %d pairs", n)
		}
		s.clock.add(89 * day)
		if !s.InContact(t.Context(), []string{"ann@example.org"}, "example.com") {
			t.Error("forgotten within the retention")
		}
		s.clock.add(day)
		if s.InContact(t.Context(), []string{"ann@example.org"}, "example.com") {
			t.Error("remembered after the retention")
		}
	})
}

// TestContactAtOnce asks before a message goes out and, with answers kept in memory, at every
// moment from then on.
func TestContactAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database, func(_ *Options, t *tuning) { t.ttl = time.Hour })
		want := func(when string, want bool) {
			t.Helper()
			if got := s.InContact(t.Context(), []string{"ann@example.org"}, "example.com"); got != want {
				t.Errorf("%s: %v", when, got)
			}
		}
		want("before", false)
		s.wrote("ann@example.org", "joe@example.com")
		want("recorded", true)
		for range 3 {
			s.flush()
			want("written", true)
		}
	})
}

// TestContactDown asks while nothing can be written, and nothing be read.
func TestContactDown(t *testing.T) {
	s := openTest(t, "sqlite:/dev/null/history.db")
	s.wrote("ann@example.org", "joe@example.com")
	for range 2 {
		if s.tryFlush() == nil {
			t.Fatal("written")
		}
		if !s.InContact(t.Context(), []string{"ann@example.org"}, "example.com") {
			t.Error("not in contact")
		}
	}
	s.clock.add(90 * day)
	if s.InContact(t.Context(), []string{"ann@example.org"}, "example.com") {
		t.Error("remembered after the retention")
	}
	if err := s.Close(t.Context()); err == nil {
		t.Error("all was written")
	}
	s.Store = nil // it is closed
}

// TestLifetime has the answers that are kept in memory, and for how long.
func TestLifetime(t *testing.T) {
	s := newStore(Options{}, standard(), database{path: "/"})
	slow := fmt.Errorf("too long: %w", context.DeadlineExceeded)
	for _, tt := range []struct {
		kind kind
		yes  bool
		err  error
		want time.Duration
	}{
		{kindPTR, true, nil, time.Minute},
		{kindPTR, false, nil, time.Minute},
		{kindPTR, false, slow, time.Minute},
		{kindPTR, false, errClosed, 0},
		{kindContact, true, nil, time.Minute},
		{kindContact, false, nil, 0},
		{kindContact, false, slow, 2 * time.Second},
		{kindContact, false, errClosed, 0},
	} {
		if got := s.lifetime(&flight{question: question{kind: tt.kind}, yes: tt.yes}, tt.err); got != tt.want {
			t.Errorf("kind %d, %v, %v: %s, want %s", tt.kind, tt.yes, tt.err, got, tt.want)
		}
	}
}
