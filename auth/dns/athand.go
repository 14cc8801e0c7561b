package dns

import (
	"context"
	"errors"
	"sync/atomic"
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
// what needs nothing else is evaluated without a goroutine. After one answer that it did not have
// it gives none: the evaluation has to be repeated with the Counting. It is safe for concurrent use.
type AtHand struct {
	counting *Counting
	cache    *Cache // nil: nothing is at hand

	hits, kept atomic.Int64 // answers, and those of them that the cache counts
	missed     atomic.Bool
}

var errNotAtHand = errors.New("dns: not in the cache")

// AtHand gives what is in the Cache that c asks.
func (c *Counting) AtHand() *AtHand {
	cache, _ := c.Resolver.(*Cache)
	return &AtHand{counting: c, cache: cache}
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
	if h.cache == nil || h.missed.Load() {
		h.missed.Store(true)
		return Answer{}, false
	}
	if a, ok = h.cache.glance(q, false); !ok {
		h.missed.Store(true)
		return Answer{}, false
	}
	h.hits.Add(1)
	if a.TTL > 0 { // else it is the answer for a name that DNS can't carry
		h.kept.Add(1)
	}
	return a, true
}

// Missed tells whether an answer was not at hand, so that what was found means nothing.
func (h *AtHand) Missed() bool { return h.missed.Load() }

// Count counts the answers, here and in the Cache. Those of an evaluation that has to be repeated are
// not to be counted.
func (h *AtHand) Count() {
	h.counting.hits.Add(h.hits.Load())
	if n := h.kept.Load(); n > 0 {
		h.cache.counted(uint64(n))
	}
}
