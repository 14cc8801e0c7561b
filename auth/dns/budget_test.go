package dns_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// Several resolvers share a budget: at most so many questions are sent, whoever asks. Further ones get
// an error at once, and none is sent for them.
func TestBudget(t *testing.T) {
	const most = 50
	origin := dnstest.NewResolver(t, "")
	var budget dns.Budget
	budget.Set(most)
	one, other := &dns.Counting{Resolver: origin, Budget: &budget}, &dns.Counting{Resolver: origin, Budget: &budget}
	var refused atomic.Int64
	var asking sync.WaitGroup
	for i := range 4 * most {
		asking.Go(func() {
			c := one
			if i%2 == 1 {
				c = other
			}
			if _, err := c.Resolve(t.Context(), dns.Question{Name: fmt.Sprintf("n%d.example", i), Type: dns.TypeA}); err != nil {
				refused.Add(1)
				if !strings.Contains(err.Error(), ".example\" A: too many questions for one message") {
					t.Error(err)
				}
			}
		})
	}
	asking.Wait()
	if n := len(origin.Asked()); n != most || refused.Load() != 3*most || one.Queries()+other.Queries() != most {
		t.Errorf("%d questions, %d refused, %d counted", n, refused.Load(), one.Queries()+other.Queries())
	}
	budget.Set(1)
	for i, want := range []bool{true, false} {
		if _, err := one.Resolve(t.Context(), dns.Question{Name: fmt.Sprintf("m%d.example", i), Type: dns.TypeA}); (err == nil) != want {
			t.Errorf("question %d of a new budget: %v", i, err)
		}
	}
}

// What the cache answers costs nothing, nor does a question that is not sent.
func TestBudgetOfCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := dnstest.NewResolver(t, cacheZone)
		var budget dns.Budget
		counting := &dns.Counting{Resolver: &dns.Cache{Resolver: origin}, Budget: &budget, InFlight: 1}
		ask := func(ctx context.Context, name string) error {
			_, err := counting.Resolve(ctx, dns.Question{Name: name, Type: dns.TypeTXT})
			return err
		}
		budget.Set(1)
		for range 3 {
			if err := ask(t.Context(), "example.com"); err != nil {
				t.Error(err)
			}
		}
		if ask(t.Context(), "other.example") == nil {
			t.Error("a second question was sent")
		}
		budget.Set(2)
		origin.Delay(time.Minute)
		var asking sync.WaitGroup
		asking.Go(func() { _ = ask(t.Context(), "slow.example") }) // whatever comes of it
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if ask(short, "waiting.example") == nil {
			t.Error("a question that waits was answered")
		}
		asking.Wait()
		if err := ask(t.Context(), "next.example"); err != nil {
			t.Errorf("one that was not sent has cost something: %v", err)
		}
		if ask(t.Context(), "last.example") == nil {
			t.Error("a third question was sent")
		}
	})
}

// The zero value has no room; no Budget is no bound.
func TestNoBudget(t *testing.T) {
	origin := dnstest.NewResolver(t, "")
	for budget, want := range map[*dns.Budget]bool{nil: true, {}: false} {
		c := &dns.Counting{Resolver: origin, Budget: budget}
		if _, err := c.Resolve(t.Context(), dns.Question{Name: "x.example", Type: dns.TypeA}); (err == nil) != want {
			t.Errorf("budget %v: %v", budget != nil, err)
		}
	}
}
