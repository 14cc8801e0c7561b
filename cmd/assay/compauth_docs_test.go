package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"assay/compauth"
)

const (
	verdictDocs  = "../../docs/verdict.md"
	manPageFile  = "../../packaging/man/assay-compauth.7"
	rulesBegin   = "<!-- rules -->\n"
	rulesEnd     = "<!-- /rules -->"
	reasonsBegin = "<!-- reasons -->\n"
	reasonsEnd   = "<!-- /reasons -->"
)

// TestReadmeVerdict compares the tables of rules and reason codes in the documentation with those in code.
func TestReadmeVerdict(t *testing.T) {
	data, err := os.ReadFile(verdictDocs)
	if err != nil {
		t.Fatal(err)
	}
	text := replaceBetween(t, string(data), rulesBegin, rulesEnd, markdownRules())
	golden(t, verdictDocs, replaceBetween(t, text, reasonsBegin, reasonsEnd, markdownReasons()))
}

// replaceBetween puts a new text between two marks.
func replaceBetween(t *testing.T, text, begin, end, between string) string {
	t.Helper()
	before, rest, begins := strings.Cut(text, begin)
	_, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("there is nothing between %s and %s", begin, end)
	}
	return before + begin + between + end + after
}

func markdownRules() string {
	var b strings.Builder
	b.WriteString("| # | when | verdict |\n|---|---|---|\n")
	for _, r := range compauth.Rules() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.Number, r.Doc, ruleVerdict(r))
	}
	return b.String()
}

// ruleVerdict is what a rule gives, in words.
func ruleVerdict(r compauth.Rule) string {
	switch r.Reason {
	case 700:
		return string(r.Result) + " 701 to 704"
	default:
		if r.Result == "" {
			return "on to rule 26"
		}
		return fmt.Sprintf("%s %s", r.Result, r.Reason)
	}
}

func markdownReasons() string {
	var b strings.Builder
	b.WriteString("| code | compauth | meaning |\n|---|---|---|\n")
	for _, e := range compauth.Explanations() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", e.Code, e.Result, e.Meaning)
	}
	return b.String()
}

// TestManPage compares the manual page of the verdict with the tables in code.
func TestManPage(t *testing.T) {
	golden(t, manPageFile, manPage())
}

func manPage() string {
	var b strings.Builder
	b.WriteString(`.\" Written by the tests from the tables in compauth; do not edit.
` + manTitle("assay-compauth", 7) + `.SH NAME
assay-compauth \- the composite verdict of assay and its reason codes
.SH DESCRIPTION
.BR assay (8)
combines everything that is known about a message into one result of the method compauth, with a reason code:
compauth=pass reason=100. The first rule that matches decides. Of several From domains the worst verdict counts.
.B assay explain
says the same about a message,
.B assay check
which rules matched and which did not.
.SH RULES
`)
	for _, r := range compauth.Rules() {
		note := ""
		if r.Implicit {
			note = " Left out with implicit = false."
		}
		fmt.Fprintf(&b, ".TP\n.B %s: %s\n%s.%s\n", r.Number, roff(ruleVerdict(r)), roff(sentence(r.Doc)), note)
	}
	b.WriteString(".SH REASON CODES\n")
	for _, e := range compauth.Explanations() {
		fmt.Fprintf(&b, ".TP\n.B %s (%s)\n%s.\n%s\n", e.Code, e.Result, roff(sentence(e.Meaning)), roff(e.Advice))
	}
	b.WriteString(".SH SEE ALSO\n.BR assay (8),\n.BR assay.toml (5)\n")
	return b.String()
}

// sentence begins in upper case.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// roff escapes what roff would take for a command.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "≥", ">=").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

// TestManPageComplete holds that no code and no rule is missing.
func TestManPageComplete(t *testing.T) {
	page, err := os.ReadFile(manPageFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(page), "\n")
	for _, e := range compauth.Explanations() {
		if !slices.Contains(lines, fmt.Sprintf(".B %s (%s)", e.Code, e.Result)) {
			t.Errorf("%s is missing", e.Code)
		}
	}
	if want := len(compauth.Rules()) + len(compauth.Explanations()); strings.Count(string(page), "\n.TP\n") != want {
		t.Errorf("there are not %d paragraphs", want)
	}
}
