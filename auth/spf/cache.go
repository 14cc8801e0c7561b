package spf

import "assay/auth/dns"

// A longer record is not kept, so that a cache of n records stays below about
// n times 50 KiB whatever senders publish; those in use are far below both.
const (
	maxCachedText       = 1024 // bytes
	maxCachedDirectives = 128
)

// A RecordCache keeps the records that were parsed last, by their text, bad
// ones too. It is safe for concurrent use, by shards with locks of their own.
// Records do not age: they are found by what DNS answered just now.
type RecordCache struct {
	records *dns.Parsed[parsed]
}

type parsed struct {
	record *record
	err    error
}

// NewRecordCache returns a cache for so many records, and nil, which keeps
// nothing, when size is not positive.
func NewRecordCache(size int) *RecordCache {
	if size <= 0 {
		return nil
	}
	return &RecordCache{records: dns.NewParsed[parsed](size)}
}

// parse is parseRecord from the cache. A nil cache keeps nothing.
func (c *RecordCache) parse(text string) (*record, error) {
	if c == nil || len(text) > maxCachedText {
		return parseRecord(text)
	}
	if p, ok := c.records.Get(text); ok {
		return p.record, p.err
	}
	r, err := parseRecord(text)
	if r == nil || len(r.directives) <= maxCachedDirectives {
		c.records.Put(text, parsed{r, err})
	}
	return r, err
}
