package compauth

import (
	"strings"
	"testing"

	"assay/auth/dmarc"
)

// checkTrace holds that the trace goes through the table in order and ends at the
// rule of the verdict.
func checkTrace(t *testing.T, e *Evidence, v Verdict) {
	t.Helper()
	steps := Trace(e, v.Author)
	for i, s := range steps {
		last := i == len(steps)-1
		if s.Rule != &rules[i] || (s.State == Decides) != last {
			t.Fatalf("step %d: rule %s %s", i, s.Rule.Number, s.State)
		}
	}
	if last := steps[len(steps)-1]; last.Rule != v.Rule() {
		t.Errorf("the trace ends at rule %s, rule %s decided", last.Rule.Number, v.Rule().Number)
	}
}

func TestTrace(t *testing.T) {
	hints := Author{DMARC: monitor, SPFFail: true, PTRWithin: true, MX: true}
	for _, test := range []struct {
		name   string
		e      Evidence
		author int
		want   string // how it ends, from the first rule on that is no NoMatch
	}{
		{"message", with(Author{}, lost), -1, "3 decides"},
		{"no author", Evidence{}, 0, "4 decides"},
		{"implicit off", with(hints, noImplicit), 0, "14 off, 15 off, 18 off, 19 off, 20 off, 21 off, 22 off, 23 off, 24 off, 25a off, 25b off, 27 decides"},
		{"after rule 20", with(hints), 0, "20 leads, 21 spf, 22 spf, 23 spf, 24 spf, 25a spf, 25b spf, 27 decides"},
		{"hint", with(Author{DMARC: monitor, MX: true}), 0, "23 decides"},
		{"second author", with(hints, and(Author{DMARC: passing})), 1, "7 decides"},
	} {
		var got []string
		for _, s := range Trace(&test.e, test.author) {
			if s.State != NoMatch {
				got = append(got, s.Rule.Number+" "+short[s.State])
			}
		}
		if joined := strings.Join(got, ", "); joined != test.want {
			t.Errorf("%s: got %s, want %s", test.name, joined, test.want)
		}
	}
}

var short = map[State]string{Decides: "decides", Leads: "leads", OffImplicit: "off", OffHintless: "spf"}

func TestEvaluateDoesNotAllocate(t *testing.T) {
	for _, test := range cases {
		if n := testing.AllocsPerRun(10, func() { Evaluate(&test.e) }); n != 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
}

// The longest ways through the table: five From domains that end in the last rule.
func BenchmarkEvaluate(b *testing.B) {
	last := Author{Domain: "example.org", DMARC: dmarc.Outcome{Result: dmarc.None}}
	one := with(last)
	five := with(last, and(last), and(last), and(last), and(last))
	for _, bench := range []struct {
		name string
		e    *Evidence
	}{{"one", &one}, {"five", &five}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(bench.e)
			}
		})
	}
}
