package spf

import (
	"fmt"
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// What is remembered for a domain and a client is what an evaluation finds, whoever the sender is; what may
// differ from sender to sender is evaluated anew.
func TestRemembered(t *testing.T) {
	const zone = `. SOA ns. admin. 1 7200 900 1209600 300
pass.test. TXT "v=spf1 a:x.test include:in.test -all"
in.test. TXT "v=spf1 ip4:192.0.2.1 -all"
soft.test. TXT "v=spf1 a:none.test ~all"
fail.test. TXT "v=spf1 ip4:198.51.100.1 -all"
no.test. TXT "no record"
domains.test. TXT "v=spf1 exists:%{p}.%{ir}.%{d}.%{o}.test -all"
unknown.1.2.0.192.domains.test.domains.test.test. A 127.0.0.2
local.test. TXT "v=spf1 exists:%{l}.users.test -all"
sender.test. TXT "v=spf1 include:%{s}.users.test ?all"
helo.test. TXT "v=spf1 redirect=%{h}"
why.test. TXT "v=spf1 -all exp=exp.test"
exp.test. TXT "%{l} at %{t}"
bare.test. TXT "v=spf1 -all exp=missing.test"
late.test. TXT "v=spf1 ip4:192.0.2.1 exists:%{l}.users.test -all"
bad.test. TXT "v=spf1 nonsense"
ann.users.test. A 127.0.0.2
mx.test. TXT "v=spf1 +all"
`
	cache := &dns.Cache{Resolver: dnstest.NewResolver(t, zone), MinTTL: time.Hour}
	for domain, remembered := range map[string]bool{
		"pass.test": true, "soft.test": true, "fail.test": true, "no.test": true, "missing.test": true, "domains.test": true, "late.test": true,
		"local.test": false, "sender.test": false, "helo.test": false, "why.test": false, "bare.test": false, "bad.test": false, "localhost": false,
	} {
		for _, q := range []Query{
			query("192.0.2.1", "mx.test", "ann@"+domain), query("192.0.2.1", "other.test", "joe@"+domain), query("192.0.2.1", "mx.test", "jos\u00e9@"+domain),
			query("192.0.2.1", "mx.test", "ann@"+domain), query("192.0.2.1", domain, ""), query("198.51.100.2", "mx.test", "ann@"+domain),
		} {
			want := (&Checker{Resolver: cache, MaxPrefetch: -1, Now: now}).CheckHost(t.Context(), q)
			for range 2 {
				counting := &dns.Counting{Resolver: cache}
				atHand := counting.AtHand()
				got := (&Checker{Resolver: atHand, MaxPrefetch: -1, Now: now}).CheckHost(t.Context(), q)
				if fmt.Sprint(got) != fmt.Sprint(want) || atHand.Missed() {
					t.Errorf("%v:\n got %+v\nwant %+v", q, got, want)
				}
				before := cache.Stats().Hits
				atHand.Count()
				all := &dns.Counting{Resolver: cache}
				(&Checker{Resolver: all, MaxPrefetch: -1, Now: now}).CheckHost(t.Context(), q)
				if after := cache.Stats().Hits; counting.Hits() != all.Hits() || after-before != uint64(2*all.Hits()) {
					t.Errorf("%v: %d hits of %d, %d in the cache", q, counting.Hits(), all.Hits(), after-before)
				}
			}
		}
		ip := query("192.0.2.1", "", "").IP
		if _, ok := dns.Recall((&dns.Counting{Resolver: cache}).AtHand(), (&Checker{}).memoryKey(ip, domain)); ok != remembered {
			t.Errorf("%s: remembered %t", domain, ok)
		}
	}
}

func now() time.Time { return time.Unix(1_700_000_000, 0) }
