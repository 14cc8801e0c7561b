package main

import (
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
)

// usage is the short text that a group prints when no command is given.
func (c *command) usage(path []string) string {
	var b strings.Builder
	name := strings.Join(path, " ")
	fmt.Fprintf(&b, "usage: %s COMMAND [flags]\n\n", name)
	c.writeCommands(&b)
	fmt.Fprintf(&b, "\n%s COMMAND --help says more.\n", name)
	return b.String()
}

// help is the text of --help.
func (c *command) help(path []string) string {
	var b strings.Builder
	name := strings.Join(path, " ")
	fmt.Fprintf(&b, "%s: %s\n\n", name, c.summary)
	if len(c.commands) > 0 {
		fmt.Fprintf(&b, "usage: %s COMMAND [flags]\n\n", name)
		c.writeCommands(&b)
	} else {
		fmt.Fprintf(&b, "usage: %s\n", strings.TrimSpace(name+" "+c.synopsis))
	}
	if c.about != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.about))
	}
	if c.prepare != nil {
		c.writeFlags(&b)
	}
	c.writeExamples(&b)
	return b.String()
}

func (c *command) writeCommands(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 0, 3, ' ', 0)
	for _, sub := range c.commands {
		fmt.Fprintf(w, "  %s\t%s\n", sub.name, sub.summary)
	}
	w.Flush()
}

func (c *command) writeFlags(b *strings.Builder) {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.prepare(set)
	b.WriteString("\nFlags:\n")
	w := tabwriter.NewWriter(b, 0, 0, 3, ' ', 0)
	shown := map[string]bool{}
	set.VisitAll(func(f *flag.Flag) {
		if shown[f.Usage] {
			return
		}
		shown[f.Usage] = true
		argument, does := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  %s\t%s\n", strings.TrimSpace(spellings(set, f)+" "+argument), does)
	})
	fmt.Fprintf(w, "  -h, --help\tprint this text\n")
	w.Flush()
}

// spellings lists every name of a flag: "-c, --config". The names of one flag
// share its usage text; values need not be comparable.
func spellings(set *flag.FlagSet, f *flag.Flag) string {
	var names []string
	set.VisitAll(func(other *flag.Flag) {
		if other.Usage == f.Usage {
			names = append(names, dashed(other.Name))
		}
	})
	return strings.Join(names, ", ")
}

func (c *command) writeExamples(b *strings.Builder) {
	examples := c.examples
	for _, sub := range c.commands {
		if len(sub.examples) > 0 {
			examples = append(examples, sub.examples[0])
		}
	}
	if len(examples) == 0 {
		return
	}
	b.WriteString("\nExamples:\n")
	w := tabwriter.NewWriter(b, 0, 0, 3, ' ', 0)
	for _, e := range examples {
		fmt.Fprintf(w, "  assay %s\t%s\n", e.line, e.does)
	}
	w.Flush()
}
