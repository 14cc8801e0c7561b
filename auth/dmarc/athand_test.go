package dmarc

import (
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// At hand is what the cache has, but for domains whose organization takes a tree walk.
func TestAtHand(t *testing.T) {
	e := Evaluator{Resolver: &dns.Cache{Resolver: dnstest.NewResolver(t, ". IN SOA ns.example. admin.example. 1 7200 900 1209600 300\n"+txt("example.com", reject)), MinTTL: time.Hour}}
	for round, want := range []map[string]bool{
		{"example.com": false, "example.org": false},
		{"example.com": true, "b.example.com": false, "esp.com": true, "no domain": true, "": true},
	} {
		v := e.Begin(t.Context(), []string{"example.com"}, nil)
		for domain, atHand := range want {
			if got := v.AtHand("example.com", domain); got != atHand {
				t.Errorf("round %d: %q: %v", round, domain, got)
			}
		}
		if v.AtHand("example.net") || v.AtHand("no domain") {
			t.Error("at hand of no author of Begin")
		}
		v.OrgDomain("example.com") // waits
		v.Cancel()
	}
}
