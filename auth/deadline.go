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
	at     time.Time // the zero Time: at none

	mu       sync.Mutex
	real     context.Context // nil: nobody waited yet
	end      context.CancelFunc
	canceled bool
}

// withCancel is context.WithCancel.
func withCancel(parent context.Context) *deadline { return withDeadline(parent, time.Time{}) }

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
		if d.at.IsZero() {
			d.real, d.end = context.WithCancel(d.parent)
		} else {
			d.real, d.end = context.WithDeadline(d.parent, d.at)
		}
		if d.canceled {
			d.end()
		}
	}
	return d.real
}

// Done, like the next three, implements context.Context.
func (d *deadline) Done() <-chan struct{} { return d.context().Done() }

func (d *deadline) Err() error {
	d.mu.Lock()
	real, canceled := d.real, d.canceled
	d.mu.Unlock()
	switch {
	case real != nil:
		return real.Err()
	case canceled:
		return context.Canceled
	case !d.at.IsZero() && time.Until(d.at) <= 0:
		return context.DeadlineExceeded
	}
	return d.parent.Err()
}

func (d *deadline) Deadline() (time.Time, bool) {
	at, ok := d.parent.Deadline()
	if d.at.IsZero() || ok && at.Before(d.at) {
		return at, ok
	}
	return d.at, true
}

func (d *deadline) Value(key any) any { return d.context().Value(key) }
