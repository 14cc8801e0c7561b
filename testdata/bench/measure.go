package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"assay/testdata/corpus"
	"assay/testdata/load"
	"assay/testdata/milterclient"
)

const (
	many     = 32      // connections at a time
	halfBody = 5 << 20 // of a message of 10 MB
	delay    = 20 * time.Millisecond
)

// What is measured, for results. A kind of mail is one, too: by its name.
const (
	mixMany  = "mix"
	mixOne   = "mix, one at a time"
	coldMany = "cold"
	coldOne  = "cold, one at a time"

	memoryStart   = "started"
	memoryIdle    = "idle sessions"
	memoryHalfway = "halfway"

	questions = "questions"
)

// figures are what one measurement gives.
type figures struct {
	cpu         time.Duration // of a message, all processes
	each        []time.Duration
	sender      time.Duration // CPU of this process, for a message
	rate        float64       // messages a second
	median, p99 time.Duration
}

// results are those of all rounds, by contestant and by what was measured.
type results struct {
	load   map[string]map[string][]figures
	number map[string]map[string][]float64 // memory in bytes; questions a message
}

func (r *results) addLoad(c *contestant, what string, f figures) {
	if r.load == nil {
		r.load = map[string]map[string][]figures{}
	}
	if r.load[c.key] == nil {
		r.load[c.key] = map[string][]figures{}
	}
	r.load[c.key][what] = append(r.load[c.key][what], f)
}

func (r *results) addNumber(c *contestant, what string, n float64) {
	if r.number == nil {
		r.number = map[string]map[string][]float64{}
	}
	if r.number[c.key] == nil {
		r.number[c.key] = map[string][]float64{}
	}
	r.number[c.key][what] = append(r.number[c.key][what], n)
}

// turn measures once what there is to measure about one contestant alone.
func (b *bench) turn(ctx context.Context, c *contestant, round int) error {
	if c.floor {
		return nil
	}
	steps := []struct {
		name  string
		delay time.Duration
		run   func(context.Context, *running, *resolver) error
	}{
		{"memory", 0, b.memory},
		{"cold", delay, b.coldDNS},
	}
	for _, s := range steps {
		fmt.Fprintf(b.progress, "round %d of %d: %s, %s\n", round+1, b.rounds, c.name, s.name)
		if err := b.with(ctx, c, s.delay, s.run); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// with starts a resolver with an empty cache and the contestant, and stops them after f.
func (b *bench) with(ctx context.Context, c *contestant, delay time.Duration, f func(context.Context, *running, *resolver) error) error {
	dir, err := os.MkdirTemp(b.dir, c.key+"-")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	dns, err := startResolver(ctx, dir, b.mail.zone, delay)
	if dns != nil {
		defer dns.stop()
	}
	if err != nil {
		return err
	}
	if dns.unbound == nil {
		b.note("unbound is not installed: the zone was asked without a resolver between.")
	}
	r, err := c.start(ctx, b, dir, dns.addr)
	if r != nil {
		defer r.stop()
		r.contestant = c
	}
	if err != nil {
		return err
	}
	return f(ctx, r, dns)
}

// memory measures the memory at rest, with idle sessions, and with sessions in the middle of
// long messages.
func (b *bench) memory(ctx context.Context, r *running, _ *resolver) error {
	for _, m := range []struct {
		what           string
		sessions, body int
	}{{memoryStart, 0, 0}, {memoryIdle, b.idle, 0}, {memoryHalfway, b.halfway, halfBody}} {
		held, err := load.Hold(ctx, load.HoldOptions{
			Milters: r.milters, Sample: b.mail.kinds[corpus.Large][0], Sessions: m.sessions, Body: m.body,
		})
		if err != nil {
			return err
		}
		n, err := r.settledMemory(ctx)
		held.Close()
		if err != nil {
			return err
		}
		b.results.addNumber(r.contestant, m.what, float64(n))
	}
	return nil
}

// coldDNS measures with messages of domains that nobody asked about before.
func (b *bench) coldDNS(ctx context.Context, r *running, dns *resolver) error {
	for _, m := range []struct {
		what        string
		samples     []corpus.Sample
		connections int
	}{{coldOne, b.mail.cold[:b.cold], 1}, {coldMany, b.mail.cold[b.cold:], many}} {
		before := len(dns.zone.Queries())
		f, err := b.load(ctx, r, load.Options{Samples: m.samples, Connections: m.connections, Count: len(m.samples)})
		if err != nil {
			return err
		}
		b.results.addLoad(r.contestant, m.what, f)
		if m.what == coldOne {
			b.results.addNumber(r.contestant, questions, float64(len(dns.zone.Queries())-before)/float64(len(m.samples)))
		}
	}
	return nil
}

// load puts a load on and measures it. Of assay and the floor every answer has to be right; the
// wrong ones of others are noted, and don't count.
func (b *bench) load(ctx context.Context, r *running, o load.Options) (figures, error) {
	var t tally
	err := b.add(ctx, &t, r, o)
	return t.figures(), err
}

// add does load, and adds what came of it.
func (b *bench) add(ctx context.Context, t *tally, r *running, o load.Options) error {
	c := r.contestant
	o.Milters = r.milters
	o.Check = func(s *corpus.Sample, edits []milterclient.Edit) error { return load.HasResults(c.wanted(s), edits) }
	before, own := r.cpu(), ownCPU()
	result, err := load.Run(ctx, o)
	if err != nil {
		return err
	}
	after := r.cpu()
	own = ownCPU() - own
	if err := ctx.Err(); err != nil {
		return err
	}
	if failed := result.Err(); failed != nil {
		if !c.rival || result.Messages == 0 {
			return failed
		}
		b.note("%s gave %d wrong answers or none to %d messages, such as: %v", c.name, result.Failed, result.Messages+result.Failed, result.Errors[0])
	}
	t.add(&result, before, after, own)
	return nil
}

// A tally adds up what measurements of the same thing gave. The zero value is empty.
type tally struct {
	messages int
	each     []time.Duration // CPU of each process
	own      time.Duration
	elapsed  time.Duration
	latency  load.Histogram
}

func (t *tally) add(r *load.Result, before, after []time.Duration, own time.Duration) {
	if t.each == nil {
		t.each = make([]time.Duration, len(after))
	}
	for i := range after {
		t.each[i] += after[i] - before[i]
	}
	t.messages += r.Messages
	t.own += own
	t.elapsed += r.Elapsed
	t.latency.Merge(&r.Latency)
}

func (t *tally) figures() (f figures) {
	if t.messages == 0 {
		return f
	}
	for _, each := range t.each {
		f.each = append(f.each, each/time.Duration(t.messages))
		f.cpu += each / time.Duration(t.messages)
	}
	f.sender, f.rate = t.own/time.Duration(t.messages), float64(t.messages)/t.elapsed.Seconds()
	f.median, f.p99 = t.latency.Quantile(0.5), t.latency.Quantile(0.99)
	return f
}

// ownCPU is the time that this process has computed.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// median is 0 of none.
func median[T time.Duration | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// figures are the medians of all rounds; ok is false when nothing was measured.
func (r *results) figures(c *contestant, what string) (f figures, ok bool) {
	all := r.load[c.key][what]
	if len(all) == 0 {
		return figures{}, false
	}
	pick := func(get func(figures) time.Duration) time.Duration {
		var values []time.Duration
		for _, f := range all {
			values = append(values, get(f))
		}
		return median(values)
	}
	var rates []float64
	for _, f := range all {
		rates = append(rates, f.rate)
	}
	f = figures{
		cpu:    pick(func(f figures) time.Duration { return f.cpu }),
		sender: pick(func(f figures) time.Duration { return f.sender }),
		rate:   median(rates),
		median: pick(func(f figures) time.Duration { return f.median }),
		p99:    pick(func(f figures) time.Duration { return f.p99 }),
	}
	for i := range all[0].each {
		f.each = append(f.each, pick(func(f figures) time.Duration { return f.each[i] }))
	}
	return f, true
}
