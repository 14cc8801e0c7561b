package dns_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// A session has its own questions under way whatever others ask, and more only as long as there is room
// for all of them together; what waits has cost nothing when it is given up.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := dnstest.NewResolver(t, "")
		origin.Delay(time.Hour)
		room := dns.NewRoom(3)
		greedy, other := room.Share(2), room.Share(2)
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		ask := func(ctx context.Context, share *dns.Share, name string) {
			c := &dns.Counting{Resolver: origin, InFlight: 10, Share: share}
			asking.Go(func() { _, _ = c.Resolve(ctx, dns.Question{Name: name, Type: dns.TypeA}) })
		}
		for i, want := range []int{1, 2, 3, 4, 5, 5, 5} {
			ask(ctx, greedy, fmt.Sprintf("g%d.example", i))
			synctest.Wait()
			if n := len(origin.Asked()); n != want {
				t.Errorf("question %d: %d under way, want %d", i, n, want)
			}
		}
		for i, want := range []int{6, 7, 7} {
			ask(ctx, other, fmt.Sprintf("o%d.example", i))
			synctest.Wait()
			if n := len(origin.Asked()); n != want {
				t.Errorf("question %d of the other: %d under way, want %d", i, n, want)
			}
		}
		cancel()
		asking.Wait()
		for i := range 5 {
			ask(t.Context(), other, fmt.Sprintf("again%d.example", i))
		}
		synctest.Wait()
		if n := len(origin.Asked()); n != 12 {
			t.Errorf("%d questions, want 12: what was given up has left its room", n)
		}
		asking.Wait()
	})
}

// No Room is no bound, and its Share neither.
func TestNoShare(t *testing.T) {
	var none *dns.Room
	c := &dns.Counting{Resolver: dnstest.NewResolver(t, ""), Share: none.Share(1)}
	if _, err := c.Resolve(t.Context(), dns.Question{Name: "x.example", Type: dns.TypeA}); err != nil || c.Share != nil {
		t.Error(err)
	}
}
