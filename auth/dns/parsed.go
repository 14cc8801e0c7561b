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

// A Parsed keeps what was made of the texts of TXT records that were seen last. What it keeps does
// not age: it is found by what DNS answered just now. It is safe for concurrent use; nil keeps nothing.
type Parsed[T any] struct {
	seed   maphash.Seed
	shards []parsedShard[T] // a power of two, with locks of their own
}

type parsedShard[T any] struct {
	mu  sync.Mutex
	lru *simplelru.LRU[string, T]

	_ [64]byte // keeps the locks of neighbours on different cache lines
}

// NewParsed keeps at most so many; nil when size is not positive.
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
		p.shards[i].lru, _ = simplelru.NewLRU[string, T](size/n, nil) // fails only for no entries
	}
	return p
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
	return s.lru.Get(text)
}

// Put keeps what was made of a text, in place of what was not used for the longest time.
func (p *Parsed[T]) Put(text string, value T) {
	if p == nil {
		return
	}
	text = strings.Clone(text)
	s := p.shard(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Add(text, value)
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
