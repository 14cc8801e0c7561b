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
	asked    map[dns.Question]*lookup
	panicked *panicked

	running sync.WaitGroup
}

// A lookup is one question and, once done is closed, its answer.
type lookup struct {
	domain string
	done   chan struct{} // nil: the answer was at hand
	answer dns.Answer
	node   node // of a TXT question
	err    error
}

// A panicked is what the resolver panicked with in a goroutine of ours. It is
// raised again where somebody waits, who can recover it.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("dmarc: panic: %v\n%s", p.value, p.stack) }

func newLookups(ctx context.Context, r, others dns.Resolver) *lookups {
	if others == nil {
		others = r
	}
	return &lookups{ctx: ctx, resolver: r, others: others, asked: map[dns.Question]*lookup{}}
}

// begin starts what is to be known about a domain, unless it has begun, by whichever resolver: its
// DMARC record for type TXT, its existence for type MX.
func (l *lookups) begin(r dns.Resolver, domain string, typ dns.Type) *lookup {
	key := dns.Question{Name: domain, Type: typ}
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.asked[key]; k != nil {
		return k
	}
	k := &lookup{domain: domain}
	l.asked[key] = k
	if l.ended {
		k.fail(errEnded)
		return k
	}
	q := dns.Question{Name: domain, Type: typ}
	if typ == dns.TypeTXT {
		q.Name = "_dmarc." + domain
	}
	if a, ok := dns.Peek(r, q); ok {
		k.set(q, a, nil)
		return k
	}
	k.done = make(chan struct{})
	ctx := l.cancelable()
	l.running.Go(func() {
		defer close(k.done)
		defer l.recovered(k)
		a, err := r.Resolve(ctx, q)
		k.set(q, a, err)
	})
	return k
}

// cancelable is the context of questions, which end cancels. The caller holds mu.
func (l *lookups) cancelable() context.Context {
	if l.cancel == nil {
		l.ctx, l.cancel = context.WithCancel(l.ctx)
	}
	return l.ctx
}

// set takes the answer.
func (k *lookup) set(q dns.Question, a dns.Answer, err error) {
	switch {
	case q.Type == dns.TypeTXT:
		k.node = readNode(k.domain, a, err)
	case err != nil:
		k.fail(err)
	default:
		k.answer = a
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
	k.node = readNode(k.domain, dns.Answer{}, err)
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
func (l *lookups) beginWalk(domain string) { l.beginWalkBy(l.others, domain) }

// beginWalkBy tells whether all of it is known already.
func (l *lookups) beginWalkBy(r dns.Resolver, domain string) (known bool) {
	known = true
	var names [MaxQueries]string
	for _, d := range walkDomains(&names, domain) {
		known = l.begin(r, d, dns.TypeTXT).isDone() && known
	}
	return known
}

// walk begins a tree walk, unless it has begun, and waits for it. The result is that of
// asking one name after the other, although all are asked at once.
func (l *lookups) walk(domain string) *walk {
	var pending [MaxQueries]*lookup
	var names [MaxQueries]string
	domains := walkDomains(&names, domain)
	for i, d := range domains {
		pending[i] = l.begin(l.others, d, dns.TypeTXT)
	}
	nodes := make([]node, 0, len(domains))
	for _, k := range pending[:len(domains)] {
		n := l.wait(k).node
		if nodes = append(nodes, n); n.stops() {
			break
		}
	}
	l.raise()
	return newWalk(domain, nodes)
}

// exists tells whether a domain exists (RFC 9989 section 3.2.13: the answer to a query
// of any type tells it).
func (l *lookups) exists(domain string) (bool, error) {
	k := l.wait(l.begin(l.resolver, domain, dns.TypeMX))
	l.raise()
	return !k.answer.NXDomain, k.err
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
