package dns_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

const rememberZone = "$TTL 3600\nlong.example. TXT a\n*.others.example. TXT c\n$TTL 300\nmedium.example. TXT d\n$TTL 5\nshort.example. TXT b\n"

// A result is recalled until the first of the answers that it was made of expires, and counted like them.
func TestRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := &dns.Cache{Resolver: dnstest.NewResolver(t, rememberZone)}
		counting := &dns.Counting{Resolver: cache}
		names := []string{"long.example", "short.example", "a..b"}
		for _, name := range names[:2] {
			asks(t, cache, name, dns.TypeTXT)
		}
		h := counting.AtHand()
		for _, name := range names {
			asks(t, h, name, dns.TypeTXT)
		}
		dns.Remember(h, "key", 7, 1)
		h.Count()
		time.Sleep(5*time.Second - 1)
		again := counting.AtHand()
		value, ok := dns.Recall(again, "key")
		if !ok || value != 7 || again.Missed() || counting.Hits() != 3 {
			t.Errorf("%v, %t, missed %t, %d hits", value, ok, again.Missed(), counting.Hits())
		}
		dns.Remember(again, "of another", 8, 1)
		again.Count()
		if s := cache.Stats(); counting.Hits() != 6 || s.Hits != 4 || s.Misses != 2 {
			t.Errorf("%d hits, %+v", counting.Hits(), s)
		}
		if value, ok := dns.Recall(counting.AtHand(), "of another"); !ok || value != 8 {
			t.Errorf("of a result: %v, %t", value, ok)
		}
		time.Sleep(time.Nanosecond)
		for _, key := range []string{"key", "of another"} {
			if value, ok := dns.Recall(counting.AtHand(), key); ok {
				t.Errorf("%s: %v after the answer has expired", key, value)
			}
		}
	})
}

// What is asked for all the time stays in the cache, whatever else comes, also where results of it are recalled.
func TestRememberedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := &dns.Counting{Resolver: dnstest.NewResolver(t, rememberZone)}
		cache := &dns.Cache{Resolver: origin, Entries: 400}
		counting := &dns.Counting{Resolver: cache}
		recalled, others := 0, 0
		for range 1000 { // seconds: the medium one expires three times
			h := counting.AtHand()
			if _, ok := dns.Recall(h, "key"); ok {
				recalled++
			} else {
				for _, name := range []string{"long.example", "medium.example"} {
					asks(t, cache, name, dns.TypeTXT)
					asks(t, h, name, dns.TypeTXT)
				}
				dns.Remember(h, "key", 7, 1)
			}
			for range 5 {
				others++
				_, _ = cache.Resolve(t.Context(), dns.Question{Name: fmt.Sprintf("n%d.others.example", others), Type: dns.TypeTXT})
			}
			time.Sleep(time.Second)
		}
		if asked := origin.Queries() - others; asked != 1+4 || recalled < 890 {
			t.Errorf("asked %d times, recalled %d times", asked, recalled)
		}
	})
}

// What needed more than the cache had, or nothing of it, is not kept; nor is it by another resolver, or by a
// cache that is too small.
func TestRememberNothing(t *testing.T) {
	origin := dnstest.NewResolver(t, rememberZone)
	cache, small := &dns.Cache{Resolver: origin}, &dns.Cache{Resolver: origin, Entries: 31}
	for _, test := range []struct {
		name     string
		resolver dns.Resolver
		ask      []string
	}{
		{"missed", cache, []string{"long.example", "unknown.example"}},
		{"asked nothing", cache, nil},
		{"asked for an impossible name", cache, []string{"a..b"}},
		{"without a cache", origin, []string{"long.example"}},
		{"in a small cache", small, []string{"long.example"}},
	} {
		asks(t, test.resolver, "long.example", dns.TypeTXT)
		counting := &dns.Counting{Resolver: test.resolver}
		h := counting.AtHand()
		for _, name := range test.ask {
			_, _ = h.Resolve(t.Context(), dns.Question{Name: name, Type: dns.TypeTXT})
		}
		dns.Remember(h, "key", 7, 1)
		dns.Remember(counting, "key", 7, 1)
		if value, ok := dns.Recall(counting.AtHand(), "key"); ok {
			t.Errorf("%s: %v", test.name, value)
		}
	}
}
