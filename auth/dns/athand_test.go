package dns_test

import (
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// What is at hand is given without the resolver, and counted only when that is asked for; after one
// answer that is not there nothing is given.
func TestAtHand(t *testing.T) {
	origin := dnstest.NewResolver(t, cacheZone)
	cache := &dns.Cache{Resolver: origin}
	known := dns.Question{Name: "Example.com.", Type: dns.TypeTXT}
	asks(t, cache, known.Name, known.Type)
	counting := &dns.Counting{Resolver: cache}

	h := counting.AtHand()
	for _, q := range []dns.Question{known, {Name: "a..b", Type: dns.TypeA}, known} {
		if a, err := h.Resolve(t.Context(), q); err != nil || !a.Cached {
			t.Errorf("%v: %+v, %v", q, a, err)
		}
	}
	if s := cache.Stats(); h.Missed() || counting.Hits() != 0 || s.Hits != 0 {
		t.Errorf("before it is counted: %t, %d, %+v", h.Missed(), counting.Hits(), s)
	}
	h.Count()
	if s := cache.Stats(); counting.Hits() != 3 || counting.Queries() != 0 || s.Hits != 2 || s.Misses != 1 {
		t.Errorf("%d hits, %d queries, %+v", counting.Hits(), counting.Queries(), s)
	}

	h = counting.AtHand()
	if _, err := h.Resolve(t.Context(), dns.Question{Name: "unknown.example", Type: dns.TypeA}); err == nil || !h.Missed() {
		t.Errorf("%v, missed %t", err, h.Missed())
	}
	if a, ok := h.Peek(known); ok {
		t.Errorf("after a miss: %+v", a)
	}
	if n := len(origin.Asked()); n != 1 {
		t.Errorf("%d questions", n)
	}
}

// Without a Cache nothing is at hand.
func TestAtHandWithoutCache(t *testing.T) {
	origin := dnstest.NewResolver(t, cacheZone)
	counting := &dns.Counting{Resolver: origin}
	h := counting.AtHand()
	q := dns.Question{Name: "example.com", Type: dns.TypeTXT}
	if _, err := h.Resolve(t.Context(), q); err == nil || !h.Missed() {
		t.Errorf("%v, missed %t", err, h.Missed())
	}
	for name, r := range map[string]dns.Resolver{"Counting": counting, "another": origin} {
		if a, ok := dns.Peek(r, q); ok || len(origin.Asked()) != 0 {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// Peek counts like Resolve.
func TestPeek(t *testing.T) {
	cache := &dns.Cache{Resolver: dnstest.NewResolver(t, cacheZone)}
	counting := &dns.Counting{Resolver: cache}
	q := dns.Question{Name: "example.com", Type: dns.TypeTXT}
	if _, ok := dns.Peek(counting, q); ok || counting.Hits() != 0 {
		t.Errorf("before: %t, %d hits", ok, counting.Hits())
	}
	asks(t, counting, q.Name, q.Type)
	if a, ok := dns.Peek(counting, q); !ok || len(a.Texts) != 1 || counting.Hits() != 1 || counting.Queries() != 1 || cache.Stats().Hits != 1 {
		t.Errorf("%+v, %t, %d hits, %d queries, %+v", a, ok, counting.Hits(), counting.Queries(), cache.Stats())
	}
	if _, ok := dns.Peek(counting, dns.Question{Name: "example.com", Type: 6}); ok {
		t.Error("an answer of a type that there is no room for")
	}
}

// A hit of a canonical name makes no garbage.
func TestPeekAllocates(t *testing.T) {
	cache := &dns.Cache{Resolver: dnstest.NewResolver(t, cacheZone), MinTTL: time.Hour}
	q := dns.Question{Name: "example.com", Type: dns.TypeTXT}
	asks(t, cache, q.Name, q.Type)
	if n := testing.AllocsPerRun(100, func() { cache.Peek(q) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
