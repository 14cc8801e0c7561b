package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"assay/compauth/spoof"
)

// spoofedHeader begins a spoofed-senders file that is created, and is left of one that would be empty: a running
// daemon takes over no empty one.
const spoofedHeader = `# Who may send in the name of others, one entry per line:
#
#   allow|block  SPOOFED-USER  INFRASTRUCTURE  internal|external  [expires=DATE]  [# note]
#
# The daemon reads this file again when it changes; assay spoof changes it, too.
`

// putSpoofed puts the entry of a command line in the list.
func (p *program) putSpoofed(ctx context.Context, o *spoofOptions, args []string) int {
	config, err := p.loadConfig(*o.config)
	if err != nil {
		return p.failConfig(err)
	}
	if o.row > 0 {
		row, code := p.insightFrom(ctx, config, o.days, o.row, args)
		if code != exitOK {
			return code
		}
		args = []string{row.Domain, row.Infrastructure}
		p.note(fmt.Sprintf("row %d is %s", o.row, row.described()))
	}
	entry, err := o.entry(config, p.now(), args[0], args[1])
	if err != nil {
		return p.fail(exitUsage, "%v", err)
	}
	return p.changeSpoofed(ctx, config, entry)
}

// changeSpoofed puts an entry in the list that the config names, in place of those for the same
// pair. It says what was changed, and returns the exit code.
func (p *program) changeSpoofed(ctx context.Context, config *Config, entry spoof.Entry) int {
	c := &spoofChange{config: config}
	if code := p.rewriteSpoofed(ctx, c, func(f *spoof.File) spoof.Edit { return f.Put(entry) }); code != exitOK {
		return code
	}
	if c.edit.Added == nil {
		return p.print(printable(entry.Text()) + " was there already\n")
	}
	p.note(c.remarks(*c.edit.Added, p.now())...)
	return p.print(c.put())
}

// removeSpoofed takes the entries for one user and some infrastructures out of the list.
func (p *program) removeSpoofed(ctx context.Context, configFile string, scope *spoofScope, user string, infrastructures []string) int {
	config, err := p.loadConfig(configFile)
	if err != nil {
		return p.failConfig(err)
	}
	asked, mistakes := parseSpoofPairs(scope, user, infrastructures)
	if len(mistakes) > 0 {
		p.note(mistakes...)
		return p.fail(exitUsage, "nothing was changed")
	}
	c := &spoofChange{config: config}
	gone := make(map[spoofPair]bool, len(asked))
	for _, pair := range asked {
		gone[pair] = true
	}
	meant := func(e spoof.Entry) bool { return gone[pairOf(e)] && scope.includes(e.Internal) }
	if code := p.rewriteSpoofed(ctx, c, func(f *spoof.File) spoof.Edit { return f.Remove(meant) }); code != exitOK {
		return code
	}
	return p.reportUnspoofed(c, asked)
}

// A spoofChange is a change of the list, and what came of it.
type spoofChange struct {
	config *Config
	edit   spoof.Edit
	after  *spoof.File
	list   *spoof.List // of after
}

// rewriteSpoofed changes the list that the config names, or nothing. It says what keeps
// it from that; exitOK when nothing does.
func (p *program) rewriteSpoofed(ctx context.Context, c *spoofChange, edit func(*spoof.File) spoof.Edit) int {
	name := c.config.SpoofedSendersFile
	if name == "" {
		return p.fail(exitData, "%s: %s names no file; write its path there", c.config.origin(spoofedFileKey), spoofedFileKey)
	}
	err := rewriteFile(ctx, name, spoof.MaxFile, func(text string, exists bool) (string, error) {
		before, err := spoof.ParseFile(text, name)
		if err != nil {
			return "", err
		}
		c.edit = edit(before)
		if created := !exists && c.edit.Added != nil; created || c.edit.Text == "" && len(c.edit.Removed) > 0 {
			c.edit.Text = spoofedHeader + c.edit.Text
		}
		if c.after, err = spoof.ParseFile(c.edit.Text, name); err != nil {
			return "", err
		}
		c.list = c.after.List()
		return c.edit.Text, nil
	})
	var inFile spoof.FileErrors
	switch {
	case errors.As(err, &inFile):
		p.failConfig(err)
		return p.fail(exitData, "nothing was changed; correct these lines first")
	case err != nil:
		return p.fail(exitFail, "%v", err)
	}
	return exitOK
}

// put says what changeSpoofed has done.
func (c *spoofChange) put() string {
	var b strings.Builder
	added := printable(c.edit.Added.Text())
	for i, old := range c.edit.Removed {
		if i == 0 {
			fmt.Fprintf(&b, "changed %s\n     to %s\n", printable(old.Text()), added)
		} else {
			fmt.Fprintf(&b, "removed %s, which was on line %d\n", printable(old.Text()), old.Line)
		}
	}
	if len(c.edit.Removed) == 0 {
		fmt.Fprintf(&b, "added %s\n", added)
	}
	return b.String() + c.summary()
}

// summary says how long the list is after a change.
func (c *spoofChange) summary() string {
	n, entries := c.list.Len(), "entries"
	if n == 1 {
		entries = "entry"
	}
	return fmt.Sprintf("%s has %d %s now; a running daemon reads it within two seconds\n", c.config.SpoofedSendersFile, n, entries)
}

// A spoofPair is a spoofed user and an infrastructure, whatever the scope.
type spoofPair struct {
	user           spoof.User
	infrastructure spoof.Infrastructure
}

func pairOf(e spoof.Entry) spoofPair { return spoofPair{e.User, e.Infrastructure} }

// String is the pair as an entry shows it.
func (s spoofPair) String() string { return s.user.String() + " " + s.infrastructure.String() }

// parseSpoofPairs reads the pairs of a command line, each once, and says what is wrong with
// the arguments.
func parseSpoofPairs(scope *spoofScope, user string, infrastructures []string) (asked []spoofPair, mistakes []string) {
	if scope.internal && scope.external {
		mistakes = append(mistakes, errTwoScopes.Error())
	}
	u, err := spoof.ParseUser(user)
	if err != nil {
		mistakes = append(mistakes, err.Error())
	}
	seen := make(map[spoofPair]bool, len(infrastructures))
	for _, text := range infrastructures {
		f, err := spoof.ParseInfrastructure(text)
		pair := spoofPair{u, f}
		switch {
		case err != nil:
			mistakes = append(mistakes, err.Error())
		case !seen[pair]:
			asked = append(asked, pair)
		}
		seen[pair] = true
	}
	return asked, mistakes
}

// includes tells whether the flags don't exclude entries of a scope.
func (s *spoofScope) includes(internal bool) bool {
	return internal && !s.external || !internal && !s.internal
}

// reportUnspoofed fails when something was not there to be removed.
func (p *program) reportUnspoofed(c *spoofChange, asked []spoofPair) int {
	removed := make(map[spoofPair]bool, len(asked))
	var b strings.Builder
	for _, e := range c.edit.Removed {
		removed[pairOf(e.Entry)] = true
		fmt.Fprintf(&b, "removed %s\n", printable(e.Text()))
	}
	if len(c.edit.Removed) > 0 {
		b.WriteString(c.summary())
	}
	code := p.print(b.String())
	missing := slices.DeleteFunc(asked, func(s spoofPair) bool { return removed[s] })
	p.note(c.explainMissing(missing)...)
	p.note(c.stillMatched(p.now())...)
	if len(missing) > 0 {
		return exitFail
	}
	return code
}

// explainMissing lists the pairs that are not in the file. For the first ones it says what may
// have been meant, unless the list is long.
func (c *spoofChange) explainMissing(missing []spoofPair) []string {
	var lines, names []string
	if entries := c.after.Entries; len(entries) <= maxGuessEntries {
		for _, e := range entries {
			names = append(names, pairOf(e.Entry).String())
		}
	}
	for i, pair := range missing {
		line := "not in the list: " + pair.String()
		if i < maxRemarks {
			line += didYouMean(pair.String(), names)
		}
		lines = append(lines, line)
	}
	return lines
}
