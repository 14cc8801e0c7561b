package auth

import (
	"context"
	"slices"
	"sync"

	"assay/auth/dns"
)

// A task is one piece of work in a goroutine of its own.
type task[T any] struct {
	done     chan struct{}
	value    T
	panicked *dns.Panic
	cancel   context.CancelFunc
}

// start begins f; canceling the task ends the context that f gets. A panic of f is raised
// again in the goroutine that waits, which can recover it: in its own it would end the process.
func start[T any](ctx context.Context, f func(context.Context) T) *task[T] {
	ctx, cancel := context.WithCancel(ctx)
	t := &task[T]{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(t.done)
		defer cancel()
		defer func() {
			if v := recover(); v != nil {
				t.panicked = dns.Recovered(v)
			}
		}()
		t.value = f(ctx)
	}()
	return t
}

// wait returns what f returned, or panics as f did.
func (t *task[T]) wait() T {
	<-t.done
	if t.panicked != nil {
		panic(t.panicked)
	}
	return t.value
}

// stop cancels f and waits for its end. A nil task has ended.
func (t *task[T]) stop() {
	if t != nil {
		t.cancel()
		<-t.done
	}
}

// await is wait that gives up when ctx is done; not ok then.
func (t *task[T]) await(ctx context.Context) (value T, ok bool) {
	select {
	case <-t.done:
		return t.wait(), true
	case <-ctx.Done():
		return value, false
	}
}

// inParallel does all the work at once and waits for it. A panic is raised again when all has ended.
func inParallel(work ...func()) {
	panics := make([]*dns.Panic, len(work))
	var running sync.WaitGroup
	for i, f := range work {
		running.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					panics[i] = dns.Recovered(v)
				}
			}()
			f()
		})
	}
	running.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
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
