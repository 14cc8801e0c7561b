package dns

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// A flight is a question under way and those who wait for its answer.
type flight struct {
	done     chan struct{} // closed when the next three are set
	answer   Answer
	err      error
	panicked *Panic // instead of both

	waiting int // guarded by shard.mu
	cancel  context.CancelFunc
}

// A Panic is what a method panics with when something panicked in a goroutine of its
// own, where it would have ended the process: the Resolver of a Cache, in every
// caller that waits, and likewise further down the house. Nobody changes it.
type Panic struct {
	Value any    // what was panicked with
	Stack []byte // of the goroutine that panicked
}

// Error gives the value and the stack.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }

// Recovered makes a Panic of what recover returned: that itself if it is one already. It
// is to be called in the goroutine that panicked.
func Recovered(value any) *Panic {
	if p, ok := value.(*Panic); ok {
		return p
	}
	return &Panic{Value: value, Stack: debug.Stack()}
}

// errExited is for a Resolver that ended its goroutine instead of returning.
var errExited = errors.New("the resolver exited")

// ask waits for the question's flight, which begins unless it is under way.
func (c *Cache) ask(ctx context.Context, q Question) (Answer, error) {
	f, joined, hit := c.board(q)
	if f == nil {
		return hit, nil
	}
	select {
	case <-f.done:
		if f.panicked != nil {
			panic(f.panicked)
		}
		a := f.answer
		a.Cached = a.Cached || joined && f.err == nil
		return a, f.err
	case <-ctx.Done():
		c.leave(q, f)
		return Answer{}, questionError(q, ctx.Err())
	}
}

// board finds or begins the flight of a question; there is none when one has
// just landed, and its answer is returned.
func (c *Cache) board(q Question) (f *flight, joined bool, hit Answer) {
	s := c.shard(q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[q.Name]; f != nil {
		f.waiting++
		c.shared.Add(1)
		return f, true, Answer{}
	}
	if a, ok := s.getLocked(q.Name, c.now(), true); ok {
		return nil, false, a
	}
	c.misses.Add(1)
	flying, cancel := context.WithCancel(context.Background()) // not ctx, which may end before
	f = &flight{done: make(chan struct{}), waiting: 1, cancel: cancel}
	s.flights[q.Name] = f
	go c.fly(flying, q, f)
	return f, false, Answer{}
}

// fly asks the question and hands out the answer, which is kept before the
// flight ends. A panic is handed out as well; when nobody waits any more, it is
// only counted.
func (c *Cache) fly(ctx context.Context, q Question, f *flight) {
	GrowStack()
	defer f.cancel()
	defer close(f.done)
	defer c.land(q, f)
	defer func() {
		if v := recover(); v != nil {
			c.panics.Add(1)
			f.panicked = Recovered(v)
		}
	}()
	exited := true
	defer func() {
		if exited {
			f.err = questionError(q, errExited)
		}
	}()
	f.answer, f.err = c.Resolver.Resolve(ctx, q)
	if exited = false; f.err == nil {
		c.keep(q, f.answer)
	}
}

// leave gives up waiting. The last one to leave ends the flight, and whoever
// asks from then on begins another.
func (c *Cache) leave(q Question, f *flight) {
	s := c.shard(q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
		s.remove(q.Name, f)
	}
}

// land ends the question: who asks from now on finds the answer in the cache.
func (c *Cache) land(q Question, f *flight) {
	s := c.shard(q)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(q.Name, f)
}

// remove forgets a flight unless a later one took its place. The caller holds mu.
func (s *shard) remove(name string, f *flight) {
	if s.flights[name] == f {
		delete(s.flights, name)
	}
}
