// Command soak has a daemon live through years of mail in minutes: a load of ordinary messages,
// hostile ones, sessions that break off, outages of DNS, reloads and edited lists, all at once. It samples
// what the daemon holds, and fails when that grows, when an answer is wrong, or when something panics.
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
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags.
type options struct {
	messages    int
	connections int
	seed        uint64
	binary      string
	update      string
	reload      time.Duration
	outage      time.Duration
}

func run(args []string, out, errOut io.Writer) int {
	var o options
	set := flag.NewFlagSet("soak", flag.ContinueOnError)
	set.SetOutput(errOut)
	set.IntVar(&o.messages, "n", 1_000_000, "how many messages, at least 1000")
	set.IntVar(&o.connections, "connections", 32, "of the MTA at a time")
	set.Uint64Var(&o.seed, "seed", 1, "of what is sent")
	set.StringVar(&o.binary, "assay", "bin/assay", "the daemon's `file`")
	set.StringVar(&o.update, "update", "", "the `file` to write the figures to, between <!-- soak --> and <!-- /soak -->")
	set.DurationVar(&o.reload, "reload", 3*time.Second, "between two reloads, and two edits of the lists")
	set.DurationVar(&o.outage, "outage", 10*time.Second, "between two outages of DNS")
	if set.Parse(args) != nil || set.NArg() > 0 || o.messages < 1000 || o.connections < 4 {
		set.Usage()
		return 64
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := soak(ctx, o, out)
	if err != nil {
		fmt.Fprintln(errOut, "soak:", err)
		return 1
	}
	table := r.table()
	fmt.Fprintf(out, "\n%s", table)
	if failures := r.failures(); len(failures) > 0 {
		fmt.Fprintf(errOut, "\nsoak: %s\n", strings.Join(failures, "\nsoak: "))
		return 1
	}
	if o.update != "" {
		if err := update(o.update, table); err != nil {
			fmt.Fprintln(errOut, "soak:", err)
			return 1
		}
	}
	return 0
}

// soak runs the daemon under the load, and gives what was seen.
func soak(ctx context.Context, o options, out io.Writer) (*report, error) {
	w, err := newWorld(ctx, o)
	if err != nil {
		return nil, err
	}
	defer w.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a daemon that ends takes the load along
		select {
		case <-w.daemon.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	begun := time.Now()
	trouble := w.startTrouble(ctx, o)
	watch := w.startWatch(ctx, out, begun)
	err = w.send(ctx, o)
	elapsed := time.Since(begun)
	samples := watch()
	counts := trouble()
	if err == nil && ctx.Err() != nil {
		err = errors.New("it was told to end, or the daemon ended by itself")
	}
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, w.daemon.tail())
	}
	r := &report{tally: w.tally.snapshot(), trouble: counts, samples: samples, elapsed: elapsed, messages: o.messages}
	if err := w.daemon.stop(); err != nil {
		return nil, err
	}
	r.panics, r.complaints = w.daemon.complaints()
	return r, nil
}
