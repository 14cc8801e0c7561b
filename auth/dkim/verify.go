// Package dkim verifies DKIM signatures (RFC 6376, 8301, 8463) while a message
// arrives. Signatures and key records are read and judged here; canonical form,
// hashes and cryptography are those of go-msgauth, which is given only what it
// handles right.
//
// Divergences from the RFC:
//
//   - Valid, but the library can't verify it, so that the result is neutral and
//     never fail: upper case in the values of a=, c= or q=; i= and d= that differ
//     in letter case or as A-label and U-label; "b=" inside another tag, as in
//     z=...b=20; DKIM-Signature in h= more often than the header has others; a
//     bare CR in a field of a relaxed header, and in a relaxed body at the end
//     or after white space.
//   - A bare LF in the body is taken for CRLF.
//   - Policy, though RFC 6376 would verify it: l= (its section 8.2 allows that); From
//     fields of which one is not signed; t= more than five minutes ahead; more
//     signatures, names in h=, header bytes, folds or blank lines than the limits.
//   - x= is compared with the system clock as well as with Verifier.Now.
//   - "_" and hyphens at the ends of labels are accepted in d=, s= and i=, and
//     tag-specs without anything in key records.
//   - The local part of i= is not decoded.
//   - Several suitable keys at one selector are a permerror: RFC 6376 section
//     3.6.2.2 leaves the result undefined.
//   - t=y is reported and changes no result.
package dkim

import (
	"context"
	"runtime/debug"
	"slices"
	"time"

	"assay/auth/dns"
	"assay/auth/message"
)

const (
	defaultMaxSignatures = 10
	defaultMaxNames      = 256
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

	// MaxNames bounds the names in one h= tag. Zero or less means 256.
	MaxNames int

	// MaxHeaderBytes bounds the size of the fields that one signature covers,
	// in bytes. Zero or less means 512 KiB.
	MaxHeaderBytes int

	// Now is the clock that t= and x= are compared with. Nil means time.Now.
	Now func() time.Time
}

// A Verification is the verification of the signatures of one message. Its
// methods are called one at a time. Finish or Cancel must be called; nothing of
// it is running after either.
type Verification struct {
	checks  []*check // one per DKIM-Signature field, in the order of the header
	live    []*check // those that may still want the body
	cancel  context.CancelFunc
	scan    bodyScan
	tooLong bool // too many blank lines: the body was cut off
	closed  bool

	finished bool
}

// A check is the verification of one signature.
type check struct {
	sig    *signature
	final  *verdict // nil until the end is known
	engine *engine  // nil when no goroutine was started

	panicked *Panic // what the goroutine panicked with
}

// Begin starts the verification of a message with this header, which must not
// change before Finish or Cancel: one of them must be called. The keys of all signatures that may be
// verified are looked up at once, one question per selector and domain. The
// body follows by Write.
//
// Authors are the author domains, lower case and A-labels: when a message has
// more signatures than MaxSignatures, those by such a domain, or by one above or
// below it, come first.
//
// A context that is done ends the lookups, which makes the result temperror.
func (v *Verifier) Begin(ctx context.Context, h message.Header, authors ...string) *Verification {
	n := &Verification{cancel: func() {}}
	open := v.read(n, h)
	if len(open) == 0 {
		return n
	}
	open = v.admit(open, authors)
	builder := v.builder(h, open)
	keys := lookups{}
	ctx, n.cancel = context.WithCancel(ctx)
	for _, c := range open {
		var header []byte
		if header, c.final = builder.build(c.sig); c.final != nil {
			continue
		}
		c.engine = newEngine(header)
		n.live = append(n.live, c)
		key, owner := keys.get(c.sig)
		go c.run(v.keyLimits(), func() published {
			if owner {
				key.ask(ctx, v.Resolver)
			}
			<-key.done
			return key.answer
		})
	}
	return n
}

// read makes a check for each signature and returns those that may be verified.
func (v *Verifier) read(n *Verification, h message.Header) (open []*check) {
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	for i, f := range h {
		if !isNamed(f, lowerFieldName) {
			continue
		}
		c := &check{}
		c.sig, c.final = readSignature(f, i, now(), positive(v.MaxNames, defaultMaxNames))
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
		c.final = checkFrom(c.sig, fromFields)
		if c.final == nil && c.sig.unsupported != "" {
			c.final = neutral(c.sig.unsupported)
		}
		return c.final != nil
	})
}

// admit applies MaxSignatures.
func (v *Verifier) admit(open []*check, authors []string) []*check {
	limit := positive(v.MaxSignatures, defaultMaxSignatures)
	if len(open) <= limit {
		return open
	}
	slices.SortStableFunc(open, func(a, b *check) int {
		return rank(a.sig, authors) - rank(b.sig, authors)
	})
	for _, c := range open[limit:] {
		c.final = policy("too many signatures")
	}
	return open[:limit]
}

// rank is 0 for a signature that may be aligned with an author domain, else 1.
func rank(s *signature, authors []string) int {
	for _, author := range authors {
		if isWithin(author, s.outcome.Domain) || isWithin(s.outcome.Domain, author) {
			return 0
		}
	}
	return 1
}

func (v *Verifier) builder(h message.Header, open []*check) *headerBuilder {
	return &headerBuilder{
		index:    newFieldIndex(h, open),
		maxBytes: positive(v.MaxHeaderBytes, defaultMaxHeaderBytes),
		work:     maxSimpleWork,
	}
}

func (v *Verifier) keyLimits() keyLimits {
	return keyLimits{
		min: max(v.MinRSABits, leastRSABits),
		max: positive(v.MaxRSABits, defaultMaxRSABits),
	}
}

func positive(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// run waits for the key, verifies and sets the verdict.
func (c *check) run(limits keyLimits, ask func() published) {
	defer close(c.engine.done)
	defer func() {
		if p := recover(); p != nil {
			c.panicked = &Panic{p, debug.Stack()}
		}
	}()
	key, v := ask().choose(c.sig, limits)
	if v == nil {
		v = c.engine.verify(key)
	}
	c.final = v
}

// Domains lists the signing domains whose signatures are being verified,
// without repetition, in the order of the header: those that may pass.
func (n *Verification) Domains() []string {
	var domains []string
	for _, c := range n.checks {
		if d := c.sig.outcome.Domain; c.engine != nil && !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	return domains
}

// Write takes the next piece of the body: CRLF line ends, dots not stuffed. It
// never fails and does not keep p. It waits while no key is known yet, at
// most until the context of Begin is done: the body is not stored.
func (n *Verification) Write(p []byte) (int, error) {
	if len(p) == 0 || !n.WantsBody() {
		return len(p), nil
	}
	if !n.scan.write(p) {
		n.tooLong = true
		n.close()
		return len(p), nil
	}
	sent := n.live[:0]
	for _, c := range n.live {
		if c.engine.send(p) {
			sent = append(sent, c)
		}
	}
	n.live = sent
	for _, c := range sent {
		c.engine.wait()
	}
	return len(p), nil
}

// WantsBody is false when no result depends on the rest of the body: the
// caller may skip it. It may turn false at any time.
func (n *Verification) WantsBody() bool {
	return !n.closed && slices.ContainsFunc(n.live, func(c *check) bool { return c.engine.running() })
}

// Finish ends the body, waits for the results and returns one Outcome per
// DKIM-Signature field in the order of the header: none when the message is
// not signed, and after Cancel. It panics with a *Panic if the resolver or the
// library did; then nothing is running any more either.
func (n *Verification) Finish() []Outcome {
	n.stop()
	n.finished = true
	outcomes := make([]Outcome, 0, len(n.checks))
	for _, c := range n.checks {
		if c.panicked != nil {
			panic(c.panicked)
		}
		o := c.sig.outcome
		n.final(c).apply(&o)
		outcomes = append(outcomes, o)
	}
	return outcomes
}

// final is the verdict with the body's part in it.
func (n *Verification) final(c *check) *verdict {
	hashed := c.final.result == Pass || c.final.result == Fail
	switch {
	case c.engine == nil || !hashed:
	case n.tooLong:
		return policy("too many blank lines in body")
	case c.sig.bodyCanon == "relaxed" && n.scan.misreadRelaxed():
		return neutral("bare CR in body not supported")
	}
	return c.final
}

// Cancel ends the verification without a result and waits for what is running.
// Idempotent; a no-op after Finish.
func (n *Verification) Cancel() {
	n.cancel()
	n.stop()
	if !n.finished {
		n.checks = nil
	}
}

func (n *Verification) stop() {
	n.close()
	for _, c := range n.checks {
		if c.engine != nil {
			<-c.engine.done
		}
	}
	n.cancel()
}

// close ends the body for all engines.
func (n *Verification) close() {
	if n.closed {
		return
	}
	n.closed = true
	for _, c := range n.checks {
		if c.engine != nil {
			close(c.engine.pieces)
		}
	}
}

func isNamed(f message.Field, lowerName string) bool {
	name := trimName(f.Name)
	return len(name) == len(lowerName) && lowerASCII(name) == lowerName
}

func countFields(h message.Header, lowerName string) (n int) {
	for _, f := range h {
		if isNamed(f, lowerName) {
			n++
		}
	}
	return n
}
