package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// watchInterval is the time between two samples.
const watchInterval = 200 * time.Millisecond

// startWatch samples the daemon until stop, which gives the samples.
func (w *world) startWatch(ctx context.Context, out io.Writer, begun time.Time) (stop func() []sample) {
	ctx, cancel := context.WithCancel(ctx)
	var samples []sample
	var running sync.WaitGroup
	running.Go(func() {
		said := 0
		for every(ctx, watchInterval) {
			s, err := w.daemon.sample(ctx)
			if err != nil {
				continue // it has ended, or is about to
			}
			s.messages, s.at = w.tally.snapshot().all(), time.Since(begun)
			samples = append(samples, s)
			if s.messages-said >= 100_000 {
				said = s.messages
				fmt.Fprintf(out, "%8d messages, %v: %.0f MB, %.0f goroutines, %.0f descriptors\n",
					s.messages, s.at.Round(time.Second), s.memory/1e6, s.goroutines, s.descriptors)
			}
		}
	})
	return func() []sample {
		cancel()
		running.Wait()
		return samples
	}
}

// A measure is one that must not grow: its median in the last third of the messages after the warm-up may
// exceed that in the first by a share and some more.
type measure struct {
	name string
	of   func(sample) float64
	more float64 // what the last may exceed the first by, beside the share
	unit float64 // that it is printed in
	text string  // the format
}

const (
	warmUp       = 0.1 // of all messages
	allowedShare = 0.1
)

var measures = [...]measure{
	{"resident memory", func(s sample) float64 { return s.memory }, 8e6, 1e6, "%.0f MB"},
	{"goroutines", func(s sample) float64 { return s.goroutines }, 20, 1, "%.0f"},
	{"open descriptors", func(s sample) float64 { return s.descriptors }, 20, 1, "%.0f"},
	{"history on disk", func(s sample) float64 { return s.history }, 8e6, 1e6, "%.1f MB"},
}

// print writes a value.
func (m measure) print(v float64) string { return fmt.Sprintf(m.text, v/m.unit) }

// growth compares the thirds.
func (m measure) growth(samples []sample, messages int) (first, last float64, ok bool) {
	from := int(warmUp * float64(messages))
	third := (messages - from) / 3
	first = m.median(samples, from, from+third)
	last = m.median(samples, messages-third, messages)
	return first, last, last <= first*(1+allowedShare)+m.more
}

// median is that of the samples between two numbers of messages, 0 of none.
func (m measure) median(samples []sample, from, to int) float64 {
	var values []float64
	for _, s := range samples {
		if s.messages >= from && s.messages <= to {
			values = append(values, m.of(s))
		}
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}
