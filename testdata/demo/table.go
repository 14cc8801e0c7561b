package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"assay/compauth"
)

// whyWidth is how wide the last column may be.
const whyWidth = 66

// A finding is what became of one sample.
type finding struct {
	compauth, reason string
	done             string // delivered, quarantined or rejected; "" when it is not known
	problems         []string
}

// printTable prints a line for each sample.
func printTable(out io.Writer, samples []sample, findings []finding) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\n#\tWHAT WAS SENT\tCOMPAUTH\tREASON\tDONE\tWHY")
	for i, f := range findings {
		why := wrap(f.why(), whyWidth)
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", i+1, samples[i].title, cmp.Or(f.compauth, "?"), cmp.Or(f.reason, "?"), cmp.Or(f.done, "?"), why[0])
		for _, more := range why[1:] {
			fmt.Fprintf(w, "\t\t\t\t\t%s\n", more)
		}
	}
	w.Flush()
}

// why is what the reason code means.
func (f finding) why() string {
	if len(f.problems) > 0 {
		return "NOT AS EXPECTED, see above"
	}
	row, _ := compauth.ExplainCode(f.reason)
	return row.Meaning
}

// wrap splits text into lines at spaces; a longer word has a line of its own. There is at least one.
func wrap(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
