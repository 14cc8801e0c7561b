package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// An insightView prints rows, in the order in which they are.
type insightView struct {
	insightSeen
	days     insightDays
	whatIf   bool
	implicit bool          // is on
	policy   *PolicyConfig // in force
}

// text writes a table, or says that there is nothing to show.
func (v insightView) text() string {
	if len(v.rows) == 0 {
		return fmt.Sprintf("nothing to show: no From domain that was seen in the last %s failed to authenticate\n", counted(int(v.days), "day"))
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range v.table() {
		for i, cell := range line {
			line[i] = clean(cmp.Or(cell, "-"))
		}
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	w.Flush()
	if v.whatIf {
		v.writeTotal(&b)
	}
	if v.more {
		b.WriteString("\n(" + tooManySightings + ")\n")
	}
	return b.String()
}

// table is a line of cells for the names of the columns, and one for each row.
func (v insightView) table() [][]string {
	head := []string{"N", "SPOOFED", "INFRASTRUCTURE", "COUNT", "LAST SEEN", "SCOPE", "ENTRY", "COMPAUTH", "ACTION"}
	if v.whatIf {
		head = []string{"N", "SPOOFED", "INFRASTRUCTURE", "COUNT", "ENTRY", "COMPAUTH", "IMPLICIT = TRUE", "NOW", "ENFORCED, QUARANTINE", "ENFORCED, REJECT"}
	}
	lines := [][]string{head}
	for _, r := range v.rows {
		line := []string{strconv.Itoa(r.Number), r.Domain, r.Infrastructure, strconv.Itoa(r.Count)}
		if v.whatIf {
			w := r.whatIf(v.policy)
			line = append(line, r.state(), listed(r.Verdicts), listed(r.count(implicitOf)),
				w.Now.String(), w.Quarantine.String(), w.Reject.String())
		} else {
			line = append(line, r.LastSeen.UTC().Format("2006-01-02 15:04"), r.scope(), r.state(), listed(r.Verdicts), listed(r.Actions))
		}
		lines = append(lines, line)
	}
	return lines
}

// String is what became of the messages, in words.
func (f fate) String() string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{f.Accepted, "accepted"}, {f.Quarantined, "quarantined"}, {f.Rejected, "rejected"}, {f.Deferred, "deferred"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(parts, ", ")
}

// total adds up all rows.
func (v insightView) total() (w whatIf, messages, passing int) {
	for _, r := range v.rows {
		w.join(r.whatIf(v.policy))
		messages += r.Count
		passing += r.passing()
	}
	return w, messages, passing
}

// writeTotal says what would have become of all messages together.
func (v insightView) writeTotal(b *strings.Builder) {
	w, messages, passing := v.total()
	least := ""
	if v.more {
		least = "at least "
	}
	fmt.Fprintf(b, "\nOf %s%s that nothing explicit authenticated, in the last %s:\n", least, counted(messages, "message"), counted(int(v.days), "day"))
	line := func(what, does string) { fmt.Fprintf(b, "  %-43s %s\n", what, does) }
	line("as it was", least+w.Now.String())
	line("all enforced, compauth_fail = \"quarantine\"", least+w.Quarantine.String())
	line("all enforced, compauth_fail = \"reject\"", least+w.Reject.String())
	if v.implicit && passing == 0 {
		line("implicit = true", "is so already")
	} else {
		line("implicit = true", fmt.Sprintf("%s%d more pass or softpass", least, passing))
	}
}

// csv writes comma-separated values (RFC 4180) with a line of names. Text that a spreadsheet
// would take for a formula begins with a '.
func (v insightView) csv() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	head := []string{"number", "domain", "infrastructure", "count", "last_seen", "scope", "entry", "compauth", "action"}
	if v.whatIf {
		head = append(head, "implicit_true")
		for _, policies := range []string{"now", "enforced_compauth_fail_quarantine", "enforced_compauth_fail_reject"} {
			for _, action := range []string{"accepted", "quarantined", "rejected", "deferred"} {
				head = append(head, policies+"_"+action)
			}
		}
	}
	_ = w.Write(head) // a Builder takes everything
	for _, r := range v.rows {
		_ = w.Write(v.record(r))
	}
	w.Flush()
	return b.String()
}

// record is the CSV record of a row.
func (v insightView) record(r *insightRow) []string {
	cells := []string{strconv.Itoa(r.Number), r.Domain, r.Infrastructure, strconv.Itoa(r.Count), r.LastSeen.UTC().Format(time.RFC3339),
		r.scope(), r.state(), listed(r.Verdicts), listed(r.Actions)}
	if v.whatIf {
		cells = append(cells, listed(r.count(implicitOf)))
		w := r.whatIf(v.policy)
		for _, f := range []fate{w.Now, w.Quarantine, w.Reject} {
			for _, n := range []int{f.Accepted, f.Quarantined, f.Rejected, f.Deferred} {
				cells = append(cells, strconv.Itoa(n))
			}
		}
	}
	for i, cell := range cells {
		cells[i] = noFormula(clean(cell))
	}
	return cells
}

// noFormula keeps a spreadsheet from calculating what a cell says.
func noFormula(cell string) string {
	if strings.IndexAny(cell, "=+-@") == 0 {
		return "'" + cell
	}
	return cell
}

// The JSON of assay insight: one object; keys are only ever added.
type jsonInsight struct {
	Days     int              `json:"days"`
	More     bool             `json:"more"` // there is more than is shown: every count is the least
	Rows     []jsonInsightRow `json:"rows"`
	WhatIf   *whatIf          `json:"what_if,omitempty"`   // of all rows together
	MorePass *int             `json:"more_pass,omitempty"` // with implicit = true
}

type jsonInsightRow struct {
	Number         int       `json:"number"`
	Domain         string    `json:"domain"`
	Infrastructure string    `json:"infrastructure"`
	Count          int       `json:"count"`
	LastSeen       time.Time `json:"last_seen"`
	Scope          string    `json:"scope"` // "internal" or "external"
	Entry          string    `json:"entry"` // "allow", "block" or ""
	Compauth       []tally   `json:"compauth"`
	Action         []tally   `json:"action"`
	Implicit       []tally   `json:"implicit_true,omitempty"`
	WhatIf         *whatIf   `json:"what_if,omitempty"`
}

func (v insightView) json() string {
	j := jsonInsight{Days: int(v.days), Rows: []jsonInsightRow{}, More: v.more}
	for _, r := range v.rows {
		row := jsonInsightRow{r.Number, r.Domain, r.Infrastructure, r.Count, r.LastSeen.UTC(), r.scope(), r.Entry, r.Verdicts, r.Actions, nil, nil}
		if v.whatIf {
			w := r.whatIf(v.policy)
			row.Implicit, row.WhatIf = r.count(implicitOf), &w
		}
		j.Rows = append(j.Rows, row)
	}
	if v.whatIf {
		w, _, passing := v.total()
		j.WhatIf, j.MorePass = &w, &passing
	}
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		panic("assay: insight: " + err.Error()) // strings and numbers only
	}
	return plainJSON(string(text)) + "\n"
}
