package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
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
		about:    "Then the lists of the trusted sealers and of the spoofed senders, and the key for sealing, are checked, too. A password that every user of the host may read, a user that does not exist and, for root, a file that the daemon may not read are warned of. The exit code is 0 when all is good and 65 when it is not.",
		examples: []example{
			{"config check", "check the config that serve would use"},
			{"config check -c new.toml", "check another file before it is put in place"},
		},
		prepare: func(set *flag.FlagSet) action {
			file := configFlag(set)
			return func(_ context.Context, p *program, _ []string) int {
				c, err := p.loadConfig(*file)
				if err == nil {
					err = checkFiles(c)
				}
				if err != nil {
					return p.failConfig(err)
				}
				p.note(slices.Concat(c.exposed(), c.accountNotes(p.uid), c.deniedNotes(p.uid))...)
				return p.print(c.summary(p.configFile) + "\n")
			}
		},
	}
}

// summary says that the config is good; standard is the file that is read when none is named.
func (c *Config) summary(standard string) string {
	switch {
	case c.file == "":
		return "no " + standard + "; the built-in defaults are ok"
	case len(c.lines) == 0:
		return c.file + ": ok; it sets nothing: the defaults hold, though a daemon whose config set something keeps that until it is restarted"
	default:
		return c.file + ": ok"
	}
}

// exposed warns of what others can read.
func (c *Config) exposed() []string { return append(c.exposedPassword(), c.exposedMetrics()...) }

// exposedPassword warns of a password that everybody on this host can read in the config.
func (c *Config) exposedPassword() []string {
	const key = "history.database"
	if c.lines[key] == 0 || withoutPassword(c.History.Database) == c.History.Database {
		return nil
	}
	info, err := os.Stat(c.file)
	if err != nil || info.Mode().Perm()&0o004 == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s has a password, and every user of this host may read the file; take that away with chmod o= %s",
		c.origin(key), key, printable(c.file))}
}

// checkFiles tells what is wrong with the files that the config names.
func checkFiles(c *Config) error {
	_, sealers := loadSealers(c)
	_, spoofed := loadSpoofed(c)
	_, sealer := newSealer(c)
	return errors.Join(sealers, spoofed, sealer)
}

func configShowCommand() *command {
	return &command{
		name:     "show",
		synopsis: "[-c FILE] [--json]",
		summary:  "print every key with its value and where that comes from",
		about:    "The output is itself a valid config, but for passwords: they are not printed.",
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

// shown is the value of an option, without what is secret.
func (o *option) shown(c *Config) any {
	if !o.secret {
		return o.get(c)
	}
	text, ok := o.get(c).(string)
	if !ok || o.redact == nil {
		return secretText
	}
	return o.redact(text)
}

// withoutPassword is the place of a history without the password, which a URL has before the @ or
// as a parameter. Nothing is left where a part of the password may stand elsewhere, as one does that
// is not encoded.
func withoutPassword(database string) string {
	scheme, rest, isURL := strings.Cut(database, "://")
	if !isURL {
		return database
	}
	end := strings.IndexAny(rest+"/", "/?#")
	place, rest := rest[:end], rest[end:]
	if strings.ContainsAny(rest, "@#") {
		return secretText
	}
	if i := strings.LastIndexByte(place, '@'); i >= 0 {
		if name, _, found := strings.Cut(place[:i], ":"); found {
			place = name + ":" + secretText + place[i:]
		}
	}
	path, query, _ := strings.Cut(rest, "?")
	return scheme + "://" + place + path + prefixed("?", withoutPasswords(query))
}

// withoutPasswords is the query of a URL without the values of password, sslpassword and the like.
func withoutPasswords(query string) string {
	parameters := strings.Split(query, "&")
	for i, parameter := range parameters {
		name, _, _ := strings.Cut(parameter, "=")
		if plain, err := url.QueryUnescape(parameter); err != nil || strings.Contains(strings.ToLower(plain), "password") {
			parameters[i] = name + "=" + secretText
		}
	}
	return strings.Join(parameters, "&")
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
