package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"assay/arc"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/dns"
	"assay/auth/iprev"
	"assay/auth/spf"
	"assay/compauth"
)

// maxPairs bounds the pairs of an MX host and a PTR name whose Organizational Domains are compared
// for one From domain: each may cost two tree walks.
const maxPairs = 10

// hints is what DNS knows of a From domain beyond the results of the methods.
type hints struct {
	ptrOrg, ptrUnconfirmed, mx, neighbour bool

	unknown bool // none of it is true as far as is known, and DNS kept an answer back
}

// A search looks for more evidence about the From domains of one message.
type search struct {
	c    *Check
	ctx  context.Context
	r    *Report           // what the methods found
	orgs *dmarc.Evaluation // of the message
	dns  dns.Resolver      // for hints; a dns.AtHand: nothing may wait

	waits bool // with a dns.AtHand: something else would have had to wait
}

// atHand tells that nothing may wait.
func (s *search) atHand() bool {
	_, ok := s.dns.(*dns.AtHand)
	return ok
}

// wantsHints tells whether anybody has a use for what only the implicit rules need: they
// themselves, or the history, which is to show what they would give.
func (v *Verifier) wantsHints() bool { return v.Implicit || v.Remember }

// lookFurther asks for what a rule could need, about all From domains at once.
func (c *Check) lookFurther(deadline time.Time) {
	var undecided []int
	for i := range c.report.Evidence.Authors {
		if _, ok := undecidedReason(&c.report.Evidence, i); ok {
			undecided = append(undecided, i)
		}
	}
	if len(undecided) == 0 || !c.s.v.wantsHints() && c.bounce == nil {
		return
	}
	ctx := withDeadline(c.s.ctx, deadline)
	defer ctx.cancel()
	s := &search{c: c, ctx: ctx, r: &c.report, orgs: c.dmarc, dns: c.s.dns.hints}
	if time.Since(c.began) > c.s.v.Timeout/2 { // too little is left of the time for the lookups that began with the body
		evaluator := c.evaluator()
		s.orgs = evaluator.Begin(ctx, c.authors, nil)
		defer s.orgs.Cancel()
	}
	unknown := anyOf(len(undecided), func(i int) bool { return s.author(undecided[i]) })
	c.report.HintsUnknown = c.s.v.Implicit && unknown
}

// undecidedReason is the reason of the verdict on a From domain as if the implicit rules
// were allowed; ok when a rule that needs more evidence stands above the one that decides.
func undecidedReason(e *compauth.Evidence, i int) (reason compauth.Reason, ok bool) {
	reason = compauth.EvaluateAuthorImplicit(e, i).Reason
	switch reason {
	case 2, 100, 109, 111, 112, 130, 502, 501:
		return reason, false
	}
	return reason, true
}

// author looks for more about one From domain. Unknown tells that it found no hint, and DNS
// kept an answer back.
func (s *search) author(i int) (unknown bool) {
	e, v := &s.r.Evidence, s.c.s.v
	a := &e.Authors[i]
	a.ContactBounce = s.reportedByContact(a)
	if _, ok := undecidedReason(e, i); !ok || !v.wantsHints() {
		return false
	}
	related := relatedTo(a.Domain, s.orgs)
	a.BodyOnly = s.passedBefore(related)
	a.SPFFail = failsSPF(&s.r.SPF, related)
	switch reason, _ := undecidedReason(e, i); reason {
	case 0, 10:
		if a.DMARC.Policy == dmarc.PolicyQuarantine || e.OverrideReject {
			a.History = s.history(i, related)
		}
	case 1, 601:
		if !a.Hintless() {
			return s.all(i)
		}
	}
	return false
}

// reportedByContact tells whether the message is a bounce about users of the From domain's
// organization, to whom the recipients have written. The body of a bounce has ended.
func (s *search) reportedByContact(a *compauth.Author) bool {
	return s.c.bounce != nil && !a.Accepted && s.c.bounce.reportsFor(a.DMARC.OrgDomain) &&
		s.c.s.v.History.InContact(s.ctx, s.r.Envelope.Rcpt, a.DMARC.OrgDomain)
}

// history asks whether what was seen before speaks for a From domain; 0: it does not. It is not asked about
// more recipients than are looked at.
func (s *search) history(i int, related relation) compauth.Reason {
	if s.r.Envelope.MoreRcpt {
		return 0
	}
	return s.c.s.v.History.Qualifies(s.ctx, s.c.s.v.pair(s.r, i, related))
}

// all asks DNS and the history at once for everything that rules 21 to 25 know.
func (s *search) all(i int) (unknown bool) {
	a := &s.r.Evidence.Authors[i]
	var h hints
	ask := func() { a.History = s.history(i, relatedTo(a.Domain, s.orgs)) }
	if found := s.foundEarly(); found != nil {
		h = *found
		ask()
	} else {
		inParallel(func() { h = s.hints(a.Domain) }, ask)
	}
	a.PTROrg, a.PTRUnconfirmed, a.MX, a.Neighbour = h.ptrOrg, h.ptrUnconfirmed, h.mx, h.neighbour
	return h.unknown && a.History == 0
}

// foundEarly are the hints that began with the header, if they are known by now, else nil.
func (s *search) foundEarly() *hints {
	if early := s.c.early; early != nil && early.isDone() {
		return early.wait()
	}
	return nil
}

// hints are those that began with the header, if they did.
func (s *search) hints(author string) hints {
	if h := s.c.early; h != nil {
		if found := h.wait(); found != nil {
			return *found
		}
	}
	return s.lookUp(author)
}

// lookUp asks DNS for all hints at once.
func (s *search) lookUp(author string) hints {
	var h hints
	var near bool
	errs := make([]error, 4)
	related := relatedTo(author, s.orgs)
	confirmed := s.c.s.v.named(s.r.IPRev.Confirmed, s.r.IPRev.IP, author)
	others := without(s.c.s.v.named(s.r.IPRev.Names, s.r.IPRev.IP, author), func(name string) bool { return slices.Contains(confirmed, name) })
	if s.atHand() && !s.orgs.AtHand(author, slices.Concat(confirmed, others)...) {
		s.waits = true
		return h
	}
	s.inParallel(
		unless(len(confirmed) == 0, func() { h.ptrOrg, errs[0] = anyRelated(confirmed, related) }),
		unless(len(others) == 0, func() { h.ptrUnconfirmed, errs[1] = anyRelated(others, related) }),
		func() { near, errs[2] = s.neighbours(author) },
		func() { h.mx, h.neighbour, errs[3] = s.mailHosts(author, s.r.knownSenders().telling) },
	)
	h.neighbour = h.neighbour || near
	found := h.ptrOrg || h.ptrUnconfirmed || h.mx || h.neighbour
	h.unknown = !found && (unanswered(errors.Join(errs...)) || s.r.IPRev.Result == iprev.TempError)
	return h
}

// inParallel is inParallel where something may wait, else one after the other.
func (s *search) inParallel(work ...func()) {
	if !s.atHand() {
		inParallel(work...)
		return
	}
	for _, f := range work {
		if f != nil {
			f()
		}
	}
}

// unanswered tells whether DNS kept an answer back, and not the budget of the message.
func unanswered(err error) bool { return err != nil && !errors.Is(err, dns.ErrSpent) }

// anyRelated tells whether one of the names is related; the error as for anyKnown.
func anyRelated(names []string, related relation) (bool, error) {
	return anyKnown(len(names), func(i int) (bool, error) { return related(names[i]) })
}

// anyKnown tells whether f is true for one of the first n indexes. It asks all at once. The error tells
// that none is, as far as there were answers, and one is missing.
func anyKnown(n int, f func(i int) (bool, error)) (bool, error) {
	errs := make([]error, n)
	found := anyOf(n, func(i int) (yes bool) {
		yes, errs[i] = f(i)
		return yes
	})
	if found {
		return true, nil
	}
	return false, errors.Join(errs...)
}

// neighbours tells whether one of the hosts is in the client's network.
func (s *search) neighbours(hosts ...string) (bool, error) {
	return iprev.AnyWithin(s.ctx, s.dns, hosts, iprev.Network(s.r.Envelope.IP))
}

// mailHosts compares the MX hosts of a From domain with the client and its names: mx is rule 23,
// near 25a. Those of an organization that takes mail for many domains count only where one is
// the client itself.
func (s *search) mailHosts(author string, names []string) (mx, near bool, err error) {
	if !s.r.Envelope.IP.IsValid() {
		return false, false, nil
	}
	hosts, err := iprev.MailHosts(s.ctx, s.dns, author)
	if err != nil {
		return false, false, err
	}
	if slices.ContainsFunc(hosts, func(host string) bool { return slices.Contains(names, host) }) {
		return true, false, nil
	}
	hosts = slices.DeleteFunc(hosts, func(host string) bool {
		return host == author || s.c.s.v.shared(host) // others ask for the author
	})
	var org, addresses error
	pairs := mailPairs(hosts, names)
	if s.atHand() && len(pairs) > 0 {
		s.waits = true
		return false, false, nil
	}
	s.inParallel(
		unless(len(pairs) == 0, func() {
			mx, org = anyKnown(len(pairs), func(i int) (bool, error) { return s.orgs.SameOrg(pairs[i].host, pairs[i].name) })
		}),
		func() { near, addresses = s.neighbours(hosts...) },
	)
	return mx, near, errors.Join(org, addresses)
}

// A mailPair is an MX host and a PTR name that may be of one organization.
type mailPair struct{ host, name string }

// mailPairs are those that the Public Suffix List sees in one organization, at most maxPairs.
func mailPairs(hosts, names []string) []mailPair {
	var pairs []mailPair
	for _, host := range hosts {
		for _, name := range names {
			if len(pairs) < maxPairs && dmarc.SameRegistrable(host, name) {
				pairs = append(pairs, mailPair{host, name})
			}
		}
	}
	return pairs
}

// lookEarly starts the search for hints while the body comes, when it is certain that only SPF
// could still authenticate the author: there is one, no signature may be aligned, no sealer may vouch.
// Signers are the domains whose signatures may pass.
func (c *Check) lookEarly(ctx context.Context, signers []string) {
	v, authors := c.s.v, &c.report.Authors
	if !v.wantsHints() || len(authors.List) != 1 || authors.Err != nil || c.report.Lost || c.bounce != nil {
		return
	}
	if v.Sealers.Len() > 0 && c.header.Count(arc.Seal) > 0 {
		return
	}
	author := authors.List[0].Domain
	if slices.ContainsFunc(signers, func(domain string) bool { return dmarc.SameRegistrable(domain, author) }) {
		return
	}
	c.early = c.startEarly(ctx, signers)
}

// startEarly starts the search as if the signatures of the domains passed.
func (c *Check) startEarly(ctx context.Context, domains []string) *task[*hints] {
	r := c.report // as it is now: what the methods find is not written to the copy
	for _, domain := range domains {
		r.DKIM = append(r.DKIM, dkim.Outcome{Result: dkim.Pass, Domain: domain}) // it may: the sender may be blocked for it
	}
	mailFrom, names := c.s.spf, c.s.iprev
	if t := c.earlyAtHand(ctx, &r, mailFrom, names); t != nil {
		return t
	}
	return start(ctx, func(ctx context.Context) *hints {
		s := &search{c: c, ctx: ctx, r: &r, orgs: c.dmarc, dns: c.s.dns.hints}
		return s.early(mailFrom, names)
	})
}

// earlyAtHand does the search at once if all that it needs is at hand; nil if not.
func (c *Check) earlyAtHand(ctx context.Context, r *Report, mailFrom *task[spf.Outcome], names *task[iprev.Outcome]) *task[*hints] {
	if !mailFrom.isDone() || !names.isDone() || !c.dmarc.AtHand(r.Authors.List[0].Domain, mailFrom.value.Domain) {
		return nil
	}
	atHand, t := c.s.dns.hints.AtHand(), new(task[*hints])
	s := &search{c: c, ctx: ctx, r: r, orgs: c.dmarc, dns: atHand}
	t.try(func() { t.value = s.early(mailFrom, names) })
	if atHand.Missed() || s.waits {
		return nil
	}
	atHand.Count()
	return t
}

// early waits for SPF and the PTR names and looks further if a rule could need it. It is nil when
// none does, or the time is over.
func (s *search) early(mailFrom *task[spf.Outcome], names *task[iprev.Outcome]) *hints {
	var ok, ok2 bool
	s.r.SPF, ok = mailFrom.await(s.ctx)
	s.r.IPRev, ok2 = names.await(s.ctx)
	if !ok || !ok2 {
		return nil
	}
	v, domain := s.c.s.v, s.r.Authors.List[0].Domain
	s.r.Authored = []dmarc.Outcome{s.orgs.Evaluate(domain, s.r.SPF, nil)}
	s.r.senders = s.r.findSenders()
	a := v.author(s.r, 0)
	entry := v.entry(s.r, 0)
	a.Blocked = entry != nil && entry.Block
	s.r.Evidence = compauth.Evidence{Authors: []compauth.Author{a}}
	reason, _ := undecidedReason(&s.r.Evidence, 0)
	a.SPFFail = failsSPF(&s.r.SPF, relatedTo(domain, s.orgs))
	if reason != 1 && reason != 601 || a.Hintless() {
		return nil
	}
	h := s.lookUp(domain)
	if s.ctx.Err() != nil {
		return nil
	}
	return &h
}
