package load

import (
	"math/bits"
	"time"
)

const (
	subBits   = 5                         // the buckets of a power of two: 32, so that a value is known to 3 %
	histogram = (64 - subBits) << subBits // buckets, up to what an int64 holds
	half      = 1 << subBits              // values below are counted exactly, in nanoseconds
)

// A Histogram counts durations. The zero value is empty. It is copied by assignment, and not
// safe for concurrent use.
type Histogram struct {
	counts [histogram]uint32
	n      int
}

func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < half {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return (shift+1)<<subBits + int(v>>shift) - half
}

// lower is the least duration of a bucket.
func lower(bucket int) time.Duration {
	if bucket < half {
		return time.Duration(bucket)
	}
	shift := bucket>>subBits - 1
	return time.Duration((half + bucket&(half-1)) << shift)
}

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	h.counts[min(bucket(d), histogram-1)]++
	h.n++
}

// Merge counts all that other has.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.n += other.n
}

// Len is how many were counted.
func (h *Histogram) Len() int { return h.n }

// Quantile is the duration that the fraction q of all, from 0 to 1, does not exceed, to 3 %;
// 0 of none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int(q * float64(h.n))
	for i, n := range h.counts {
		if rank -= int(n); rank < 0 {
			return (lower(i) + lower(i+1)) / 2
		}
	}
	return h.most()
}

// most is the middle of the last bucket that isn't empty.
func (h *Histogram) most() time.Duration {
	for i := histogram - 2; i >= 0; i-- {
		if h.counts[i] > 0 {
			return (lower(i) + lower(i+1)) / 2
		}
	}
	return 0
}
