package dns

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A Cache is a Resolver that keeps the answers of another one, in LRUs by record
// type, each in shards with locks of their own, as long as their TTLs allow, and asks equal questions that come
// at the same time only once. Errors aren't kept. An answer has the TTL that
// remains.
//
// The fields must not change once the Cache is in use; it is safe for
// concurrent use.
type Cache struct {
	// Resolver is asked for what isn't in the cache. It should bound its
	// time: a question goes on as long as somebody waits for its answer.
	Resolver Resolver

	// Entries bounds the answers of all types together. Their memory is
	// bounded too, at 1 KiB for each on average. What Remember keeps beside them takes
	// at most an eighth as much. Zero means 100,000.
	Entries int

	// MaxTTL bounds how long an answer is kept, whatever MinTTL and
	// NegativeTTL are. Zero means 24 h.
	MaxTTL time.Duration

	// MinTTL keeps answers with records at least so long, against the
	// wishes of their owners. Zero means as long as they say.
	MinTTL time.Duration

	// NegativeTTL bounds how long an answer without records is kept
	// (RFC 2308 section 5). Zero means 15 min; negative: not at all. One that
	// comes without a SOA is never kept.
	NegativeTTL time.Duration

	// Now is the clock; nil means time.Now.
	Now func() time.Time

	once   sync.Once
	stores [5]*store // see store

	results *Parsed[result] // see Remember

	// The fields above with their defaults.
	maxTTL, negativeTTL time.Duration
	now                 func() time.Time

	hits                   atomic.Uint64 // that peek did not count
	shared, misses, panics atomic.Uint64
}

func (c *Cache) start() {
	entries := cmp.Or(max(c.Entries, 0), 100_000)
	c.maxTTL = cmp.Or(max(c.MaxTTL, 0), 24*time.Hour)
	c.negativeTTL = cmp.Or(c.NegativeTTL, 15*time.Minute)
	c.now = c.Now
	if c.now == nil {
		c.now = time.Now
	}
	for i := range c.stores {
		c.stores[i] = newStore(max(entries/8, 1))
	}
	c.results = NewParsed[result](entries / 32)        // of ParsedBytes, not 1 KiB
	c.stores[storeOfTXT] = newStore(max(entries/2, 1)) // all of SPF, DKIM and DMARC
}

const storeOfTXT = 4

// shard is where a checked question belongs.
func (c *Cache) shard(q Question) *shard {
	i := 0
	switch q.Type {
	case TypeAAAA:
		i = 1
	case TypePTR:
		i = 2
	case TypeMX:
		i = 3
	case TypeTXT:
		i = storeOfTXT
	}
	return c.stores[i].shard(q.Name)
}

// Resolve implements Resolver. When ctx ends, it returns at once; the question
// goes on for others who wait for it. It panics with a *Panic if the Resolver
// panicked while this call waited for it; the next call asks again.
func (c *Cache) Resolve(ctx context.Context, q Question) (Answer, error) {
	q, ok, err := q.check()
	if err != nil || !ok {
		return impossible, err
	}
	if a, _, ok := c.peek(q, true); ok {
		return a, nil
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, questionError(q, err)
	}
	return c.ask(ctx, q)
}

// Peek gives the answer that Resolve would give without asking anybody or waiting; not ok when
// there is none. It does not allocate for a name that is canonical.
func (c *Cache) Peek(q Question) (a Answer, ok bool) {
	a, _, ok = c.glance(q, true)
	return a, ok
}

// glance is Peek; count says whether Stats counts a hit. It tells, too, when an answer that is kept expires.
func (c *Cache) glance(q Question, count bool) (a Answer, expires time.Time, ok bool) {
	q, ok, err := q.check()
	if err != nil || !ok {
		return impossible, time.Time{}, err == nil
	}
	return c.peek(q, count)
}

// peek is glance for a checked question.
func (c *Cache) peek(q Question, count bool) (a Answer, expires time.Time, ok bool) {
	c.once.Do(c.start)
	now := c.now()
	a, ok = c.shard(q).get(q.Name, now, count)
	return a, now.Add(a.TTL), ok
}

// counted counts hits that glance did not.
func (c *Cache) counted(hits uint64) { c.hits.Add(hits) }

// keep stores an answer as long as it may be kept.
func (c *Cache) keep(q Question, a Answer) {
	now := c.now()
	ttl := a.TTL
	if a.negative() {
		ttl = min(ttl, c.negativeTTL)
	} else {
		ttl = max(ttl, c.MinTTL)
	}
	if ttl = min(ttl, c.maxTTL); ttl > 0 {
		c.shard(q).put(q.Name, a, now.Add(ttl))
	}
}

// negative says that the answer holds no record.
func (a *Answer) negative() bool {
	return len(a.Texts)+len(a.Addrs)+len(a.Hosts)+len(a.MXs) == 0
}

// CacheStats counts what a Cache did since its start.
type CacheStats struct {
	Hits    uint64 // questions answered from the cache
	Shared  uint64 // questions that waited for an equal one already under way
	Misses  uint64 // questions that were passed on
	Panics  uint64 // of the Resolver
	Entries int    // now
	Bytes   int    // what the entries hold now, and what Remember keeps, about
}

// Stats returns the counters; it may be called at any time.
func (c *Cache) Stats() CacheStats {
	c.once.Do(c.start)
	s := CacheStats{Hits: c.hits.Load(), Shared: c.shared.Load(), Misses: c.misses.Load(), Panics: c.panics.Load()}
	for _, store := range c.stores {
		store.addTo(&s)
	}
	s.Bytes += c.results.Bytes()
	return s
}
