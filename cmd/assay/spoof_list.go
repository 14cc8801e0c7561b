package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"assay/compauth/history"
	"assay/compauth/spoof"
)

// lastUsedTimeout is how long assay spoof list waits for the history.
const lastUsedTimeout = 5 * time.Second

// listSpoofed prints the entries of the list that the config names.
func (p *program) listSpoofed(ctx context.Context, configFile string, asJSON bool) int {
	config, err := p.loadConfig(configFile)
	if err != nil {
		return p.failConfig(err)
	}
	f, exists, err := readSpoofedFile(config.SpoofedSendersFile)
	if err != nil {
		return p.failConfig(err)
	}
	l := spoofLister{config: config, file: f, now: p.now()}
	if len(f.Entries) > 0 {
		l.used, err = p.lastUsed(ctx, config, f)
		if err != nil && !errors.Is(err, history.ErrNoHistory) { // without one no entry was used
			text, _ := p.historyFailure(config, err)
			p.note("when entries were used last is not known: " + text)
		}
	}
	p.note(l.remarks(exists)...)
	if asJSON {
		return p.print(l.json())
	}
	return p.print(l.table())
}

// lastUsed asks the history when each entry was used last.
func (p *program) lastUsed(ctx context.Context, c *Config, f *spoof.File) (map[string]time.Time, error) {
	store, err := p.openHistory(c, true)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lastUsedTimeout)
	defer cancel()
	defer func() { _ = store.Close(ctx) }() // nothing was written
	entries := make([]string, len(f.Entries))
	for i := range f.Entries {
		entries[i] = f.Entries[i].String()
	}
	return store.LastUsed(ctx, entries)
}

// A spoofLister shows the entries of a file.
type spoofLister struct {
	config *Config
	file   *spoof.File
	used   map[string]time.Time
	now    time.Time
}

// remarks is what may surprise about the list.
func (l spoofLister) remarks(exists bool) []string {
	name := l.config.SpoofedSendersFile
	var lines []string
	switch {
	case name == "":
		lines = append(lines, fmt.Sprintf("there is no list: %s names no file", spoofedFileKey))
	case !exists:
		lines = append(lines, fmt.Sprintf("%s does not exist", name))
	}
	remarks := l.found()
	lines = append(lines, remarks[:min(len(remarks), maxRemarks)]...)
	if more := len(remarks) - maxRemarks; more > 0 {
		lines = append(lines, fmt.Sprintf("%s: and %d more such entries", name, more))
	}
	return lines
}

// found lists what may surprise about entries.
func (l spoofLister) found() []string {
	var lines []string
	for _, e := range l.file.Entries {
		var texts []string
		if text := e.Remark(); text != "" {
			texts = append(texts, text)
		}
		for _, text := range append(texts, l.config.outOfScope(e.Entry)...) {
			lines = append(lines, fmt.Sprintf("%s:%d: %s", l.config.SpoofedSendersFile, e.Line, text))
		}
	}
	return lines
}

// state says whether an entry counts.
func (l spoofLister) state(e spoof.Entry) string {
	switch {
	case e.Expired(l.now):
		return "expired on " + spoof.FormatExpiry(e.Expires)
	case e.Expires.IsZero():
		return "in force"
	}
	return "in force until " + spoof.FormatExpiry(e.Expires)
}

// lastUsed is the day on which an entry was used last; "" when that is not known.
func (l spoofLister) lastUsed(e spoof.Entry) string {
	if t, ok := l.used[e.String()]; ok {
		return t.UTC().Format(time.DateOnly)
	}
	return ""
}

// table has a line for each entry; "" for none.
func (l spoofLister) table() string {
	if len(l.file.Entries) == 0 {
		return ""
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "LINE\tENTRY\tSTATE\tLAST USED\tNOTE\n")
	for _, e := range l.file.Entries {
		used := l.lastUsed(e.Entry)
		if used == "" {
			used = "-"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", e.Line, e.Entry, l.state(e.Entry), used, printable(e.Note))
	}
	w.Flush()
	return trimLineEnds(b.String())
}

// trimLineEnds takes away the spaces that a table has at the end of its lines.
func trimLineEnds(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// A jsonSpoofed is an entry in the JSON of assay spoof list; keys are only ever added.
type jsonSpoofed struct {
	Entry          string `json:"entry"`
	Action         string `json:"action"` // allow or block
	User           string `json:"user"`
	Infrastructure string `json:"infrastructure"`
	Scope          string `json:"scope"` // internal or external
	Expires        string `json:"expires,omitempty"`
	InForce        bool   `json:"in_force"`
	Note           string `json:"note,omitempty"`
	LastUsed       string `json:"last_used,omitempty"`
	File           string `json:"file"`
	Line           int    `json:"line"`
}

// json writes a list of objects, [] for none.
func (l spoofLister) json() string {
	entries := make([]jsonSpoofed, len(l.file.Entries))
	for i, e := range l.file.Entries {
		words := strings.Fields(e.String())
		entries[i] = jsonSpoofed{
			Entry: e.String(), Action: words[0], User: words[1], Infrastructure: words[2], Scope: words[3],
			InForce: !e.Expired(l.now), Note: e.Note, LastUsed: l.lastUsed(e.Entry),
			File: l.config.SpoofedSendersFile, Line: e.Line,
		}
		if !e.Expires.IsZero() {
			entries[i].Expires = spoof.FormatExpiry(e.Expires)
		}
	}
	text, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		panic("assay: spoof list: " + err.Error()) // only strings, numbers and switches
	}
	return plainJSON(string(text)) + "\n"
}
