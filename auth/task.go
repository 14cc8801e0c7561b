package auth

import (
	"context"

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
