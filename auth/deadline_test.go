package auth

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A deadline says the same as a context of the standard library, whether somebody waits for it or not.
func TestDeadline(t *testing.T) {
	const minute = time.Minute
	tests := []struct {
		name       string
		parent, at time.Duration // 0: no end of its own
		then       func(parent, own context.CancelFunc)
	}{
		{"goes on", minute, minute, func(_, _ context.CancelFunc) {}},
		{"canceled", minute, minute, func(_, own context.CancelFunc) { own() }},
		{"canceled, no time", 0, 0, func(_, own context.CancelFunc) { own() }},
		{"parent canceled", minute, minute, func(parent, _ context.CancelFunc) { parent() }},
		{"parent canceled, no time", 0, 0, func(parent, _ context.CancelFunc) { parent() }},
		{"parent over", time.Second, minute, func(_, _ context.CancelFunc) { time.Sleep(time.Second) }},
		{"over", minute, time.Second, func(_, _ context.CancelFunc) { time.Sleep(time.Second) }},
		{"over, parent without time", 0, time.Second, func(_, _ context.CancelFunc) { time.Sleep(time.Second) }},
		{"parent over, no time", time.Second, 0, func(_, _ context.CancelFunc) { time.Sleep(time.Second) }},
		{"begun too late", minute, -time.Second, func(_, _ context.CancelFunc) {}},
	}
	for _, test := range tests {
		for _, waited := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				parent, endParent := within(t.Context(), test.parent)
				defer endParent()
				want, end := within(parent, test.at)
				defer end()
				got := withCancel(parent)
				if test.at != 0 {
					got = withDeadline(parent, time.Now().Add(test.at))
				}
				defer got.cancel()
				if waited {
					got.Done()
				}
				test.then(endParent, func() { end(); got.cancel() })
				synctest.Wait()
				compareContexts(t, test.name, got, want)
			})
		}
	}
}

func within(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		return context.WithCancel(parent)
	}
	return context.WithTimeout(parent, d)
}

func compareContexts(t *testing.T, name string, got, want context.Context) {
	t.Helper()
	gotAt, gotOK := got.Deadline()
	wantAt, wantOK := want.Deadline()
	if !gotAt.Equal(wantAt) || gotOK != wantOK {
		t.Errorf("%s: deadline %v %v, want %v %v", name, gotAt, gotOK, wantAt, wantOK)
	}
	if got.Err() != want.Err() {
		t.Errorf("%s: %v, want %v", name, got.Err(), want.Err())
	}
	before := got.Err()
	select {
	case <-got.Done():
		if before == nil {
			t.Errorf("%s: done, without an error before", name)
		}
	default:
		if before != nil {
			t.Errorf("%s: not done, but %v", name, before)
		}
	}
	if got.Err() != want.Err() {
		t.Errorf("%s: once waited for %v, want %v", name, got.Err(), want.Err())
	}
}
