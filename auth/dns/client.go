package dns

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// A Client asks recursive resolvers over UDP, and over TCP when a reply is
// truncated. Each query has a random id and a socket of its own, so that its
// port is random too (the kernel picks it, RFC 6056); replies from elsewhere
// or to another question are ignored (RFC 5452 section 9.1).
//
// The servers are asked in their order until one answers: after SERVFAIL,
// REFUSED and the like each is asked once, after silence again while time is
// left. A server that failed several times in a row where another one answered
// is asked last for a while.
//
// The zero value asks the system's resolvers. The fields must not change once
// the Client is in use; it is safe for concurrent use.
type Client struct {
	// Servers are asked instead of those in ResolvConf; see ParseServer.
	Servers []netip.AddrPort

	// ResolvConf is read when Servers is empty, and again within seconds
	// when it changes. Empty means /etc/resolv.conf.
	ResolvConf string

	// Timeout bounds one question, whatever it takes from when there is room for it. Zero means 5 s.
	Timeout time.Duration

	// TryTimeout bounds the wait for one server's reply. Zero means 2 s.
	TryTimeout time.Duration

	// MaxInFlight bounds the questions under way at once, each of which has
	// one socket; further ones wait in the order in which they come, as long as who asks. Zero means 1024.
	MaxInFlight int

	// Dial opens a socket, "udp" or "tcp"; nil means an ordinary one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Observe is told of each question how long it took, and why it has no answer, nil
	// if it has one; not of those that the caller gave up. It is called by many goroutines
	// and must not wait. Nil: nobody is told.
	Observe func(took time.Duration, err error)

	// Rand gives the queries' ids and must be safe for concurrent use; nil
	// means crypto/rand.
	Rand io.Reader

	once     sync.Once
	pool     *pool
	inFlight chan struct{}
	stats    clientCounters

	// The fields above with their defaults.
	timeout, tryTimeout time.Duration
	dial                func(ctx context.Context, network, address string) (net.Conn, error)
	rand                io.Reader
}

func (c *Client) start() {
	c.pool = newPool(c.Servers, c.ResolvConf)
	c.inFlight = make(chan struct{}, cmp.Or(max(c.MaxInFlight, 0), 1024))
	c.timeout = cmp.Or(max(c.Timeout, 0), 5*time.Second)
	c.tryTimeout = cmp.Or(max(c.TryTimeout, 0), 2*time.Second)
	c.dial, c.rand = c.Dial, c.Rand
	if c.dial == nil {
		c.dial = dial
	}
	if c.rand == nil {
		c.rand = rand.Reader
	}
}

// Resolve implements Resolver. It returns an error when ctx or Timeout ends
// and when no server gave an answer.
func (c *Client) Resolve(ctx context.Context, q Question) (Answer, error) {
	q, ok, err := q.check()
	if err != nil || !ok {
		return impossible, err
	}
	c.once.Do(c.start)
	began := time.Now()
	a, err := c.resolve(ctx, q)
	c.observe(time.Since(began), err)
	if err != nil {
		return Answer{}, questionError(q, err)
	}
	return a, nil
}

func (c *Client) resolve(ctx context.Context, q Question) (Answer, error) {
	select {
	case c.inFlight <- struct{}{}:
		defer func() { <-c.inFlight }()
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("%w while %d questions were under way", ctx.Err(), cap(c.inFlight))
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.chase(ctx, q)
}

// chase asks again where an answer ends at a CNAME.
func (c *Client) chase(ctx context.Context, q Question) (Answer, error) {
	ttl, authenticated := time.Duration(1<<63-1), true
	for aliases := 0; ; {
		r, err := c.ask(ctx, q)
		if err != nil {
			return Answer{}, err
		}
		ttl, authenticated = min(ttl, r.answer.TTL), authenticated && r.answer.Authenticated
		if r.next == "" {
			r.answer.TTL, r.answer.Authenticated = ttl, authenticated
			return r.answer, nil
		}
		if aliases += r.aliases; aliases > maxCNAMEs {
			return Answer{}, errCNAMEs
		}
		q.Name = r.next
	}
}

// ask asks the servers until one answers.
func (c *Client) ask(ctx context.Context, q Question) (reply, error) {
	servers, err := c.pool.servers(time.Now())
	if err != nil {
		return reply{}, err
	}
	var failed []*server
	var last error
	for len(servers) > 0 {
		var silent []*server
		for _, s := range servers {
			r, err := c.try(ctx, s, q)
			if err == nil {
				c.pool.answered(s, failed, time.Now())
				return r, nil
			}
			if ctx.Err() != nil {
				return reply{}, timeoutError(ctx, last)
			}
			last = fmt.Errorf("server %s: %w", s.addr, err)
			failed = append(failed, s)
			if errors.Is(err, errSilent) {
				silent = append(silent, s)
			}
		}
		servers = silent
	}
	return reply{}, last
}

// timeoutError explains that ctx is done, with what a server said before.
func timeoutError(ctx context.Context, last error) error {
	if last == nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w after %w", ctx.Err(), last)
}

var (
	errSilent    = errors.New("no reply in time")
	errLame      = errors.New("referral instead of an answer: the server does not recurse")
	errTruncated = errors.New("reply truncated over TCP")
	errMismatch  = errors.New("reply over TCP to another query")
)

// An rcodeError is a response code that is no answer.
type rcodeError int

var rcodes = [...]string{1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED", 16: "BADVERS"}

func (e rcodeError) Error() string {
	if int(e) < len(rcodes) && rcodes[e] != "" {
		return rcodes[e]
	}
	return fmt.Sprintf("rcode %d", int(e))
}

// try asks one server once; without EDNS when it can't read it (RFC 6891
// section 7).
func (c *Client) try(ctx context.Context, s *server, q Question) (reply, error) {
	began := time.Now()
	until, edns := began.Add(c.tryTimeout), s.edns(began)
	r, err := c.exchange(ctx, until, s, q, edns)
	if err == nil && edns && refusesEDNS(r.rcode) {
		r, err = c.exchange(ctx, until, s, q, false)
		if err == nil && !refusesEDNS(r.rcode) {
			s.noEDNS(time.Now())
		}
	}
	switch {
	case err != nil:
		if ctx.Err() == nil && !time.Now().Before(until) {
			c.stats.timeouts.Add(1)
			return reply{}, errSilent
		}
		return reply{}, err
	case !isAnswer(r.rcode):
		return reply{}, rcodeError(r.rcode)
	case r.lame:
		return reply{}, errLame
	}
	return r, nil
}

func refusesEDNS(rcode int) bool {
	return rcode == mdns.RcodeFormatError || rcode == mdns.RcodeNotImplemented || rcode == mdns.RcodeBadVers
}
