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

	// maxAuthorsInFlight has room for everything that is asked about the policies of one message's
	// authors: their tree walks, and whether they exist.
	maxAuthorsInFlight = MaxAuthors * (dmarc.MaxQueries + 1)
)

// lookups is what is asked in a session. Each kind has its own bound: the sender chooses most of the
// names, and how many there are; where they are silent, no other kind waits for them.
type lookups struct {
	client  *dns.Counting // its names, and hints
	helo    *dns.Counting // SPF
	spf     *dns.Counting // of MAIL FROM
	keys    *dns.Counting // of DKIM, also in what a bounce returns
	chain   *dns.Counting // keys of ARC
	authors *dns.Counting // policies
	others  *dns.Counting // domains that DMARC compares with those of the authors
}

func newLookups(v *Verifier) lookups {
	atOnce := func(n int) *dns.Counting {
		return &dns.Counting{Resolver: v.Resolver, InFlight: make(chan struct{}, n)}
	}
	return lookups{
		client:  atOnce(maxInFlight),
		helo:    atOnce(maxMinorInFlight),
		spf:     atOnce(maxInFlight),
		keys:    atOnce(max(maxInFlight, v.DKIM.MaxSignatures+maxReturnedSignatures)), // one of them may be the author's
		chain:   atOnce(maxMinorInFlight),
		authors: atOnce(maxAuthorsInFlight),
		others:  atOnce(maxMinorInFlight),
	}
}

// count says how many questions were sent, and how many the cache answered.
func (l *lookups) count() (queries, hits int) {
	for _, c := range [...]*dns.Counting{l.client, l.helo, l.spf, l.keys, l.chain, l.authors, l.others} {
		queries, hits = queries+c.Queries(), hits+c.Hits()
	}
	return queries, hits
}

// A Session is one SMTP session: the lookups that begin before a message does.
// Its methods are called one at a time.
type Session struct {
	v      *Verifier
	ctx    context.Context
	cancel context.CancelFunc
	dns    lookups
	asked  int // of its questions, those that earlier reports counted
	hits   int
	ip     netip.Addr
	exempt bool
	relay  bool // the client is an internal relay: who is behind it, the header tells

	iprev *task[iprev.Outcome] // nil for a relay until the header of a message is known
	helo  *task[*spf.Outcome]  // nil when the HELO name is not checked on its own; for a relay as iprev
	spf   *task[spf.Outcome]   // of the message under way; nil before MAIL FROM
	check *Check               // of the message under way; nil before the end of its header
}

// Connect begins the lookups that need only the client's address: its PTR names.
// The session's lookups end with ctx, at the latest.
func (v *Verifier) Connect(ctx context.Context, ip netip.Addr) *Session {
	ctx, cancel := context.WithCancel(ctx)
	s := &Session{v: v, ctx: ctx, cancel: cancel, ip: ip.Unmap(), dns: newLookups(v)}
	s.relay = contains(v.Relays, s.ip)
	s.exempt = !s.relay && contains(v.Trusted, s.ip)
	if !s.relay && !s.exempt {
		s.startIPRev(s.ip)
	}
	return s
}

func (s *Session) startIPRev(ip netip.Addr) {
	s.iprev = startIn(s, func(ctx context.Context) iprev.Outcome {
		return iprev.Lookup(ctx, s.dns.client, ip)
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
	s.helo = startIn(s, func(ctx context.Context) *spf.Outcome {
		outcome := s.spfChecker(s.dns.helo).CheckHelo(ctx, query)
		return &outcome
	})
}

// MailFrom begins a new message: its SPF lookups start. env holds what is known by then,
// AuthType and AuthUser among it. An unfinished check of an earlier message is canceled.
func (s *Session) MailFrom(env Envelope) {
	s.endMessage()
	if s.exemption(env) == "" && !s.relay {
		s.startSPF(env)
	}
}

func (s *Session) startSPF(env Envelope) {
	query := spf.Query{IP: env.IP.Unmap(), Helo: env.Helo, MailFrom: env.MailFrom}
	s.spf = startIn(s, func(ctx context.Context) spf.Outcome {
		return s.spfChecker(s.dns.spf).CheckHost(ctx, query)
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

// startIn starts a task that ends with the session and after the message timeout.
func startIn[T any](s *Session, f func(context.Context) T) *task[T] {
	return start(s.ctx, func(ctx context.Context) T {
		ctx, cancel := context.WithTimeout(ctx, s.v.Timeout)
		defer cancel()
		return f(ctx)
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
