package auth

import (
	"slices"
	"time"

	"assay/auth/dmarc"
	"assay/auth/message"
	"assay/auth/spf"
	"assay/compauth"
)

// judge gathers the evidence for the composite verdict and evaluates it. What it still asks is
// answered by the deadline.
func (c *Check) judge(deadline time.Time) {
	r, v := &c.report, c.s.v
	r.Evidence = compauth.Evidence{
		SMTPAuth:       r.Exempt == SMTPAuth,
		TrustedNetwork: r.Exempt == TrustedNetwork,
		LostClient:     r.Lost,
		TooMany:        r.tooMany(),
		Unreadable:     r.unreadable(),
		ViaRelay:       r.Relay.IsValid(),
		Implicit:       v.Implicit,
		OverrideReject: v.OverrideReject,
	}
	if r.Exempt == "" {
		c.weigh(deadline)
	}
	r.Verdict = compauth.Evaluate(&r.Evidence)
	if i := r.Verdict.Author; i >= 0 {
		r.Entry = r.entries[i]
	}
}

// tooMany tells that the From domains are more than are evaluated, or may be: those in a header past the
// limits that can't all be read.
func (r *Report) tooMany() bool {
	return len(r.Authors.List) > MaxAuthors || r.Envelope.Excess != "" && r.Authors.Err != nil
}

// weigh adds what is known about the From domains, and asks for more where a rule could need it.
func (c *Check) weigh(deadline time.Time) {
	r, e := &c.report, &c.report.Evidence
	if r.blocks = c.s.v.Spoofed.Blocks(); r.blocks {
		r.claims = claimsOf(c.header, r.DKIM, r.Envelope.Excess != "")
	}
	r.senders = r.findSenders()
	e.Authors, r.entries = c.room.evidence[:0], c.room.entries[:0]
	for i := range c.authors {
		e.Authors = append(e.Authors, c.s.v.author(r, i))
		r.entries = append(r.entries, c.s.v.entry(r, i))
		e.Authors[i].Blocked = r.entries[i] != nil && r.entries[i].Block
	}
	r.Infrastructure = r.infrastructure()
	if r.Lost || e.Unreadable || e.TooMany { // what is found would change nothing
		return
	}
	e.OwnBounce = c.bounce != nil && c.bounce.ours()
	c.lookFurther(deadline)
}

// author is what is known about a From domain when the methods have their results, without
// asking for more.
func (v *Verifier) author(r *Report, i int) compauth.Author {
	domain := r.Authors.List[i].Domain
	a := compauth.Author{Domain: domain, DMARC: r.Authored[i], Accepted: v.accepts(domain), Vouched: r.Override.ODA}
	if !r.unreadable() {
		a.PTRWithin = slices.ContainsFunc(r.knownSenders().telling, func(name string) bool {
			return message.IsWithin(name, domain) && (name == domain || !v.shared(name))
		})
	}
	return a
}

// unreadable tells that the From domains are not all that a reader may take for the author's. More than
// can be read are too many.
func (r *Report) unreadable() bool { return r.Authors.Err != nil && !r.tooMany() }

// accepts tells whether a domain is, or is below, one of our own.
func (v *Verifier) accepts(domain string) bool { return withinAny(domain, v.Accepted) }

// withinAny tells whether a domain is, or is below, one of the parents.
func withinAny(domain string, parents []string) bool {
	return slices.ContainsFunc(parents, func(parent string) bool { return message.IsWithin(domain, parent) })
}

// failsSPF tells whether the domain of MAIL FROM, which one of the From domain's organization
// would be, forbids the client to send for it.
func failsSPF(o *spf.Outcome, related relation) bool {
	return o.Result == spf.Fail && o.Identity == spf.MailFrom && related.certain(o.Domain)
}

// A relation tells whether a domain has the Organizational Domain of an author. The error tells that
// DNS left it open.
type relation func(domain string) (bool, error)

// relatedTo is the relation to an author, by the lookups of an evaluation.
func relatedTo(author string, orgs *dmarc.Evaluation) relation {
	return func(domain string) (bool, error) { return orgs.Related(author, domain) }
}

func (r relation) certain(domain string) bool {
	related, _ := r(domain)
	return related
}
