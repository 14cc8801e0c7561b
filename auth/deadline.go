package auth

import (
	"context"
	"sync"
	"time"
)

// A deadline is a context that ends with its parent, at a time or when it is canceled, like that of
// context.WithDeadline. It costs a timer, and a place with its parent, only when somebody waits for its end:
// for most messages all answers are in the cache, and nobody does.
type deadline struct {
	parent context.Context
	at     time.Time

	mu       sync.Mutex
	real     context.Context // nil: nobody waited yet
	end      context.CancelFunc
	canceled bool
}

// withDeadline is context.WithDeadline.
func withDeadline(parent context.Context, at time.Time) *deadline {
	return &deadline{parent: parent, at: at}
}

// cancel ends it. Idempotent; safe for concurrent use like all methods.
func (d *deadline) cancel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.canceled = true
	if d.end != nil {
		d.end()
	}
}

// context is the one with a timer.
func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.real == nil {
		d.real, d.end = context.WithDeadline(d.parent, d.at)
		if d.canceled {
			d.end()
		}
	}
	return d.real
}

// Done, like the next three, implements context.Context.
func (d *deadline) Done() <-chan struct{} { return d.context().Done() }

func (d *deadline) Err() error { return d.context().Err() }

func (d *deadline) Deadline() (time.Time, bool) { return d.context().Deadline() }

func (d *deadline) Value(key any) any { return d.context().Value(key) }
