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
		counting := &dns.Counting{Resolver: origin, InFlight: make(chan struct{}, 2)}
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
