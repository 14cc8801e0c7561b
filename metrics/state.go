package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"assay/auth/dns"
	"assay/compauth/history"
)

// A State is what the daemon knows of itself at one moment. The counters in it never go down as
// long as the daemon runs.
type State struct {
	Accepting      bool // connections of MTAs are accepted
	Sessions       int  // being served
	MaxSessions    int
	Accepted       int64 // sessions since the start
	Panics         int64
	MessageTimeout time.Duration // how long lookups for a message may take

	DNS     dns.ClientStats
	Cache   dns.CacheStats
	History *history.Stats // nil: none is wanted

	TrustedSealers int // entries
	SpoofedSenders int // entries
	Reloads        [Parts]Reload

	LostLines uint64 // of the log
}

// A Part is something that is read again while the daemon runs.
type Part int

// The parts.
const (
	Config Part = iota
	TrustedSealers
	SpoofedSenders

	Parts int = iota // how many there are
)

// String is the label of the part.
func (p Part) String() string {
	return [...]string{"config", "trusted_sealers", "spoofed_senders"}[p]
}

// A Reload says how a Part was read last.
type Reload struct {
	Failed bool      // there was a mistake: what was read before is in force
	Good   time.Time // when it was read without a mistake
}

// An emit is called with each value of a metric, and the values of its labels.
type emit func(value float64, labels ...string)

// A stateCollector reads the metrics that others count.
type stateCollector struct {
	state   func() State
	metrics []stateMetric
}

type stateMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*State, emit)
}

func newStateCollector(state func() State) *stateCollector {
	c := &stateCollector{state: state}
	for _, d := range table() {
		if d.read == nil {
			continue
		}
		kind := prometheus.GaugeValue
		if d.Type == counter {
			kind = prometheus.CounterValue
		}
		c.metrics = append(c.metrics, stateMetric{prometheus.NewDesc(d.Name, d.Help, d.Labels, nil), kind, d.read})
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	s := c.state()
	for _, m := range c.metrics {
		m.read(&s, func(value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
		})
	}
}

// unix is a time in the base unit of Prometheus; not ok for the zero Time.
func unix(t time.Time) (seconds float64, ok bool) {
	return float64(t.UnixNano()) / 1e9, !t.IsZero()
}

// of is a function that reads one number.
func of[T int | int64 | uint64](number func(*State) T) func(*State, emit) {
	return func(s *State, e emit) { e(float64(number(s))) }
}

// readHistory reads a number of the history, where there is one.
func readHistory(number func(*history.Stats) (value float64, ok bool)) func(*State, emit) {
	return func(s *State, e emit) {
		if s.History == nil {
			return
		}
		if value, ok := number(s.History); ok {
			e(value)
		}
	}
}

// readReloads reads a number of each part.
func readReloads(number func(Reload) (value float64, ok bool)) func(*State, emit) {
	return func(s *State, e emit) {
		for i, r := range s.Reloads {
			if value, ok := number(r); ok {
				e(value, Part(i).String())
			}
		}
	}
}

// truth is 1 for true.
func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
