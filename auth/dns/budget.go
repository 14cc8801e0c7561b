package dns

import (
	"errors"
	"sync/atomic"
)

// A Budget is how many questions the Counting resolvers that have it may still send, together. The
// zero value has none left. It is safe for concurrent use and must not be copied.
type Budget struct{ left atomic.Int64 }

// ErrSpent is the error of a question for which the budget has no room: DNS did not fail, and asking
// again later gives no other result.
var ErrSpent = errors.New("too many questions for one message")

// Set makes n questions the budget, whatever was left of it.
func (b *Budget) Set(n int) { b.left.Store(int64(n)) }

// take takes one question; false: none is left. Of nil there is no end.
func (b *Budget) take() bool {
	if b == nil {
		return true
	}
	for n := b.left.Load(); n > 0; n = b.left.Load() {
		if b.left.CompareAndSwap(n, n-1) {
			return true
		}
	}
	return false
}

// giveBack is for a question that was not sent.
func (b *Budget) giveBack() {
	if b != nil {
		b.left.Add(1)
	}
}
