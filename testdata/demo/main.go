// Command demo shows assay at work: a private Postfix on loopback, the daemon
// with a zone of its own in place of the DNS and a history of some days, and a
// message for each kind of verdict. It prints what is stamped on some of them, a
// table of all, and what assay insight says of them at the end. It exits with 0
// only if each message was treated as expected. It needs root, for Postfix.
//
// Divergences from the RFC: none.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Stdout)) }

func run(out io.Writer) int {
	binary := flag.String("assay", "bin/assay", "the daemon's `file`")
	verbose := flag.Bool("v", false, "print the daemon's log too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()

	w, err := startWorld(ctx, *binary)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	failed := w.demonstrate(ctx, out)
	if err := w.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		failed++
	}
	if failed > 0 || *verbose {
		fmt.Fprintf(out, "\nThe daemon's log:\n%s", w.log.String())
	}
	if failed > 0 {
		fmt.Fprintf(out, "\n%d not as expected.\n", failed)
		return 1
	}
	fmt.Fprintf(out, "\nAll %d messages were treated as expected.\n", len(w.samples))
	return 0
}
