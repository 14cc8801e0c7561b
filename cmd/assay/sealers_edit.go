package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"assay/arc"
)

// sealersHeader begins a trusted-sealers file that is created, and is left of one that would be empty: a running
// daemon takes over no empty one.
const sealersHeader = `# The domains whose ARC seals are trusted, one per line; .example.org is
# example.org with its subdomains. What follows a # is a comment. The daemon reads
# this file again when it changes; assay sealers changes it, too.
`

// A sealersChange is what an editor was asked for, and what came of it.
type sealersChange struct {
	asked  []arc.Sealer // each once
	before *arc.SealersFile
	edit   arc.SealersEdit
	after  sealersLister
}

// run changes the list that the config names, or nothing.
func (e sealersEditor) run(ctx context.Context, p *program, configFile string, args []string) int {
	config, err := p.loadConfig(configFile)
	if err != nil {
		return p.failConfig(err)
	}
	name := config.ARC.TrustedSealersFile
	if name == "" {
		return p.fail(exitData, "%s: %s names no file; write its path there", config.origin(sealersFileKey), sealersFileKey)
	}
	asked, mistakes := parseSealers(args)
	if len(mistakes) > 0 {
		p.note(mistakes...)
		return p.fail(exitUsage, "nothing was changed")
	}
	c := &sealersChange{asked: asked}
	err = rewriteFile(ctx, name, arc.MaxSealersFile, func(text string, exists bool) (string, error) {
		return e.change(c, config, text, exists)
	})
	var inFile arc.SealersErrors
	switch {
	case errors.As(err, &inFile):
		p.failConfig(err)
		return p.fail(exitData, "nothing was changed; correct these lines first")
	case err != nil:
		return p.fail(exitFail, "%v", err)
	}
	return e.report(p, c)
}

// parseSealers reads the domains of a command line, each once, and says what is
// wrong with them.
func parseSealers(args []string) (list []arc.Sealer, mistakes []string) {
	seen := make(map[arc.Sealer]bool, len(args))
	for _, arg := range args {
		s, err := arc.ParseSealer(arg)
		switch {
		case err != nil:
			mistakes = append(mistakes, err.Error())
		case !seen[s]:
			list = append(list, s)
		}
		seen[s] = true
	}
	return list, mistakes
}

// change makes the new text of the file.
func (e sealersEditor) change(c *sealersChange, config *Config, text string, exists bool) (string, error) {
	name := config.ARC.TrustedSealersFile
	var err error
	if c.before, err = arc.ParseSealersFile(text, name); err != nil {
		return "", err
	}
	c.edit = e.edit(c.before, c.asked...)
	if created := !exists && len(c.edit.Added) > 0; created || c.edit.Text == "" && len(c.edit.Removed) > 0 {
		c.edit.Text = sealersHeader + c.edit.Text
	}
	c.after.config = config
	c.after.file, err = arc.ParseSealersFile(c.edit.Text, name)
	return c.edit.Text, err
}

func reportAdded(p *program, c *sealersChange) int {
	added := arc.IndexSealers(c.edit.Added)
	var b strings.Builder
	for _, s := range c.asked {
		if added[s] {
			fmt.Fprintf(&b, "added %s\n", s)
		} else {
			fmt.Fprintf(&b, "%s was there already\n", s)
		}
	}
	return p.print(b.String() + c.summary())
}

// summary says how long the list is after a change; "" when nothing was changed.
func (c *sealersChange) summary() string {
	if len(c.edit.Added)+len(c.edit.Removed) == 0 {
		return ""
	}
	n, entries := len(c.after.file.Entries)-len(c.after.file.Repeats()), "entries"
	if n == 1 {
		entries = "entry"
	}
	return fmt.Sprintf("%s has %d %s now; a running daemon reads it within two seconds\n", c.after.config.ARC.TrustedSealersFile, n, entries)
}

// reportSet says what came and went.
func reportSet(p *program, c *sealersChange) int {
	if len(c.edit.Added)+len(c.edit.Removed) == 0 {
		return p.print("the list holds just that already\n")
	}
	var b strings.Builder
	for _, s := range c.edit.Removed {
		fmt.Fprintf(&b, "removed %s\n", s)
	}
	for _, s := range c.edit.Added {
		fmt.Fprintf(&b, "added %s\n", s)
	}
	p.note(c.stillTrusted()...)
	return p.print(b.String() + c.summary())
}

// reportRemoved fails when something was not there to be removed.
func reportRemoved(p *program, c *sealersChange) int {
	removed := arc.IndexSealers(c.edit.Removed)
	var b strings.Builder
	var missing []arc.Sealer
	for _, s := range c.asked {
		if removed[s] {
			fmt.Fprintf(&b, "removed %s\n", s)
		} else {
			missing = append(missing, s)
		}
	}
	code := p.print(b.String() + c.summary())
	p.note(c.explainMissing(missing)...)
	p.note(c.stillTrusted()...)
	if len(missing) > 0 {
		return exitFail
	}
	return code
}

// stillTrusted warns of domains that went and that another entry trusts.
func (c *sealersChange) stillTrusted() []string {
	var lines []string
	trusted := c.after.config.sealersWith(c.after.file)
	for _, s := range c.edit.Removed {
		if by, ok := trusted.Entry(s.Domain); ok && len(lines) < maxRemarks {
			lines = append(lines, fmt.Sprintf("%s is still trusted: %s, %s", s.Domain, by, c.after.origin(by)))
		}
	}
	return lines
}

// maxGuessEntries bounds the list that is searched for what may have been meant: each
// entry is compared with each of up to maxRemarks domains, letter by letter.
const maxGuessEntries = 10_000

// explainMissing lists the entries that are not in the file. For the first ones it says
// what may have been meant, unless the list is long.
func (c *sealersChange) explainMissing(missing []arc.Sealer) []string {
	var lines, names []string
	trusted := c.after.config.sealersWith(c.after.file)
	if entries := c.after.file.Entries; len(entries) <= maxGuessEntries {
		for _, e := range entries {
			names = append(names, e.String())
		}
	}
	for i, s := range missing {
		line := "not in the list: " + s.String()
		if by, ok := trusted.Entry(s.Domain); ok && i < maxRemarks {
			line += fmt.Sprintf("; %s is trusted: %s, %s", s.Domain, by, c.after.origin(by))
		} else if i < maxRemarks {
			line += didYouMean(s.String(), names)
		}
		lines = append(lines, line)
	}
	return lines
}

func didYouMean(word string, names []string) string {
	if near := nearest(word, names); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}
