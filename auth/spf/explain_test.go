package spf

import (
	"strings"
	"testing"
	"time"

	"assay/auth/dns/dnstest"
)

func TestExplanation(t *testing.T) {
	r := dnstest.NewResolver(t, `
plain.test. TXT "v=spf1 -all exp=why.test"
why.test. TXT "No mail" " from %{d}. "
all.test. TXT "v=spf1 -all exp=all-why.test"
all-why.test. TXT "%{s} %{l} %{o} %{d} %{i} %{v} %{h} %{c} %{r} %{t} %{p} %% %_ %-"
inc.test. TXT "v=spf1 include:plain.test -all"
incexp.test. TXT "v=spf1 include:passing.test exp=own.test -all"
passing.test. TXT "v=spf1 ip4:203.0.113.1 exp=why.test -all"
own.test. TXT "own %{d}"
incfail.test. TXT "v=spf1 -include:failing.test exp=own.test"
failing.test. TXT "v=spf1 +all exp=why.test"
redir.test. TXT "v=spf1 redirect=plain.test exp=own.test"
redirnone.test. TXT "v=spf1 redirect=noexp.test exp=own.test"
noexp.test. TXT "v=spf1 -all"
soft.test. TXT "v=spf1 ~all exp=why.test"
two.test. TXT "v=spf1 -all exp=twowhy.test"
twowhy.test. TXT "one"
twowhy.test. TXT "two"
missing.test. TXT "v=spf1 -all exp=nothing.test"
down.test. TXT "v=spf1 -all exp=downwhy.test"
syntax.test. TXT "v=spf1 -all exp=syntaxwhy.test"
syntaxwhy.test. TXT "see %{x}"
control.test. TXT "v=spf1 -all exp=controlwhy.test"
controlwhy.test. TXT "a\013\010b"
utf8.test. TXT "v=spf1 -all exp=utf8why.test"
utf8why.test. TXT "\195\188"
empty.test. TXT "v=spf1 -all exp=emptywhy.test"
emptywhy.test. TXT ""
long.test. TXT "v=spf1 -all exp=longwhy.test"
longwhy.test. TXT "`+strings.Repeat("0123456789", 25)+`" "`+strings.Repeat("0123456789", 25)+`"
longmacro.test. TXT "v=spf1 -all exp=longmacrowhy.test"
longmacrowhy.test. TXT "`+strings.Repeat("%{l}", 60)+`"
name.test. TXT "v=spf1 -all exp=%{l}"
limit.test. TXT "v=spf1 a:1.test a:2.test a:3.test -all exp=%{p}.nothing.test"
limits.test. TXT "v=spf1 a:2.test a:3.test ip4:192.0.2.2 a:1.test -all exp=pwhy.test"
pwhy.test. TXT "%{p}"
1.test. A 203.0.113.9
`)
	r.Fail("downwhy.test")
	for _, test := range []struct{ sender, want string }{
		{"a@plain.test", "No mail from plain.test. "},
		{"a@all.test", "a@all.test a all.test all.test 192.0.2.1 in-addr helo.test 192.0.2.1 mx.test 1700000000 unknown %   %20"},
		{"a@inc.test", ""},
		{"a@incexp.test", "own incexp.test"},
		{"a@incfail.test", "own incfail.test"},
		{"a@redir.test", "No mail from plain.test. "},
		{"a@redirnone.test", ""},
		{"a@soft.test", ""},
		{"a@two.test", ""},
		{"a@missing.test", ""},
		{"a@down.test", ""},
		{"a@syntax.test", ""},
		{"a@control.test", ""},
		{"a@utf8.test", ""},
		{"a@empty.test", ""},
		{"a@long.test", strings.Repeat("0123456789", 40)},
		{strings.Repeat("x", 64) + "@longmacro.test", strings.Repeat("x", 400)},
		{"a..b@name.test", ""},
		{"why.test@name.test", "No mail from name.test. "},
		{"a\r\n250 ok\x00\xff@longmacro.test", strings.Repeat("a??250 ok??", 37)[:400]},
		{"a@limit.test", ""},
		{"a@limits.test", "unknown"},
	} {
		t.Run(test.sender, func(t *testing.T) {
			c := &Checker{Resolver: r, Receiver: "mx.test", Now: func() time.Time { return time.Unix(1700000000, 0) }}
			got := c.CheckHost(t.Context(), query("192.0.2.1", "helo.test", test.sender))
			if got.Explanation != test.want {
				t.Errorf("got %q, want %q (%s, %v)", got.Explanation, test.want, got.Result, got.Err)
			}
		})
	}
}

// Whatever exp= costs is not counted (RFC 7208 section 4.6.4).
func TestExplanationIsNotCounted(t *testing.T) {
	r := dnstest.NewResolver(t, `
a.test. TXT "v=spf1 exists:1.test exists:2.test -all exp=%{p}.e.test"
unknown.e.test. TXT "%{p2} %{p} says no"
`)
	got := checkBoth(t, r, query("192.0.2.1", "h.test", "a@a.test"))
	wantResult{Fail, 2, 2, "-all"}.check(t, got)
	if got.Explanation != "unknown unknown says no" {
		t.Errorf("explanation %q", got.Explanation)
	}
}
