package dkim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"assay/auth/dns"
)

// A published is what DNS holds at one selector: key records, or why there are none.
type published struct {
	keys    []*keyRecord
	problem *verdict
}

// A lookup is the question for one key. The check that owns it asks; the other
// ones with the same selector and domain wait.
type lookup struct {
	name   string
	done   chan struct{}
	answer published // once done is closed
}

// ask closes done also when the resolver panics: the others then end without
// an answer, and Finish panics for the owner.
func (l *lookup) ask(ctx context.Context, r dns.Resolver) {
	l.answer.problem = temporary("key unavailable", errPanicked)
	defer close(l.done)
	a, err := r.Resolve(ctx, dns.Question{Name: l.name, Type: dns.TypeTXT})
	if err != nil {
		err = fmt.Errorf("dkim: key %s: %w", l.name, err)
		l.answer.problem = temporary("key unavailable", err)
		return
	}
	l.answer = readPublished(a.Texts)
}

var errPanicked = errors.New("dkim: the lookup panicked")

// lookups are those of one message.
type lookups map[string]*lookup

// get returns the lookup of a signature's key; owner is true the first time.
func (l lookups) get(s *signature) (_ *lookup, owner bool) {
	name := s.outcome.Selector + "._domainkey." + s.outcome.Domain
	if k, ok := l[name]; ok {
		return k, false
	}
	l[name] = &lookup{name: name, done: make(chan struct{})}
	return l[name], true
}

// readPublished picks the key records among all TXT records of the name.
func readPublished(texts []string) published {
	var p published
	bad := false
	for _, text := range uniqueSorted(texts) {
		k, err := parseKeyRecord(text)
		if err == nil {
			p.keys = append(p.keys, k)
		}
		bad = bad || errors.Is(err, errKeySyntax)
	}
	switch {
	case len(p.keys) > 0:
	case bad:
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

// choose returns the one key that suits the signature. Where several do, RFC
// 6376 section 3.6.2.2 defines no result, so that none is better than any.
func (p published) choose(s *signature, limits keyLimits) (*keyRecord, *verdict) {
	if p.problem != nil {
		return nil, p.problem
	}
	var chosen *keyRecord
	var first *verdict
	for _, k := range p.keys {
		v := k.suits(s, limits)
		switch {
		case v != nil && first == nil:
			first = v
			s.describeKey(k)
		case v == nil && chosen != nil && chosen.data != k.data:
			return nil, permanent("several keys for signature")
		case v == nil:
			chosen = k
		}
	}
	if chosen == nil {
		return nil, first
	}
	s.describeKey(chosen)
	return chosen, nil
}

func (s *signature) describeKey(k *keyRecord) {
	s.outcome.KeyBits, s.outcome.Testing = k.bits, k.testing
}
