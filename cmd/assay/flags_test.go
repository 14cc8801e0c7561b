package main

import (
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseFlags(t *testing.T) {
	tests := []struct {
		args string
		want string // the values, then the rest; or the error
	}{
		{"", `"" false 0s [] []`},
		{"-c x", `"x" false 0s [] []`},
		{"--c x", `"x" false 0s [] []`},
		{"-c=x --config=y", `"y" false 0s [] []`},
		{"-c= a", `flag -c: "": no name of a file`},
		{"-c -c", `"-c" false 0s [] []`},
		{"--json a", `"" true 0s [] [a]`},
		{"--json=false", `"" false 0s [] []`},
		{"a --json b -c x c", `"x" true 0s [] [a b c]`},
		{"- a", `"" false 0s [] [- a]`},
		{"a -- --json -h", `"" false 0s [] [a --json -h]`},
		{"--rcpt a --rcpt b", `"" false 0s [a b] []`},
		{"--wait 5s", `"" false 5s [] []`},
		{"--wait x", `flag --wait: "x": parse error`},
		{"--rcpt bad", `flag --rcpt: "bad": no address`},
		{"--rcpt", `flag --rcpt needs a value`},
		{"--jsom", `unknown flag "--jsom"; did you mean --json?`},
		{"---json", `unknown flag "---json"; did you mean --json?`},
		{"-", `"" false 0s [] [-]`},
		{"-=", `unknown flag "-"; there is -c, --config, --json, --rcpt, --wait, --help`},
		{"--help", errHelp.Error()},
		{"-c x a -h", errHelp.Error()},
		{"-c -h", `"-h" false 0s [] []`},
	}
	for _, test := range tests {
		got := parseTestFlags(strings.Fields(test.args))
		if got != test.want {
			t.Errorf("%q:\n got %s\nwant %s", test.args, got, test.want)
		}
	}
}

// parseTestFlags declares a flag of each sort and shows what args make of them.
func parseTestFlags(args []string) string {
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	file := configFlag(set)
	asJSON := set.Bool("json", false, "print JSON")
	wait := set.Duration("wait", 0, "how long")
	rcpt := []string{}
	set.Func("rcpt", "a recipient", func(s string) error {
		if s == "bad" {
			return errors.New("no address")
		}
		rcpt = append(rcpt, s)
		return nil
	})
	rest, err := parseFlags(set, args)
	if err != nil {
		return err.Error()
	}
	return sprint(*file, *asJSON, *wait, rcpt, rest)
}

func sprint(file string, asJSON bool, wait time.Duration, rcpt, rest []string) string {
	parts := []string{quoteTOML(file), "false", wait.String(), "[" + strings.Join(rcpt, " ") + "]", "[" + strings.Join(rest, " ") + "]"}
	if asJSON {
		parts[1] = "true"
	}
	return strings.Join(parts, " ")
}

// TestHelpOfFunc holds that flags whose values can't be compared have help.
func TestHelpOfFunc(t *testing.T) {
	c := &command{name: "x", prepare: func(set *flag.FlagSet) action {
		set.Func("rcpt", "a recipient's `ADDR`", func(string) error { return nil })
		set.Func("to", "another `ADDR`", func(string) error { return nil })
		return nil
	}}
	help := c.help([]string{"assay", "x"})
	for _, want := range []string{"  --rcpt ADDR   a recipient's ADDR\n", "  --to ADDR     another ADDR\n"} {
		if !strings.Contains(help, want) {
			t.Errorf("no %q in:\n%s", want, help)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"authserv_id", "trusted_authserv_ids", "listen", "log_format", "c"}
	tests := []struct{ word, want string }{
		{"AuthservID", "authserv_id"},
		{"authserv_ids", "authserv_id"},
		{"TrustedAuthservIDs", "trusted_authserv_ids"},
		{"lsiten", "listen"},
		{"listne", "listen"},
		{"log-format", "log_format"},
		{"logfmt", "log_format"},
		{"x", ""},
		{"xyzzy", ""},
		{"", ""},
		{strings.Repeat("listen", 1000), ""},
	}
	for _, test := range tests {
		if got := nearest(test.word, names); got != test.want {
			t.Errorf("nearest(%.20q) = %q, want %q", test.word, got, test.want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1},
		{"abc", "acb", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"abcdef", "badcfe", 3},
	}
	for _, test := range tests {
		for _, pair := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
			if got := editDistance(pair[0], pair[1]); got != test.want {
				t.Errorf("%q: %d, want %d", pair, got, test.want)
			}
		}
	}
}

// TestCommandNames holds that no two commands of a group have one name.
func TestCommandNames(t *testing.T) {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(commands()) {
		t.Errorf("a name is there twice: %q", names)
	}
}
