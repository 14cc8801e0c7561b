package main

import (
	"context"
	"fmt"
	"time"

	"assay/testdata/corpus"
	"assay/testdata/load"
)

// parts are how one measurement is divided: the contestants take turns after each, so that what
// else the machine does, and how fast it is at the moment, is the same for all.
const parts = 6

// sideBySide measures all contestants with every answer of DNS in the caches, once. All of them are up.
func (b *bench) sideBySide(ctx context.Context, contestants []*contestant, round int) error {
	return b.together(ctx, contestants, nil, func(all []*running) error {
		for _, r := range all {
			if err := b.warmUp(ctx, r); err != nil {
				return fmt.Errorf("%s: %w", r.contestant.name, err)
			}
		}
		for _, m := range b.measurements() {
			fmt.Fprintf(b.progress, "round %d of %d: all, warm, %s\n", round+1, b.rounds, m.what)
			if err := b.inTurns(ctx, all, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// together calls f when all of them are up, beside those that are up already.
func (b *bench) together(ctx context.Context, rest []*contestant, up []*running, f func([]*running) error) error {
	if len(rest) == 0 {
		return f(up)
	}
	return b.with(ctx, rest[0], 0, func(ctx context.Context, r *running, _ *resolver) error {
		return b.together(ctx, rest[1:], append(up, r), f)
	})
}

// warmUp has every answer of DNS asked for.
func (b *bench) warmUp(ctx context.Context, r *running) error {
	for _, samples := range b.mail.kinds {
		if _, err := b.load(ctx, r, load.Options{Samples: samples, Connections: 4, Count: len(samples)}); err != nil {
			return err
		}
	}
	return nil
}

// A measurement is of one kind of mail, or of the mix.
type measurement struct {
	what        string
	samples     []corpus.Sample
	connections int
	time        time.Duration
}

func (b *bench) measurements() []measurement {
	list := []measurement{{mixMany, b.mail.mix, many, b.time}, {mixOne, b.mail.mix, 1, b.time}}
	for _, k := range corpus.Kinds() {
		list = append(list, measurement{k.String(), b.mail.kinds[k], many, b.time / 2})
	}
	return list
}

// inTurns measures all of them, a slice of the time of each after the other.
func (b *bench) inTurns(ctx context.Context, all []*running, m measurement) error {
	tallies := make([]tally, len(all))
	for range parts {
		for i, r := range all {
			o := load.Options{Samples: m.samples, First: tallies[i].messages, Connections: m.connections, Duration: m.time / parts}
			if err := b.add(ctx, &tallies[i], r, o); err != nil {
				return fmt.Errorf("%s: %s: %w", r.contestant.name, m.what, err)
			}
		}
	}
	for i, r := range all {
		b.results.addLoad(r.contestant, m.what, tallies[i].figures())
	}
	return nil
}
