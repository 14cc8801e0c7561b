package dns_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
)

// An unruly resolver does something else than answer its first question, once
// ready is closed.
type unruly struct {
	asked int
	ready chan struct{}
	first func()
}

func (u *unruly) Resolve(context.Context, dns.Question) (dns.Answer, error) {
	if u.asked++; u.asked > 1 {
		return dns.Answer{TTL: time.Minute, Texts: []string{"right"}}, nil
	}
	<-u.ready
	u.first()
	return dns.Answer{}, nil
}

// An end is how a call of Resolve ended.
type end struct {
	err      error
	panicked any
}

// waiting begins n equal questions and returns when all wait.
func waiting(ctx context.Context, cache *dns.Cache, n int) []chan end {
	ends := make([]chan end, n)
	for i := range ends {
		ends[i] = make(chan end, 1)
		go func() {
			var e end
			defer func() {
				e.panicked = recover()
				ends[i] <- e
			}()
			_, e.err = cache.Resolve(ctx, dns.Question{Name: "example.com", Type: dns.TypeTXT})
		}()
	}
	synctest.Wait()
	return ends
}

// expectRight asks the cache again: nothing of the first question is left.
func expectRight(t *testing.T, cache *dns.Cache, panics uint64) {
	t.Helper()
	for _, cached := range []bool{false, true} {
		if a := asks(t, cache, "example.com", dns.TypeTXT); len(a.Texts) != 1 || a.Cached != cached {
			t.Errorf("afterwards: %+v, want cached %t", a, cached)
		}
	}
	if s := cache.Stats(); s.Panics != panics || s.Misses != 2 || s.Entries != 1 {
		t.Errorf("%+v", s)
	}
}

func TestCachePanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := &unruly{ready: make(chan struct{}), first: func() { panic("no zone") }}
		cache := &dns.Cache{Resolver: origin}
		ends := waiting(t.Context(), cache, 3)
		close(origin.ready)
		for _, end := range ends {
			e := <-end
			p, ok := e.panicked.(*dns.Panic)
			if !ok || p.Value != "no zone" || !strings.Contains(p.Error(), "unruly") || !strings.HasPrefix(p.Error(), "panic: no zone\n") {
				t.Errorf("got %+v", e)
			}
		}
		expectRight(t, cache, 1)
	})
}

// Who gave up doesn't panic, and the process goes on.
func TestCachePanicWithoutCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := &unruly{ready: make(chan struct{}), first: func() { panic("too late") }}
		cache := &dns.Cache{Resolver: origin}
		ctx, cancel := context.WithCancel(t.Context())
		ends := waiting(ctx, cache, 2)
		cancel()
		for _, end := range ends {
			if e := <-end; e.panicked != nil || !errors.Is(e.err, context.Canceled) {
				t.Errorf("got %+v", e)
			}
		}
		close(origin.ready)
		synctest.Wait()
		expectRight(t, cache, 1)
	})
}

// A resolver that exits, as a failed test's does, leaves an error and no
// empty answer.
func TestCacheResolverExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := &unruly{ready: make(chan struct{}), first: runtime.Goexit}
		cache := &dns.Cache{Resolver: origin}
		ends := waiting(t.Context(), cache, 2)
		close(origin.ready)
		for _, end := range ends {
			e := <-end
			if want := `dns: "example.com" TXT: the resolver exited`; e.panicked != nil || e.err == nil || e.err.Error() != want {
				t.Errorf("got %+v", e)
			}
		}
		expectRight(t, cache, 0)
	})
}
