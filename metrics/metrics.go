// Package metrics shows on /metrics what the daemon does, for Prometheus, and whether it is well on
// /healthz and /readyz.
//
// What happens to a message is counted as it happens, in counters that are all there from the start: nothing
// is looked up, allocated or locked on the way of a message. What other packages count themselves is read
// when somebody asks. The values of labels are words of our own tables, never text of a sender.
//
// Divergences from the RFC: none; no RFC defines it. The text format is that of Prometheus.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"assay/milter"
)

// A Build says which program it is. Empty text is not known.
type Build struct {
	Version  string // "v1.2.3"
	Revision string // of the source
	Go       string // "go1.26"
}

// Metrics are those of one daemon. They are a milter.Observer. New makes them; the methods are safe for
// concurrent use, those of the Observer and Question neither wait nor allocate.
type Metrics struct {
	registry *prometheus.Registry
	state    func() State
	messages
	questions prometheus.Histogram
}

var _ milter.Observer = (*Metrics)(nil)

// New makes the metrics, all at zero. state is called at each request, by several goroutines at a
// time.
func New(b Build, state func() State) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), state: state}
	m.messages = newMessages(m.registry)
	m.questions = newHistogram(m.registry, "assay_dns_question_seconds")
	m.registry.MustRegister(
		newStateCollector(state),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.build(b)
	return m
}

// build shows which program it is.
func (m *Metrics) build(b Build) {
	d := describe("assay_build_info")
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: d.Name, Help: d.Help}, d.Labels)
	m.registry.MustRegister(info)
	info.WithLabelValues(b.Version, b.Revision, b.Go).Set(1)
}

// Question is told of a DNS question, as dns.Client.Observe is.
func (m *Metrics) Question(took time.Duration, _ error) { m.questions.Observe(took.Seconds()) }
