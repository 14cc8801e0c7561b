package dmarc

import (
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
		got, back := v.SameOrg(test.a, test.b), v.SameOrg(test.b, test.a)
		v.Cancel()
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
		if same := v.SameOrg("a.example.com", "b.example.com"); !same || time.Since(began) != time.Second {
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
