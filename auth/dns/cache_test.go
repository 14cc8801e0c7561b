package dns_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

const cacheZone = `
$ORIGIN example.com.
@      300 SOA  ns.example.com. admin.example.com. 1 7200 900 1209600 60
@      300 TXT  "v=spf1 -all"
@      300 A    192.0.2.1
zero   0   TXT  "not to be kept"
long   604800 TXT "for a week"
alias  20  CNAME example.com.
nosoa.test. 60 A 192.0.2.2
`

func asks(t *testing.T, r dns.Resolver, name string, typ dns.Type) dns.Answer {
	t.Helper()
	a, err := r.Resolve(t.Context(), dns.Question{Name: name, Type: typ})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestCacheTTL(t *testing.T) {
	tests := []struct {
		name  string
		cache dns.Cache
		q     dns.Question
		kept  time.Duration
	}{
		{"as published", dns.Cache{}, dns.Question{Name: "example.com", Type: dns.TypeTXT}, 300 * time.Second},
		{"the least of the chain", dns.Cache{}, dns.Question{Name: "alias.example.com", Type: dns.TypeTXT}, 20 * time.Second},
		{"zero", dns.Cache{}, dns.Question{Name: "zero.example.com", Type: dns.TypeTXT}, 0},
		{"default maximum", dns.Cache{}, dns.Question{Name: "long.example.com", Type: dns.TypeTXT}, 24 * time.Hour},
		{"maximum", dns.Cache{MaxTTL: 30 * time.Second}, dns.Question{Name: "example.com", Type: dns.TypeTXT}, 30 * time.Second},
		{"minimum", dns.Cache{MinTTL: time.Hour}, dns.Question{Name: "zero.example.com", Type: dns.TypeTXT}, time.Hour},
		{"maximum over minimum", dns.Cache{MinTTL: time.Hour, MaxTTL: time.Minute}, dns.Question{Name: "zero.example.com", Type: dns.TypeTXT}, time.Minute},
		{"NXDOMAIN", dns.Cache{}, dns.Question{Name: "no.example.com", Type: dns.TypeTXT}, 60 * time.Second},
		{"NODATA", dns.Cache{}, dns.Question{Name: "example.com", Type: dns.TypeMX}, 60 * time.Second},
		{"NXDOMAIN, cap", dns.Cache{NegativeTTL: 10 * time.Second}, dns.Question{Name: "no.example.com", Type: dns.TypeTXT}, 10 * time.Second},
		{"NODATA, cap", dns.Cache{NegativeTTL: 10 * time.Second}, dns.Question{Name: "example.com", Type: dns.TypeMX}, 10 * time.Second},
		{"negative, not at all", dns.Cache{NegativeTTL: -1}, dns.Question{Name: "no.example.com", Type: dns.TypeTXT}, 0},
		{"negative, minimum", dns.Cache{MinTTL: time.Hour}, dns.Question{Name: "no.example.com", Type: dns.TypeTXT}, 60 * time.Second},
		{"NXDOMAIN without SOA", dns.Cache{}, dns.Question{Name: "no.test", Type: dns.TypeTXT}, 0},
		{"NODATA without SOA", dns.Cache{MinTTL: time.Hour}, dns.Question{Name: "nosoa.test", Type: dns.TypeTXT}, 0},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { checkKept(t, &tt.cache, tt.q, tt.kept) })
		})
	}
}

// checkKept asks now, just before the answer expires and then.
func checkKept(t *testing.T, cache *dns.Cache, q dns.Question, kept time.Duration) {
	origin := dnstest.NewResolver(t, cacheZone)
	cache.Resolver = origin
	first := asks(t, cache, q.Name, q.Type)
	if first.Cached {
		t.Error("the first answer was cached")
	}
	if kept > 0 {
		time.Sleep(kept - time.Nanosecond)
		got := asks(t, cache, strings.ToUpper(q.Name)+".", q.Type)
		want := first
		want.Cached, want.TTL = true, 1
		if !reflect.DeepEqual(got, want) {
			t.Errorf("just before the end:\n got %+v\nwant %+v", got, want)
		}
		time.Sleep(time.Nanosecond)
	}
	if got := asks(t, cache, q.Name, q.Type); got.Cached || len(origin.Asked()) != 2 {
		t.Errorf("at the end: %+v after %d questions", got, len(origin.Asked()))
	}
}

func TestCacheClock(t *testing.T) {
	now := time.Unix(1e9, 0)
	cache := &dns.Cache{Resolver: dnstest.NewResolver(t, cacheZone), Now: func() time.Time { return now }}
	asks(t, cache, "example.com", dns.TypeTXT)
	now = now.Add(299 * time.Second)
	if a := asks(t, cache, "example.com", dns.TypeTXT); !a.Cached || a.TTL != time.Second {
		t.Errorf("got %+v", a)
	}
	now = now.Add(time.Second)
	if a := asks(t, cache, "example.com", dns.TypeTXT); a.Cached {
		t.Errorf("got %+v", a)
	}
}

func TestCacheKeepsTypesApart(t *testing.T) {
	cache := &dns.Cache{Resolver: dnstest.NewResolver(t, cacheZone)}
	asks(t, cache, "example.com", dns.TypeTXT)
	if a := asks(t, cache, "example.com", dns.TypeA); a.Cached || len(a.Addrs) != 1 || a.Texts != nil {
		t.Errorf("got %+v", a)
	}
	if a := asks(t, cache, "example.com", dns.TypeTXT); !a.Cached || len(a.Texts) != 1 {
		t.Errorf("got %+v", a)
	}
}

func TestCacheKeepsNoErrors(t *testing.T) {
	origin := dnstest.NewResolver(t, cacheZone)
	origin.Fail("example.com")
	cache := &dns.Cache{Resolver: origin}
	for i := range 3 {
		_, err := cache.Resolve(t.Context(), dns.Question{Name: "example.com", Type: dns.TypeA})
		if !errors.Is(err, dnstest.ErrFail) || len(origin.Asked()) != i+1 {
			t.Errorf("got %v after %d questions", err, len(origin.Asked()))
		}
	}
	if s := cache.Stats(); s.Entries != 0 || s.Misses != 3 || s.Hits != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCacheImpossible(t *testing.T) {
	origin := dnstest.NewResolver(t, cacheZone)
	cache := &dns.Cache{Resolver: origin}
	if a := asks(t, cache, "a..b", dns.TypeTXT); !a.NXDomain || len(origin.Asked()) != 0 {
		t.Errorf("got %+v after %v", a, origin.Asked())
	}
	if _, err := cache.Resolve(t.Context(), dns.Question{Name: "example.com", Type: 6}); err == nil {
		t.Error("no error for SOA")
	}
}

func TestCacheIsBounded(t *testing.T) {
	zone := "$ORIGIN test.\n@ SOA a. b. 1 1 1 1 60\n*.small TXT x\n*.large TXT" +
		strings.Repeat(" "+strings.Repeat("x", 250), 20) + "\n*.huge TXT" + strings.Repeat(" "+strings.Repeat("x", 250), 100)
	for _, kind := range []string{"small", "large", "huge"} {
		cache := &dns.Cache{Resolver: dnstest.NewResolver(t, zone), Entries: 32}
		for i := range 200 {
			asks(t, cache, fmt.Sprintf("n%d.%s.test", i, kind), dns.TypeTXT)
		}
		s := cache.Stats()
		want := map[string]int{"small": 16, "large": 3, "huge": 0}[kind]
		if s.Entries != want || s.Bytes > 16<<10 || s.Misses != 200 {
			t.Errorf("%s: %+v, want %d entries", kind, s, want)
		}
	}
}

func TestCacheReplacesExpired(t *testing.T) {
	now := time.Unix(1e9, 0)
	cache := &dns.Cache{Resolver: dnstest.NewResolver(t, cacheZone), Now: func() time.Time { return now }}
	asks(t, cache, "example.com", dns.TypeTXT)
	before := cache.Stats()
	for range 10 {
		now = now.Add(time.Hour)
		asks(t, cache, "example.com", dns.TypeTXT)
	}
	if after := cache.Stats(); after.Entries != 1 || after.Bytes != before.Bytes || before.Bytes <= 0 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// inFlight begins n equal questions and returns when all wait.
func inFlight(t *testing.T, cache *dns.Cache, n int) (contexts []context.CancelFunc, results []chan error) {
	for range n {
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := cache.Resolve(ctx, dns.Question{Name: "example.com", Type: dns.TypeTXT})
			result <- err
		}()
		contexts, results = append(contexts, cancel), append(results, result)
		synctest.Wait()
	}
	return contexts, results
}

func TestCacheAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := dnstest.NewResolver(t, cacheZone)
		origin.Delay(time.Second)
		cache := &dns.Cache{Resolver: origin}
		var cached sync.Map
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() { cached.Store(i, asks(t, cache, "Example.com", dns.TypeTXT).Cached) })
		}
		all.Wait()
		n := 0
		cached.Range(func(_, v any) bool {
			if !v.(bool) {
				n++
			}
			return true
		})
		if s := cache.Stats(); n != 1 || len(origin.Asked()) != 1 || s.Misses != 1 || s.Shared != 9 {
			t.Errorf("%d answers are not cached, %d questions, %+v", n, len(origin.Asked()), s)
		}
	})
}

func TestCacheSharesErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := dnstest.NewResolver(t, cacheZone)
		origin.Delay(time.Second)
		origin.Fail("example.com")
		cancels, results := inFlight(t, &dns.Cache{Resolver: origin}, 3)
		for i := range results {
			if err := <-results[i]; !errors.Is(err, dnstest.ErrFail) {
				t.Error(err)
			}
			cancels[i]()
		}
	})
}

// The first caller gives up: the question goes on for the second one.
func TestCacheFirstCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := dnstest.NewResolver(t, cacheZone)
		origin.Delay(time.Second)
		cancels, results := inFlight(t, &dns.Cache{Resolver: origin}, 2)
		began := time.Now()
		cancels[0]()
		if err := <-results[0]; !errors.Is(err, context.Canceled) || time.Since(began) != 0 {
			t.Errorf("the one who left: %v after %s", err, time.Since(began))
		}
		if err := <-results[1]; err != nil || time.Since(began) != time.Second {
			t.Errorf("the one who stayed: %v after %s", err, time.Since(began))
		}
		cancels[1]()
		if n := len(origin.Asked()); n != 1 {
			t.Errorf("%d questions", n)
		}
	})
}

// All callers give up: the question ends, and its error isn't for who comes then.
func TestCacheAllCallersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &stubborn{ended: make(chan struct{})}
		cache := &dns.Cache{Resolver: slow}
		cancels, results := inFlight(t, cache, 2)
		cancels[0]()
		synctest.Wait()
		if slow.canceled {
			t.Error("canceled although somebody waits")
		}
		cancels[1]()
		synctest.Wait()
		if !slow.canceled {
			t.Error("not canceled although nobody waits")
		}
		late, lateResults := inFlight(t, cache, 1)
		close(slow.ended)
		if err := <-lateResults[0]; err != nil {
			t.Errorf("who came later got %v", err)
		}
		late[0]()
		for _, r := range results {
			if err := <-r; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
}

// stubborn takes its time to end when its first question is canceled.
type stubborn struct {
	asked    int
	canceled bool
	ended    chan struct{}
}

func (s *stubborn) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	if s.asked++; s.asked > 1 {
		<-s.ended
		return dns.Answer{Texts: []string{"right"}}, nil
	}
	<-ctx.Done()
	s.canceled = true
	<-s.ended
	return dns.Answer{}, ctx.Err()
}

func TestCacheContextDone(t *testing.T) {
	origin := dnstest.NewResolver(t, cacheZone)
	cache := &dns.Cache{Resolver: origin}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cache.Resolve(ctx, dns.Question{Name: "example.com", Type: dns.TypeA}); !errors.Is(err, context.Canceled) || len(origin.Asked()) != 0 {
		t.Errorf("got %v after %d questions", err, len(origin.Asked()))
	}
}

func TestCounting(t *testing.T) {
	origin := dnstest.NewResolver(t, cacheZone)
	origin.Fail("fail.test")
	counting := &dns.Counting{Resolver: &dns.Cache{Resolver: origin}}
	for _, name := range []string{"example.com", "EXAMPLE.com", "fail.test", "fail.test", "example.com.", "a..b"} {
		counting.Resolve(t.Context(), dns.Question{Name: name, Type: dns.TypeTXT})
	}
	if q, h := counting.Queries(), counting.Hits(); q != 3 || h != 3 {
		t.Errorf("%d queries and %d hits, want 3 and 3", q, h)
	}
}

func BenchmarkCacheHit(b *testing.B) {
	cache := &dns.Cache{Resolver: dnstest.NewResolver(b, cacheZone), MinTTL: time.Hour}
	q := dns.Question{Name: "example.com", Type: dns.TypeTXT}
	if _, err := cache.Resolve(b.Context(), q); err != nil {
		b.Fatal(err)
	}
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			cache.Resolve(context.Background(), q)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				cache.Resolve(context.Background(), q)
			}
		})
	})
}
