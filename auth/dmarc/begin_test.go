package dmarc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/spf"
)

// TestQuestions tells exactly what is asked for.
func TestQuestions(t *testing.T) {
	tests := []struct {
		name, zone, author, spf, dkim string
		want                          string // a name with "!" fails
	}{
		{"one walk", txt("example.com", reject), "a.example.com", "", "", "_dmarc.a.example.com _dmarc.com _dmarc.example.com"},
		{"identical identifiers", txt("example.com", reject), "a.example.com", "pass a.example.com", "pass a.example.com",
			"_dmarc.a.example.com _dmarc.com _dmarc.example.com"},
		{"third parties", txt("example.com", reject), "example.com", "pass esp.com", "pass esp.net, pass a.esp.org",
			"_dmarc.com _dmarc.example.com"},
		{"an identifier of the organization", txt("example.com", reject), "example.com", "pass b.example.com", "pass esp.net",
			"_dmarc.b.example.com _dmarc.com _dmarc.example.com"},
		{"existence", txt("example.com", "v=DMARC1; p=none; np=reject"), "a.example.com", "", "",
			"_dmarc.a.example.com _dmarc.com _dmarc.example.com a.example.com"},
		{"existence known", txt("example.com", "v=DMARC1; p=none; np=reject", "a.example.com", "x"), "a.example.com", "", "",
			"_dmarc.a.example.com _dmarc.com _dmarc.example.com"},
		{"existence of no matter", txt("example.com", "v=DMARC1; p=none; sp=reject; np=reject"), "a.example.com", "", "",
			"_dmarc.a.example.com _dmarc.com _dmarc.example.com"},
		{"no domain", "", "192.0.2.1", "pass 192.0.2.1", "", ""},
		{"the author's record fails", txt("example.com", reject), "a.example.com", "pass b.example.com", "pass c.com",
			"!_dmarc.a.example.com _dmarc.b.example.com _dmarc.com _dmarc.example.com"},
		{"a name above fails", txt("example.com", reject), "a.example.com", "pass esp.net", "pass c.com",
			"!_dmarc.com _dmarc.a.example.com _dmarc.c.com _dmarc.example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := dnstest.NewResolver(t, tt.zone)
			var failing string
			if strings.HasPrefix(tt.want, "!") {
				failing, _, _ = strings.Cut(tt.want[1:], " ")
				r.Fail(failing)
			}
			(&Evaluator{Resolver: r}).Evaluate(t.Context(), tt.author, spfOutcome(tt.spf), dkimOutcomes(tt.dkim))
			var names []string
			for _, q := range r.Asked() {
				if q.Name == failing {
					q.Name = "!" + q.Name
				}
				names = append(names, q.Name)
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestOthers asks for the names of authors by one resolver and for all else by the other.
func TestOthers(t *testing.T) {
	zone := txt("example.com", "v=DMARC1; p=none; np=reject")
	authors, others := dnstest.NewResolver(t, zone), dnstest.NewResolver(t, zone)
	v := (&Evaluator{Resolver: authors, Others: others}).Begin(t.Context(), []string{"a.example.com"}, []string{"b.example.com"})
	v.Expect([]string{"b.example.com", "c.example.com", "esp.example"})
	v.Evaluate("a.example.com", spfOutcome("pass d.example.com"), nil)
	_, _ = v.OrgDomain("a.example.com")
	_, _ = v.SameOrg("e.example.com", "f.example.com")
	v.Cancel()
	for _, test := range []struct {
		r    *dnstest.Resolver
		want string
	}{
		{authors, "_dmarc.a.example.com _dmarc.com _dmarc.example.com a.example.com"},
		{others, "_dmarc.b.example.com _dmarc.c.example.com _dmarc.d.example.com _dmarc.e.example.com _dmarc.f.example.com"},
	} {
		var names []string
		for _, q := range test.r.Asked() {
			names = append(names, q.Name)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("\n got %s\nwant %s", got, test.want)
		}
	}
}

// TestManyIdentifiers stays within MaxIdentifiers tree walks.
func TestManyIdentifiers(t *testing.T) {
	r := dnstest.NewResolver(t, txt("example.com", reject))
	var d []dkim.Outcome
	for i := range 1000 {
		d = append(d, dkim.Outcome{Result: dkim.Pass, Domain: fmt.Sprintf("x%d.y.a.example.com", i)})
	}
	var identifiers []string
	for _, o := range d {
		identifiers = append(identifiers, o.Domain)
	}
	v := (&Evaluator{Resolver: r}).Begin(t.Context(), []string{"example.com"}, identifiers)
	o := v.Evaluate("example.com", spf.Outcome{}, d)
	v.Cancel()
	if n := len(r.Asked()); o.Result != Pass || n > 2+2+MaxIdentifiers {
		t.Errorf("%s, %d questions", o.Result, n)
	}
}

// TestOneRoundTrip waits for DNS as long as one answer takes, however many names there are.
func TestOneRoundTrip(t *testing.T) {
	const answer = time.Second
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, txt("example.com", reject))
		r.Delay(answer)
		began := time.Now()
		authors := []string{"a.b.c.d.e.f.g.h.example.com", "x.example.net"}
		v := (&Evaluator{Resolver: r}).Begin(t.Context(), authors, []string{"m.n.example.com", "esp.org"})
		defer v.Cancel()
		s, d := spfOutcome("pass esp.org"), dkimOutcomes("pass m.n.example.com")
		if o := v.Evaluate(authors[0], s, d); o.Result != Pass {
			t.Errorf("%+v", o)
		}
		if o := v.Evaluate(authors[1], s, d); o.Result != None {
			t.Errorf("%+v", o)
		}
		if took := time.Since(began); took != answer {
			t.Errorf("took %v", took)
		}
	})
}

// TestExistenceGoesOnAlone does not wait for Evaluate with the one lookup that depends on another.
func TestExistenceGoesOnAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, txt("example.com", "v=DMARC1; p=none; np=reject"))
		r.Delay(time.Second)
		v := (&Evaluator{Resolver: r}).Begin(t.Context(), []string{"a.example.com"}, nil)
		defer v.Cancel()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		began := time.Now()
		if o := v.Evaluate("a.example.com", spf.Outcome{}, nil); !o.NonExistent || o.Policy != PolicyReject {
			t.Errorf("%+v", o)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("waited %v", took)
		}
	})
}

// A stubborn resolver answers some names late, whatever the context says.
type stubborn struct {
	dns.Resolver
	late string
}

func (s stubborn) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	if q.Name == s.late {
		time.Sleep(time.Minute)
	}
	return s.Resolver.Resolve(ctx, q)
}

// TestDeadline reports at the deadline with what is known by then.
func TestDeadline(t *testing.T) {
	for late, want := range map[string]Result{"_dmarc.example.com": TempError, "_dmarc.com": Pass} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			r := stubborn{dnstest.NewResolver(t, txt("example.com", reject)), late}
			v := (&Evaluator{Resolver: r}).Begin(ctx, []string{"example.com"}, nil)
			began := time.Now()
			o := v.Evaluate("example.com", spfOutcome("pass example.com"), nil)
			if o.Result != want || !o.SPFAligned || time.Since(began) != time.Second {
				t.Errorf("%s is late: %+v after %v", late, o, time.Since(began))
			}
			if want == TempError && !errors.Is(o.Err, context.DeadlineExceeded) {
				t.Errorf("error %v", o.Err)
			}
			v.Cancel() // waits for the resolver: nothing may outlive it
			if time.Since(began) != time.Minute {
				t.Errorf("Cancel returned after %v", time.Since(began))
			}
		})
	}
}

// TestCancel ends what is under way; what is asked for later fails.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, txt("example.com", reject))
		r.Delay(time.Hour)
		began := time.Now()
		v := (&Evaluator{Resolver: r}).Begin(t.Context(), []string{"example.com"}, []string{"a.example.com"})
		synctest.Wait()
		v.Cancel()
		for _, author := range []string{"example.com", "later.example"} {
			if o := v.Evaluate(author, spfOutcome("pass a.example.com"), nil); o.Result != TempError {
				t.Errorf("%s: %+v", author, o)
			}
		}
		if org, err := v.OrgDomain("later.example"); err == nil {
			t.Errorf("%q", org)
		}
		v.Cancel()
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
		if n := len(r.Asked()); n != 3 {
			t.Errorf("%d questions", n)
		}
	})
}

// TestTooManyQuestions: an identifier for which there were too many questions is not aligned. DNS has not failed, so
// that asking again later would not help.
func TestTooManyQuestions(t *testing.T) {
	for _, tt := range []struct{ spf, dkim string }{
		{"pass b.example.com", ""}, {"", "pass b.example.com"}, {"temperror b.example.com", ""}, {"", "temperror b.example.com, pass c.example.com"},
	} {
		r := dnstest.NewResolver(t, txt("example.com", reject))
		e := &Evaluator{Resolver: r, Others: &dns.Counting{Resolver: r, Budget: new(dns.Budget)}}
		o := e.Evaluate(t.Context(), "a.example.com", spfOutcome(tt.spf), dkimOutcomes(tt.dkim))
		if o.Result != Fail || o.AlignedTempError || o.Err != nil {
			t.Errorf("%+v: %+v", tt, o)
		}
		v := e.Begin(t.Context(), []string{"a.example.com"}, nil)
		if related, err := v.Related("a.example.com", "b.example.com"); related || !errors.Is(err, dns.ErrSpent) {
			t.Errorf("%t, %v", related, err)
		}
		v.Cancel()
	}
}

// A panicking resolver panics at some names.
type panicking struct {
	dns.Resolver
	at string
}

func (p panicking) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	if q.Name == p.at {
		panic("at " + q.Name)
	}
	return p.Resolver.Resolve(ctx, q)
}

// TestPanic raises a panic of the resolver where it can be recovered.
func TestPanic(t *testing.T) {
	zone := txt("example.com", "v=DMARC1; p=none; np=reject")
	for _, at := range []string{"_dmarc.a.example.com", "_dmarc.com", "a.example.com", "_dmarc.b.example.com", "_dmarc.late.example.com"} {
		v := (&Evaluator{Resolver: panicking{dnstest.NewResolver(t, zone), at}}).
			Begin(t.Context(), []string{"a.example.com"}, []string{"b.example.com"})
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "at "+at) {
					t.Errorf("at %s: recovered %v", at, p)
				}
			}()
			v.Evaluate("a.example.com", spfOutcome("pass b.example.com"), dkimOutcomes("pass late.example.com"))
		}()
		v.Cancel()
	}
}
