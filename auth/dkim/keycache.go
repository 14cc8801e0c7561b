package dkim

import "assay/auth/dns"

// A longer key record is not kept. An RSA key of 8192 bits needs 1400 bytes.
const maxCachedRecord = 2048

// A KeyCache keeps the key records that were parsed last, by their text, bad ones too. It is safe for
// concurrent use, by shards with locks of their own; nil keeps nothing. Of n records the memory stays
// below about n times dns.ParsedBytes.
type KeyCache struct {
	records *dns.Parsed[parsedKey]
}

type parsedKey struct {
	record  *keyRecord // not changed once it is here
	err     error
	maxTags int // that were allowed
}

// NewKeyCache returns a cache for so many key records, and nil when size is not positive.
func NewKeyCache(size int) *KeyCache {
	if size <= 0 {
		return nil
	}
	return &KeyCache{records: dns.NewParsed[parsedKey](size)}
}

// parse is parseKeyRecord from the cache.
func (c *KeyCache) parse(text string, maxTags int) (*keyRecord, error) {
	if c == nil || len(text) > maxCachedRecord {
		return parseKeyRecord(text, maxTags)
	}
	if p, ok := c.records.Get(text); ok && p.maxTags == maxTags {
		return p.record, p.err
	}
	record, err := parseKeyRecord(text, maxTags)
	c.records.Put(text, parsedKey{record, err, maxTags}, 2*len(text)+record.bytes())
	return record, err
}

// bytes is the memory of a key record but for its text, about.
func (k *keyRecord) bytes() int {
	const (
		empty = 512 // the error, or the record and its key without the modulus
		name  = 16
		kept  = 3 // the modulus, and twice as much to verify with
	)
	if k == nil {
		return empty
	}
	return empty + kept*k.bits/8 + name*(cap(k.hashes)+cap(k.services))
}
