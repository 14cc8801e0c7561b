package metrics

import (
	"testing"
	"time"
)

func BenchmarkChecked(b *testing.B) {
	m, r := newTest(), verified()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Checked(r, 3*time.Millisecond)
		}
	})
}
