package spf

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

var recordSeeds = []string{
	"v=spf1 -all", "v=spf1", "v=spf1 a mx ptr include:a.test exists:%{ir}.%{v}.a.test ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all",
	"v=spf1 a:b.test/24//64 mx//0 -ptr:%{d2r.-} redirect=%{o} exp=%{l}.a.test x=%{c}%%%_%-",
	"v=spf1 a:a.test/33", "v=spf1 include:a.test include:b.test redirect=a.test", "v=spf1 a:%{p}.%{S}.%{h9}.a.test",
	"v=spf1 redirect=%{d}", "V=SPF1  ?all ", "v=spf1 exists:%{l-+/=_,.r}%{l-}.a.test", "v=spf1 \x00", "v=spf1 a:é.test",
}

func FuzzParseRecord(f *testing.F) {
	for _, seed := range recordSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !isRecord(text) {
			return
		}
		r, err := parseRecord(text)
		if err != nil {
			if len(err.Error()) > 600 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
			return
		}
		terms := strings.Fields(text[len(version):])
		if len(r.directives) > len(terms) {
			t.Fatalf("%d directives from %d terms", len(r.directives), len(terms))
		}
		for _, d := range r.directives {
			again, err := parseDirective(d.text)
			if err != nil || again.mechanism != d.mechanism || again.network != d.network || again.result != d.result {
				t.Errorf("%q reads back as %+v (%v)", d.text, again, err)
			}
			isNetwork := d.mechanism == mechIP4 || d.mechanism == mechIP6
			if d.network.IsValid() != isNetwork || d.bits4 > 32 || d.bits6 > 128 {
				t.Errorf("%q: %+v", d.text, d)
			}
		}
	})
}

func FuzzMacros(f *testing.F) {
	for _, seed := range []string{
		"%{s}%{l}%{o}%{d}%{i}%{p}%{v}%{h}", "%{C} %{R3} %{tr}", "%{d2r.-+,/_=}.test", "%%%_%-", "%{", "%{d0}", "%{l99999999999999999999r-}.x", "",
		"0%%" + strings.Repeat("\"", 600) + "0%%%%",
	} {
		f.Add(seed, "local-part", "helo.test")
		f.Add(seed, "\xff\r\n@..%", "")
	}
	f.Fuzz(func(t *testing.T, text, local, helo string) {
		e := newEvaluation(&dns.Zone{}, "2001:db8::1", local, "d.test")
		e.helo = helo
		if m, err := parseDomainSpec(text); err == nil {
			e.explaining = true
			name, err := e.expandName(t.Context(), m, "d.test")
			// A label that is too long by itself makes no name either way.
			if whole := wholeName(t, e, m); err == nil && name != whole && min(len(name), len(whole)) <= maxName {
				t.Errorf("%q: %q from the right, %q as a whole", text, name, whole)
			}
		}
		m, _, err := parseMacros(text, explainString)
		if err != nil {
			return
		}
		explanation := e.expandText(t.Context(), m, "d.test")
		if len(explanation) > maxExplanation || !isVisible(explanation, true) {
			t.Errorf("explanation %q", explanation)
		}
	})
}

// Whatever the records say, a check ends, within the limits, with the same
// outcome whether or not it asks ahead.
func FuzzCheckHost(f *testing.F) {
	for _, seed := range recordSeeds {
		f.Add(seed, "v=spf1 a:c.test -all", "a.b-c@a.test", "helo.test", true)
		f.Add(seed, seed, "", "a.test", false)
	}
	f.Fuzz(func(t *testing.T, a, b, mailFrom, helo string, ip6 bool) {
		q := Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: helo, MailFrom: mailFrom}
		if ip6 {
			q.IP = netip.MustParseAddr("2001:db8::1")
		}
		n := 0
		r := fuzzResolver(t, a, b, &n)
		inTurn := (&Checker{Resolver: r, MaxPrefetch: -1, Now: time.Now}).CheckHost(t.Context(), q)
		// The record; 10 terms, each with 10 hosts; %{p} of three domains; the same for exp.
		if n > 1+10*11+4*11+1 {
			t.Errorf("asked %d questions", n)
		}
		if inTurn.Lookups > maxTerms || inTurn.Voids > maxVoids+1 {
			t.Errorf("over the limits: %+v", inTurn)
		}
		isError := inTurn.Result == TempError || inTurn.Result == PermError
		if (inTurn.Err != nil) != isError {
			t.Errorf("%s with error %v", inTurn.Result, inTurn.Err)
		}
		if !isVisible(inTurn.Explanation, true) || len(inTurn.Explanation) > maxExplanation {
			t.Errorf("explanation %q", inTurn.Explanation)
		}
		ahead := (&Checker{Resolver: newFuzzZone(t, a, b), Records: NewRecordCache(2)}).CheckHost(t.Context(), q)
		if ahead.Result != inTurn.Result || ahead.Lookups != inTurn.Lookups || ahead.Voids != inTurn.Voids || ahead.Mechanism != inTurn.Mechanism {
			t.Errorf("ahead %+v, in turn %+v", ahead, inTurn)
		}
	})
}

// newFuzzZone has two records by the fuzzer, which can include each other and
// all that a lookup may find.
func newFuzzZone(t testing.TB, a, b string) *dnstest.Resolver {
	var zone strings.Builder
	for name, text := range map[string]string{"a.test": a, "b.test": b} {
		zone.WriteString(name + ". TXT")
		for ok := true; ok; ok = text != "" {
			n := min(len(text), 255)
			zone.WriteString(" " + quoteText(text[:n]))
			text = text[n:]
		}
		zone.WriteString("\n" + name + ". A 203.0.113.1\n" + name + ". AAAA 2001:db8:1::1\n")
		zone.WriteString(name + ". MX 1 b.test.\n" + name + ". MX 2 c.test.\n" + name + ". MX 3 a.test.\n")
	}
	zone.WriteString("*.a.test. A 127.0.0.2\nc.test. A 192.0.2.1\nc.test. AAAA 2001:db8::1\n")
	for _, reverse := range []string{reverseName(netip.MustParseAddr("192.0.2.1")), reverseName(netip.MustParseAddr("2001:db8::1"))} {
		zone.WriteString(reverse + ". PTR b.test.\n" + reverse + ". PTR c.test.\n")
	}
	return dnstest.NewResolver(t, zone.String())
}

// fuzzResolver counts the questions; it fails for some of them.
func fuzzResolver(t testing.TB, a, b string, n *int) dns.Resolver {
	zone := newFuzzZone(t, a, b)
	return resolverFunc(func(ctx context.Context, q dns.Question) (dns.Answer, error) {
		*n++
		return zone.Resolve(ctx, q)
	})
}
