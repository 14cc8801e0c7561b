package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A report is what was seen.
type report struct {
	tally      count
	trouble    mischief
	samples    []sample
	elapsed    time.Duration
	messages   int // that were to be sent
	panics     int
	complaints int // lines of the log at ERROR
}

// minSamples is how many are needed to compare.
const minSamples = 15

// failures are what must not be.
func (r *report) failures() (list []string) {
	if n := r.tally.all(); n != r.messages {
		list = append(list, fmt.Sprintf("%d of %d messages were sent", n, r.messages))
	}
	if r.panics > 0 || r.complaints > 0 {
		list = append(list, fmt.Sprintf("the log has %d panics and %d errors", r.panics, r.complaints))
	}
	if len(r.samples) < minSamples {
		return append(list, fmt.Sprintf("only %d samples: send more messages", len(r.samples)))
	}
	for _, m := range measures {
		if first, last, ok := m.growth(r.samples, r.messages); !ok {
			list = append(list, fmt.Sprintf("%s grew from %s to %s", m.name, m.print(first), m.print(last)))
		}
	}
	return list
}

// table is the figures as Markdown.
func (r *report) table() string {
	var b strings.Builder
	t := r.tally
	fmt.Fprintf(&b, "`make soak`: %s messages in %v, %s of them ordinary mail, %s hostile or from strangers, %s aborted, %s sessions that broke\n"+
		"off, with %d reloads, %d edits of the lists and %d outages of DNS. Wrong answers 0, panics %d.\n\n",
		thousands(t.all()), r.elapsed.Round(time.Second), thousands(t.ordinary), thousands(t.odd), thousands(t.aborted), thousands(t.broken),
		r.trouble.reloads, r.trouble.edits, r.trouble.outages, r.panics)
	b.WriteString("| | after 10 % | 50 % | 100 % | first third to last |\n|---|---|---|---|---|\n")
	r.rates(&b)
	for _, m := range measures {
		b.WriteString("| " + m.name)
		for _, share := range shares {
			b.WriteString(" | " + m.print(m.of(r.at(share))))
		}
		first, last, _ := m.growth(r.samples, r.messages)
		fmt.Fprintf(&b, " | %s to %s |\n", m.print(first), m.print(last))
	}
	fmt.Fprintf(&b, "\nThe last column has the medians of the first and the last third after a warm-up of %.0f %%; more than %.0f %% and a little\n(8 MB, 20 goroutines, 20 descriptors) of growth fails.\n",
		100*warmUp, 100*allowedShare)
	return b.String()
}

// shares are the columns.
var shares = [...]float64{0.1, 0.5, 1}

// rates is the row of the messages a second up to each column.
func (r *report) rates(b *strings.Builder) {
	b.WriteString("| messages a second")
	for _, share := range shares {
		s := r.at(share)
		fmt.Fprintf(b, " | %s", thousands(int(float64(s.messages)/max(s.at.Seconds(), 0.001))))
	}
	b.WriteString(" | |\n")
}

// at is the first sample after a share of the messages, or the last one.
func (r *report) at(share float64) (s sample) {
	for _, s = range r.samples {
		if s.messages >= int(share*float64(r.messages)) {
			break
		}
	}
	return s
}

// thousands writes a number with commas.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

const (
	beginMark = "<!-- soak -->\n"
	endMark   = "<!-- /soak -->"
)

// update writes a text between the marks of a file.
func update(name, text string) error {
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the figures: %s%s", name, beginMark, endMark)
	}
	return os.WriteFile(name, []byte(before+beginMark+text+endMark+after), 0o644)
}
