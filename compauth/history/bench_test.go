package history

import (
	"fmt"
	"testing"
	"time"

	"assay/compauth"
)

func benchmarkPair() Pair {
	return Pair{OrgDomain: "example.com", PTR: "sender.example", DKIM: []string{"mailer.example"}, Network: network("192.0.2.0/24"),
		From: "joe@example.com", Rcpt: []string{"ann@example.org"}}
}

func BenchmarkRecord(b *testing.B) {
	s := openTest(b, newSQLite(b))
	m := Message{Pair: benchmarkPair(), Time: noon, Verdict: failed, Sighting: &Sighting{Domain: "example.com", Infrastructure: "192.0.2.0/24", Reason: 1, Result: compauth.Fail}}
	b.ReportAllocs()
	for b.Loop() {
		s.Record(m)
	}
}

// BenchmarkQualifiesCached has no pair that qualifies: every one of them is looked for.
func BenchmarkQualifiesCached(b *testing.B) {
	s := openTest(b, newSQLite(b), func(_ *Options, t *tuning) { t.ttl = time.Hour })
	p := benchmarkPair()
	s.want(p, 0)
	b.ReportAllocs()
	for b.Loop() {
		s.Qualifies(b.Context(), p)
	}
}

func BenchmarkQualifiesAsked(b *testing.B) {
	s := openTest(b, newSQLite(b))
	p := benchmarkPair()
	s.recordGood(p)
	s.flush()
	b.ReportAllocs()
	for b.Loop() {
		s.want(p, 701)
	}
}

// BenchmarkRecordDistinct has every message come from another domain.
func BenchmarkRecordDistinct(b *testing.B) {
	s := openTest(b, newSQLite(b), func(_ *Options, t *tuning) { t.keys = 1 << 30 })
	p := benchmarkPair()
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		p.OrgDomain = fmt.Sprintf("example%d.com", n)
		s.record(p, good, 0, 1)
		if n++; n%10_000 == 0 {
			b.StopTimer()
			s.pending = newBatch(1 << 30) // nobody else has it: the clock stands
			b.StartTimer()
		}
	}
	s.pending = newBatch(1 << 30)
}

// BenchmarkFlush writes 10,000 new rows.
func BenchmarkFlush(b *testing.B) {
	for name, database := range map[string]func(testing.TB) string{"sqlite": newSQLite, "postgres": newPostgres} {
		b.Run(name, func(b *testing.B) {
			s := openTest(b, database(b))
			n := 0
			for b.Loop() {
				b.StopTimer()
				for range 10_000 {
					s.record(Pair{OrgDomain: fmt.Sprintf("example%d.com", n), PTR: "sender.example"}, good, 0, 1)
					n++
				}
				b.StartTimer()
				s.flush()
			}
		})
	}
}

// BenchmarkWrite writes 1000 messages, each of another domain.
func BenchmarkWrite(b *testing.B) {
	s := openTest(b, newSQLite(b))
	b.ReportAllocs()
	for b.Loop() {
		for i := range 1000 {
			p := benchmarkPair()
			p.OrgDomain = fmt.Sprintf("example%d.com", i)
			s.record(p, good, 0, 1)
		}
		s.flush()
	}
}
