// Command bench measures assay beside the milters that it takes the place of: opendkim, opendmarc
// and pyspf-milter one after the other, and rspamd with nothing but its modules for SPF, DKIM,
// DMARC and ARC; and beside the floor, a milter that does nothing but socket, SHA-256 and RSA.
// All get the same messages by package load and ask the same caching resolver. They take turns,
// with warm caches after fractions of a second, for some rounds, and what is shown are medians of the rounds.
//
// What is not installed is left out, and so is the chain unless root runs this.
//
// Divergences from the RFC: none.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Stdout, os.Stderr, os.Args[1:])) }

// A bench is what is measured, how, and what came of it.
type bench struct {
	assay    string        // the daemon's file
	rounds   int           // how often each contestant has its turn
	time     time.Duration // of one measurement
	cold     int           // messages that are sent one at a time with a cold resolver; ten times as many 32 at a time
	idle     int           // sessions that wait, for their memory
	halfway  int           // sessions in the middle of a message of 10 MB
	progress io.Writer

	dir     string
	mail    *mail
	results results
	notes   []string // what is left out, and what went wrong
}

func run(out, progress io.Writer, args []string) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(progress)
	assay := flags.String("assay", "bin/assay", "the daemon's `file`")
	quick := flags.Bool("quick", false, "one short round")
	rounds := flags.Int("rounds", 3, "how often each contestant has its turn")
	duration := flags.Duration("time", 3*time.Second, "time of one measurement")
	only := flags.String("only", "", "the contestants, with commas between: floor, assay, chain, rspamd")
	update := flags.String("update", "", "write the tables into this `file`, and docs/speed.svg beside it")
	floor := flags.String("floor", "", "for itself: serve the floor by the plan in this `file`")
	if flags.Parse(args) != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{assay: *assay, rounds: *rounds, time: *duration, cold: 80, idle: 500, halfway: 100, progress: progress}
	if *quick {
		b.rounds, b.time, b.cold = 1, min(b.time, time.Second), 15
	}
	var err error
	if *floor != "" {
		err = serveFloor(*floor)
	} else {
		err = b.run(ctx, out, *only, *update)
	}
	if err != nil {
		fmt.Fprintln(progress, "bench:", err)
		return 1
	}
	return 0
}

// run measures, prints and updates.
func (b *bench) run(ctx context.Context, out io.Writer, only, update string) error {
	contestants, err := b.choose(only)
	if err != nil {
		return err
	}
	if err := b.measure(ctx, contestants); err != nil {
		return err
	}
	r := b.report(contestants)
	if _, err := io.WriteString(out, r.text()); err != nil {
		return err
	}
	if update == "" {
		return nil
	}
	return r.update(update)
}

// measure gives every contestant its turns.
func (b *bench) measure(ctx context.Context, contestants []*contestant) (err error) {
	if b.dir, err = os.MkdirTemp("", "assay-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := os.Chmod(b.dir, 0o755); err != nil { // rspamd runs as another user
		return err
	}
	if b.mail, err = makeMail(10 * b.cold); err != nil {
		return err
	}
	for round := range b.rounds {
		for _, c := range contestants {
			if err := b.turn(ctx, c, round); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		if err := b.sideBySide(ctx, contestants, round); err != nil {
			return err
		}
	}
	return nil
}

// choose lists the contestants that can be started, and notes the others.
func (b *bench) choose(only string) (chosen []*contestant, err error) {
	if _, err := os.Stat(b.assay); err != nil {
		return nil, fmt.Errorf("the daemon is to be built first: %w", err)
	}
	known := contestants()
	names := strings.Split(only, ",")
	for _, c := range known {
		if only != "" && !slices.Contains(names, c.key) {
			continue
		}
		if err := c.missing(); err != nil {
			b.note("%s is left out: %v.", c.name, err)
			continue
		}
		chosen = append(chosen, c)
	}
	for _, name := range names {
		if only != "" && !slices.ContainsFunc(known, func(c *contestant) bool { return c.key == name }) {
			return nil, fmt.Errorf("no contestant %q", name)
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("no contestant can be started")
	}
	return chosen, nil
}

func (b *bench) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(b.notes, text) {
		b.notes = append(b.notes, text)
	}
}
