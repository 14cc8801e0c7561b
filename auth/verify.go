// Package auth checks one message by every method, in parallel, and says what
// is to be stamped and done.
//
// A message goes through Connect, Helo, MailFrom, Begin, Write and Finish, each
// called as soon as the MTA has told what it needs; each begins the lookups
// that have become possible, and only Finish waits for them.
//
// Divergences from the RFC: the organization of a client's PTR name, by which the history and the
// spoofed-senders list know it, is its registrable domain by the Public Suffix List. No tree walk
// (RFC 9989 section 4.10.2) is made for it, which would cost questions for every message.
package auth

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"assay/arc"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/dns"
	"assay/auth/message"
	"assay/auth/spf"
	"assay/compauth"
	"assay/compauth/history"
	"assay/compauth/spoof"
)

// MaxAuthors bounds the author domains that are evaluated for one message
// (RFC 9989 section 11.5); with more of them DMARC is permerror at best,
// and handled as a failed p=reject.
const MaxAuthors = 5

// A Verifier checks messages. It is safe for concurrent use; its fields are
// not changed once it is in use.
type Verifier struct {
	Resolver dns.Resolver
	SPF      spf.Checker // Resolver is set from the field above, also in the next three
	DKIM     dkim.Verifier
	DMARC    dmarc.Evaluator
	ARC      arc.Validator
	Sealers  *arc.Sealers       // whose ARC sets are trusted; nil: nobody's
	Sealer   *arc.MessageSealer // adds an ARC set of our own; nil: none is added

	// Room is for the DNS questions that sessions have under way beyond ownInFlight (32) each; nil: there is
	// no end of it. It should have half of what the Resolver can ask at once.
	Room *dns.Room

	SPFHelo bool           // check the HELO name on its own as well
	Trusted []netip.Prefix // our own hosts and users: not evaluated, only stamped

	// Relays are our own hops in front, also where they are in Trusted: the client is the host
	// behind them. Every one of them must write a Received field with the address of the host
	// that the message came from, above all that came with it; several, as for a content filter
	// on the relay, are well, if the addresses in them are of Relays or loopback ones. Where
	// a relay writes none, a stranger's field is taken for the relay's own. A client that
	// authenticated to one that is in Trusted, as its field tells, is exempt.
	Relays []netip.Prefix

	Accepted []string // our own domains, lower case, A-labels: names below them as well

	Implicit       bool           // a hint may be enough for a pass (package compauth)
	SharedMX       []string       // more domains of organizations that take or send mail for many From domains, lower case
	Spoofed        *spoof.List    // who may, and may not, be spoofed by whom; nil: no entries
	History        *history.Store // what was seen before; nil: nothing
	OverrideReject bool           // history may override a published p=reject
	Remember       bool           // what is seen goes into History

	Limits  Limits
	Timeout time.Duration // how long lookups may take from when their input is known
	Stamp   Stamp
	Policy  Policy
}

// contains tells whether an address is in one of the networks.
func contains(networks []netip.Prefix, ip netip.Addr) bool {
	for _, p := range networks {
		if p.Contains(ip.WithZone("")) {
			return true
		}
	}
	return false
}

// trustsSealer tells whether the newest ARC set names a trusted sealer.
func (v *Verifier) trustsSealer(o arc.Outcome) bool {
	if len(o.Sets) == 0 {
		return false
	}
	newest := &o.Sets[len(o.Sets)-1]
	return v.Sealers.Trusts(newest.Seal.Domain) && v.Sealers.Trusts(newest.Message.Domain)
}

// A Check is the check of one message. Write, Finish and Cancel are called one
// at a time; after Finish or Cancel nothing of it is running any more.
type Check struct {
	s      *Session
	cancel context.CancelFunc
	header message.Header
	began  time.Time
	ended  bool
	report Report

	// Of an exempt message all are nil, and but for dmarc and early of one whose header is past a limit.
	bodies *dkim.BodyHashes // of the body, for every signature
	dkim   *dkim.Verification
	arc    *arc.Validation
	dmarc  *dmarc.Evaluation
	bounce *bounce       // nil also of a message that is no bounce
	early  *task[*hints] // nil also when what the body holds may make it needless

	authors []string // the author domains that are evaluated; nil of an exempt message

	// room is for what the report has of each author domain, as nearly every message has one.
	room struct {
		authored [1]dmarc.Outcome
		evidence [1]compauth.Author
		entries  [1]*spoof.Entry
	}
}

// Begin starts the check of a message whose header is complete, or as much of it as a
// message.Collector kept; env.Excess says so. env.IP, env.Helo, env.MailFrom and env.Auth* are those that
// Connect, Helo and MailFrom were given.
func (s *Session) Begin(env Envelope, h message.Header) *Check {
	if !s.opened { // no MAIL FROM came
		s.open()
	}
	s.opened = false
	if most := s.v.Limits.recipients(); len(env.Rcpt) > most {
		env.Rcpt, env.MoreRcpt = env.Rcpt[:most:most], true
	}
	began := time.Now()
	ctx := withDeadline(s.ctx, began.Add(s.v.Timeout))
	c := &Check{s: s, cancel: ctx.cancel, header: h, began: began}
	c.report = Report{Envelope: env, Exempt: s.exemption(env), Authors: message.AuthorsOf(h)}
	if s.relay && c.report.Exempt == "" {
		c.report.behindRelay(s.v, h)
	}
	if s.check = c; c.report.Exempt == "" {
		c.evaluate(ctx)
	}
	return c
}

// evaluate starts DKIM, ARC and DMARC: keys, policies and Organizational Domains are
// asked for all at once.
func (c *Check) evaluate(ctx context.Context) {
	switch {
	case c.s.relay:
		c.s.startBehind(c.report.Envelope)
	case c.s.spf == nil: // no MailFrom came before, or it was for an exempt message
		c.s.startSPF(c.report.Envelope)
	}
	c.authors = authorDomains(&c.report)
	evaluator := c.evaluator()
	c.dmarc = evaluator.Begin(ctx, c.authors, nil) // first: what DNS does not tell of it decides most
	if c.report.Envelope.Excess == "" {
		c.evaluateSigned(ctx)
	}
	signers := c.signers()
	identifiers := slices.Clip(signers)
	if domain := spfDomain(&c.report.Envelope); domain != "" {
		identifiers = append(identifiers, domain)
	}
	if c.arc != nil {
		identifiers = append(identifiers, c.arc.Claimed(c.s.v.Sealers)...)
	}
	c.dmarc.Expect(identifiers)
	c.lookEarly(ctx, signers)
}

// evaluateSigned starts what depends on signatures, and on all of the header.
func (c *Check) evaluateSigned(ctx context.Context) {
	v := c.s.v
	c.bodies = &dkim.BodyHashes{}
	if v.Sealer != nil {
		c.bodies.Want(dkim.Relaxed)
	}
	verifier := v.DKIM
	verifier.Resolver = c.s.dns.keys
	c.dkim = verifier.BeginWith(ctx, c.bodies, c.header, c.authors...)

	validator := v.ARC
	validator.Resolver = c.s.dns.chain
	c.arc = validator.Begin(ctx, c.header, c.bodies)

	c.bounce = beginBounce(ctx, c.report.Envelope, c.header, v.Accepted, verifier, v.Limits.mimeDepth())
}

// signers lists the domains whose signatures may pass.
func (c *Check) signers() []string {
	if c.dkim == nil {
		return nil
	}
	return c.dkim.Domains()
}

// evaluator evaluates DMARC with the lookups of this session.
func (c *Check) evaluator() dmarc.Evaluator {
	evaluator := c.s.v.DMARC
	evaluator.Resolver, evaluator.Others = c.s.dns.authors, c.s.dns.others
	return evaluator
}

// spfDomain is the domain that SPF authenticates, when it does.
func spfDomain(env *Envelope) string {
	if env.MailFrom == "" {
		return env.Helo
	}
	domain, _ := message.DomainOf(env.MailFrom)
	return domain
}

// authorDomains lists the author domains that are evaluated.
func authorDomains(r *Report) []string {
	domains := make([]string, min(len(r.Authors.List), MaxAuthors))
	for i := range domains {
		domains[i] = r.Authors.List[i].Domain
	}
	return domains
}

// WantsBody is false when nothing depends on the rest of the body: the caller may skip it.
func (c *Check) WantsBody() bool {
	return !c.ended && c.bodies != nil && (c.s.v.Sealer != nil || c.dkim.WantsBody() || c.arc.WantsBody() || c.bounce.wantsBody())
}

// Write takes the next piece of the body, CRLF line ends, dots not stuffed.
// It never fails and does not keep p.
func (c *Check) Write(p []byte) (int, error) {
	if c.WantsBody() {
		_, _ = c.bodies.Write(p) // never fails, nor does the next
		_, _ = c.dkim.Write(p)
		c.bounce.write(p)
	}
	return len(p), nil
}

// Finish waits for the results, at most until the message's deadline, and reports.
// It panics with what a method's code panicked with; then nothing is running any more either.
func (c *Check) Finish() *Report {
	defer c.Cancel()
	r, deadline := &c.report, time.Now().Add(c.s.v.Timeout)
	if r.Exempt == "" {
		c.bounce.end() // what it still asks is asked at once with the rest
		c.gather()
	}
	c.judge(deadline)
	stamp := c.s.v.Stamp
	deletions := stamp.deletions(c.header)
	r.Forged = len(deletions)
	r.Disposition = c.s.v.Policy.decide(r)
	if r.Forged <= maxForged {
		r.Edits = stamp.edits(r, deletions)
		c.seal()
	}
	c.remember()
	r.Duration = time.Since(c.began)
	r.Queries, r.Hits = c.s.count()
	return r
}

// gather collects the results of all methods.
func (c *Check) gather() {
	r, s := &c.report, c.s
	if c.dkim != nil {
		r.DKIM = c.dkim.Finish()
	} else {
		r.DKIM, r.ARC = notEvaluated(r.Envelope.Excess)
	}
	r.SPF = s.spf.wait()
	if s.helo != nil {
		r.SPFHelo = s.helo.wait()
	}
	r.IPRev = s.iprev.wait()
	r.Authored = c.room.authored[:0]
	for _, author := range c.authors {
		r.Authored = append(r.Authored, c.dmarc.Evaluate(author, r.SPF, r.DKIM))
	}
	if o := r.notEvaluable(); o != nil {
		r.Authored = append(r.Authored, *o)
	}
	r.DMARC = dmarc.Worst(r.Authored)
	if c.arc != nil {
		r.ARC = c.arc.Finish()
	}
	if len(r.Authored) == 1 { // of several authors, the one that nobody vouches for may be forged
		r.SealerUnknown = r.ARC.Temporary && c.s.v.trustsSealer(r.ARC)
		if r.ARC.Result == arc.Pass { // else there is none
			r.Override = r.ARC.Override(c.s.v.Sealers, r.DMARC.Author, relatedTo(r.DMARC.Author, c.dmarc).certain)
		}
	}
}

// notEvaluable is the outcome of From fields for which DMARC can't pass, whatever the
// author domains that were evaluated give (RFC 9989 section 11.5). Nobody has a use for
// more author domains than are evaluated, or for a header past the limits with a From that can't be
// read, but to hide one that fails: the strictest policy goes for them.
func (r *Report) notEvaluable() *dmarc.Outcome {
	switch {
	case len(r.Authors.List) > MaxAuthors:
		return &dmarc.Outcome{Result: dmarc.PermError, Policy: dmarc.PolicyReject, Err: errTooManyAuthors}
	case r.tooMany():
		return &dmarc.Outcome{Result: dmarc.PermError, Policy: dmarc.PolicyReject, Err: errExcess(r.Envelope.Excess)}
	case r.Authors.Err != nil:
		return &dmarc.Outcome{Result: dmarc.PermError, Err: r.Authors.Err}
	}
	return nil
}

var errTooManyAuthors = errors.New("auth: more From domains than are evaluated")

// Cancel ends the check without a report and waits for it. Idempotent; a no-op after Finish.
func (c *Check) Cancel() {
	if c.ended {
		return
	}
	c.ended = true
	c.s.check = nil
	c.cancel()
	c.early.stop()
	if c.dkim != nil {
		c.dkim.Cancel()
	}
	if c.arc != nil {
		c.arc.Cancel()
	}
	if c.dmarc != nil {
		c.dmarc.Cancel()
	}
	c.bounce.cancel()
}
