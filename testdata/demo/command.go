package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// command runs an assay command that changes a list, and waits until the daemon has taken
// note of it.
func (w *world) command(ctx context.Context, out io.Writer, args []string) error {
	fmt.Fprintf(out, "   $ assay %s\n", strings.Join(args, " "))
	before := w.reloads()
	output, err := w.assay(ctx, args...).CombinedOutput()
	for line := range strings.Lines(string(output)) {
		fmt.Fprint(out, "   ", line)
	}
	if err != nil {
		return err
	}
	return until(ctx, "the daemon reads its lists again", func() (bool, error) { return w.reloads() > before, nil })
}

// reloads is how often the daemon has read one of its lists again.
func (w *world) reloads() int {
	return len(w.events("trusted sealers reloaded", "spoofed senders reloaded"))
}

// assay is a command beside the daemon, with its config.
func (w *world) assay(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, w.binary, append(args, "-c", w.path("assay.toml"))...)
}

// insight waits until the daemon has written what it saw, and prints what assay insight says.
func (w *world) insight(ctx context.Context, out io.Writer) error {
	want := w.again
	for _, s := range w.samples {
		if s.sighted() {
			want++
		}
	}
	got := 0
	err := until(ctx, "the history is written", func() (_ bool, err error) {
		got, err = w.sighted(ctx)
		return got >= want, err
	})
	if err != nil || got != want {
		return fmt.Errorf("assay insight shows %d messages, not %d: %v", got, want, err)
	}
	text, err := w.assay(ctx, "insight").Output()
	fmt.Fprintf(out, "\n$ assay insight\n%s", text)
	return err
}

// sighted tells whether assay insight shows the message: the From domain can be read, and
// nothing authenticates it by its own word.
func (s sample) sighted() bool {
	_, reason, _ := strings.Cut(s.verdict, " ")
	return !slices.Contains([]string{"100", "109", "130", "301", "401", "402"}, reason)
}

// sighted counts the messages that assay insight shows.
func (w *world) sighted(ctx context.Context) (int, error) {
	text, err := w.assay(ctx, "insight", "--json").Output()
	if err != nil {
		return 0, err
	}
	var seen struct{ Rows []struct{ Count int } }
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&seen); err != nil {
		return 0, err
	}
	count := 0
	for _, row := range seen.Rows {
		count += row.Count
	}
	return count, nil
}
