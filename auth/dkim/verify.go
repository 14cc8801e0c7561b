// Package dkim verifies DKIM signatures (RFC 6376, 8301, 8463) while a message
// arrives. What its engine is made of - tag-lists, keys, header and body hashes -
// is exported for ARC, which signs in the same way (RFC 8617).
//
// Divergences from the RFC:
//
//   - Policy, though RFC 6376 would verify it: l= (its section 8.2 allows that); From
//     fields of which one is not signed; t= more than a day ahead; more
//     signatures, tags, names in h= or header bytes than the limits.
//   - Neutral: a line end in a signed field that is no fold.
//   - "_" and hyphens at the ends of labels are accepted in d=, s= and i=, and
//     tag-specs without anything in key records.
//   - The local part of i= is not decoded.
//   - Several suitable keys at one selector are a permerror: RFC 6376 section
//     3.6.2.2 leaves the result undefined.
//   - t=y is reported and changes no result.
//
// With EngineGoMsgauth also:
//
//   - Valid, but the library can't verify it, so that the result is neutral and
//     never fail: upper case in the values of a=, c= or q=; i= and d= that differ
//     in letter case or as A-label and U-label; "b=" inside another tag, as in
//     z=...b=20; DKIM-Signature in h= more often than the header has others; a
//     bare CR in a field of a relaxed header, and in a relaxed body at the end
//     or after white space.
//   - Policy: more folds or blank lines than the limits that the library needs.
//   - A bare LF in the body is taken for CRLF.
//   - x= is compared with the system clock as well as with Verifier.Now, and without
//     Verifier.Grace.
//   - Outcome.BodyOnly is never true: the library stops at the body hash.
package dkim

import (
	"cmp"
	"context"
	"slices"
	"time"

	"assay/auth/dns"
	"assay/auth/message"
)

// The limits of one signature where none is set.
const (
	DefaultMaxNames       = 256       // names in h=
	DefaultMaxHeaderBytes = 512 << 10 // bytes of the fields that it covers
)

const (
	defaultMaxSignatures = 10
	defaultMaxRSABits    = 8192
	leastRSABits         = 1024 // RFC 8301 section 3.2
)

// A Verifier verifies the signatures of messages. It must not change once it
// is in use, and is safe for concurrent use then.
type Verifier struct {
	// Resolver answers the questions for keys. It is required when a message is signed.
	Resolver dns.Resolver

	// MaxSignatures bounds the signatures of one message that are verified;
	// the others get the result policy. Zero or less means 10.
	MaxSignatures int

	// MinRSABits is the size of the shortest RSA key that is accepted, in
	// bits. Anything below 1024 means 1024 (RFC 8301 section 3.2).
	MinRSABits int

	// MaxRSABits is the size of the longest RSA key that is accepted, in
	// bits. Zero or less means 8192; RFC 8301 section 3.2 asks for 4096.
	MaxRSABits int

	// MaxTags bounds the tags of one signature, which gets the result policy with more, and of one key
	// record. Zero or less means DefaultMaxTags.
	MaxTags int

	// MaxNames bounds the names in one h= tag. Zero or less means DefaultMaxNames.
	MaxNames int

	// MaxHeaderBytes bounds the size of the fields that one signature covers,
	// in bytes. Zero or less means DefaultMaxHeaderBytes.
	MaxHeaderBytes int

	// Grace is how long after x= a signature is still taken. Zero or less: not at all.
	Grace time.Duration

	// Keys keeps parsed key records. Nil means that each is parsed anew.
	Keys *KeyCache

	// Only says, by their fields, which signatures are to be verified; the others get the
	// result policy, nothing is looked up for them, and they don't count for MaxSignatures.
	// It is called in Begin. Nil means all.
	Only func(message.Field) bool

	// Engine verifies the signatures. The zero value is the one of this package.
	Engine Engine

	// Now is the clock that t= and x= are compared with. Nil means time.Now.
	Now func() time.Time
}

// A Verification is the verification of the signatures of one message. Its
// methods are called one at a time. Finish or Cancel must be called; nothing of
// it is running after either.
type Verification struct {
	checks []*check // one per DKIM-Signature field, in the order of the header
	engine engine   // nil when there is nothing to verify
	closed bool     // the body has ended

	finished bool
}

// Begin starts the verification of a message with this header, which must not
// change before Finish or Cancel: one of them must be called. The keys of all
// signatures that may be verified are looked up at once, one question per
// selector and domain. The body follows by Write.
//
// Authors are the author domains, lower case and A-labels: when a message has
// more signatures than MaxSignatures, those by such a domain, or by one above or
// below it, come first.
//
// A context that is done ends the lookups, which makes the result temperror.
func (v *Verifier) Begin(ctx context.Context, h message.Header, authors ...string) *Verification {
	return v.BeginWith(ctx, nil, h, authors...)
}

// BeginWith is Begin for a message whose body is hashed for others as well: the
// caller writes each piece of the body to bodies and to the Verification, and
// ends both at the same point. Nil is a BodyHashes that the Verification writes to.
func (v *Verifier) BeginWith(ctx context.Context, bodies *BodyHashes, h message.Header, authors ...string) *Verification {
	n := &Verification{}
	open := v.read(n, h)
	if len(open) == 0 {
		return n
	}
	open = v.admit(open, authors)
	if v.Engine == EngineGoMsgauth {
		n.engine = v.beginLibrary(ctx, h, open)
	} else {
		n.engine = v.beginOwn(ctx, bodies, h, open)
	}
	return n
}

// read makes a check for each signature and returns those that may be verified.
func (v *Verifier) read(n *Verification, h message.Header) (open []*check) {
	var limits tagLimits
	for i, f := range h {
		if !IsSignature(f) {
			continue
		}
		if n.checks == nil {
			limits = v.tagLimits()
		}
		c := &check{}
		c.final = c.sig.read(f, i, limits)
		if c.final == nil && v.Only != nil && !v.Only(f) {
			c.final = policy("signature not asked for")
		}
		n.checks = append(n.checks, c)
		if c.final == nil {
			open = append(open, c)
		}
	}
	if len(open) == 0 {
		return nil
	}
	fromFields := countFields(h, "from")
	return slices.DeleteFunc(open, func(c *check) bool {
		c.final = checkFrom(&c.sig, fromFields)
		if c.final == nil && v.Engine == EngineGoMsgauth {
			c.final = c.sig.unsupported()
		}
		return c.final != nil
	})
}

// admit applies MaxSignatures.
func (v *Verifier) admit(open []*check, authors []string) []*check {
	limit := cmp.Or(max(v.MaxSignatures, 0), defaultMaxSignatures)
	if len(open) <= limit {
		return open
	}
	slices.SortStableFunc(open, func(a, b *check) int {
		return rank(&a.sig, authors) - rank(&b.sig, authors)
	})
	for _, c := range open[limit:] {
		c.final = policy("too many signatures")
	}
	return open[:limit]
}

// rank is 0 for a signature that may be aligned with an author domain, else 1.
func rank(s *signature, authors []string) int {
	for _, author := range authors {
		if message.IsWithin(author, s.outcome.Domain) || message.IsWithin(s.outcome.Domain, author) {
			return 0
		}
	}
	return 1
}

func (v *Verifier) tagLimits() tagLimits {
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	return tagLimits{now(), max(v.Grace, 0), cmp.Or(max(v.MaxNames, 0), DefaultMaxNames), v.MaxTags}
}

func (v *Verifier) keyLimits() KeyLimits {
	return KeyLimits{MinRSABits: v.MinRSABits, MaxRSABits: v.MaxRSABits, MaxTags: v.MaxTags, Cache: v.Keys}
}

// Domains lists the signing domains whose signatures are being verified,
// without repetition, in the order of the header: those that may pass.
func (n *Verification) Domains() []string {
	var domains []string
	for _, c := range n.checks {
		if d := c.sig.outcome.Domain; c.begun && !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	return domains
}

// Write takes the next piece of the body: CRLF line ends, dots not stuffed. It
// never fails and does not keep p. With EngineGoMsgauth it waits while no key is
// known yet, at most until the context of Begin is done: the body is not stored.
func (n *Verification) Write(p []byte) (int, error) {
	if len(p) > 0 && n.WantsBody() {
		n.engine.write(p)
	}
	return len(p), nil
}

// WantsBody is false when no result depends on the rest of the body: the
// caller may skip it. It may turn false at any time.
func (n *Verification) WantsBody() bool {
	return !n.closed && n.engine != nil && n.engine.wantsBody()
}

// Finish ends the body, waits for the results and returns one Outcome per
// DKIM-Signature field in the order of the header: none when the message is
// not signed, and after Cancel. It panics with a *dns.Panic if the resolver or the
// library did; then nothing is running any more either.
func (n *Verification) Finish() []Outcome {
	if n.engine != nil && n.checks != nil && !n.finished {
		n.closed = true
		n.engine.finish()
	}
	n.finished = true
	outcomes := make([]Outcome, len(n.checks))
	for i, c := range n.checks {
		outcomes[i] = c.sig.outcome
		c.final.apply(&outcomes[i])
	}
	return outcomes
}

// Cancel ends the verification without a result and waits for what is running.
// Idempotent; a no-op after Finish.
func (n *Verification) Cancel() {
	n.closed = true
	if n.engine != nil {
		n.engine.stop()
	}
	if !n.finished {
		n.checks = nil
	}
}

func isNamed(name, lowerName string) bool { return isLower(trimName(name), lowerName) }

func countFields(h message.Header, lowerName string) (n int) {
	for i := range h {
		if isNamed(h[i].Name, lowerName) {
			n++
		}
	}
	return n
}
