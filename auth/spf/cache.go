package spf

import "assay/auth/dns"

// A longer record is not kept: those in use are far below both.
const (
	maxCachedText       = 1024 // bytes
	maxCachedDirectives = 128
)

// A RecordCache keeps the records that were parsed last, by their text, bad
// ones too. It is safe for concurrent use, by shards with locks of their own.
// Records do not age: they are found by what DNS answered just now. Of n records the memory stays below about
// n times dns.ParsedBytes, whatever senders publish.
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
		c.records.Put(text, parsed{r, err}, len(text)+r.bytes())
	}
	return r, err
}

// The memory of the parts of a record, in bytes.
const (
	recordBytes    = 256
	directiveBytes = 96
	partBytes      = 48
)

// bytes is the memory of a record, about, but for its text.
func (r *record) bytes() int {
	if r == nil {
		return recordBytes // the error
	}
	n := recordBytes + directiveBytes*cap(r.directives) + partBytes*(cap(r.redirect)+cap(r.exp))
	for i := range r.directives {
		n += partBytes * cap(r.directives[i].target)
	}
	return n
}
