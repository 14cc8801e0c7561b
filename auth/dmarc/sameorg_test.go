package dmarc

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns/dnstest"
)

// Two domains, and what it takes to tell whether they are of one organization.
func TestSameOrg(t *testing.T) {
	for _, test := range []struct {
		name, zone, fail, a, b string
		want                   bool
		questions              int
	}{
		{"equal", "", "", "mx.example.com", "MX.example.com.", true, 0},
		{"by the Public Suffix List", "", "", "a.example.com", "b.example.com", true, 4},
		{"other organizations", "", "", "a.example.com", "a.example.net", false, 0},
		{"a public suffix", "", "", "a.co.uk", "b.co.uk", false, 0},
		{"a private suffix", txt("github.io", reject), "", "a.github.io", "b.github.io", false, 0},
		{"one record", txt("example.com", reject), "", "a.example.com", "b.example.com", true, 4},
		{"divided by a record", txt("b.example.com", "v=DMARC1; psd=n"), "", "a.example.com", "x.b.example.com", false, 5},
		{"not certain", txt("example.com", reject), "_dmarc.b.example.com", "a.example.com", "x.b.example.com", false, 5},
		{"no domain", "", "", "192.0.2.1", "192.0.2.1", false, 0},
		{"nothing", "", "", "", "", false, 0},
	} {
		r := dnstest.NewResolver(t, test.zone)
		r.Fail(test.fail)
		v := (&Evaluator{Resolver: r}).Begin(t.Context(), nil, nil)
		got, err := v.SameOrg(test.a, test.b)
		back, err2 := v.SameOrg(test.b, test.a)
		v.Cancel()
		if open := test.name == "not certain"; open != errors.Is(err, dnstest.ErrFail) || (err2 != nil) != open {
			t.Errorf("%s: %v, back %v", test.name, err, err2)
		}
		if asked := r.Asked(); got != test.want || back != got || len(asked) != test.questions {
			t.Errorf("%s: %v, back %v, asked %v", test.name, got, back, asked)
		}
	}
}

// Both walks are under way at once, and what the message has asked is not asked again.
func TestSameOrgAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, txt("example.com", reject))
		r.Delay(time.Second)
		v := (&Evaluator{Resolver: r}).Begin(t.Context(), []string{"example.com"}, nil)
		defer v.Cancel()
		began := time.Now()
		if same, err := v.SameOrg("a.example.com", "b.example.com"); !same || err != nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", same, time.Since(began))
		}
		if asked := r.Asked(); len(asked) != 4 {
			t.Errorf("asked %v", asked)
		}
	})
}

func TestRegistrable(t *testing.T) {
	var got []string
	for _, domain := range []string{"a.b.example.co.uk", "example.com", "co.uk", "x.github.io", "com"} {
		got = append(got, Registrable(domain))
	}
	if want := []string{"example.co.uk", "example.com", "co.uk", "x.github.io", "com"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// What DNS leaves open is told, and is not related.
func TestRelated(t *testing.T) {
	for name, test := range map[string]struct {
		zone, fail, author, domain string
		want, open                 bool
	}{
		"related":              {txt("example.com", reject), "", "a.example.com", "b.example.com", true, false},
		"another":              {txt("example.com", reject), "", "a.example.com", "a.example.net", false, false},
		"equal, whatever":      {"", "_dmarc.a.example.com", "a.example.com", "A.example.com.", true, false},
		"divided":              {txt("b.example.com", "v=DMARC1; psd=n"), "", "a.example.com", "x.b.example.com", false, false},
		"the author's is open": {txt("example.com", reject), "_dmarc.a.example.com", "a.example.com", "b.example.com", false, true},
		"the other's is open":  {txt("example.com", reject), "_dmarc.b.example.com", "a.example.com", "b.example.com", false, true},
		"no domain":            {"", "", "a.example.com", "192.0.2.1", false, false},
	} {
		r := dnstest.NewResolver(t, test.zone)
		r.Fail(test.fail)
		v := (&Evaluator{Resolver: r}).Begin(t.Context(), []string{test.author}, nil)
		got, err := v.Related(test.author, test.domain)
		v.Cancel()
		if got != test.want || errors.Is(err, dnstest.ErrFail) != test.open || (err != nil) != test.open {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// SameRegistrable is what Registrable gives for both.
func TestSameRegistrable(t *testing.T) {
	domains := []string{
		"", ".", "com", "example.com", "a.example.com", "b.a.example.com", "xexample.com", "example.org", "org", "co.uk", "a.co.uk", "b.a.co.uk", "c.co.uk",
		"github.io", "a.github.io", "b.github.io", "b.b.github.io", "192.0.2.1", "0.2.1", "2.1", "Example.com", "example.com.", "a.example.com.", ".example.com", "a..example.com",
		"x.unlisted", "y.x.unlisted", "unlisted", "m", "om", "e.com", "ck", "www.ck", "a.www.ck", "a.b.ck",
	}
	same := 0
	for _, a := range domains {
		for _, b := range domains {
			want := Registrable(a) == Registrable(b)
			if got := SameRegistrable(a, b); got != want {
				t.Errorf("%q and %q: %t", a, b, got)
			}
			if want && a != b {
				same++
			}
		}
	}
	if same < 10 {
		t.Errorf("only %d pairs are the same", same)
	}
}
