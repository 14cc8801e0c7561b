package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"assay/auth/authres"
	"assay/auth/message"
)

// A fieldKind is a kind of field that assay explain reads.
type fieldKind int

const (
	otherField fieldKind = iota
	resultsField
	keptResultsField
	arcResultsField
	arcSignatureField
	arcSealField
	receivedSPFField
)

// kindOf tells what a field is. Exchange and some gateways keep an
// Authentication-Results field that they find under another name.
func kindOf(f message.Field) fieldKind {
	for _, known := range [...]struct {
		name string
		kind fieldKind
	}{
		{"Authentication-Results", resultsField},
		{"ARC-Authentication-Results", arcResultsField},
		{"ARC-Message-Signature", arcSignatureField},
		{"ARC-Seal", arcSealField},
		{"Received-SPF", receivedSPFField},
		{"Authentication-Results-Original", keptResultsField},
		{"X-Authentication-Results", keptResultsField},
		{"X-Original-Authentication-Results", keptResultsField},
		{"X-MS-Exchange-Authentication-Results", keptResultsField},
	} {
		if f.Is(known.name) {
			return known.kind
		}
	}
	return otherField
}

var errNothingToExplain = errors.New("nothing to explain: no Authentication-Results, ARC or Received-SPF field; " +
	"expected is a message, its header, or the text of such a field")

// maxHeader bounds the header that is explained, in bytes.
const maxHeader = 1 << 20

// readExplained reads the fields that can be explained, in the order of the header, and tells the blank
// line, from 1, at which reading stopped; 0 when it did not. It reads maxHeader bytes at most. The error is
// errNothingToExplain, that of r, or that the header is too long.
func readExplained(r io.Reader) (fields message.Header, stop int, err error) {
	data, err := io.ReadAll(io.LimitReader(r, maxHeader+1))
	if err != nil {
		return nil, 0, err
	}
	text, stop := asHeader(string(data))
	if stop == 0 && len(data) > maxHeader {
		return nil, 0, fmt.Errorf("header over %d bytes", maxHeader)
	}
	header, _ := message.ReadHeader(bufio.NewReader(strings.NewReader(text)), len(text)) // what it can't read is nothing to explain
	for _, f := range header {
		if kindOf(f) != otherField {
			fields = append(fields, f)
		}
	}
	switch {
	case len(fields) > 0:
		return fields, stop, nil
	case stop > 0:
		return nil, 0, fmt.Errorf("%w. %s", errNothingToExplain, stoppedAt(stop))
	}
	return nil, 0, errNothingToExplain
}

// stoppedAt says that there is more which was not read.
func stoppedAt(line int) string {
	return fmt.Sprintf("Line %d is blank: what follows was taken for the body of a message and not read.", line)
}

// asHeader makes a header of text that may be pasted: quoting goes; what stands before the first field goes
// too, unless it is the value of a field, which gets its name; lines that are no field are folds that have
// lost their white space. Text that has other fields than those that can be explained is a message, whose
// header ends at the first blank line: fields in a body are anybody's. Other text goes on behind blank lines
// as long as such a field follows. stop is the blank line, from 1, behind which text was left out; 0 for none.
func asHeader(text string) (header string, stop int) {
	var p pasted
	n, blank := 0, 0 // the line, and the first of the blank lines before it
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		n++
		line = unquoted(line)
		switch {
		case isBlank(line, blank > 0 || p.isEmpty()):
			if blank == 0 {
				blank = n
			}
			continue
		case blank > 0 && !p.goesOn(line):
			return p.end(), blank
		case blank > 0:
			p.paragraph()
			line = strings.TrimLeft(line, " \t")
		}
		blank = 0
		p.add(line)
	}
	return p.end(), 0
}

// A pasted is a header in the making. The zero value is empty.
type pasted struct {
	lead   strings.Builder // lines before the first field of a paragraph
	header strings.Builder
	whole  bool // it has other fields than those that can be explained: it is that of a message
}

// isBlank tells whether a line divides paragraphs. White space does so between them; in a header it is a fold
// without text.
func isBlank(line string, between bool) bool {
	if between {
		return strings.Trim(line, " \t\r\n") == ""
	}
	return strings.Trim(line, "\r\n") == ""
}

func (p *pasted) isEmpty() bool { return p.header.Len() == 0 && p.lead.Len() == 0 }

// goesOn tells whether a line behind a blank one is a part of it.
func (p *pasted) goesOn(line string) bool {
	if p.whole {
		return false
	}
	name := fieldNameIn(strings.TrimLeft(line, " \t"))
	return name != "" && kindOf(message.NewField(name, "")) != otherField || p.header.Len() == 0 && bareName(p.leading()) == ""
}

// add takes one line that is not blank.
func (p *pasted) add(line string) {
	if p.isEmpty() {
		line = strings.TrimLeft(line, " \t")
	}
	name := fieldNameIn(line)
	switch {
	case name != "":
		p.paragraph()
		p.whole = p.whole || kindOf(message.NewField(name, "")) == otherField
	case p.header.Len() == 0:
		p.lead.WriteString(" " + line)
		return
	case line[0] != ' ' && line[0] != '\t':
		p.header.WriteByte(' ')
	}
	p.header.WriteString(line)
}

// leading is what stands before the first field.
func (p *pasted) leading() string { return strings.TrimLeft(p.lead.String(), " ") }

// paragraph ends what stands before the first field.
func (p *pasted) paragraph() {
	p.header.WriteString(named(p.lead.String()))
	p.lead.Reset()
}

// end is the header.
func (p *pasted) end() string {
	p.paragraph()
	return p.header.String()
}

// unquoted is a line without the signs that a mail program puts before what it quotes.
func unquoted(line string) string {
	for strings.HasPrefix(line, ">") {
		line = strings.TrimPrefix(line[1:], " ")
	}
	return line
}

// named is a bare value with the name of its field before it; "" when it is none.
func named(value string) string {
	if name := bareName(strings.TrimLeft(value, " ")); name != "" {
		return strings.TrimRight(name+value, "\r\n") + "\r\n"
	}
	return ""
}

// fieldNameIn is the field name that a line begins with, before a colon; "" for none. What may
// stand in a result, as in policy.iprev=2001:db8::1, is no name.
func fieldNameIn(line string) string {
	name, _, colon := strings.Cut(line[:min(len(line), maxFieldName)], ":")
	name = strings.TrimRight(name, " \t")
	if !colon || strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`=;()"`, r)
	}) {
		return ""
	}
	return name
}

// maxFieldName bounds the name of a field that is looked for, in bytes with the colon.
const maxFieldName = 200

// bareName is the name of the field, with its colon, that a bare value may be of; "" when
// no result can be read from it.
func bareName(value string) string {
	word := value[:max(0, strings.IndexAny(value, " \t\r\n"))]
	if rest := strings.TrimLeft(value[len(word):], " \t\r\n"); isSPFResult(word) && (strings.HasPrefix(rest, "(") || strings.Contains(rest, "client-ip=")) {
		return "Received-SPF:"
	}
	if instance, r, _ := authres.ParseARC(value); instance > 0 && len(r.Results) > 0 {
		return "ARC-Authentication-Results:"
	}
	if r, _ := authres.Parse(value); len(r.Results) > 0 {
		return "Authentication-Results:"
	}
	return ""
}

func isSPFResult(word string) bool {
	_, ok := findMeaning("spf", strings.ToLower(word))
	return ok
}
