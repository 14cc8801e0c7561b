// Package dmarc evaluates DMARC (RFC 9989): it finds the policy record of an
// author domain, tells whether an authenticated identifier is aligned with it,
// and what the domain asks for when none is.
//
// Where the RFC leaves room:
//   - A DNS failure counts only where another answer could have changed the result.
//     It gives temperror, never fail (section 5.3.6); so does a temperror of
//     SPF or of a signature that would be aligned if it passed.
//   - A pass of a signature whose key says t=y is no authenticated identifier: such a
//     message is treated as an unsigned one (RFC 6376 section 3.6.1).
//   - Of tags with one name the first counts; section 4.8 has syntax errors ignored,
//     where RFC 6376 section 3.2 makes the whole list invalid.
//   - White space may stand in front of a record's v, as in a DKIM key record.
//
// Divergences from the RFC:
//   - Where a tree walk finds no record, the Organizational Domain is the registrable
//     domain by the Public Suffix List, not the domain where the walk started (section
//     4.10.2). No result depends on it: DMARC does not apply to an author domain
//     without a record. It serves as the "best guess" and for composite authentication.
package dmarc

import (
	"context"
	"errors"
	"fmt"

	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/spf"
)

// MaxIdentifiers bounds the domains other than the author's that are looked at
// for one message and author: those of the first SPF and DKIM results that pass
// or are temperror. Later ones are not aligned.
const MaxIdentifiers = 16

var errNoAuthor = errors.New("dmarc: no author domain")

// An Evaluator evaluates DMARC. It is safe for concurrent use; the zero value
// lacks a Resolver.
type Evaluator struct {
	Resolver dns.Resolver

	// Others is asked for the tree walks of all domains but those that are given to Begin as authors,
	// so that many slow identifiers can't keep the policies waiting. Nil means Resolver.
	Others dns.Resolver
}

// An Evaluation is the evaluation of one message. Its methods are safe for concurrent use.
// They panic with what the Resolver panicked with in a goroutine of the
// Evaluation.
type Evaluation struct {
	lookups lookups
	authors []author // those of Begin
}

// An author is the policy discovery of one author domain.
type author struct {
	domain string        // normal
	done   chan struct{} // closed when it is over; nil: it was at once
	policy policy
}

// Evaluate evaluates DMARC for one author domain (RFC 9989 section 5.3) in one call.
func (e *Evaluator) Evaluate(ctx context.Context, author string, s spf.Outcome, d []dkim.Outcome) Outcome {
	var identifiers []string
	for _, c := range credentials(s, d) {
		identifiers = append(identifiers, c.domain)
	}
	v := e.Begin(ctx, []string{author}, identifiers)
	defer v.Cancel()
	return v.Evaluate(author, s, d)
}

// OrgDomain finds the Organizational Domain of a domain (RFC 9989 section 4.10.2);
// that by the Public Suffix List when the walk finds no record. The error tells that the
// domain is no domain name, or that DNS failed and the answer is not certain.
func (e *Evaluator) OrgDomain(ctx context.Context, domain string) (string, error) {
	v := e.Begin(ctx, nil, nil)
	defer v.Cancel()
	return v.OrgDomain(domain)
}

// Begin starts everything that can be asked before SPF and DKIM have results,
// all at once: the policy of each author domain, and the tree walks of those identifiers
// (the domains that SPF or DKIM may authenticate) that are likely to be needed,
// because the Public Suffix List sees them in the organization of an author. No
// question is asked twice. What is no domain name is left out.
//
// The caller limits the authors, and calls Cancel when it needs no more. Lookups end
// with ctx.
func (e *Evaluator) Begin(ctx context.Context, authors, identifiers []string) *Evaluation {
	v := &Evaluation{authors: make([]author, 0, len(authors))} // it does not grow: goroutines have pointers into it
	v.lookups.start(ctx, e.Resolver, e.Others)
	for _, name := range authors {
		if domain, ok := normalize(name); ok {
			v.beginAuthor(domain)
		}
	}
	v.Expect(identifiers)
	return v
}

// Expect does what Begin does for identifiers, when these are known only later.
func (v *Evaluation) Expect(identifiers []string) {
	begun := 0
	for _, name := range identifiers {
		domain, ok := normalize(name)
		if ok && begun < MaxIdentifiers && v.mayAlign(domain) {
			begun++
			v.lookups.beginWalk(domain)
		}
	}
}

// mayAlign tells whether the Public Suffix List sees a domain in the organization of an author.
func (v *Evaluation) mayAlign(domain string) bool {
	for i := range v.authors {
		if SameRegistrable(domain, v.authors[i].domain) {
			return true
		}
	}
	return false
}

// author is that of Begin with this name, in normal form; nil for none.
func (v *Evaluation) author(domain string) *author {
	for i := range v.authors {
		if a := &v.authors[i]; a.domain == domain {
			return a
		}
	}
	return nil
}

// beginAuthor starts the policy discovery of an author domain. A goroutine of its own
// goes on as soon as the walk is over, if the domain's existence has to be looked up; there is
// none where everything is at hand.
func (v *Evaluation) beginAuthor(domain string) {
	if v.author(domain) != nil {
		return
	}
	v.authors = append(v.authors, author{domain: domain})
	l, a := &v.lookups, &v.authors[len(v.authors)-1]
	var room [MaxQueries]*lookup
	if pending := l.beginWalkBy(l.resolver, &room, domain); areDone(pending) {
		if a.policy = l.follow(domain, pending).policy(); !a.policy.asksExistence() {
			return
		}
	}
	v.discover(a)
}

// discover finds the policy of an author in a goroutine.
func (v *Evaluation) discover(a *author) {
	l := &v.lookups
	a.done = make(chan struct{})
	l.running.Go(func() {
		defer close(a.done)
		defer l.recovered(nil)
		a.policy = l.discover(a.domain)
	})
}

// Evaluate tells the result for one author domain (RFC 9989 sections 5.3.2 to
// 5.3.6), of those that were given to Begin or another. It waits for what it needs, at
// most until Begin's context is done: what is missing then counts as a DNS failure. After
// Cancel only what was answered before is known.
func (v *Evaluation) Evaluate(author string, s spf.Outcome, d []dkim.Outcome) Outcome {
	domain, ok := normalize(author)
	if !ok {
		return Outcome{Result: PermError, Author: author, Err: notADomain(author)}
	}
	p := v.policyOf(domain)
	o := p.outcome()
	left := v.lookups.align(&o, p.walk, credentials(s, d))
	switch {
	case p.err != nil:
		o.Result, o.Err = TempError, p.err
	case o.Record == nil:
		o.Result = None
	case o.SPFAligned || o.DKIMAligned:
		o.Result = Pass
	case left != nil:
		o.Result, o.Err = TempError, left
	case p.existErr != nil:
		o.Result, o.Err = TempError, p.existErr
	default:
		o.Result = Fail
	}
	return o
}

// policyOf waits for the policy discovery that Begin started, or does it now.
func (v *Evaluation) policyOf(domain string) *policy {
	a := v.author(domain)
	if a == nil {
		p := v.lookups.discover(domain)
		return &p
	}
	if a.done != nil {
		<-a.done // lookups end with the context, so this ends
	}
	v.lookups.raise()
	return &a.policy
}

// walkOf is the tree walk from a domain.
func (v *Evaluation) walkOf(domain string) *walk {
	if a := v.author(domain); a != nil && a.done == nil {
		return a.policy.walk
	}
	return v.lookups.walk(domain)
}

// OrgDomain is Evaluator.OrgDomain with the lookups of this message.
func (v *Evaluation) OrgDomain(domain string) (string, error) {
	normal, ok := normalize(domain)
	if !ok {
		return "", notADomain(domain)
	}
	w := v.walkOf(normal)
	if err := w.err(); err != nil {
		return "", err
	}
	return w.org, nil
}

// Related tells whether a domain has the Organizational Domain of an author. The error tells that DNS
// left it open; then it is not related as far as is known. One that can't have it costs no question.
func (v *Evaluation) Related(author, domain string) (bool, error) {
	a, ok := normalize(author)
	d, ok2 := normalize(domain)
	if !ok || !ok2 {
		return false, nil
	}
	related, err := v.lookups.related(v.walkOf(a), d)
	return related == yes, err
}

// SameOrg tells whether two domains, neither of which need be an author's, have one
// Organizational Domain; the error as for Related. Both tree walks are under way at once. Two domains
// that the Public Suffix List does not see in one organization are not in one, and cost no question.
func (v *Evaluation) SameOrg(a, b string) (bool, error) {
	x, ok := normalize(a)
	y, ok2 := normalize(b)
	switch {
	case !ok || !ok2 || !SameRegistrable(x, y):
		return false, nil
	case x == y:
		return true, nil
	}
	v.lookups.beginWalk(y)
	same, err := related(v.lookups.walk(x), v.lookups.walk(y))
	return same == yes, err
}

// Cancel stops what is under way and waits until nothing of the Evaluation is running. Idempotent.
func (v *Evaluation) Cancel() { v.lookups.end() }

func notADomain(text string) error {
	if text == "" {
		return errNoAuthor
	}
	return fmt.Errorf("dmarc: %q is not a domain name", printable(text))
}
