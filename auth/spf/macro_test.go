package spf

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// newEvaluation is an evaluation for tests of macros.
func newEvaluation(r dns.Resolver, ip, local, domain string) *evaluation {
	c := &Checker{Resolver: r, Receiver: "mx.test", Now: func() time.Time { return time.Unix(1700000000, 5) }}
	return &evaluation{
		checker: c, lookups: newLookups(c),
		ip: netip.MustParseAddr(ip), helo: "helo.test", local: local, domain: domain,
	}
}

// The examples of RFC 7208 section 7.4, and more.
func TestMacros(t *testing.T) {
	tests := []struct{ ip, text, want string }{
		{"192.0.2.3", "%{s}", "strong-bad@email.example.com"},
		{"192.0.2.3", "%{o}", "email.example.com"},
		{"192.0.2.3", "%{d}", "email.example.com"},
		{"192.0.2.3", "%{d4}", "email.example.com"},
		{"192.0.2.3", "%{d3}", "email.example.com"},
		{"192.0.2.3", "%{d2}", "example.com"},
		{"192.0.2.3", "%{d1}", "com"},
		{"192.0.2.3", "%{dr}", "com.example.email"},
		{"192.0.2.3", "%{d2r}", "example.email"},
		{"192.0.2.3", "%{l}", "strong-bad"},
		{"192.0.2.3", "%{l-}", "strong.bad"},
		{"192.0.2.3", "%{lr}", "strong-bad"},
		{"192.0.2.3", "%{lr-}", "bad.strong"},
		{"192.0.2.3", "%{l1r-}", "strong"},
		{"192.0.2.3", "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
		{"192.0.2.3", "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
		{"192.0.2.3", "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
		{"192.0.2.3", "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
		{"192.0.2.3", "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
		{"2001:db8::cb01", "%{ir}.%{v}._spf.%{d2}",
			"1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com"},
		{"192.0.2.3", "%{D2}", "example.com"},
		{"192.0.2.3", "%{S}", "strong-bad%40email.example.com"},
		{"192.0.2.3", "%{H}", "helo.test"},
		{"192.0.2.3", "%{dR}", "com.example.email"},
		{"192.0.2.3", "%{d127}", "email.example.com"},
		{"192.0.2.3", "%{d99999999999999999999999}", "email.example.com"},
		{"192.0.2.3", "%{d02}", "example.com"},
		{"192.0.2.3", "%{l+-}", "strong.bad"},
		{"192.0.2.3", "%{o=/_,+-.}", "email.example.com"},
		{"192.0.2.3", "%{s2r.-}", "bad@email.strong"},
		{"192.0.2.3", "%{s2.-}", "example.com"},
		{"192.0.2.3", "%{i4r}", "3.2.0.192"},
		{"192.0.2.3", "%{i5r}", "3.2.0.192"},
		{"192.0.2.3", "a%%b%_c%-d", "a%b c%20d"},
		{"192.0.2.3", "%{c} %{r} %{t}", "192.0.2.3 mx.test 1700000000"},
		{"2001:db8::cb01", "%{c}", "2001:db8::cb01"},
		{"192.0.2.3", "%{p}", "unknown"},
		{"192.0.2.3", "", ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			e := newEvaluation(dnstest.NewResolver(t, ""), test.ip, "strong-bad", "email.example.com")
			m, _, err := parseMacros(test.text, explainString)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.expandText(t.Context(), m, "email.example.com"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestParseDomainSpec(t *testing.T) {
	tests := map[string]error{
		"example.com":       nil,
		"example.com.":      nil,
		".com":              nil,
		"a..com":            nil,
		"a.1-2":             nil,
		"a.b2":              nil,
		"%{d}":              nil,
		"%{d}.":             errTopLabel,
		"foo%%":             nil,
		"foo%-":             nil,
		"%{d}.com":          nil,
		"%{d}com":           errTopLabel,
		"%{d}/com":          errTopLabel,
		"a.%{d}.com-":       errTopLabel,
		"":                  errNoDomain,
		".":                 errTopLabel,
		"com":               errTopLabel,
		"a.123":             errTopLabel,
		"a.-b":              errTopLabel,
		"a.b-":              errTopLabel,
		"a.b_c":             errTopLabel,
		"a.com..":           errTopLabel,
		"192.0.2.1":         errAddressTarget,
		"192.0.2.1.com":     nil,
		"2001:db8::1":       errAddressTarget,
		"a b.com":           errCharacter,
		"%{d} .com":         errCharacter,
		"é.com":             errCharacter,
		"%":                 errMacroPercent,
		"a.com%":            errMacroPercent,
		"%a.com":            errMacroPercent,
		"%{":                errMacroSyntax,
		"%{}":               errMacroSyntax,
		"%{d":               errMacroSyntax,
		"%{d%{d}}.com":      errMacroSyntax,
		"%{d0}":             errMacroKeep,
		"%{d00r}":           errMacroKeep,
		"%{dr2}":            errMacroSyntax,
		"%{drr}":            errMacroSyntax,
		"%{d!}":             errMacroSyntax,
		"%{d-r}":            errMacroSyntax,
		"%{x}":              errMacroLetter,
		"%{c}":              errMacroLetter,
		"%{R}":              errMacroLetter,
		"%{t}":              errMacroLetter,
		"%{@}":              errMacroLetter,
		"%{ d}":             errMacroLetter,
		"%{\x13}":           errMacroLetter,
		"%{d2r.-+,/_=}.com": nil,
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			m, err := parseDomainSpec(text)
			if err != want {
				t.Errorf("got %v, want %v", err, want)
			}
			if (m == nil) != (err != nil) {
				t.Errorf("macros %v with error %v", m, err)
			}
		})
	}
}

func TestExpandNameTruncates(t *testing.T) {
	label := strings.Repeat("a", 49) + "."
	tests := []struct{ spec, local, want string }{
		{strings.Repeat(label, 5) + "abc", "", strings.Repeat(label, 5) + "abc"},            // 253 bytes
		{strings.Repeat(label, 5) + "abcd", "", strings.Repeat(label, 4) + "abcd"},          // 254
		{strings.Repeat(label, 5) + "abc.", "", strings.Repeat(label, 5) + "abc"},           // final dot
		{"%{l}." + strings.Repeat(label, 5) + "abc", "x", strings.Repeat(label, 5) + "abc"}, // a macro too far left
		{strings.Repeat("%{l}.", 20000) + "test", "x", strings.Repeat("x.", 124) + "test"},  // 252
		{strings.Repeat("%{l}.", 20000) + "com", "x", strings.Repeat("x.", 125) + "com"},    // 253
		{"%{l}", strings.Repeat("b", 300), strings.Repeat("b", 300)},                        // no label to drop
		{"%{l}.test", strings.Repeat("b.", 1000), strings.Repeat("b.", 124) + ".test"},      // an empty label stays
		{strings.Repeat(label, 3) + "%{l}.test", strings.Repeat("%", 64), ""},               // fits
		{"%{h}" + strings.Repeat("%{l1r-}", 16) + ".t", strings.Repeat("c", 50), "t"},       // one huge label goes
		{"x%{l}.%{l}.%{l}.test", strings.Repeat("d", 100), strings.Repeat("d", 100) + "." + strings.Repeat("d", 100) + ".test"},
	}
	for _, test := range tests {
		e := newEvaluation(dnstest.NewResolver(t, ""), "192.0.2.1", test.local, "d.test")
		m, _, err := parseMacros(test.spec, targetName)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.expandName(t.Context(), m, "d.test")
		if want := test.want; err != nil || want != "" && got != want {
			t.Errorf("%s: got %q, want %q (%v)", clip(test.spec), got, test.want, err)
		}
		if all := wholeName(t, e, m); got != all {
			t.Errorf("%s: from the right %q, whole %q", clip(test.spec), got, all)
		}
	}
}

// wholeName expands all of a domain-spec before it is cut.
func wholeName(t testing.TB, e *evaluation, m macroString) string {
	var b strings.Builder
	for i := range m {
		value, err := e.expandPart(t.Context(), &m[i], "d.test")
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(value)
	}
	return cleanName(b.String())
}
