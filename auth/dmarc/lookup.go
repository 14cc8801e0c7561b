package dmarc

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"assay/auth/dns"
)

var errEnded = errors.New("dmarc: the evaluation has ended")

// lookups asks each question of one message once, in a goroutine of its own unless the answer is
// at hand.
type lookups struct {
	ctx      context.Context
	cancel   context.CancelFunc // nil until a question is asked in a goroutine, which makes ctx end with it
	resolver dns.Resolver
	others   dns.Resolver // for walks that are no author's

	mu       sync.Mutex
	ended    bool // nothing new begins
	asked    []*lookup
	byName   map[dns.Question]*lookup // those of asked; nil while they are few
	panicked *panicked

	running sync.WaitGroup

	first [4]*lookup // room for the first of asked: most messages have no more
	room  [4]lookup
}

// few lookups are found without a map.
const few = 16

// A lookup is one question and, once done is closed, its answer.
type lookup struct {
	domain   string
	typ      dns.Type
	done     chan struct{} // nil: the answer was at hand
	node     node          // of a TXT question
	nxdomain bool          // of an MX question
	err      error
}

// A panicked is what the resolver panicked with in a goroutine of ours. It is
// raised again where somebody waits, who can recover it.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("dmarc: panic: %v\n%s", p.value, p.stack) }

// start is to be called first.
func (l *lookups) start(ctx context.Context, r, others dns.Resolver) {
	if others == nil {
		others = r
	}
	l.ctx, l.resolver, l.others = ctx, r, others
	l.asked = l.first[:0]
}

// begin starts what is to be known about a domain, unless it has begun, by whichever resolver: its
// DMARC record for type TXT, its existence for type MX. The caller holds mu.
func (l *lookups) begin(r dns.Resolver, domain string, typ dns.Type) *lookup {
	if k := l.find(domain, typ); k != nil {
		return k
	}
	k := l.add(domain, typ)
	if l.ended {
		k.fail(errEnded)
		return k
	}
	q := k.question()
	if a, ok := dns.Peek(r, q); ok {
		k.set(&a, nil)
		return k
	}
	l.ask(r, q, k)
	return k
}

// ask asks in a goroutine. The caller holds mu.
func (l *lookups) ask(r dns.Resolver, q dns.Question, k *lookup) {
	k.done = make(chan struct{})
	ctx := l.cancelable()
	l.running.Go(func() {
		defer close(k.done)
		defer l.recovered(k)
		a, err := r.Resolve(ctx, q)
		k.set(&a, err)
	})
}

// find gives what was begun about a domain; nil for nothing.
func (l *lookups) find(domain string, typ dns.Type) *lookup {
	if l.byName != nil {
		return l.byName[dns.Question{Name: domain, Type: typ}]
	}
	for _, k := range l.asked {
		if k.typ == typ && k.domain == domain {
			return k
		}
	}
	return nil
}

// add makes the lookup of what was not begun yet.
func (l *lookups) add(domain string, typ dns.Type) (k *lookup) {
	if n := len(l.asked); n < len(l.room) {
		k = &l.room[n]
	} else {
		k = &lookup{}
	}
	k.domain, k.typ = domain, typ
	l.asked = append(l.asked, k)
	switch {
	case l.byName != nil:
		l.byName[dns.Question{Name: domain, Type: typ}] = k
	case len(l.asked) > few:
		l.byName = make(map[dns.Question]*lookup, 2*few)
		for _, k := range l.asked {
			l.byName[dns.Question{Name: k.domain, Type: k.typ}] = k
		}
	}
	return k
}

func (k *lookup) question() dns.Question {
	if k.typ == dns.TypeTXT {
		return dns.Question{Name: "_dmarc." + k.domain, Type: k.typ}
	}
	return dns.Question{Name: k.domain, Type: k.typ}
}

// cancelable is the context of questions, which end cancels. The caller holds mu.
func (l *lookups) cancelable() context.Context {
	if l.cancel == nil {
		l.ctx, l.cancel = context.WithCancel(l.ctx)
	}
	return l.ctx
}

// set takes the answer.
func (k *lookup) set(a *dns.Answer, err error) {
	switch {
	case k.typ == dns.TypeTXT:
		k.node = readNode(k.domain, a, err)
	case err != nil:
		k.fail(err)
	default:
		k.nxdomain = a.NXDomain
	}
}

// isDone tells whether there is an answer, or none to come.
func (k *lookup) isDone() bool {
	if k.done == nil {
		return true
	}
	select {
	case <-k.done:
		return true
	default:
		return false
	}
}

func (k *lookup) fail(err error) {
	k.node = readNode(k.domain, &dns.Answer{}, err)
	k.err = fmt.Errorf("dmarc: %s: %w", k.domain, err)
}

// recovered is deferred by a goroutine, for a lookup or nil: it keeps a panic
// for the one who waits.
func (l *lookups) recovered(k *lookup) {
	value := recover()
	if value == nil {
		return
	}
	p, again := value.(*panicked)
	if !again {
		p = &panicked{value: value, stack: debug.Stack()}
	}
	if k != nil {
		k.fail(p)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.panicked = p
}

// raise panics if a lookup has panicked.
func (l *lookups) raise() {
	l.mu.Lock()
	p := l.panicked
	l.mu.Unlock()
	if p != nil {
		panic(p)
	}
}

// wait waits for the answer, at most until the context is done. What it
// returns is not k when that is still under way.
func (l *lookups) wait(k *lookup) *lookup {
	if k.isDone() { // also when the context is done
		return k
	}
	l.mu.Lock()
	ctx := l.cancelable()
	l.mu.Unlock()
	select {
	case <-k.done:
		return k
	case <-ctx.Done():
		late := &lookup{domain: k.domain}
		late.fail(context.Cause(ctx))
		return late
	}
}

// beginWalk asks for all names of a walk that is no author's at once.
func (l *lookups) beginWalk(domain string) {
	var room [MaxQueries]*lookup
	l.beginWalkBy(l.others, &room, domain)
}

// beginWalkBy gives what is asked for, in the order of the walk. It is put into room.
func (l *lookups) beginWalkBy(r dns.Resolver, room *[MaxQueries]*lookup, domain string) []*lookup {
	var names [MaxQueries]string
	pending := room[:0]
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range walkDomains(&names, domain) {
		pending = append(pending, l.begin(r, d, dns.TypeTXT))
	}
	return pending
}

// areDone tells whether there are answers to all, or none to come.
func areDone(pending []*lookup) bool {
	for _, k := range pending {
		if !k.isDone() {
			return false
		}
	}
	return true
}

// walk begins a tree walk, unless it has begun, and waits for it. The result is that of
// asking one name after the other, although all are asked at once.
func (l *lookups) walk(domain string) *walk {
	var room [MaxQueries]*lookup
	return l.follow(domain, l.beginWalkBy(l.others, &room, domain))
}

// follow waits for a walk that has begun.
func (l *lookups) follow(domain string, pending []*lookup) *walk {
	nodes := make([]node, 0, len(pending))
	for _, k := range pending {
		n := &l.wait(k).node
		if nodes = append(nodes, *n); n.stops() {
			break
		}
	}
	l.raise()
	return newWalk(domain, nodes)
}

// exists tells whether a domain exists (RFC 9989 section 3.2.13: the answer to a query
// of any type tells it).
func (l *lookups) exists(domain string) (bool, error) {
	k := l.wait(l.beginExistence(domain))
	l.raise()
	return !k.nxdomain, k.err
}

func (l *lookups) beginExistence(domain string) *lookup {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begin(l.resolver, domain, dns.TypeMX)
}

// end stops everything that is under way and waits for it. Idempotent.
func (l *lookups) end() {
	l.mu.Lock()
	l.ended = true
	if l.cancel != nil {
		l.cancel()
	}
	l.mu.Unlock()
	l.running.Wait()
}
