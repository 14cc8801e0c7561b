package auth

import (
	"context"
	"net/netip"

	"assay/auth/dmarc"
	"assay/auth/dns"
	"assay/auth/iprev"
	"assay/auth/spf"
)

// These bound the DNS questions of one kind in one session that are under way at once. Ordinary
// messages have fewer; one that names many silent domains waits by itself.
const (
	maxInFlight      = 16
	maxMinorInFlight = 8 // of what seldom decides

	// ownInFlight is how many a session may have under way without asking for room; more, as long as there is
	// room in Verifier.Room.
	ownInFlight = 32

	// maxAuthorsInFlight has room for everything that is asked about the policies of one message's
	// authors: their tree walks, and whether they exist.
	maxAuthorsInFlight = MaxAuthors * (dmarc.MaxQueries + 1)
)

// lookups is what is asked in a session. Each kind has its own bound: the sender chooses most of the
// names, and how many there are; where they are silent, no other kind waits for them.
//
// What DMARC and the spoofed-senders list depend on is bounded by itself (see Limits). The rest has a
// budget, so that it costs no more than Limits.DNSQuestions, and takes nothing from these. What is missing for
// the budget is no DNS failure: asking for the message again would not help.
type lookups struct {
	budgets budgets
	client  *dns.Counting // its names
	hints   *dns.Counting // with a budget, as helo, chain and others
	helo    *dns.Counting // SPF
	spf     *dns.Counting // of MAIL FROM
	keys    *dns.Counting // of DKIM, also in what a bounce returns
	chain   *dns.Counting // keys of ARC
	authors *dns.Counting // policies
	others  *dns.Counting // domains that DMARC compares with those of the authors

	all [8]dns.Counting
}

// budgets are those of the message under way, one for each kind: no kind takes anything from another.
type budgets struct{ hints, helo, chain, others dns.Budget }

// set divides n questions.
func (b *budgets) set(n int) {
	share := n / 5
	b.hints.Set(n - 3*share) // enough for one author (MX, 10 hosts, the domain itself) whatever n is
	b.helo.Set(share)
	b.chain.Set(share)
	b.others.Set(share)
}

func newLookups(v *Verifier) *lookups {
	l := new(lookups)
	l.budgets.set(v.dnsBudget())
	next, share := l.all[:], v.Room.Share(ownInFlight)
	bounded := func(n int, budget *dns.Budget) (c *dns.Counting) {
		c, next = &next[0], next[1:]
		c.Resolver, c.InFlight, c.Share, c.Budget = v.Resolver, n, share, budget
		return c
	}
	l.client = bounded(maxInFlight, nil)
	l.hints = bounded(maxInFlight, &l.budgets.hints)
	l.helo = bounded(maxMinorInFlight, &l.budgets.helo)
	l.spf = bounded(maxInFlight, nil)
	l.keys = bounded(max(maxInFlight, v.maxKeys()), nil) // one of them may be the author's
	l.chain = bounded(maxMinorInFlight, &l.budgets.chain)
	l.authors = bounded(maxAuthorsInFlight, nil)
	l.others = bounded(maxMinorInFlight, &l.budgets.others)
	return l
}

// count says how many questions were sent, and how many the cache answered.
func (l *lookups) count() (queries, hits int) {
	for i := range l.all {
		queries, hits = queries+l.all[i].Queries(), hits+l.all[i].Hits()
	}
	return queries, hits
}

// A Session is one SMTP session: the lookups that begin before a message does.
// Its methods are called one at a time.
type Session struct {
	v      *Verifier
	ctx    context.Context // ending
	ending *deadline
	dns    *lookups
	asked  int // of its questions, those that earlier reports counted
	hits   int
	ip     netip.Addr
	exempt bool
	relay  bool // the client is an internal relay: who is behind it, the header tells

	iprev *task[iprev.Outcome] // nil for a relay until the header of a message is known
	helo  *task[*spf.Outcome]  // nil when the HELO name is not checked on its own; for a relay as iprev
	spf   *task[spf.Outcome]   // of the message under way; nil before MAIL FROM
	check *Check               // of the message under way; nil before the end of its header

	messages int  // so far
	opened   bool // MAIL FROM of a message came, the end of its header not yet
}

// Connect begins the lookups that need only the client's address: its PTR names.
// The session's lookups end with ctx, at the latest.
func (v *Verifier) Connect(ctx context.Context, ip netip.Addr) *Session {
	ending := withCancel(ctx)
	s := &Session{v: v, ctx: ending, ending: ending, ip: ip.Unmap(), dns: newLookups(v)}
	s.relay = contains(v.Relays, s.ip)
	s.exempt = !s.relay && contains(v.Trusted, s.ip)
	if !s.relay && !s.exempt {
		s.startIPRev(s.ip)
	}
	return s
}

func (s *Session) startIPRev(ip netip.Addr) {
	s.iprev = lookUp(s, s.dns.client, func(ctx context.Context, r dns.Resolver) iprev.Outcome {
		return iprev.Lookup(ctx, r, ip)
	})
}

// Helo begins the lookups that need the HELO name; it may be called again.
func (s *Session) Helo(name string) {
	if s.exempt || s.relay {
		return
	}
	s.helo.stop()
	s.helo = nil
	s.startHelo(s.ip, name)
}

func (s *Session) startHelo(ip netip.Addr, name string) {
	if !s.v.SPFHelo || name == "" {
		return
	}
	query := spf.Query{IP: ip, Helo: name}
	s.helo = lookUp(s, s.dns.helo, func(ctx context.Context, r dns.Resolver) *spf.Outcome {
		outcome := s.spfChecker(r).CheckHelo(ctx, query)
		return &outcome
	})
}

// MailFrom begins a new message: its SPF lookups start. env holds what is known by then,
// AuthType and AuthUser among it. An unfinished check of an earlier message is canceled.
func (s *Session) MailFrom(env Envelope) {
	s.endMessage()
	s.open()
	if s.exemption(env) == "" && !s.relay {
		s.startSPF(env)
	}
}

// open begins a message. What the session asked before, about HELO names, belongs to the first.
func (s *Session) open() {
	if s.messages > 0 {
		s.dns.budgets.set(s.v.dnsBudget())
	}
	s.messages++
	s.opened = true
}

func (s *Session) startSPF(env Envelope) {
	query := spf.Query{IP: env.IP.Unmap(), Helo: env.Helo, MailFrom: env.MailFrom}
	s.spf = lookUp(s, s.dns.spf, func(ctx context.Context, r dns.Resolver) spf.Outcome {
		return s.spfChecker(r).CheckHost(ctx, query)
	})
}

// startBehind begins what other messages begin before: the lookups about the host behind an
// internal relay, which differs from message to message.
func (s *Session) startBehind(env Envelope) {
	s.endClient() // of a message before, when no MAIL FROM came between
	ip := env.IP.Unmap()
	s.startIPRev(ip)
	s.startHelo(ip, env.Helo)
	s.startSPF(env)
}

// cancel ends all lookups of the session.
func (s *Session) cancel() { s.ending.cancel() }

// Close stops what is still going on and waits for it. Idempotent.
func (s *Session) Close() {
	s.cancel()
	s.endMessage()
	s.helo.stop()
	s.iprev.stop()
}

// endMessage stops what is going on for the message under way.
func (s *Session) endMessage() {
	if s.check != nil {
		s.check.Cancel()
	}
	s.endClient()
}

// endClient stops the lookups about the client that are not the next message's as well.
func (s *Session) endClient() {
	s.spf.stop()
	s.spf = nil
	if s.relay {
		s.iprev.stop()
		s.helo.stop()
		s.iprev, s.helo = nil, nil
	}
}

// lookUp does f, which asks c: at once if the cache has all the answers, else in a task that ends with
// the session and after the message timeout.
func lookUp[T any](s *Session, c *dns.Counting, f func(context.Context, dns.Resolver) T) *task[T] {
	if t := fromCache(s.ctx, c, f); t != nil {
		return t
	}
	return start(s.ctx, func(ctx context.Context) T {
		ctx, cancel := context.WithTimeout(ctx, s.v.Timeout)
		defer cancel()
		return f(ctx, c)
	})
}

// count says how many questions were sent, and how many the cache answered, since
// the last call.
func (s *Session) count() (queries, hits int) {
	asked, found := s.dns.count()
	queries, hits = asked-s.asked, found-s.hits
	s.asked, s.hits = asked, found
	return queries, hits
}

func (s *Session) spfChecker(r dns.Resolver) *spf.Checker {
	checker := s.v.SPF
	checker.Resolver = r
	if _, ok := r.(*dns.AtHand); ok {
		checker.MaxPrefetch = -1 // there is nothing to wait for
	}
	return &checker
}

// exemption says why a message is not to be evaluated; "" when it is.
func (s *Session) exemption(env Envelope) Exemption {
	switch {
	case env.AuthUser != "" || env.AuthType != "":
		return SMTPAuth
	case s.exempt:
		return TrustedNetwork
	}
	return ""
}
