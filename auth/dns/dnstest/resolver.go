// Package dnstest gives tests a DNS of their own: a Resolver in process, and a
// server for real packets that can misbehave.
//
// Divergences from the RFC: none that aren't asked for.
package dnstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/auth/dns"
)

// ErrFail is the error of a question that was made to fail.
var ErrFail = errors.New("dnstest: made to fail")

// A Resolver answers from a zone in process, so that it works inside
// testing/synctest, and remembers what it was asked. It is safe for concurrent use.
type Resolver struct {
	zone *dns.Zone

	mu    sync.Mutex
	fail  map[dns.Question]bool // type 0: every type
	delay time.Duration
	asked []dns.Question
}

// NewResolver returns a Resolver over a zone in master file format, in which
// names are relative to the root. The test ends when the zone is wrong.
func NewResolver(t testing.TB, zone string) *Resolver {
	t.Helper()
	z, err := dns.ParseZone(strings.NewReader(zone), "zone")
	if err != nil {
		t.Fatal(err)
	}
	return &Resolver{zone: z, fail: map[dns.Question]bool{}}
}

// Fail makes every question for the name fail from now on.
func (r *Resolver) Fail(name string) { r.FailType(name, 0) }

// FailType makes every question for the name and type fail from now on.
func (r *Resolver) FailType(name string, typ dns.Type) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail[canonical(dns.Question{Name: name, Type: typ})] = true
}

// Delay makes each answer from now on take d, or until the context is done.
func (r *Resolver) Delay(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = d
}

// Asked returns all questions so far in their order, also those that failed;
// the names are lower case and without a final dot. Names that DNS can't carry
// are missing, as no server would see them.
func (r *Resolver) Asked() []dns.Question {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// Resolve implements dns.Resolver.
func (r *Resolver) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	fail, delay := r.note(q)
	if err := sleep(ctx, delay); err != nil {
		return dns.Answer{}, fmt.Errorf("dnstest: %s: %w", q, err)
	}
	if fail {
		return dns.Answer{}, fmt.Errorf("dnstest: %s: %w", q, ErrFail)
	}
	return r.zone.Resolve(ctx, q)
}

// note writes the question down and says what is to become of it.
func (r *Resolver) note(q dns.Question) (fail bool, delay time.Duration) {
	if _, ok := dns.CanonicalName(q.Name); !ok {
		return false, 0
	}
	q = canonical(q)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, q)
	return r.fail[q] || r.fail[dns.Question{Name: q.Name}], r.delay
}

func canonical(q dns.Question) dns.Question {
	if name, ok := dns.CanonicalName(q.Name); ok {
		q.Name = name
	}
	return q
}

// sleep takes d, or less when ctx is done before.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
