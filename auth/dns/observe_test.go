package dns_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// Observe is told of answers and errors, not of questions that nobody asked and those that were given up.
func TestClientObserve(t *testing.T) {
	server := dnstest.Start(t, "a.example. A 192.0.2.1\nb.example. A 192.0.2.2\n")
	server.SetNameFault("b.example", dnstest.ServFail)
	server.SetNameFault("c.example", dnstest.Drop)
	var mu sync.Mutex
	var answered, failed int
	c := &dns.Client{Servers: server.Client().Servers, Observe: func(took time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		if took <= 0 {
			t.Errorf("it took %v", took)
		}
		if err != nil {
			failed++
		} else {
			answered++
		}
	}}
	ask := func(ctx context.Context, name string) {
		_, _ = c.Resolve(ctx, dns.Question{Name: name, Type: dns.TypeA})
	}
	ask(t.Context(), "a.example")
	ask(t.Context(), "none.example") // an answer, too
	ask(t.Context(), "b.example")
	ask(t.Context(), "no name at all, too long for one: "+string(make([]byte, 300)))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	ask(gone, "c.example")
	mu.Lock()
	defer mu.Unlock()
	if answered != 2 || failed != 1 {
		t.Errorf("%d answers and %d errors", answered, failed)
	}
	if s := c.Stats(); s.Questions != 4 || s.Errors != 1 {
		t.Errorf("%+v", s)
	}
}
