package dns

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// bytesPerEntry is the memory that an entry may have on average.
	bytesPerEntry = 1024

	// A store has as many shards as keep at least shardEntries each, up to maxShards: a few
	// large answers must not drive everything else out of one.
	maxShards    = 64
	shardEntries = 256
)

// A store holds the answers for one type, and the questions of it that are under way, in shards by
// name. Which names share one can't be known from outside: the hash is seeded.
type store struct {
	seed   maphash.Seed
	shards []shard // a power of two
}

// A shard is an LRU behind a lock of its own.
type shard struct {
	maxBytes int

	mu      sync.Mutex
	lru     *simplelru.LRU[string, entry]
	bytes   int
	hits    uint64
	flights map[string]*flight // by name

	_ [64]byte // keeps the locks of neighbours on different cache lines
}

type entry struct {
	answer  Answer
	expires time.Time
	bytes   int
}

// newStore makes a store for so many answers, at least one.
func newStore(entries int) *store {
	n := 1
	for n < maxShards && entries/(2*n) >= shardEntries {
		n *= 2
	}
	s := &store{seed: maphash.MakeSeed(), shards: make([]shard, n)}
	for i := range s.shards {
		s.shards[i].start(entries / n)
	}
	return s
}

func (s *shard) start(entries int) {
	s.maxBytes = entries * bytesPerEntry
	s.lru, _ = simplelru.NewLRU(entries, func(_ string, e entry) { s.bytes -= e.bytes }) // fails only for no entries
	s.flights = map[string]*flight{}
}

// shard is where a name belongs.
func (s *store) shard(name string) *shard {
	return &s.shards[maphash.String(s.seed, name)&uint64(len(s.shards)-1)]
}

// get returns the answer with the TTL that remains of it.
func (s *shard) get(name string, now time.Time, count bool) (Answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.getLocked(name, now, count)
}

// getLocked is get for who holds mu.
func (s *shard) getLocked(name string, now time.Time, count bool) (Answer, bool) {
	e, ok := s.lru.Get(name)
	if !ok {
		return Answer{}, false
	}
	if !now.Before(e.expires) {
		s.lru.Remove(name)
		return Answer{}, false
	}
	if count {
		s.hits++
	}
	e.answer.TTL, e.answer.Cached = e.expires.Sub(now), true
	return e.answer, true
}

// put stores an answer in place of an older one. One that is large takes the
// place of several; one that would take all places isn't stored.
func (s *shard) put(name string, a Answer, expires time.Time) {
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

// addTo adds what all shards hold and counted.
func (s *store) addTo(stats *CacheStats) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		stats.Hits += shard.hits
		stats.Entries += shard.lru.Len()
		stats.Bytes += shard.bytes
		shard.mu.Unlock()
	}
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
