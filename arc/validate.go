package arc

import (
	"cmp"
	"context"
	"time"

	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/message"
)

// A Validator validates the chains of messages (RFC 8617 section 5.2). It must not
// change once it is in use, and is safe for concurrent use then.
type Validator struct {
	// Resolver answers the questions for keys. It is required when a message has
	// a chain.
	Resolver dns.Resolver

	// MaxSets bounds the ARC Sets of a message: a chain with more fails. Zero, and
	// anything else that is not from 1 to 49, means 50 (section 4.2.1).
	MaxSets int

	// Keys are the keys that are accepted.
	Keys dkim.KeyLimits

	// MaxTags bounds the tags of one signature or seal: a chain with more of them fails. Zero or less
	// means dkim.DefaultMaxTags.
	MaxTags int

	// MaxNames bounds the names in one h= tag. Zero or less means dkim.DefaultMaxNames.
	MaxNames int

	// MaxHeaderBytes bounds the size of the fields that the newest
	// ARC-Message-Signature covers, and of those that all older ones cover together,
	// in bytes. Zero or less means dkim.DefaultMaxHeaderBytes. For the older ones it is
	// eight times that.
	MaxHeaderBytes int

	// Now is the clock that t= and x= are compared with. Nil means time.Now.
	Now func() time.Time
}

// A Validation is the validation of one message's chain. Its methods are called
// one at a time. Finish or Cancel must be called; nothing of it is running after
// either.
type Validation struct {
	chain    *chain // nil when there is none
	header   message.Header
	body     *dkim.BodyHashes
	keys     *dkim.Keys // nil when nothing is looked up
	maxBytes int
	verdict  *failure // known without keys
	ended    bool
}

// Begin starts the validation of a message with this header, which must not change
// before Finish or Cancel: one of them must be called. The keys of all signatures
// that matter are looked up at once, one question per selector and domain; none when
// the chain fails without.
//
// It asks body for the hashes that it needs: the body has to be written to it in
// full between Begin and Finish. A context that is done ends the lookups, which makes
// the chain fail.
func (v *Validator) Begin(ctx context.Context, h message.Header, body *dkim.BodyHashes) *Validation {
	if !hasFields(h) {
		return new(Validation)
	}
	n := &Validation{chain: collect(h, v.MaxTags), header: h, body: body, maxBytes: v.maxHeaderBytes()}
	v.read(n.chain, h)
	if n.verdict = v.check(n.chain); n.verdict == nil {
		n.keys = dkim.NewKeys(ctx, v.Resolver, v.Keys)
		n.ask()
	}
	return n
}

func (v *Validator) maxSets() int {
	if v.MaxSets < 1 || v.MaxSets > MaxSets {
		return MaxSets
	}
	return v.MaxSets
}

func (v *Validator) maxNames() int { return cmp.Or(max(v.MaxNames, 0), dkim.DefaultMaxNames) }

func (v *Validator) maxHeaderBytes() int {
	return cmp.Or(max(v.MaxHeaderBytes, 0), dkim.DefaultMaxHeaderBytes)
}

func (v *Validator) now() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}

// read reads the signatures of all sets, as far as there are any.
func (v *Validator) read(c *chain, h message.Header) {
	now, authors := v.now(), h.Count("From")
	for _, l := range c.sets[1 : c.newest+1] {
		if l == nil {
			continue
		}
		if l.ams != nil {
			l.ams.readMessageSignature(&l.Message, now, v.maxNames())
			l.SignsFrom = authors > 0 && l.ams.signs("from") >= authors
		}
		if l.as != nil {
			l.as.readSeal(&l.Set.Seal, now)
		}
	}
}

// check finds what makes the chain fail whatever the keys are.
func (v *Validator) check(c *chain) *failure {
	if f := c.check(v.maxSets()); f != nil {
		return f
	}
	newest := c.sets[c.newest]
	if newest.ams.bad != nil {
		return newest.ams.fail(&newest.Message, newest.ams.bad).of(MessageSignature, c.newest)
	}
	for i := c.newest; i > 0; i-- {
		if s := c.sets[i].as; s.bad != nil {
			return s.fail(&c.sets[i].Set.Seal, s.bad).of(Seal, i)
		}
	}
	return nil
}

// fail writes a failure into the Signature.
func (s *signature) fail(out *Signature, f *failure) *failure {
	out.Result, out.Reason = Fail, f.reason
	return f
}

// ask begins the lookups, and asks for the body hashes. An ARC-Message-Signature below
// one that can't verify doesn't matter.
func (n *Validation) ask() {
	older := true
	for i := n.chain.newest; i > 0; i-- {
		l := n.chain.sets[i]
		l.as.key = n.keys.Ask(l.Set.Seal.Selector, l.Set.Seal.Domain)
		if older = older && l.ams.bad == nil; older {
			l.ams.key = n.keys.Ask(l.Message.Selector, l.Message.Domain)
			for _, c := range l.ams.canons {
				n.body.Want(c.body)
			}
		}
	}
}

// WantsBody is false when the body does not matter to the result.
func (n *Validation) WantsBody() bool { return !n.ended && n.keys != nil }

// Cancel ends the validation without a result and waits for what is running.
// Idempotent; a no-op after Finish.
func (n *Validation) Cancel() {
	if n.keys != nil {
		n.keys.Stop()
	}
	n.ended = true
}

// Finish waits for the keys and returns the Outcome: one without a chain after
// Cancel. It panics with a *dns.Panic if the resolver did; then nothing is running
// any more either.
func (n *Validation) Finish() Outcome {
	if n.ended || n.chain == nil {
		n.ended = true
		return Outcome{Result: None}
	}
	defer n.Cancel()
	o := Outcome{Result: Pass, Instance: n.chain.newest}
	if f := n.validate(&o); f != nil {
		o.Result, o.Reason, o.Temporary, o.Err = Fail, f.reason, f.temporary, f.err
	}
	for _, l := range n.chain.sets[1:] {
		if l != nil {
			o.Sets = append(o.Sets, l.Set)
		}
	}
	n.Cancel()
	if n.keys != nil {
		n.keys.Wait() // panics if a lookup did
	}
	return o
}
