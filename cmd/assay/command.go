package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A command is one word of the command line: it runs, or it has commands of
// its own.
type command struct {
	name     string
	synopsis string // the arguments as the usage shows them: "[-c FILE] [MESSAGE|-]"
	summary  string // one line, lower case, no full stop
	about    string // the paragraphs of --help, after the summary
	examples []example
	maxArgs  int        // how many arguments that are no flags it takes
	commands []*command // set for a group
	prepare  func(*flag.FlagSet) action
}

// An action does the work of a command, once the flags that prepare declared
// have their values; args are the arguments that are no flags.
type action func(ctx context.Context, p *program, args []string) int

// An example is one line of --help.
type example struct {
	line string // without "assay"
	does string
}

// errHelp is returned when the flags ask for the help text.
var errHelp = errors.New("help requested")

// dispatch runs the command that args name. parents are the words before it.
func (c *command) dispatch(ctx context.Context, p *program, parents, args []string) int {
	path := append(parents[:len(parents):len(parents)], c.name)
	if len(c.commands) == 0 {
		return c.execute(ctx, p, path, args)
	}
	if len(args) == 0 {
		io.WriteString(p.stderr, c.usage(path))
		return exitUsage
	}
	switch word := args[0]; {
	case isHelpFlag(word):
		return p.print(c.help(path))
	case word == "help":
		return c.helpOn(p, path, args[1:])
	case strings.HasPrefix(word, "-"):
		return p.fail(exitUsage, "unknown flag %s; %s", display(word), c.meant(strings.TrimLeft(word, "-")))
	default:
		sub := c.find(word)
		if sub == nil {
			return p.fail(exitUsage, "unknown command %s; %s", joined(path, word), c.meant(word))
		}
		return sub.dispatch(ctx, p, path, args[1:])
	}
}

// execute parses the flags of a command and runs it.
func (c *command) execute(ctx context.Context, p *program, path, args []string) int {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	do := c.prepare(set)
	rest, err := parseFlags(set, args)
	name := strings.Join(path, " ")
	switch {
	case errors.Is(err, errHelp):
		return p.print(c.help(path))
	case err != nil:
		return p.fail(exitUsage, "%v (see %s --help)", err, name)
	case len(rest) > c.maxArgs:
		return p.fail(exitUsage, "unexpected argument %s (see %s --help)", display(rest[c.maxArgs]), name)
	}
	return do(ctx, p, rest)
}

// helpOn prints the help text of the command that words name.
func (c *command) helpOn(p *program, path, words []string) int {
	for _, word := range words {
		sub := c.find(word)
		if sub == nil {
			return p.fail(exitUsage, "unknown command %s; %s", joined(path, word), c.meant(word))
		}
		c, path = sub, append(path, word)
	}
	return p.print(c.help(path))
}

func (c *command) find(name string) *command {
	for _, sub := range c.commands {
		if sub.name == name {
			return sub
		}
	}
	return nil
}

// meant names the command that word may stand for, or all there are.
func (c *command) meant(word string) string {
	if len(c.commands) == 0 {
		return "it has no commands of its own"
	}
	names := make([]string, len(c.commands))
	for i, sub := range c.commands {
		names[i] = sub.name
	}
	if near := nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "there is " + strings.Join(names, ", ")
}

// joined shows the words of a command without the program's name.
func joined(path []string, word string) string {
	return display(strings.Join(append(path[1:len(path):len(path)], word), " "))
}

// display shows a word in a message: quoted, cut when it is long.
func display(word string) string {
	const most = 64
	if len(word) > most {
		word = strings.ToValidUTF8(word[:most], "") + "…"
	}
	return fmt.Sprintf("%q", word)
}

// printable is text on one line: as it is, quoted when it holds more than
// printable characters.
func printable(text string) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%q", text)
	}
	return text
}
