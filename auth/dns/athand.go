package dns

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Peek gives the answer that r would give at once, without asking anybody. It is not ok when there
// is none, or when r is neither a Cache nor a Counting with one.
func Peek(r Resolver, q Question) (a Answer, ok bool) {
	if p, ok := r.(peeker); ok {
		return p.Peek(q)
	}
	return Answer{}, false
}

// Peek gives the answer that Resolve would give at once, and counts it.
func (c *Counting) Peek(q Question) (a Answer, ok bool) {
	if a, ok = Peek(c.Resolver, q); ok {
		c.hits.Add(1)
	}
	return a, ok
}

// An AtHand is a Resolver that gives only what a Cache has at hand, so that it never waits: with it,
// what needs nothing else is evaluated without a goroutine. After one answer that it did not have it gives
// none: the evaluation has to be repeated with the Counting. It is for one evaluation where that uses Remember, which
// takes all answers so far for those that the result was made of. It is safe for concurrent use.
type AtHand struct {
	counting *Counting
	cache    *Cache // nil: nothing is at hand

	mu     sync.Mutex
	missed bool
	basis  basis
}

// A basis is the answers that an evaluation had.
type basis struct {
	answers int
	kept    int       // those of them that the Cache counts
	expires time.Time // when the first of these does
}

var errNotAtHand = errors.New("dns: not in the cache")

// AtHand gives what is in the Cache that c asks.
func (c *Counting) AtHand() *AtHand {
	cache, _ := c.Resolver.(*Cache)
	return &AtHand{counting: c, cache: cache, missed: cache == nil}
}

// Resolve implements Resolver.
func (h *AtHand) Resolve(_ context.Context, q Question) (Answer, error) {
	if a, ok := h.Peek(q); ok {
		return a, nil
	}
	return Answer{}, errNotAtHand
}

// Peek is Resolve without an error.
func (h *AtHand) Peek(q Question) (a Answer, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.missed {
		return Answer{}, false
	}
	a, expires, ok := h.cache.glance(q, false)
	if !ok {
		h.missed = true
		return Answer{}, false
	}
	h.basis.answers++
	if a.TTL > 0 { // else it is the answer for a name that DNS can't carry
		h.basis.add(basis{kept: 1, expires: expires})
	}
	return a, true
}

// add adds answers of which some are kept.
func (b *basis) add(more basis) {
	if b.kept == 0 || more.expires.Before(b.expires) {
		b.expires = more.expires
	}
	b.answers, b.kept = b.answers+more.answers, b.kept+more.kept
}

// Missed tells whether an answer was not at hand, so that what was found means nothing.
func (h *AtHand) Missed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.missed
}

// Count counts the answers, here and in the Cache. Those of an evaluation that has to be repeated are
// not to be counted.
func (h *AtHand) Count() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counting.hits.Add(int64(h.basis.answers))
	if n := h.basis.kept; n > 0 {
		h.cache.counted(uint64(n))
	}
}
