package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"assay/compauth"
)

// newCounters makes and registers the counters of a metric that is in the table.
func newCounters(r prometheus.Registerer, name string) *prometheus.CounterVec {
	d := describe(name)
	all := prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
	r.MustRegister(all)
	return all
}

// newCounter does so for a metric without labels.
func newCounter(r prometheus.Registerer, name string) prometheus.Counter {
	return newCounters(r, name).WithLabelValues()
}

// newHistogram does so for a histogram without labels.
func newHistogram(r prometheus.Registerer, name string) prometheus.Histogram {
	d := describe(name)
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: d.Name, Help: d.Help, Buckets: d.buckets})
	r.MustRegister(h)
	return h
}

// A family is a counter for each of a few words.
type family[T ~string] struct {
	words    []T
	counters []prometheus.Counter // of the words
}

// newFamily takes the counters whose last label is a word, and the labels before it are given.
func newFamily[T ~string](all *prometheus.CounterVec, words []T, labels ...string) family[T] {
	f := family[T]{words: words}
	for _, w := range words {
		values := append(labels[:len(labels):len(labels)], string(w))
		f.counters = append(f.counters, all.WithLabelValues(values...))
	}
	return f
}

// inc counts a word. One that is not of the family, such as "" of a method that was not evaluated, is
// not counted.
func (f *family[T]) inc(word T) {
	for i, w := range f.words {
		if w == word {
			f.counters[i].Inc()
			return
		}
	}
}

// verdicts are the counters of the composite verdicts.
type verdicts struct {
	all    *prometheus.CounterVec
	counts []verdictCount // of those that the rules can give
}

type verdictCount struct {
	result  compauth.Result
	reason  compauth.Reason
	counter prometheus.Counter
}

// historyReasons are what 700 in the rules stands for.
var historyReasons = [...]compauth.Reason{701, 702, 703, 704}

func newVerdicts(all *prometheus.CounterVec) verdicts {
	v := verdicts{all: all}
	for _, rule := range compauth.Rules() {
		switch {
		case rule.Result == "":
		case rule.Reason == 700:
			for _, reason := range historyReasons {
				v.add(rule.Result, reason)
			}
		default:
			v.add(rule.Result, rule.Reason)
		}
	}
	return v
}

func (v *verdicts) add(result compauth.Result, reason compauth.Reason) {
	if v.find(result, reason) == nil {
		counter := v.all.WithLabelValues(string(result), reason.String())
		v.counts = append(v.counts, verdictCount{result, reason, counter})
	}
}

func (v *verdicts) find(result compauth.Result, reason compauth.Reason) prometheus.Counter {
	for i := range v.counts {
		if c := &v.counts[i]; c.reason == reason && c.result == result {
			return c.counter
		}
	}
	return nil
}

// of is the counter of a verdict; of one that no rule gives it is made.
func (v *verdicts) of(verdict compauth.Verdict) prometheus.Counter {
	if c := v.find(verdict.Result, verdict.Reason); c != nil {
		return c
	}
	return v.all.WithLabelValues(string(verdict.Result), verdict.Reason.String())
}
