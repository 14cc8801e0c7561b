package spf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

const treeZone = `
tree.test. TXT "v=spf1 a mx include:one.test include:two.test redirect=last.test"
tree.test. A 203.0.113.1
tree.test. MX 1 m1.test.
tree.test. MX 2 m2.test.
tree.test. MX 3 m3.test.
m1.test. A 203.0.113.2
m2.test. A 203.0.113.3
m3.test. A 203.0.113.4
one.test. TXT "v=spf1 include:deep.test -all"
deep.test. TXT "v=spf1 a:m1.test -all"
two.test. TXT "v=spf1 a:m2.test -all"
last.test. TXT "v=spf1 a:m3.test ip4:192.0.2.1 -all"
`

// A cold check waits for a chain of questions, not for all of them in turn.
func TestPrefetchTime(t *testing.T) {
	const delay = time.Second
	for _, test := range []struct {
		prefetch int
		ip       string
		want     time.Duration
	}{
		{-1, "192.0.2.1", 13 * delay},
		{0, "192.0.2.1", 3 * delay}, // tree; its terms; the hosts and what is included there
		{0, "203.0.113.1", 2 * delay},
		{-1, "203.0.113.1", 2 * delay},
	} {
		t.Run(fmt.Sprint(test.prefetch, test.ip), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := dnstest.NewResolver(t, treeZone)
				r.Delay(delay)
				start := time.Now()
				got := (&Checker{Resolver: r, MaxPrefetch: test.prefetch}).CheckHost(t.Context(), query(test.ip, "h.test", "a@tree.test"))
				if got.Result != Pass {
					t.Errorf("got %+v", got)
				}
				if d := time.Since(start); d != test.want {
					t.Errorf("took %v, want %v: %v", d, test.want, r.Asked())
				}
			})
		})
	}
}

// Nothing is asked ahead that can't matter.
func TestPrefetchAsks(t *testing.T) {
	r := dnstest.NewResolver(t, treeZone+`
static.test. TXT "v=spf1 ip4:192.0.2.0/24 a:m1.test a:m2.test -all"
behind.test. TXT "v=spf1 a:m1.test -ip6:::/0 ip4:192.0.2.1 a:m2.test redirect=one.test"
all.test. TXT "v=spf1 a:m1.test ?all a:m2.test redirect=one.test"
macro.test.m.test. A 203.0.113.1
macro.test. TXT "v=spf1 a:m1.test a:%{d}.m.test exists:none.test ptr ip4:192.0.2.1"
`)
	for domain, want := range map[string]string{
		"static.test": `"static.test" TXT`,
		"behind.test": `"behind.test" TXT, "m1.test" A`,
		"all.test":    `"all.test" TXT, "m1.test" A`,
		"macro.test":  `"macro.test" TXT, "m1.test" A, "macro.test.m.test" A, "none.test" A, "1.2.0.192.in-addr.arpa" PTR`,
	} {
		before := len(r.Asked())
		(&Checker{Resolver: r}).CheckHost(t.Context(), query("192.0.2.1", "h.test", "a@"+domain))
		var asked []string
		for _, q := range r.Asked()[before:] {
			asked = append(asked, q.String())
		}
		if got := strings.Join(asked, ", "); got != want {
			t.Errorf("%s: asked %s, want %s", domain, got, want)
		}
	}
}

// However wide and deep the records are, at most MaxPrefetch questions are
// asked in vain.
func TestPrefetchBudget(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("wide.test. TXT \"v=spf1 a")
	for i := range 20 {
		fmt.Fprintf(&zone, " include:i%d.test", i)
	}
	zone.WriteString("\"\nwide.test. A 192.0.2.1\n")
	for i := range 20 {
		fmt.Fprintf(&zone, "i%d.test. TXT \"v=spf1", i)
		for j := range 10 {
			fmt.Fprintf(&zone, " include:i%d.test a:a%d-%d.test", (i*3+j)%20, i, j)
		}
		zone.WriteString("\"\n")
	}
	for prefetch, want := range map[int]int{-1: 2, 0: 11, 3: 4, 25: 26} {
		t.Run(fmt.Sprint(prefetch), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := dnstest.NewResolver(t, zone.String())
				r.Delay(time.Second)
				c := &Checker{Resolver: r, MaxPrefetch: prefetch}
				got := c.CheckHost(t.Context(), query("192.0.2.1", "h.test", "a@wide.test"))
				wantResult{Pass, 1, 0, "a"}.check(t, got)
				if n := len(r.Asked()); n > want {
					t.Errorf("asked %d questions, want at most %d", n, want)
				}
			})
		})
	}
}

func TestContextEnds(t *testing.T) {
	for _, prefetch := range []int{-1, 0} {
		synctest.Test(t, func(t *testing.T) {
			r := dnstest.NewResolver(t, treeZone)
			r.Delay(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			start := time.Now()
			c := &Checker{Resolver: r, MaxPrefetch: prefetch}
			got := c.CheckHost(ctx, query("192.0.2.1", "h.test", "a@tree.test"))
			if got.Result != TempError || !errors.Is(got.Err, context.DeadlineExceeded) {
				t.Errorf("got %+v", got)
			}
			if d := time.Since(start); d != 1500*time.Millisecond {
				t.Errorf("took %v", d)
			}
		})
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	r := dnstest.NewResolver(t, treeZone)
	got := (&Checker{Resolver: r}).CheckHost(done, query("192.0.2.1", "h.test", "a@tree.test"))
	if got.Result != TempError || len(r.Asked()) > 0 {
		t.Errorf("got %+v, asked %v", got, r.Asked())
	}
}

// DNS errors in ptr are no match, but no time left is a temperror.
func TestContextEndsInPTR(t *testing.T) {
	for _, record := range []string{"ptr", "exists:%{p}.e.test"} {
		for _, timeout := range []time.Duration{1500 * time.Millisecond, 2500 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				r := dnstest.NewResolver(t, `a.test. TXT "v=spf1 `+record+` -all"`+"\n1.2.0.192.in-addr.arpa. PTR x.a.test.")
				r.Delay(time.Second)
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				got := (&Checker{Resolver: r}).CheckHost(ctx, query("192.0.2.1", "h.test", "a@a.test"))
				if got.Result != TempError {
					t.Errorf("%s within %v: got %+v", record, timeout, got)
				}
			})
		}
	}
}

// The deadline passes while the explanation is fetched: the fail stands.
func TestContextEndsInExplanation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, "a.test. TXT \"v=spf1 -all exp=why.test\"\nwhy.test. TXT because")
		r.Delay(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		got := (&Checker{Resolver: r}).CheckHost(ctx, query("192.0.2.1", "h.test", "a@a.test"))
		if got.Result != Fail || got.Explanation != "" {
			t.Errorf("got %+v", got)
		}
	})
}

// A resolverFunc is a Resolver.
type resolverFunc func(context.Context, dns.Question) (dns.Answer, error)

func (f resolverFunc) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	return f(ctx, q)
}

func TestResolverPanicsAhead(t *testing.T) {
	zone := dnstest.NewResolver(t, treeZone)
	r := resolverFunc(func(ctx context.Context, q dns.Question) (dns.Answer, error) {
		if q.Type == dns.TypeMX {
			panic("oops")
		}
		return zone.Resolve(ctx, q)
	})
	got := (&Checker{Resolver: r}).CheckHost(t.Context(), query("192.0.2.1", "h.test", "a@tree.test"))
	if got.Result != TempError || !strings.Contains(got.Err.Error(), "oops") {
		t.Errorf("got %+v", got)
	}
}

// One Checker with a small cache serves many checks at once.
func TestConcurrentChecks(t *testing.T) {
	r := dnstest.NewResolver(t, treeZone)
	c := &Checker{Resolver: r, Records: NewRecordCache(2)}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			got := c.CheckHost(t.Context(), query("192.0.2.1", "h.test", "a@tree.test"))
			if want := (wantResult{Pass, 9, 0, "ip4:192.0.2.1"}); (wantResult{got.Result, got.Lookups, got.Voids, got.Mechanism}) != want {
				t.Errorf("got %+v", got)
			}
		})
	}
	wg.Wait()
}
