package dkim

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"sync"

	"assay/auth/dns"
)

// Keys looks up the public keys for the signatures of one message: all at the
// same time, and each selector and domain once. Its methods are called one at a
// time. Stop must be called.
type Keys struct {
	ctx      context.Context
	cancel   context.CancelFunc // nil until something is looked up in a goroutine
	resolver dns.Resolver
	limits   KeyLimits
	lookups  *KeyLookup // the last one, which leads to those before
	running  sync.WaitGroup
	stopped  bool
}

// KeyLimits are what keys are accepted.
type KeyLimits struct {
	MinRSABits int // of RSA keys; anything below 1024 means 1024 (RFC 8301 section 3.2)
	MaxRSABits int // of RSA keys; zero or less means 8192
	MaxTags    int // of a key record; zero or less means DefaultMaxTags

	Cache *KeyCache // of parsed key records; nil: each is parsed anew
}

// NewKeys prepares lookups, which end when ctx does. Nothing is asked yet.
func NewKeys(ctx context.Context, r dns.Resolver, limits KeyLimits) *Keys {
	k := new(Keys)
	k.prepare(ctx, r, limits)
	return k
}

// prepare is NewKeys in place.
func (k *Keys) prepare(ctx context.Context, r dns.Resolver, limits KeyLimits) {
	k.ctx, k.resolver, k.limits = ctx, r, limits
	k.limits.MinRSABits = max(limits.MinRSABits, leastRSABits)
	k.limits.MaxRSABits = cmp.Or(max(limits.MaxRSABits, 0), defaultMaxRSABits)
}

// Ask begins the lookup of a key (RFC 6376 section 3.6.2.1), which is over at once if the answer
// is at hand, or returns the lookup that has begun before. Selector and domain are as TagList.Domain gives them.
func (k *Keys) Ask(selector, domain string) *KeyLookup {
	name := selector + "._domainkey." + domain
	for l := k.lookups; l != nil; l = l.before {
		if l.name == name {
			return l
		}
	}
	l := &KeyLookup{name: name, limits: k.limits, before: k.lookups}
	k.lookups = l
	if a, ok := dns.Peek(k.resolver, l.question()); ok {
		l.answer = l.limits.readPublished(a.Texts)
		return l
	}
	if k.cancel == nil {
		k.ctx, k.cancel = context.WithCancel(k.ctx)
	}
	if k.stopped {
		k.cancel()
	}
	l.done = make(chan struct{})
	k.running.Go(func() { l.ask(k.ctx, k.resolver) })
	return l
}

// Wait waits for all answers. It panics with a *dns.Panic if the resolver did.
func (k *Keys) Wait() {
	k.running.Wait()
	for l := k.lookups; l != nil; l = l.before {
		if l.panicked != nil {
			panic(l.panicked)
		}
	}
}

// Stop ends the lookups and waits until none is running. Idempotent.
func (k *Keys) Stop() {
	k.stopped = true
	if k.cancel != nil {
		k.cancel()
	}
	k.running.Wait()
}

// A KeyLookup is the question for the keys at one selector. It is safe for
// concurrent use.
type KeyLookup struct {
	name     string
	before   *KeyLookup // the one that the same Keys began before
	limits   KeyLimits
	done     chan struct{} // nil: the answer was at hand
	answer   published     // once done is closed, like panicked
	panicked *dns.Panic
}

// A published is what DNS holds at one selector: key records, or why there are none.
type published struct {
	keys    []*keyRecord
	problem *verdict
}

func (l *KeyLookup) question() dns.Question { return dns.Question{Name: l.name, Type: dns.TypeTXT} }

func (l *KeyLookup) ask(ctx context.Context, r dns.Resolver) {
	defer close(l.done)
	defer func() {
		if p := recover(); p != nil {
			l.panicked = dns.Recovered(p)
		}
	}()
	l.answer.problem = temporary("key unavailable", errPanicked)
	a, err := r.Resolve(ctx, l.question())
	if err != nil {
		err = fmt.Errorf("dkim: key %s: %w", l.name, err)
		if l.answer.problem = temporary("key unavailable", err); errors.Is(err, dns.ErrSpent) {
			l.answer.problem = &verdict{PermError, "too many DNS questions", err}
		}
		return
	}
	l.answer = l.limits.readPublished(a.Texts)
}

var errPanicked = errors.New("dkim: the lookup panicked")

// Done tells whether there is an answer, or none to come.
func (l *KeyLookup) Done() bool {
	if l.done == nil {
		return true
	}
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// A KeyUse is what a key is wanted for.
type KeyUse struct {
	Algorithm string // a= of the signature: RSASHA256 or Ed25519SHA256
	Subdomain bool   // i= is below d=, which a key record may forbid (t=s)
}

// A Key is a public key, or why there is none that can be used.
type Key struct {
	Public crypto.PublicKey // for Verify; nil if there is none that can be used

	// Result is "" if the key can be used, else TempError when DNS had no answer,
	// PermError when there is no key or none that suits, or Policy when it is too
	// short or too long. Reason is why, in a few words of our own; Err explains
	// TempError and PermError.
	Result Result
	Reason string
	Err    error

	Bits    int  // size of the key, also of one that can't be used; 0: unknown
	Testing bool // the key record says t=y (RFC 6376 section 3.6.1)
}

// Key waits for the answer and picks the key that suits (RFC 6376 section 6.1.2).
func (l *KeyLookup) Key(use KeyUse) Key {
	record, v := l.choose(use)
	var key Key
	if record != nil {
		key.Bits, key.Testing = record.bits, record.testing
	}
	if v != nil {
		key.Result, key.Reason, key.Err = v.result, v.reason, v.err
		return key
	}
	key.Public = record.public
	return key
}

// choose returns the one key that suits, or one that does not with the reason.
// Where several do, RFC 6376 section 3.6.2.2 defines no result, so that none is
// better than any.
func (l *KeyLookup) choose(use KeyUse) (*keyRecord, *verdict) {
	if l.done != nil {
		<-l.done
	}
	if l.answer.problem != nil {
		return nil, l.answer.problem
	}
	var chosen, unsuited *keyRecord
	var problem *verdict
	for _, k := range l.answer.keys {
		v := k.suits(use, l.limits)
		switch {
		case v != nil && unsuited == nil:
			unsuited, problem = k, v
		case v == nil && chosen != nil && chosen.data != k.data:
			return unsuited, permanent("several keys for signature")
		case v == nil:
			chosen = k
		}
	}
	if chosen == nil {
		return unsuited, problem
	}
	return chosen, nil
}

// readPublished picks the key records among all TXT records of the name.
func (limits KeyLimits) readPublished(texts []string) published {
	var p published
	var bad error
	for _, text := range uniqueSorted(texts) {
		k, err := limits.Cache.parse(text, limits.MaxTags)
		if err == nil {
			p.keys = append(p.keys, k)
		}
		if errors.Is(err, errKeySyntax) {
			bad = cmp.Or(bad, err)
		}
	}
	switch {
	case len(p.keys) > 0:
	case errors.Is(bad, ErrTooManyTags):
		p.problem = permanent("too many tags in key")
	case bad != nil:
		p.problem = permanent("key syntax error")
	default:
		p.problem = permanent("no key for signature")
	}
	return p
}

// uniqueSorted makes the result independent of the order of the answer. The
// answer is shared and stays as it is.
func uniqueSorted(texts []string) []string {
	if len(texts) < 2 {
		return texts
	}
	texts = slices.Clone(texts)
	slices.Sort(texts)
	return slices.Compact(texts)
}
