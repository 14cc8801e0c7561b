package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

const migrationFile = "../../docs/migration.md"

// TestForeignOptions holds that every option leads to a key of ours or says why not, and that config check says so.
func TestForeignOptions(t *testing.T) {
	keys := map[string]bool{}
	for _, o := range options() {
		keys[o.name] = true
	}
	for _, p := range foreignPrograms() {
		seen := map[string]bool{}
		for _, o := range p.options {
			if o.key == "" && o.note == "" || o.key != "" && !keys[o.key] || strings.ContainsAny(o.names+o.note, "|`\n") {
				t.Errorf("%s: %+v leads nowhere", p.name, o)
			}
			if o.key == "trusted_networks" && !strings.Contains(o.note, ownHosts) {
				t.Errorf("%s: %s lets strangers past every check and does not say so", p.name, o.names)
			}
			for name := range strings.FieldsSeq(o.names) {
				if seen[plain(name)] {
					t.Errorf("%s has %s twice", p.name, name)
				}
				seen[plain(name)] = true
				checkForeign(t, p.name, name, o)
			}
		}
	}
}

// checkForeign holds that config check says of a name what the guide says.
func checkForeign(t *testing.T, program, name string, o foreignOption) {
	t.Helper()
	_, key := splitName(o.key)
	advice := adviceOnKey([]string{name}, options())
	if plain(key) == plain(name) && !strings.Contains(advice, key) || plain(key) != plain(name) && !strings.Contains(advice, o.advice()) {
		t.Errorf("%s: %s: config check says %q", program, name, advice)
	}
}

// TestMigration compares the tables of the guide with those in code.
func TestMigration(t *testing.T) {
	data, err := os.ReadFile(migrationFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, p := range foreignPrograms() {
		text = replaceBetween(t, text, "<!-- "+p.name+" -->\n", "<!-- /"+p.name+" -->", markdownForeign(p))
	}
	golden(t, migrationFile, text)
}

func markdownForeign(p foreignProgram) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | assay | |\n|---|---|---|\n", p.file)
	for _, o := range p.options {
		key := "none"
		if o.key != "" {
			key = "`" + o.key + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.Join(strings.Fields(o.names), "`, `"), key, strings.TrimPrefix(o.note, "remove it: "))
	}
	return b.String()
}

// TestForeignComplete compares the tables with the manual pages of the programs, where they are installed.
func TestForeignComplete(t *testing.T) {
	option := regexp.MustCompile(`(?m)^\.TP\n\.I ([A-Z][A-Za-z-]+) \(`)
	for program, page := range map[string]string{"OpenDKIM": "opendkim.conf", "OpenDMARC": "opendmarc.conf"} {
		t.Run(program, func(t *testing.T) {
			known := map[string]bool{}
			for _, p := range foreignPrograms() {
				for _, o := range p.options {
					for name := range strings.FieldsSeq(o.names) {
						known[p.name+" "+name] = true
					}
				}
			}
			found := option.FindAllStringSubmatch(manual(t, "/usr/share/man/man5/"+page+".5.gz"), -1)
			if len(found) < 30 {
				t.Fatalf("only %d options were found", len(found))
			}
			for _, f := range found {
				if !known[program+" "+f[1]] {
					t.Errorf("%s is missing", f[1])
				}
			}
		})
	}
}

// manual reads a compressed page; the test is skipped when it isn't installed. It belongs to what assay is
// measured against, which the tests don't install.
func manual(t *testing.T, name string) string {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Skip(err)
	}
	defer file.Close()
	page, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
