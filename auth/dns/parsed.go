package dns

import (
	"hash/maphash"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	maxParsedShards = 16
	parsedEntries   = 64 // at least so many in each, if there are several
)

// ParsedBytes is the memory that an entry of a Parsed may have on average: several times what is usual.
const ParsedBytes = 4 << 10

// A Parsed keeps what was made of the texts of TXT records that were seen last. What it keeps does
// not age: it is found by what DNS answered just now. It is safe for concurrent use; nil keeps nothing.
type Parsed[T any] struct {
	seed   maphash.Seed
	shards []parsedShard[T] // a power of two, with locks of their own
}

type parsedShard[T any] struct {
	mu       sync.Mutex
	lru      *simplelru.LRU[string, parsedEntry[T]]
	bytes    int
	maxBytes int

	_ [64]byte // keeps the locks of neighbours on different cache lines
}

type parsedEntry[T any] struct {
	value T
	bytes int
}

// NewParsed keeps at most so many, of ParsedBytes on average; nil when size is not positive.
func NewParsed[T any](size int) *Parsed[T] {
	if size <= 0 {
		return nil
	}
	n := 1
	for n < maxParsedShards && size/(2*n) >= parsedEntries {
		n *= 2
	}
	p := &Parsed[T]{seed: maphash.MakeSeed(), shards: make([]parsedShard[T], n)}
	for i := range p.shards {
		p.shards[i].start(size / n)
	}
	return p
}

func (s *parsedShard[T]) start(size int) {
	s.maxBytes = size * ParsedBytes
	s.lru, _ = simplelru.NewLRU(size, func(_ string, e parsedEntry[T]) { s.bytes -= e.bytes }) // fails only for no entries
}

func (p *Parsed[T]) shard(text string) *parsedShard[T] {
	return &p.shards[maphash.String(p.seed, text)&uint64(len(p.shards)-1)]
}

// Get returns what is kept for a text.
func (p *Parsed[T]) Get(text string) (value T, ok bool) {
	if p == nil {
		return value, false
	}
	s := p.shard(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.lru.Get(text)
	return e.value, ok
}

// Put keeps what was made of a text, in place of what was not used for the longest time. Bytes is the memory
// of the value, about; one that would take all places isn't kept.
func (p *Parsed[T]) Put(text string, value T, bytes int) {
	if p == nil {
		return
	}
	e := parsedEntry[T]{value, bytes + len(text) + parsedOverhead}
	s := p.shard(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Remove(text)
	if e.bytes > s.maxBytes {
		return
	}
	for s.bytes+e.bytes > s.maxBytes {
		s.lru.RemoveOldest()
	}
	s.bytes += e.bytes
	s.lru.Add(strings.Clone(text), e)
}

const parsedOverhead = 256 // bytes of what the LRU needs for an entry, about

// Bytes is the memory of what is kept, about.
func (p *Parsed[T]) Bytes() (n int) {
	if p == nil {
		return 0
	}
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		n += s.bytes
		s.mu.Unlock()
	}
	return n
}

// Len is how many are kept.
func (p *Parsed[T]) Len() (n int) {
	if p == nil {
		return 0
	}
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		n += s.lru.Len()
		s.mu.Unlock()
	}
	return n
}
