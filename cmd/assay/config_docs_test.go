package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	configDocs = "../../docs/configuration.md"
	sampleFile = "../../packaging/assay.toml"
	tableBegin = "<!-- config -->\n"
	tableEnd   = "<!-- /config -->\n"
)

// TestOptions holds that the table is complete and in order.
func TestOptions(t *testing.T) {
	var sections []string
	names := map[string]bool{}
	for _, o := range options() {
		switch s := o.section(); {
		case len(sections) > 0 && sections[len(sections)-1] == s:
		case slices.Contains(sections, s):
			t.Errorf("%s: the section [%s] is in two parts", o.name, s)
		default:
			sections = append(sections, s)
		}
		if names[o.name] || o.values == "" || !strings.HasSuffix(o.doc, ".") || strings.ContainsAny(o.doc+o.values, "|\n`") {
			t.Errorf("%s is there twice or not documented", o.name)
		}
		names[o.name] = true
	}
	if sections[0] != "" {
		t.Error("keys without a section must come first")
	}
}

// TestReadme compares the table of keys in the documentation with the one in code.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile(configDocs)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(data), tableBegin)
	_, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no table between %s and %s", configDocs, tableBegin, tableEnd)
	}
	golden(t, configDocs, before+tableBegin+markdown(options())+tableEnd+after)
}

// markdown writes the table of keys.
func markdown(table []option) string {
	var b strings.Builder
	b.WriteString("| key | default | takes | meaning |\n|---|---|---|---|\n")
	for _, o := range table {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", o.name, formatTOML(o.byDefault), o.values, o.doc)
	}
	return b.String()
}

// TestSample compares the config in packaging with the table, and holds that it
// is accepted and changes nothing, as it is and with every key set.
func TestSample(t *testing.T) {
	golden(t, sampleFile, sample(options()))
	want, err := parseConfig(nil, "", testHostname)
	if err != nil {
		t.Fatal(err)
	}
	commented := readFixture(t, sampleFile)
	set := strings.ReplaceAll("\n"+string(commented), "\n#", "\n")
	set = strings.ReplaceAll(set, "\n ", "\n# ")
	for _, text := range []string{string(commented), set} {
		got, err := parseConfig([]byte(text), "assay.toml", testHostname)
		if err != nil {
			t.Fatal(err)
		}
		if !sameConfig(got, want) {
			t.Errorf("got\n%+v\nwant\n%+v", got, want)
		}
		if n := len(got.lines); n != 0 && n != len(options()) {
			t.Errorf("%d of %d keys are there", n, len(options()))
		}
	}
	if !strings.Contains(set, "\nauthserv_id = ") {
		t.Error("the keys were not set")
	}
}

// sample writes a config with every key in a comment.
func sample(table []option) string {
	var b strings.Builder
	b.WriteString(`# The config of assay. Every key is optional; the values here are the defaults.
# After a change: assay config check, then send SIGHUP to the daemon.
`)
	section := ""
	for _, o := range table {
		if s := o.section(); s != section {
			section = s
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		fmt.Fprintf(&b, "\n%s%s#%s = %s\n", wrap(o.doc), wrap("Takes: "+o.values+"."), o.key(), formatTOML(o.byDefault))
	}
	return b.String()
}

// wrap writes text as comments of at most 78 columns.
func wrap(text string) string {
	var b strings.Builder
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 78 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
