package dns

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ClientStats counts what a Client did since its start.
type ClientStats struct {
	Questions uint64        // that callers asked, but for names that DNS can't carry
	Errors    uint64        // questions without an answer, but for those that the caller gave up
	Queries   uint64        // that were sent, by UDP and TCP, repeated ones too
	TCP       uint64        // replies by UDP that were truncated, so that TCP was tried
	Timeouts  uint64        // tries that a server left without a reply
	Ignored   uint64        // packets that were no reply to the query: late, forged or garbage
	Latency   time.Duration // of all questions together
}

type clientCounters struct {
	questions, errors, sent, tcp, timeouts, ignored atomic.Uint64
	latency                                         atomic.Int64
}

// observe counts a question.
func (c *Client) observe(took time.Duration, err error) {
	c.stats.questions.Add(1)
	c.stats.latency.Add(int64(took))
	if errors.Is(err, context.Canceled) {
		return
	}
	if err != nil {
		c.stats.errors.Add(1)
	}
	if c.Observe != nil {
		c.Observe(took, err)
	}
}

// Stats returns the counters; it may be called at any time.
func (c *Client) Stats() ClientStats {
	return ClientStats{
		Questions: c.stats.questions.Load(),
		Errors:    c.stats.errors.Load(),
		Queries:   c.stats.sent.Load(),
		TCP:       c.stats.tcp.Load(),
		Timeouts:  c.stats.timeouts.Load(),
		Ignored:   c.stats.ignored.Load(),
		Latency:   time.Duration(c.stats.latency.Load()),
	}
}

// A peeker knows some answers without asking anybody, as a Cache does.
type peeker interface {
	Peek(Question) (Answer, bool)
}

// Counting is a Resolver that counts, for one message say, what another one
// answers, and bounds what is asked, also at once. What a Cache has at hand is answered at
// once and takes no room. It is safe for concurrent use and must
// not be copied.
type Counting struct {
	Resolver Resolver

	// InFlight bounds the questions that may be under way at once: further
	// ones wait, so that a message with many names leaves others their share. Zero
	// means no bound.
	InFlight int

	// Share bounds those of several Counting resolvers at once. Nil means no bound.
	Share *Share

	// Budget bounds the questions that are sent: further ones get ErrSpent at once. Nil means no bound.
	Budget *Budget

	queries, hits atomic.Int64

	once sync.Once
	room chan struct{} // for those under way; made for the first one
}

// enter waits for room for one more question, which is left by leave with what is taken of the Share.
func (c *Counting) enter(ctx context.Context) (taken chan struct{}, err error) {
	if c.InFlight > 0 {
		c.once.Do(func() { c.room = make(chan struct{}, c.InFlight) })
		select {
		case c.room <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if taken, err = c.Share.enter(ctx); err != nil {
		c.leave(nil)
	}
	return taken, err
}

func (c *Counting) leave(taken chan struct{}) {
	if taken != nil {
		<-taken
	}
	if c.InFlight > 0 {
		<-c.room
	}
}

// Resolve implements Resolver.
func (c *Counting) Resolve(ctx context.Context, q Question) (Answer, error) {
	if a, ok := c.Peek(q); ok {
		return a, nil
	}
	if !c.Budget.take() {
		return Answer{}, questionError(q, ErrSpent)
	}
	taken, err := c.enter(ctx)
	if err != nil {
		c.Budget.giveBack()
		return Answer{}, questionError(q, err)
	}
	defer c.leave(taken)
	a, err := c.Resolver.Resolve(ctx, q)
	if a.Cached {
		c.Budget.giveBack()
		c.hits.Add(1)
	} else {
		c.queries.Add(1)
	}
	return a, err
}

// Queries returns how many questions were sent, with or without success.
func (c *Counting) Queries() int { return int(c.queries.Load()) }

// Hits returns how many questions were answered without a packet of their own.
func (c *Counting) Hits() int { return int(c.hits.Load()) }
