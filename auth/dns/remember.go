package dns

import "time"

// maxRemembered is how long a result is kept, at the most: then its answers are used again, which tells the
// Cache that they are still wanted.
const maxRemembered = 10 * time.Second

// A result is what an evaluation made of the answers that it had.
type result struct {
	value any
	basis basis
}

// Remember keeps the result of an evaluation that asked r and nothing else, for Recall: in the Cache, if r is
// an AtHand that had all its answers, as long as every one of them may be kept, and for 10 seconds at the most. The
// key holds all that the result depends on besides the answers, and begins with a word for what made it, as
// all evaluations have one space of keys. The value is shared: nobody changes it. Bytes is its memory, about.
func Remember(r Resolver, key string, value any, bytes int) {
	if h, ok := r.(*AtHand); ok {
		h.remember(key, value, bytes)
	}
}

func (h *AtHand) remember(key string, value any, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.missed && h.basis.kept > 0 {
		kept := h.basis
		if latest := h.cache.now().Add(maxRemembered); latest.Before(kept.expires) {
			kept.expires = latest
		}
		h.cache.results.Put(key, result{value, kept}, bytes)
	}
}

// Recall gives what Remember kept, and counts the answers that it was made of as if they were given again.
// Not ok when there is nothing, or r is no AtHand.
func Recall(r Resolver, key string) (value any, ok bool) {
	if h, is := r.(*AtHand); is {
		return h.recall(key)
	}
	return nil, false
}

func (h *AtHand) recall(key string) (value any, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.missed {
		return nil, false
	}
	h.cache.once.Do(h.cache.start)
	kept, ok := h.cache.results.Get(key)
	if !ok || !h.cache.now().Before(kept.basis.expires) {
		return nil, false
	}
	h.basis.add(kept.basis)
	return kept.value, true
}
