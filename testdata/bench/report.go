package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"assay/testdata/corpus"
)

// A report is what the terminal and the README show.
type report struct {
	intro  string
	tables []table
	notes  []string
	chart  chart
}

// A table has as many cells in each row as in its head.
type table struct {
	title string
	head  []string
	rows  [][]string
}

func (b *bench) report(contestants []*contestant) *report {
	r := &report{intro: b.intro(), notes: append(notes(contestants), b.notes...), chart: b.chart(contestants)}
	for _, c := range contestants {
		if f, ok := b.results.figures(c, mixMany); ok && c.floor {
			r.notes = append(r.notes, fmt.Sprintf("What sends the messages takes %s of CPU for each of the mix, beside the floor.", duration(f.sender)))
		}
	}
	for _, t := range []table{b.mixTable(contestants), b.kindTable(contestants), b.coldTable(contestants), b.memoryTable(contestants)} {
		if len(t.rows) > 0 {
			r.tables = append(r.tables, t)
		}
	}
	return r
}

// intro says where and how the figures were had.
func (b *bench) intro() string {
	rounds := "One round"
	if b.rounds > 1 {
		rounds = fmt.Sprintf("Medians of %d rounds", b.rounds)
	}
	return fmt.Sprintf("%s of %v on %d cores of %s, Linux %s, %s, with what sends the messages and the "+
		"resolver on the same cores.", rounds, b.time, runtime.NumCPU(), cpuModel(), kernel(), strings.Replace(runtime.Version(), "go", "Go ", 1))
}

// notes say what has to be known to read the figures.
func notes(contestants []*contestant) (list []string) {
	for _, c := range contestants {
		list = append(list, map[string]string{
			"floor": "The floor reads the same packets and sends the same answers as assay, hashes with SHA-256 as many bytes as the signatures cover, " +
				"and verifies one RSA signature for each with crypto/rsa (assay does the same arithmetic, and keeps what that prepares of a key each time: a third less). It reads no field, canonicalizes nothing, asks no DNS, logs nothing.",
			"assay": "assay runs with its defaults, over TCP: with the history in a file, and a line of the log for each message.",
			"chain": "Each message passes all three, as smtpd_milters has them, over unix sockets, which suit libmilter better; their logs are off. They don't evaluate ARC. " + versions("pyspf-milter", "opendkim", "opendmarc"),
			"rspamd": "rspamd is a milter over TCP with two workers that scan themselves, and its modules spf, dkim, dmarc, arc and milter_headers. All else is off: " +
				"no rules, no statistics, no Redis, no maps, no other modules. " + versions("rspamd"),
		}[c.key])
	}
	return list
}

func versions(packages ...string) string {
	var list []string
	for _, p := range packages {
		out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", p).Output()
		if err == nil {
			list = append(list, p+" "+string(out))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "Debian's " + strings.Join(list, ", ") + "."
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	version, _, _ := strings.Cut(strings.TrimSpace(string(text)), "-")
	return version
}

func (b *bench) mixTable(contestants []*contestant) table {
	t := table{
		title: "The mix: 60 % small messages, 20 % newsletters, 2 % of 1 MB, 8 % from lists, 10 % spoofed; all of DNS in the caches. " +
			"One message a session; latency is the whole session, from the connection to the final reply.",
		head: []string{"", "CPU a message", "messages a second, 32 at a time", "latency, 32 at a time: median", "99 %", "one at a time: median", "99 %"},
	}
	for _, c := range contestants {
		manyF, ok := b.results.figures(c, mixMany)
		oneF, ok2 := b.results.figures(c, mixOne)
		if !ok || !ok2 {
			continue
		}
		t.rows = append(t.rows, []string{
			c.name, duration(manyF.cpu), count(manyF.rate),
			duration(manyF.median), duration(manyF.p99), duration(oneF.median), duration(oneF.p99),
		})
		for i, part := range c.parts {
			t.rows = append(t.rows, []string{"– of it " + part, duration(manyF.each[i]), "", "", "", "", ""})
		}
	}
	return t
}

func (b *bench) kindTable(contestants []*contestant) table {
	t := table{title: "CPU a message by kind, warm, 32 at a time."}
	whats := []string{mixMany}
	for _, k := range corpus.Kinds() {
		whats = append(whats, k.String())
	}
	for _, what := range whats {
		if head, row := b.kindRow(contestants, what); len(row) > 1 {
			t.head, t.rows = head, append(t.rows, row)
		}
	}
	return t
}

// kindRow has a column for each contestant that was measured, and after assay one for its
// ratio to the floor.
func (b *bench) kindRow(contestants []*contestant, what string) (head, row []string) {
	head, row = []string{""}, []string{what}
	var floor time.Duration
	for _, c := range contestants {
		f, ok := b.results.figures(c, what)
		if !ok {
			continue
		}
		head, row = append(head, c.name), append(row, duration(f.cpu))
		switch {
		case c.floor:
			floor = f.cpu
		case !c.rival && floor > 0:
			head, row = append(head, c.name+" : the floor"), append(row, fmt.Sprintf("%.2f", float64(f.cpu)/float64(floor)))
		}
	}
	return head, row
}

func (b *bench) coldTable(contestants []*contestant) table {
	t := table{
		title: fmt.Sprintf("Cold DNS: small messages, each of a domain that nobody has asked about; each answer that the resolver doesn't have takes %v.", delay),
		head:  []string{"", "latency, one at a time: median", "99 %", "DNS questions a message", "CPU a message", "messages a second, 32 at a time"},
	}
	for _, c := range contestants {
		one, ok := b.results.figures(c, coldOne)
		all, ok2 := b.results.figures(c, coldMany)
		if ok && ok2 {
			asked := median(b.results.number[c.key][questions])
			t.rows = append(t.rows, []string{c.name, duration(one.median), duration(one.p99), fmt.Sprintf("%.1f", asked), duration(all.cpu), count(all.rate)})
		}
	}
	return t
}

func (b *bench) memoryTable(contestants []*contestant) table {
	t := table{
		title: "Memory (proportional set size of all processes).",
		head:  []string{"", "just started", fmt.Sprintf("%d idle sessions", b.idle), fmt.Sprintf("%d sessions in the middle of 10 MB", b.halfway)},
	}
	for _, c := range contestants {
		n := b.results.number[c.key]
		if len(n[memoryStart]) > 0 {
			t.rows = append(t.rows, []string{c.name, megabytes(median(n[memoryStart])), megabytes(median(n[memoryIdle])), megabytes(median(n[memoryHalfway]))})
		}
	}
	return t
}

// duration writes two or three digits.
func duration(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 0.0995:
		return fmt.Sprintf("%.3f ms", ms)
	case ms < 9.95:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 99.5:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// count writes a number with commas.
func count(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func megabytes(n float64) string { return fmt.Sprintf("%.0f MB", n/(1<<20)) }

// text is for a terminal.
func (r *report) text() string {
	var b strings.Builder
	b.WriteString(r.intro + "\n")
	for _, t := range r.tables {
		b.WriteString("\n" + t.title + "\n\n" + t.text())
	}
	b.WriteString("\n")
	for _, n := range r.notes {
		b.WriteString("- " + n + "\n")
	}
	return b.String()
}

func (t *table) text() string {
	width := make([]int, len(t.head))
	rows := append([][]string{t.head}, t.rows...)
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			space := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + space)
			} else {
				b.WriteString("  " + space + cell)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString("| " + strings.Join(t.head, " | ") + " |\n|" + strings.Repeat("---|", len(t.head)) + "\n")
	for _, row := range t.rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

// The marks between which the README has what update writes.
const (
	beginMark = "<!-- speed -->\n"
	endMark   = "<!-- /speed -->\n"
	chartFile = "docs/speed.svg"
)

// update writes the tables into a file between the marks, and the chart beside it.
func (r *report) update(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %s and %s", path, strings.TrimSpace(beginMark), strings.TrimSpace(endMark))
	}
	chart := filepath.Join(filepath.Dir(path), chartFile)
	if err := os.MkdirAll(filepath.Dir(chart), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(chart, []byte(r.chart.svg()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(before+beginMark+r.markdown()+endMark+after), 0o644)
}

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString(wrap(r.intro) + "\n![CPU a message and messages a second](" + chartFile + ")\n")
	for _, t := range r.tables {
		b.WriteString("\n" + wrap(t.title) + "\n" + t.markdown())
	}
	b.WriteString("\n")
	for _, n := range r.notes {
		b.WriteString("- " + strings.ReplaceAll(strings.TrimSpace(wrap(n)), "\n", "\n  ") + "\n")
	}
	return b.String()
}

// wrap breaks text into lines of at most 118 bytes.
func wrap(text string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
		case column+1+len(word) > 118:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String() + "\n"
}
