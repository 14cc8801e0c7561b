package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
)

func configCommand() *command {
	return &command{
		name:     "config",
		summary:  "check the config, or show what is in force",
		commands: []*command{configCheckCommand(), configShowCommand()},
	}
}

func configCheckCommand() *command {
	return &command{
		name:     "check",
		synopsis: "[-c FILE]",
		summary:  "report every mistake of the config, with its line",
		about:    "Then the list of the trusted sealers and the key for sealing are checked, too. The exit code is 0 when all is good and 65 when it is not.",
		examples: []example{
			{"config check", "check the config that serve would use"},
			{"config check -c new.toml", "check another file before it is put in place"},
		},
		prepare: func(set *flag.FlagSet) action {
			file := configFlag(set)
			return func(_ context.Context, p *program, _ []string) int {
				c, err := p.loadConfig(*file)
				if err == nil {
					_, err = loadSealers(c)
				}
				if err == nil {
					_, err = newSealer(c)
				}
				if err != nil {
					return p.failConfig(err)
				}
				if c.file == "" {
					return p.print("no " + p.configFile + "; the built-in defaults are ok\n")
				}
				return p.print(c.file + ": ok\n")
			}
		},
	}
}

func configShowCommand() *command {
	return &command{
		name:     "show",
		synopsis: "[-c FILE] [--json]",
		summary:  "print every key with its value and where that comes from",
		about:    "The output is itself a valid config. Secret values are not printed.",
		examples: []example{
			{"config show", "show what serve would use"},
			{"config show --json", "the same for programs"},
		},
		prepare: func(set *flag.FlagSet) action {
			file := configFlag(set)
			asJSON := set.Bool("json", false, "print one JSON object: key to value and origin")
			return func(_ context.Context, p *program, _ []string) int {
				c, err := p.loadConfig(*file)
				switch {
				case err != nil:
					return p.failConfig(err)
				case *asJSON:
					return p.print(showJSON(c, options()))
				default:
					return p.print(showTOML(c, options()))
				}
			}
		},
	}
}

// failConfig prints the mistakes of a config, one line for each.
func (p *program) failConfig(err error) int {
	io.WriteString(p.stderr, err.Error()+"\n")
	return exitData
}

// secretText stands for a value that is not printed.
const secretText = "(secret)"

// shown is the value of an option, unless it is secret.
func (o *option) shown(c *Config) any {
	if o.secret {
		return secretText
	}
	return o.get(c)
}

// origin tells where the value of a key comes from.
func (c *Config) origin(name string) string {
	if line := c.lines[name]; line > 0 {
		return fmt.Sprintf("%s:%d", printable(c.file), line)
	}
	return "default"
}

// showTOML writes a config that is equal to c, with the origin of each value.
func showTOML(c *Config, table []option) string {
	var b strings.Builder
	section := ""
	for i := range table {
		o := &table[i]
		if s := o.section(); s != section {
			section = s
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		fmt.Fprintf(&b, "%s = %s  # %s\n", o.key(), formatTOML(o.shown(c)), c.origin(o.name))
	}
	return b.String()
}

// A setting is one key as showJSON writes it.
type setting struct {
	Value  any    `json:"value"`
	Origin string `json:"origin"` // "default" or FILE:LINE
}

// showJSON writes one object, the keys with their sections in order of name.
func showJSON(c *Config, table []option) string {
	settings := make(map[string]setting, len(table))
	for i := range table {
		o := &table[i]
		settings[o.name] = setting{Value: o.shown(c), Origin: c.origin(o.name)}
	}
	text, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		panic("assay: config show: " + err.Error()) // only strings, numbers, bools and lists of strings
	}
	return string(text) + "\n"
}
