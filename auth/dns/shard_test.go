package dns

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// Whatever is put into a store, its entries and bytes stay within what all shards together may have,
// the sum of the entries is what it says, and what was put last is found.
func TestStoreBounds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, entries := range []int{1, 7, 100, 1000, 12_500, 50_000} {
		s := newStore(entries)
		now := time.Unix(1e9, 0)
		for i := range 3000 {
			name := fmt.Sprintf("%d.example", rnd.IntN(2000))
			a := Answer{Texts: []string{strings.Repeat("x", rnd.IntN(1<<rnd.IntN(16)))}}
			shard := s.shard(name)
			shard.put(name, a, now.Add(time.Minute))
			if got, ok := shard.get(name, now, false); ok != (entryBytes(name, &a) <= shard.maxBytes) || ok && got.Texts[0] != a.Texts[0] {
				t.Fatalf("%d entries, step %d: found %t", entries, i, ok)
			}
		}
		var stats CacheStats
		s.addTo(&stats)
		if stats.Entries > entries || stats.Bytes > entries*bytesPerEntry || stats.Entries == 0 {
			t.Errorf("%d entries: %+v", entries, stats)
		}
		bytes := 0
		for i := range s.shards {
			for _, e := range s.shards[i].lru.Values() {
				bytes += e.bytes
			}
		}
		if bytes != stats.Bytes {
			t.Errorf("%d entries: %d bytes are counted as %d", entries, bytes, stats.Bytes)
		}
	}
}

// A large store has many locks, and a small one does not waste its entries on shards.
func TestStoreShards(t *testing.T) {
	for entries, want := range map[int]int{1: 1, 511: 1, 512: 2, 12_500: 32, 50_000: 64, 5_000_000: 64} {
		s := newStore(entries)
		sum := 0
		for i := range s.shards {
			sum += s.shards[i].maxBytes / bytesPerEntry
		}
		if len(s.shards) != want || sum > entries || sum < entries-len(s.shards) {
			t.Errorf("%d entries: %d shards with %d", entries, len(s.shards), sum)
		}
	}
}

// Names fill the shards evenly, also those that differ in little.
func TestStoreSpreads(t *testing.T) {
	s := newStore(50_000)
	for i := range 20_000 {
		name := fmt.Sprintf("n%d.example", i)
		s.shard(name).put(name, Answer{}, time.Unix(1e9, 0))
	}
	for i := range s.shards {
		if n := s.shards[i].lru.Len(); n < 200 || n > 450 { // 312 on average, a standard deviation of 18
			t.Errorf("shard %d has %d of 20,000 names", i, n)
		}
	}
}

func TestParsed(t *testing.T) {
	p := NewParsed[int](1000)
	if len(p.shards) != 8 {
		t.Errorf("%d shards", len(p.shards))
	}
	for i := range 20_000 {
		text := fmt.Sprint(i)
		p.Put(text, i, 0)
		if got, ok := p.Get(text); !ok || got != i {
			t.Fatalf("%d: %d, %t", i, got, ok)
		}
		if n := p.Len(); n > 1000 {
			t.Fatalf("%d are kept", n)
		}
	}
	if n := p.Len(); n != 1000 {
		t.Errorf("%d are kept in the end", n)
	}
	if _, ok := p.Get("none"); ok {
		t.Error("found what was not put")
	}
	var none *Parsed[int] = NewParsed[int](0)
	none.Put("a", 1, 0)
	if _, ok := none.Get("a"); ok || none.Len() != 0 || none.Bytes() != 0 {
		t.Error("nil keeps something")
	}
}

// Large values take the place of several, and one that would take all is not kept.
func TestParsedBytes(t *testing.T) {
	p := NewParsed[int](100)
	for i := range 1000 {
		p.Put(fmt.Sprint(i), i, 10*ParsedBytes)
		if _, ok := p.Get(fmt.Sprint(i)); !ok || p.Bytes() > 100*ParsedBytes {
			t.Fatalf("%d: kept %t, %d bytes", i, ok, p.Bytes())
		}
	}
	if n := p.Len(); n != 9 {
		t.Errorf("%d are kept", n)
	}
	p.Put("999", 0, 100*ParsedBytes)
	if _, ok := p.Get("999"); ok || p.Len() != 8 {
		t.Errorf("%d are kept", p.Len())
	}
	for i := range 200 {
		p.Put(fmt.Sprint(i), i, 100)
	}
	if n := p.Len(); n != 100 {
		t.Errorf("%d are kept in the end", n)
	}
}

func TestParsedConcurrently(t *testing.T) {
	p := NewParsed[string](64)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 0))
			for range 2000 {
				text := fmt.Sprint(rnd.IntN(200))
				if got, ok := p.Get(text); ok && got != text {
					t.Errorf("%s: %s", text, got)
				}
				p.Put(text, text, 0)
			}
		})
	}
	all.Wait()
}
