package dkim

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"slices"

	"assay/auth/message"
)

// An Engine is what computes hashes and verifies signatures. The zero value is EngineAssay.
type Engine uint8

// The engines.
const (
	EngineAssay     Engine = iota // of this package
	EngineGoMsgauth               // the library go-msgauth, behind guards: a second opinion
)

// An engine verifies the signatures of one message that may pass. Its methods
// are called one at a time.
type engine interface {
	// write takes the next piece of the body and does not keep it.
	write(p []byte)
	// wantsBody is false when no result depends on the rest of the body.
	wantsBody() bool
	// finish ends the body, waits and sets every verdict. It panics with a *dns.Panic
	// if a goroutine did; nothing is running any more then, either.
	finish()
	// stop ends everything without verdicts and waits. A no-op after finish.
	stop()
}

// A check is the verification of one signature.
type check struct {
	sig   signature
	final *verdict // nil until the end is known
	begun bool     // given to the engine

	key    *KeyLookup
	digest [sha256.Size]byte // of the header; with EngineAssay
	public crypto.PublicKey  // nil until the key is known; with EngineAssay
	feed   *feed             // with EngineGoMsgauth
}

// chooseKey ends the check if no key is usable.
func (c *check) chooseKey() *keyRecord {
	record, v := c.key.choose(c.sig.keyUse())
	if record != nil {
		c.sig.outcome.KeyBits, c.sig.outcome.Testing = record.bits, record.testing
	}
	if c.final = v; v != nil {
		return nil
	}
	return record
}

// A headerLimit picks the fields that signatures cover.
type headerLimit struct {
	header message.Header
	index  *FieldIndex
	bytes  int
}

func (v *Verifier) headerLimit(h message.Header, open []*check) headerLimit {
	lists := make([][]string, len(open))
	for i, c := range open {
		lists[i] = c.sig.names
	}
	return headerLimit{h, NewFieldIndex(h, lists...), cmp.Or(max(v.MaxHeaderBytes, 0), DefaultMaxHeaderBytes)}
}

// pick lists the fields of a signature, as FieldIndex.Pick does.
func (l headerLimit) pick(s *signature) ([]int, *verdict) {
	fields := l.index.Pick(s.names, s.index)
	size := len(s.field.Raw)
	for _, i := range fields {
		size += len(l.header[i].Raw)
	}
	if size > l.bytes {
		return nil, policy("signed header too large")
	}
	return fields, nil
}

// An ownEngine hashes the header at once and the body as it comes; signatures
// are verified at the end. Nothing but lookups runs in goroutines.
type ownEngine struct {
	live   []*check // those whose body counts
	bodies *BodyHashes
	shared bool // the caller writes to bodies
	keys   Keys
}

func (v *Verifier) beginOwn(ctx context.Context, bodies *BodyHashes, h message.Header, open []*check) engine {
	e := &ownEngine{live: open[:0], bodies: bodies, shared: bodies != nil}
	e.keys.prepare(ctx, v.Resolver, v.keyLimits())
	if !e.shared {
		e.bodies = &BodyHashes{}
	}
	limit := v.headerLimit(h, open)
	for _, c := range open {
		if c.final = c.hashHeader(limit); c.final != nil {
			continue
		}
		c.begun = true
		c.key = e.keys.Ask(c.sig.outcome.Selector, c.sig.outcome.Domain)
		e.bodies.Want(c.sig.bodyCanon)
		e.live = append(e.live, c)
	}
	return e
}

func (c *check) hashHeader(limit headerLimit) *verdict {
	fields, v := limit.pick(&c.sig)
	if v != nil {
		return v
	}
	hash := NewHeaderHash(c.sig.headerCanon)
	for _, i := range fields {
		hash.Add(limit.header[i])
	}
	hash.AddSignature(c.sig.field, c.sig.tags)
	var err error
	if c.digest, err = hash.End(); err != nil {
		return &verdict{Neutral, "malformed line end in signed header", err}
	}
	return nil
}

func (e *ownEngine) write(p []byte) {
	if !e.shared {
		e.bodies.Write(p)
	}
}

func (e *ownEngine) wantsBody() bool {
	e.live = slices.DeleteFunc(e.live, func(c *check) bool {
		if c.public == nil && c.key.Done() {
			c.readKey()
		}
		return c.final != nil
	})
	return len(e.live) > 0
}

// readKey takes the key from the answer, for which it waits.
func (c *check) readKey() {
	if record := c.chooseKey(); record != nil {
		c.public = record.public
	}
}

func (e *ownEngine) finish() {
	defer e.stop()
	e.keys.Wait()
	if e.wantsBody() {
		for _, c := range e.live {
			c.final = c.verify(e.bodies.Sum(c.sig.bodyCanon))
		}
	}
}

// verify compares in the order of RFC 6376 section 6.1.3. The signature is verified even where
// the body hash has ended that: whether the body is all that changed matters to others.
func (c *check) verify(body [sha256.Size]byte) *verdict {
	signed := Verify(c.public, c.digest, c.sig.signed)
	switch o := &c.sig.outcome; {
	case !bytes.Equal(body[:], c.sig.bodyHash):
		o.BodyOnly = signed && !o.Testing && len(c.sig.bodyHash) == len(body)
		return fail(badBodyHash)
	case !signed:
		return fail("signature did not verify")
	}
	return pass("signature was verified")
}

const badBodyHash = "body hash did not verify"

func (e *ownEngine) stop() { e.keys.Stop() }
