package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"assay/compauth"
)

// explainWidth is the width of the text, in characters; what the input holds is not folded.
const explainWidth = 100

// A paragraph writer folds sentences behind a label.
type paragraphs struct{ strings.Builder }

// add writes text behind a label; the lines after the first are indented as far.
func (b *paragraphs) add(label, text string) {
	indent := utf8.RuneCountInString(label)
	b.WriteString(label)
	column := indent
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > explainWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
}

// text is what assay explain prints.
func (e *explained) text() string {
	var b paragraphs
	for i := range e.Fields {
		if i > 0 {
			b.WriteByte('\n')
		}
		e.Fields[i].write(&b)
	}
	if e.More > 0 {
		b.add("", fmt.Sprintf("\n%d more results are not explained.", e.More))
	}
	e.writeSets(&b)
	if e.Stop > 0 {
		b.WriteByte('\n')
		b.add("", stoppedAt(e.Stop))
	}
	return b.String()
}

func (f *explainedField) write(b *paragraphs) {
	title := f.Name
	if f.Instance > 0 {
		title += fmt.Sprintf(" of ARC set %d", f.Instance)
	}
	if f.Writer != "" {
		title += ", in the name of " + quotedText(f.Writer)
	}
	b.WriteString(title + "\n")
	b.add("  ", f.Origin)
	if f.Problem != "" {
		b.WriteString("  Not all of it can be read: " + f.Problem + "\n")
	} else if len(f.Results) == 0 {
		b.WriteString("  It has no results: nothing was checked.\n")
	}
	for i := range f.Results {
		b.WriteByte('\n')
		f.Results[i].write(b, f.Own)
	}
}

func (r *explainedResult) write(b *paragraphs, own bool) {
	b.WriteString("  " + r.Shown + "\n")
	b.add("    means  ", strings.Join(r.Means, " "))
	for _, a := range r.Advice {
		b.add("    fix    ", fixText(a, own))
	}
}

// fixText says who can fix something and how; the receiver of our own field are we.
func fixText(a advice, own bool) string {
	if len(a.Fix) == 0 {
		return a.How
	}
	who := strings.Join(a.Fix, " or ")
	if own {
		who = strings.ReplaceAll(who, "receiver", "us")
	}
	return who + ": " + a.How
}

// writeSets says what the fields of ARC claim.
func (e *explained) writeSets(b *paragraphs) {
	if len(e.Sets) == 0 {
		return
	}
	if len(e.Fields) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString("ARC chain, the newest set first\n")
	b.add("  ", "These are claims until the chain is validated: assay check does that, and says whether a sealer is trusted.")
	for i := range e.Sets {
		s := &e.Sets[i]
		b.WriteString(fmt.Sprintf("  i=%d  ", s.Instance) + s.text() + "\n")
	}
	if missing := e.missingSets(); missing != "" {
		b.add("  ", missing)
	}
}

func (s *explainedSet) text() string {
	var parts []string
	if s.Sealer != "" {
		parts = append(parts, "sealed by "+quotedText(s.Sealer)+", "+chainText(s.CV))
	}
	if s.Signer != "" && s.Signer != s.Sealer {
		parts = append(parts, "message signature of "+quotedText(s.Signer))
	}
	for _, m := range [...]struct {
		there bool
		name  string
	}{{s.Sealer != "", "ARC-Seal"}, {s.Signer != "", "ARC-Message-Signature"}, {s.Results, "ARC-Authentication-Results"}} {
		if !m.there {
			parts = append(parts, "no "+m.name+" that can be read")
		}
	}
	return strings.Join(parts, "; ")
}

// chainText says what cv= claims about the chain before the set (RFC 8617 section 4.4.4).
func chainText(cv string) string {
	switch cv {
	case "none":
		return "as the first (cv=none)"
	case "pass":
		return "who found the chain intact (cv=pass)"
	case "fail":
		return "who found the chain broken (cv=fail)"
	}
	return "with no valid cv="
}

// missingSets says what breaks the chain that needs no validation to be seen.
func (e *explained) missingSets() string {
	if newest := e.Sets[0].Instance; newest != len(e.Sets) {
		return fmt.Sprintf("The chain is broken: it has %d of %d sets.", len(e.Sets), newest)
	}
	for i := range e.Sets {
		if s := &e.Sets[i]; s.Sealer == "" || s.Signer == "" || !s.Results {
			return fmt.Sprintf("The chain is broken: set %d is not complete.", s.Instance)
		}
	}
	return ""
}

// oneCode explains the code of --reason.
func oneCode(rows []compauth.Explanation) string {
	row := rows[0]
	var b paragraphs
	fmt.Fprintf(&b, "compauth=%s reason=%s\n", row.Result, row.Code)
	b.add("  means  ", row.Meaning)
	b.add("  fix    ", fixText(advice{row.Fix.Names(), row.Advice}, false))
	for _, rule := range rulesOf(row.Code) {
		b.add("  rule   ", rule)
	}
	return b.String()
}

// rulesOf lists the rules of assay that give a code.
func rulesOf(code string) []string {
	var list []string
	for _, r := range compauth.Rules() {
		given := r.Reason.String()
		if r.Result != "" && (given == code || given == "700" && '1' <= code[2] && code[2] <= '4' && code[:2] == "70") {
			list = append(list, r.Number+": "+r.Doc)
		}
	}
	return list
}

// listCodes is the text of --list.
func listCodes(rows []compauth.Explanation) string {
	var b paragraphs
	for _, row := range rows {
		b.add(fmt.Sprintf("%s  %-8s  ", row.Code, row.Result), row.Meaning)
	}
	return b.String()
}

// A jsonCode is one reason code; the JSON of --reason and --list is a list of them.
type jsonCode struct {
	Code    string   `json:"code"`
	Result  string   `json:"result"`
	Meaning string   `json:"meaning"`
	Fix     []string `json:"fix"` // none: nobody needs to
	Advice  string   `json:"advice"`
	Rules   []string `json:"rules,omitempty"`
}

func codesJSON(rows []compauth.Explanation) string {
	var codes []jsonCode
	for _, row := range rows {
		fix := append([]string{}, row.Fix.Names()...)
		codes = append(codes, jsonCode{row.Code, string(row.Result), row.Meaning, fix, row.Advice, rulesOf(row.Code)})
	}
	return indentedJSON(codes)
}

func explainedJSON(e *explained) string { return indentedJSON(e) }

func indentedJSON(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // strings, numbers and lists only: it can't
	}
	return plainJSON(string(text)) + "\n"
}
