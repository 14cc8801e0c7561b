package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"assay/arc"
)

func sealersCommand() *command {
	return &command{
		name:    "sealers",
		summary: "list or change the domains whose ARC seals are trusted",
		about: `A mailing list or a gateway changes messages, so that SPF, DKIM and DMARC fail after it. When it seals them
(ARC, RFC 8617) and its domain is in this list, what it says about the message as it came in is taken for true.

The list is the file that arc.trusted_sealers_file names, one domain per line; .example.org is example.org and
every name below it. The domains of arc.trusted_sealers in the config are trusted, too; they are changed there.
A running daemon reads the file within two seconds.`,
		commands: []*command{sealersListCommand(), sealersAddCommand(), sealersRemoveCommand(), sealersSetCommand()},
	}
}

func sealersListCommand() *command {
	return &command{
		name:     "list",
		synopsis: "[-c FILE] [--json]",
		summary:  "print every trusted sealer and where that comes from",
		about:    "The exit code is 65 when the config or the list is not valid.",
		examples: []example{
			{"sealers list", "show who is trusted"},
			{"sealers list --json", "the same for programs"},
		},
		prepare: func(set *flag.FlagSet) action {
			file := configFlag(set)
			asJSON := set.Bool("json", false, "print one JSON list of entries with their origin")
			return func(_ context.Context, p *program, _ []string) int { return p.listSealers(*file, *asJSON) }
		},
	}
}

func sealersAddCommand() *command {
	return sealersEditor{edit: (*arc.SealersFile).Add, report: reportAdded}.command(command{
		name:    "add",
		summary: "trust the seals of domains",
		about:   "Nothing is added when one of the domains is not valid.",
		examples: []example{
			{"sealers add lists.example.org", "trust one domain"},
			{"sealers add .example.org example.net", "the first with its subdomains"},
		},
	})
}

func sealersRemoveCommand() *command {
	return sealersEditor{edit: (*arc.SealersFile).Remove, report: reportRemoved}.command(command{
		name:    "remove",
		summary: "trust the seals of domains no more",
		about: `The line of each domain is taken out of the file with its comment. A domain that is not in the file is
reported and the others are removed; the exit code is then 1.`,
		examples: []example{
			{"sealers remove lists.example.org", "trust it no more"},
			{"sealers remove .example.org", "the entry of a domain with its subdomains"},
		},
	})
}

func sealersSetCommand() *command {
	return sealersEditor{edit: (*arc.SealersFile).Set, report: reportSet}.command(command{
		name:    "set",
		summary: "make the list hold these domains and no others",
		about:   "The lines that stay keep their place and their comment. Nothing is changed when one of the domains is not valid.",
		examples: []example{
			{"sealers set .example.org example.net", "trust these two"},
		},
	})
}

// A sealersEditor is a command that changes the list.
type sealersEditor struct {
	edit   func(*arc.SealersFile, ...arc.Sealer) arc.SealersEdit
	report func(*program, *sealersChange) int // says what was done, and returns the exit code
}

// command completes the description of an editor.
func (e sealersEditor) command(c command) *command {
	c.synopsis = "[-c FILE] DOMAIN…"
	c.maxArgs = math.MaxInt
	c.prepare = func(set *flag.FlagSet) action {
		file := configFlag(set)
		return func(ctx context.Context, p *program, args []string) int {
			if len(args) == 0 {
				return p.fail(exitUsage, "name at least one domain (see assay sealers %s --help)", c.name)
			}
			return e.run(ctx, p, *file, args)
		}
	}
	return &c
}

// listSealers prints the sealers of the file, then those of the config.
func (p *program) listSealers(configFile string, asJSON bool) int {
	config, err := p.loadConfig(configFile)
	if err != nil {
		return p.failConfig(err)
	}
	f, exists, err := readSealersFile(config.ARC.TrustedSealersFile)
	if err != nil {
		return p.failConfig(err)
	}
	l := sealersLister{config: config, file: f}
	p.note(l.remarks(exists)...)
	if asJSON {
		return p.print(l.json())
	}
	return p.print(l.table())
}

// note writes lines to standard error that change nothing about the success.
func (p *program) note(lines ...string) {
	for _, line := range lines {
		fmt.Fprintf(p.stderr, "assay: %s\n", line)
	}
}

// A sealersLister tells where each entry comes from.
type sealersLister struct {
	config *Config
	file   *arc.SealersFile
}

// all calls yield for every entry once.
func (l sealersLister) all(yield func(s arc.Sealer, origin string) bool) {
	for _, e := range l.file.Entries {
		if e.Repeat == 0 && !yield(e.Sealer, fmt.Sprintf("%s:%d", l.config.ARC.TrustedSealersFile, e.Line)) {
			return
		}
	}
	for _, s := range l.config.ARC.TrustedSealers {
		if !yield(s, l.config.origin(sealersKey)) {
			return
		}
	}
}

// origin is where an entry comes from; "" when it is in no list.
func (l sealersLister) origin(s arc.Sealer) string {
	for other, origin := range l.all {
		if other == s {
			return origin
		}
	}
	return ""
}

// maxRemarks bounds the lines about entries that are listed twice.
const maxRemarks = 20

// remarks is what may surprise about the list.
func (l sealersLister) remarks(exists bool) []string {
	name := l.config.ARC.TrustedSealersFile
	var lines []string
	switch {
	case name == "" || exists:
	case l.config.lines[sealersFileKey] > 0:
		lines = append(lines, fmt.Sprintf("%s does not exist", name))
	case len(l.config.ARC.TrustedSealers) == 0:
		lines = append(lines, fmt.Sprintf("nobody is trusted: %s does not exist", name))
	}
	repeats := l.file.Repeats()
	for _, e := range repeats[:min(len(repeats), maxRemarks)] {
		lines = append(lines, fmt.Sprintf("%s:%d: %s is on line %d already; remove one", name, e.Line, e, e.Repeat))
	}
	if more := len(repeats) - maxRemarks; more > 0 {
		lines = append(lines, fmt.Sprintf("%s: and %d more entries that are there twice", name, more))
	}
	return lines
}

func (l sealersLister) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for s, origin := range l.all {
		fmt.Fprintf(w, "%s\t%s\n", s, origin)
	}
	w.Flush()
	return b.String()
}

// json writes a list of objects, [] for none.
func (l sealersLister) json() string {
	type entry struct {
		Entry  string `json:"entry"`
		Origin string `json:"origin"`
	}
	entries := []entry{}
	for s, origin := range l.all {
		entries = append(entries, entry{s.String(), origin})
	}
	text, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		panic("assay: sealers list: " + err.Error()) // only strings
	}
	return string(text) + "\n"
}
