package dns

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A Cache is a Resolver that keeps the answers of another one, in an LRU per
// record type, as long as their TTLs allow, and asks equal questions that come
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
	// bounded too, at 1 KiB for each on average. Zero means 100,000.
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
	stores map[Type]*store

	// The fields above with their defaults.
	maxTTL, negativeTTL time.Duration
	now                 func() time.Time

	mu      sync.Mutex
	flights map[Question]*flight

	hits, shared, misses, panics atomic.Uint64
}

func (c *Cache) start() {
	entries := cmp.Or(max(c.Entries, 0), 100_000)
	c.maxTTL = cmp.Or(max(c.MaxTTL, 0), 24*time.Hour)
	c.negativeTTL = cmp.Or(c.NegativeTTL, 15*time.Minute)
	c.now = c.Now
	if c.now == nil {
		c.now = time.Now
	}
	c.flights = map[Question]*flight{}
	c.stores = map[Type]*store{}
	for _, typ := range []Type{TypeA, TypeAAAA, TypePTR, TypeMX} {
		c.stores[typ] = newStore(max(entries/8, 1))
	}
	c.stores[TypeTXT] = newStore(max(entries/2, 1)) // all of SPF, DKIM and DMARC
}

// Resolve implements Resolver. When ctx ends, it returns at once; the question
// goes on for others who wait for it. It panics with a *Panic if the Resolver
// panicked while this call waited for it; the next call asks again.
func (c *Cache) Resolve(ctx context.Context, q Question) (Answer, error) {
	q, ok, err := q.check()
	if err != nil || !ok {
		return impossible, err
	}
	if a, ok := c.Peek(q); ok {
		return a, nil
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, questionError(q, err)
	}
	return c.ask(ctx, q)
}

// Peek gives the answer that Resolve would give without asking anybody or waiting; not ok when
// there is none.
func (c *Cache) Peek(q Question) (a Answer, ok bool) {
	q, ok, err := q.check()
	if err != nil || !ok {
		return impossible, err == nil
	}
	c.once.Do(c.start)
	if a, ok = c.stores[q.Type].get(q.Name, c.now()); ok {
		c.hits.Add(1)
	}
	return a, ok
}

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
		c.stores[q.Type].put(q.Name, a, now.Add(ttl))
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
	Bytes   int    // what the entries hold now, about
}

// Stats returns the counters; it may be called at any time.
func (c *Cache) Stats() CacheStats {
	c.once.Do(c.start)
	s := CacheStats{Hits: c.hits.Load(), Shared: c.shared.Load(), Misses: c.misses.Load(), Panics: c.panics.Load()}
	for _, store := range c.stores {
		entries, bytes := store.size()
		s.Entries += entries
		s.Bytes += bytes
	}
	return s
}

// A store holds the answers for one type.
type store struct {
	maxBytes int

	mu    sync.Mutex
	lru   *simplelru.LRU[string, entry]
	bytes int
}

type entry struct {
	answer  Answer
	expires time.Time
	bytes   int
}

// bytesPerEntry is the memory that an entry may have on average.
const bytesPerEntry = 1024

func newStore(entries int) *store {
	s := &store{maxBytes: entries * bytesPerEntry}
	s.lru, _ = simplelru.NewLRU(entries, func(_ string, e entry) { s.bytes -= e.bytes }) // fails only for no entries
	return s
}

// get returns the answer with the TTL that remains of it.
func (s *store) get(name string, now time.Time) (Answer, bool) {
	s.mu.Lock()
	e, ok := s.lru.Get(name)
	if ok && !now.Before(e.expires) {
		s.lru.Remove(name)
		ok = false
	}
	s.mu.Unlock()
	if !ok {
		return Answer{}, false
	}
	e.answer.TTL, e.answer.Cached = e.expires.Sub(now), true
	return e.answer, true
}

// put stores an answer in place of an older one. One that is large takes the
// place of several; one that would take all places isn't stored.
func (s *store) put(name string, a Answer, expires time.Time) {
	e := entry{answer: a, expires: expires, bytes: entryBytes(name, &a)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Remove(name)
	if e.bytes > s.maxBytes {
		return
	}
	for s.bytes+e.bytes > s.maxBytes {
		s.lru.RemoveOldest()
	}
	s.bytes += e.bytes
	s.lru.Add(strings.Clone(name), e) // name may be a piece of a whole header
}

func (s *store) size() (entries, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lru.Len(), s.bytes
}

// entryBytes estimates the memory of an entry, what the LRU needs included.
func entryBytes(name string, a *Answer) int {
	n := 384 + len(name)
	for _, text := range a.Texts {
		n += 16 + len(text)
	}
	n += 24 * len(a.Addrs)
	for _, host := range a.Hosts {
		n += 16 + len(host)
	}
	for _, mx := range a.MXs {
		n += 24 + len(mx.Host)
	}
	return n
}
