package auth

import (
	"context"
	"slices"
	"sync"

	"assay/auth/dns"
)

// A task is one piece of work in a goroutine of its own, or one that was done at once.
type task[T any] struct {
	done     chan struct{} // nil: it was done at once
	value    T
	panicked *dns.Panic
	cancel   context.CancelFunc
}

// fromCache does f at once if the cache can answer all that it asks; nil if not. What f waits for is
// only DNS. A panic is raised by wait, as that of any task is.
func fromCache[T any](ctx context.Context, c *dns.Counting, f func(context.Context, dns.Resolver) T) *task[T] {
	t, atHand := &task[T]{}, c.AtHand()
	t.try(func() { t.value = f(ctx, atHand) })
	if atHand.Missed() {
		return nil
	}
	atHand.Count()
	return t
}

// try does f and keeps what it panics with.
func (t *task[T]) try(f func()) {
	defer func() {
		if v := recover(); v != nil {
			t.panicked = dns.Recovered(v)
		}
	}()
	f()
}

// start begins f; canceling the task ends the context that f gets. A panic of f is raised
// again in the goroutine that waits, which can recover it: in its own it would end the process.
func start[T any](ctx context.Context, f func(context.Context) T) *task[T] {
	ctx, cancel := context.WithCancel(ctx)
	t := &task[T]{done: make(chan struct{}), cancel: cancel}
	go func() {
		dns.GrowStack()
		defer close(t.done)
		defer cancel()
		t.try(func() { t.value = f(ctx) })
	}()
	return t
}

// wait returns what f returned, or panics as f did.
func (t *task[T]) wait() T {
	if t.done != nil {
		<-t.done
	}
	if t.panicked != nil {
		panic(t.panicked)
	}
	return t.value
}

// stop cancels f and waits for its end. A nil task has ended.
func (t *task[T]) stop() {
	if t != nil && t.done != nil {
		t.cancel()
		<-t.done
	}
}

// isDone tells that wait will not wait.
func (t *task[T]) isDone() bool {
	select {
	case <-t.done:
		return true
	default:
		return t.done == nil
	}
}

// await is wait that gives up when ctx is done; not ok then.
func (t *task[T]) await(ctx context.Context) (value T, ok bool) {
	if t.isDone() {
		return t.wait(), true
	}
	select {
	case <-t.done:
		return t.wait(), true
	case <-ctx.Done():
		return value, false
	}
}

// inParallel does all the work at once, the last of it in this goroutine, and waits for it. Nil is no
// work. A panic is raised again when all has ended.
func inParallel(work ...func()) {
	work = slices.DeleteFunc(work, func(f func()) bool { return f == nil })
	if len(work) == 0 {
		return
	}
	panics := make([]*dns.Panic, len(work))
	do := func(i int) {
		defer func() {
			if v := recover(); v != nil {
				panics[i] = dns.Recovered(v)
			}
		}()
		work[i]()
	}
	var running sync.WaitGroup
	last := len(work) - 1
	for i := range last {
		running.Go(func() { do(i) })
	}
	do(last)
	running.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
}

// unless is no work when there is none to do.
func unless(none bool, f func()) func() {
	if none {
		return nil
	}
	return f
}

// anyOf tells whether f is true for one of the first n indexes. It asks all at once.
func anyOf(n int, f func(i int) bool) bool {
	if n == 1 {
		return f(0)
	}
	found := make([]bool, n)
	work := make([]func(), n)
	for i := range n {
		work[i] = func() { found[i] = f(i) }
	}
	inParallel(work...)
	return slices.Contains(found, true)
}
