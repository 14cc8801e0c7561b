package spf

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"assay/auth/dns"
)

// lookups asks the questions of one check, some of them ahead of their turn
// and at the same time. What is asked ahead changes neither results nor counts.
type lookups struct {
	resolver dns.Resolver
	records  *RecordCache
	ahead    bool // anything may be asked ahead
	running  sync.WaitGroup

	mu      sync.Mutex
	started map[dns.Question]*lookup
	budget  int // questions that may still be asked without being needed for certain
}

// A lookup is a question that was asked ahead.
type lookup struct {
	done   chan struct{} // closed when the rest is set
	answer dns.Answer
	err    error
}

func newLookups(c *Checker) *lookups {
	budget := c.maxPrefetch()
	return &lookups{resolver: c.Resolver, records: c.Records, ahead: budget > 0, budget: budget}
}

// get returns the answer to a question, asked ahead or now.
func (l *lookups) get(ctx context.Context, q dns.Question) (dns.Answer, error) {
	if err := ctx.Err(); err != nil {
		return dns.Answer{}, err
	}
	started := l.find(q)
	if started == nil {
		return l.resolver.Resolve(ctx, q)
	}
	select {
	case <-started.done:
		return started.answer, started.err
	case <-ctx.Done():
		return dns.Answer{}, ctx.Err()
	}
}

func (l *lookups) find(q dns.Question) *lookup {
	if !l.ahead {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.started[key(q)]
}

// key makes questions that DNS holds equal the same.
func key(q dns.Question) dns.Question {
	if name, ok := dns.CanonicalName(q.Name); ok {
		q.Name = name
	}
	return q
}

// startAddrs asks for the addresses of several hosts at once. All of them are
// needed unless one matches.
func (l *lookups) startAddrs(ctx context.Context, hosts []string, ip netip.Addr) {
	if !l.ahead || len(hosts) < 2 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, host := range hosts {
		l.start(ctx, dns.Question{Name: host, Type: addrType(ip)}, nil)
	}
}

// prefetch asks at once for what the terms of a record need, if there are
// several; one alone is about to be asked for anyway.
func (l *lookups) prefetch(ctx context.Context, r *record, domain string, ip netip.Addr) {
	if !l.ahead {
		return
	}
	if questions := r.questions(domain, ip); len(questions) > 1 {
		l.startAll(ctx, questions, ip)
	}
}

// startAll asks as many of the questions as the budget allows. The records
// that they find are looked at in the same way.
func (l *lookups) startAll(ctx context.Context, questions []dns.Question, ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range questions {
		if l.budget == 0 {
			return
		}
		var then func(dns.Answer)
		if q.Type == dns.TypeTXT {
			then = func(a dns.Answer) { l.follow(ctx, q.Name, a, ip) }
		}
		if l.start(ctx, q, then) {
			l.budget--
		}
	}
}

// follow asks for what the record in an answer needs. What panics here would
// end the process; it panics again in the check itself, where callers recover.
func (l *lookups) follow(ctx context.Context, domain string, answer dns.Answer, ip netip.Addr) {
	defer func() { _ = recover() }()
	text, err := selectRecord(answer)
	if err != nil || text == "" {
		return
	}
	if r, err := l.records.parse(text); err == nil {
		l.startAll(ctx, r.questions(domain, ip), ip)
	}
}

// start asks a question unless it has been asked or can't be; l.mu is held.
func (l *lookups) start(ctx context.Context, q dns.Question, then func(dns.Answer)) bool {
	q = key(q)
	if _, ok := dns.CanonicalName(q.Name); !ok || l.started[q] != nil || ctx.Err() != nil {
		return false
	}
	if l.started == nil {
		l.started = map[dns.Question]*lookup{}
	}
	started := &lookup{done: make(chan struct{})}
	l.started[q] = started
	l.running.Go(func() {
		started.resolve(ctx, l.resolver, q)
		if then != nil && started.err == nil {
			then(started.answer)
		}
	})
	return true
}

// resolve asks the question. A resolver that panics gave no answer: nobody
// could recover from a panic in this goroutine.
func (s *lookup) resolve(ctx context.Context, resolver dns.Resolver, q dns.Question) {
	defer close(s.done)
	defer func() {
		if p := recover(); p != nil {
			s.err = fmt.Errorf("resolver panicked: %v", p)
		}
	}()
	s.answer, s.err = resolver.Resolve(ctx, q)
}

// questions are what the terms of a record will ask first, as far as that is
// known without looking anything up: terms behind a match or the limit, exists
// and ptr, and names with macros are left out.
func (r *record) questions(domain string, ip netip.Addr) []dns.Question {
	var questions []dns.Question
	for i := range r.directives {
		d := &r.directives[i]
		if d.mechanism == mechAll || d.network.IsValid() && d.network.Contains(ip) || len(questions) == maxTerms {
			return questions
		}
		typ, ok := d.mechanism.firstQuestion(ip)
		if !ok {
			continue
		}
		if name, ok := d.target.constantName(domain); ok {
			questions = append(questions, dns.Question{Name: name, Type: typ})
		}
	}
	if name, ok := r.redirect.constantName(""); ok && name != "" {
		questions = append(questions, dns.Question{Name: name, Type: dns.TypeTXT})
	}
	return questions
}

// firstQuestion is the type that a mechanism asks for first.
func (m mechanism) firstQuestion(ip netip.Addr) (dns.Type, bool) {
	switch m {
	case mechInclude:
		return dns.TypeTXT, true
	case mechA:
		return addrType(ip), true
	case mechMX:
		return dns.TypeMX, true
	}
	return 0, false
}

// constantName is the target-name of a term if it has no macros; without a
// domain-spec it is the domain.
func (m macroString) constantName(domain string) (string, bool) {
	if m == nil {
		return domain, true
	}
	text, ok := m.constant()
	return cleanName(text), ok
}
