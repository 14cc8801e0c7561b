package spf

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// query is a Query from an address as text.
func query(ip, helo, mailFrom string) Query {
	return Query{IP: netip.MustParseAddr(ip), Helo: helo, MailFrom: mailFrom}
}

// checkBoth checks a sender with and without asking ahead, which has to give
// the same outcome.
func checkBoth(t *testing.T, r dns.Resolver, q Query) Outcome {
	t.Helper()
	ahead := (&Checker{Resolver: r}).CheckHost(t.Context(), q)
	inTurn := (&Checker{Resolver: r, MaxPrefetch: -1}).CheckHost(t.Context(), q)
	if fmt.Sprint(ahead) != fmt.Sprint(inTurn) {
		t.Errorf("asked ahead:\n%+v\nasked in turn:\n%+v", ahead, inTurn)
	}
	return ahead
}

// wantResult also checks the counters.
type wantResult struct {
	result         Result
	lookups, voids int
	mechanism      string
}

func (w wantResult) check(t *testing.T, o Outcome) {
	t.Helper()
	got := wantResult{o.Result, o.Lookups, o.Voids, o.Mechanism}
	if got != w {
		t.Errorf("got %+v, want %+v (%v)", got, w, o.Err)
	}
}

const limitsZone = `
host.test. A 192.0.2.1
host.test. MX 0 host.test.
a10.test. TXT "v=spf1 a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test -all"
a11.test. TXT "v=spf1 a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test -all"
inc.test. TXT "v=spf1 include:a8.test a:host.test -all"
a8.test. TXT "v=spf1 a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test a:host.test"
over.test. TXT "v=spf1 include:a8.test a:host.test a:host.test -all"
redir.test. TXT "v=spf1 include:a8.test redirect=end.test"
redirover.test. TXT "v=spf1 include:a8.test a:host.test redirect=end.test"
end.test. TXT "v=spf1 ip4:198.51.100.9 ?all"
matchfirst.test. TXT "v=spf1 ip4:198.51.100.9 a:1.test a:2.test a:3.test -all"
incself.test. TXT "v=spf1 include:incself.test -all"
redirself.test. TXT "v=spf1 redirect=redirself.test"
pair1.test. TXT "v=spf1 include:pair2.test -all"
pair2.test. TXT "v=spf1 redirect=pair1.test"
void2.test. TXT "v=spf1 a:no1.test exists:no2.test ~all"
void3.test. TXT "v=spf1 a:no1.test exists:no2.test mx:no3.test ~all"
nodata3.test. TXT "v=spf1 a:void2.test exists:void2.test mx:void2.test ~all"
mxvoid.test. TXT "v=spf1 mx ~all"
mxvoid.test. MX 1 no1.test.
mxvoid.test. MX 2 no2.test.
mxvoid.test. MX 3 no3.test.
mxhit.test. TXT "v=spf1 mx ~all"
mxhit.test. MX 1 no1.test.
mxhit.test. MX 2 no2.test.
mxhit.test. MX 3 client.test.
mxhit.test. MX 4 no4.test.
client.test. A 198.51.100.9
nullmx.test. TXT "v=spf1 mx ~all"
nullmx.test. MX 0 .
mx10.test. TXT "v=spf1 mx ~all"
mx11.test. TXT "v=spf1 mx ~all"
mx11hit.test. TXT "v=spf1 mx ~all"
mx11hit.test. MX 1 client.test.
incvoid.test. TXT "v=spf1 include:no1.test ~all"
redirvoid.test. TXT "v=spf1 redirect=no1.test"
long.test. TXT "v=spf1 a:%{d}.0123456789012345678901234567890123456789012345678901234567890123.test ~all"
emptylabel.test. TXT "v=spf1 include:a..test ~all"
`

func TestLimits(t *testing.T) {
	var zone strings.Builder
	zone.WriteString(limitsZone)
	for i := range 10 {
		fmt.Fprintf(&zone, "h%d.test. A 192.0.2.%d\n", i, i+10)
		for _, name := range []string{"mx10", "mx11", "mx11hit"} {
			fmt.Fprintf(&zone, "%s.test. MX %d h%d.test.\n", name, i+2, i)
		}
	}
	zone.WriteString("mx11.test. MX 99 client.test.\n")
	r := dnstest.NewResolver(t, zone.String())
	tests := map[string]wantResult{
		"a10":        {Fail, 10, 0, "-all"},
		"a11":        {PermError, 10, 0, ""},
		"inc":        {Fail, 10, 0, "-all"},
		"over":       {PermError, 10, 0, ""},
		"redir":      {Pass, 10, 0, "ip4:198.51.100.9"},
		"redirover":  {PermError, 10, 0, ""},
		"matchfirst": {Pass, 0, 0, "ip4:198.51.100.9"},
		"incself":    {PermError, 10, 0, ""},
		"redirself":  {PermError, 10, 0, ""},
		"pair1":      {PermError, 10, 0, ""},
		"void2":      {SoftFail, 2, 2, "~all"},
		"void3":      {PermError, 3, 3, ""},
		"nodata3":    {PermError, 3, 3, ""},
		"mxvoid":     {PermError, 1, 3, ""},
		"mxhit":      {Pass, 1, 2, "mx"},
		"nullmx":     {SoftFail, 1, 0, "~all"},
		"mx10":       {SoftFail, 1, 0, "~all"},
		"mx11":       {PermError, 1, 0, ""},
		"mx11hit":    {Pass, 1, 0, "mx"},
		"incvoid":    {PermError, 1, 0, ""},
		"redirvoid":  {PermError, 1, 0, ""},
		"long":       {SoftFail, 1, 0, "~all"},
		"emptylabel": {PermError, 1, 0, ""},
		"missing":    {None, 0, 0, ""},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			want.check(t, checkBoth(t, r, query("198.51.100.9", "helo.test", "a@"+name+".test")))
		})
	}
}

func TestMaxVoidLookups(t *testing.T) {
	r := dnstest.NewResolver(t, `a.test. TXT "v=spf1 a:1.test a:2.test a:3.test a:4.test -all"`)
	for limit, want := range map[int]wantResult{
		0:  {PermError, 3, 3, ""},
		1:  {PermError, 2, 2, ""},
		3:  {PermError, 4, 4, ""},
		4:  {Fail, 4, 4, "-all"},
		-1: {Fail, 4, 4, "-all"},
	} {
		c := &Checker{Resolver: r, MaxVoidLookups: limit}
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			want.check(t, c.CheckHost(t.Context(), query("192.0.2.1", "h.test", "a@a.test")))
		})
	}
}

func TestPTR(t *testing.T) {
	var zone strings.Builder
	zone.WriteString(`
p.test. TXT "v=spf1 ptr ~all"
p2.test. TXT "v=spf1 ptr:other.test ptr:P.test. ~all"
macro.test. TXT "v=spf1 exists:%{p}.ok.test -exists:%{p}.%{p}.ok.test ~all"
mail.p.test.ok.test. A 127.0.0.2
mail.p.test. A 192.0.2.1
xp.test. A 192.0.2.2
1.2.0.192.in-addr.arpa. PTR unrelated.test.
1.2.0.192.in-addr.arpa. PTR mail.p.test.
2.2.0.192.in-addr.arpa. PTR xp.test.
4.2.0.192.in-addr.arpa. PTR a.p.test.
4.2.0.192.in-addr.arpa. PTR b.p.test.
4.2.0.192.in-addr.arpa. PTR c.p.test.
`)
	for i := range 10 {
		fmt.Fprintf(&zone, "5.2.0.192.in-addr.arpa. PTR n%d.test.\n", i)
	}
	zone.WriteString("5.2.0.192.in-addr.arpa. PTR n10.p.test.\nn10.p.test. A 192.0.2.5\n")
	zone.WriteString("6.2.0.192.in-addr.arpa. PTR fails.p.test.\n6.2.0.192.in-addr.arpa. PTR good.p.test.\ngood.p.test. A 192.0.2.6\n")
	r := dnstest.NewResolver(t, zone.String())
	r.Fail("7.2.0.192.in-addr.arpa")
	r.Fail("fails.p.test")
	tests := []struct {
		ip, domain string
		want       wantResult
	}{
		{"192.0.2.1", "p.test", wantResult{Pass, 1, 0, "ptr"}},
		{"192.0.2.1", "p2.test", wantResult{Pass, 2, 0, "ptr:P.test."}},
		{"192.0.2.2", "p.test", wantResult{SoftFail, 1, 0, "~all"}}, // xp.test is not below p.test
		{"192.0.2.3", "p.test", wantResult{SoftFail, 1, 1, "~all"}}, // no PTR
		{"192.0.2.4", "p.test", wantResult{PermError, 1, 3, ""}},    // three names without address
		{"192.0.2.5", "p.test", wantResult{SoftFail, 1, 0, "~all"}}, // the eleventh name
		{"192.0.2.6", "p.test", wantResult{Pass, 1, 0, "ptr"}},      // the first name fails in DNS
		{"192.0.2.7", "p.test", wantResult{SoftFail, 1, 0, "~all"}}, // the PTR lookup fails
		{"192.0.2.1", "macro.test", wantResult{Pass, 2, 1, "exists:%{p}.ok.test"}},
		{"192.0.2.7", "macro.test", wantResult{SoftFail, 3, 2, "~all"}}, // %{p} is "unknown"
	}
	for _, test := range tests {
		t.Run(test.ip+" "+test.domain, func(t *testing.T) {
			test.want.check(t, checkBoth(t, r, query(test.ip, "h.test", "a@"+test.domain)))
		})
	}
}

func TestIPv6(t *testing.T) {
	r := dnstest.NewResolver(t, `
cidr.test. TXT "v=spf1 a:host.test/8//48 -all"
host.test. A 192.0.2.1
host.test. AAAA 2001:db8:1::1
mx.test. TXT "v=spf1 mx//64 -all"
mx.test. MX 5 host.test.
v4.test. TXT "v=spf1 ip4:0.0.0.0/0 -all"
v6.test. TXT "v=spf1 ip6:::/0 -all"
mapped.test. TXT "v=spf1 ip6:::ffff:192.0.2.1 a:mappedhost.test -all"
mappedhost.test. AAAA ::ffff:192.0.2.1
nibbles.test. TXT "v=spf1 exists:%{i}.%{v}.test -all"
2.0.0.1.0.D.B.8.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.ip6.test. A 127.0.0.2
`)
	tests := []struct {
		ip, domain string
		want       Result
	}{
		{"2001:db8:1:ffff::9", "cidr.test", Pass},
		{"2001:db8:2::9", "cidr.test", Fail},
		{"192.9.9.9", "cidr.test", Pass},
		{"::ffff:192.9.9.9", "cidr.test", Pass},
		{"2001:db8:1::9", "mx.test", Pass},
		{"2001:db8:1:1::9", "mx.test", Fail},
		{"192.0.2.1", "mx.test", Pass},
		{"2001:db8::1", "v4.test", Fail},
		{"::ffff:192.0.2.1", "v4.test", Pass},
		{"192.0.2.1", "v6.test", Fail},
		{"::ffff:192.0.2.1", "v6.test", Fail},
		{"fe80::1%eth0", "v6.test", Pass},
		{"::ffff:192.0.2.1", "mapped.test", Fail},
		{"192.0.2.1", "mapped.test", Fail},
		{"2001:db8:1::1", "nibbles.test", Pass},
	}
	for _, test := range tests {
		t.Run(test.ip+" "+test.domain, func(t *testing.T) {
			if got := checkBoth(t, r, query(test.ip, "h.test", "a@"+test.domain)); got.Result != test.want {
				t.Errorf("got %s, want %s (%v)", got.Result, test.want, got.Err)
			}
		})
	}
}

func TestDNSTrouble(t *testing.T) {
	zone := `
a.test. TXT "v=spf1 a:down.test ?all"
mx.test. TXT "v=spf1 mx:down.test ?all"
mxhost.test. TXT "v=spf1 mx ?all"
mxhost.test. MX 1 up.test.
mxhost.test. MX 2 down.test.
mxhost.test. MX 3 client.test.
mxfirst.test. TXT "v=spf1 mx ?all"
mxfirst.test. MX 1 client.test.
mxfirst.test. MX 2 down.test.
include.test. TXT "v=spf1 include:down.test ?all"
nested.test. TXT "v=spf1 include:include.test ?all"
redirect.test. TXT "v=spf1 redirect=down.test"
exists.test. TXT "v=spf1 exists:down.test ?all"
before.test. TXT "v=spf1 a:client.test a:down.test"
inpass.test. TXT "v=spf1 include:before.test a:down.test -all"
badinc.test. TXT "v=spf1 include:bad.test a:down.test -all"
bad.test. TXT "v=spf1 ip4:1.2.3 -all"
nospf.test. TXT "something else"
nodata.test. A 192.0.2.7
up.test. A 192.0.2.8
client.test. A 192.0.2.1
`
	r := dnstest.NewResolver(t, zone)
	r.Fail("down.test")
	tests := map[string]Result{
		"down": TempError, "a": TempError, "mx": TempError, "mxhost": TempError, "mxfirst": Pass,
		"include": TempError, "nested": TempError, "redirect": TempError, "exists": TempError,
		"before": Pass, "inpass": Pass, "badinc": PermError, "bad": PermError,
		"nospf": None, "nodata": None, "nothing": None,
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			if got := checkBoth(t, r, query("192.0.2.1", "h.test", "a@"+name+".test")); got.Result != want {
				t.Errorf("got %s, want %s (%v)", got.Result, want, got.Err)
			}
		})
	}
}
