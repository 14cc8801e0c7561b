package dns_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// No more than the bound is asked at once, and a question that waits ends with its
// context.
func TestCountingInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := dnstest.NewResolver(t, "")
		origin.Delay(time.Second)
		counting := &dns.Counting{Resolver: origin, InFlight: 2}
		ask := func(ctx context.Context, i int) error {
			_, err := counting.Resolve(ctx, dns.Question{Name: fmt.Sprintf("n%d.example", i), Type: dns.TypeA})
			return err
		}
		began := time.Now()
		var asking sync.WaitGroup
		for i := range 5 {
			asking.Go(func() {
				if err := ask(t.Context(), i); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := ask(short, 9); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Millisecond {
			t.Errorf("a question that waits: %v after %v", err, time.Since(began))
		}
		asking.Wait()
		if took := time.Since(began); took != 3*time.Second || counting.Queries() != 5 {
			t.Errorf("%d questions in %v", counting.Queries(), took)
		}
	})
}

// What the cache has at hand takes no room: it is answered while all questions are stuck.
func TestCountingPeeks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := dnstest.NewResolver(t, cacheZone)
		cache := &dns.Cache{Resolver: origin}
		known := dns.Question{Name: "Example.com.", Type: dns.TypeTXT}
		if _, err := cache.Resolve(t.Context(), known); err != nil {
			t.Fatal(err)
		}
		origin.Delay(time.Hour)
		counting := &dns.Counting{Resolver: cache, InFlight: 1}
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() {
			if _, err := counting.Resolve(ctx, dns.Question{Name: "slow.example", Type: dns.TypeTXT}); !errors.Is(err, context.Canceled) {
				t.Errorf("the slow question: %v", err)
			}
		})
		synctest.Wait()
		began := time.Now()
		for name, texts := range map[string]int{"example.COM": 1, "a..b": 0} {
			a, err := counting.Resolve(t.Context(), dns.Question{Name: name, Type: dns.TypeTXT})
			if err != nil || !a.Cached || len(a.Texts) != texts || time.Since(began) != 0 {
				t.Errorf("%s: %+v, %v after %v", name, a, err, time.Since(began))
			}
		}
		cancel()
		asking.Wait()
		if q, h, stats := counting.Queries(), counting.Hits(), cache.Stats(); q != 1 || h != 2 || stats.Hits != 1 || stats.Misses != 2 {
			t.Errorf("%d queries, %d hits, %+v", q, h, stats)
		}
	})
}
