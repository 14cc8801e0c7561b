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

// readExplained reads the fields that can be explained, in the order of the header.
// It reads maxHeader bytes at most. The error is errNothingToExplain, that of r, or
// that the header is too long.
func readExplained(r io.Reader) (message.Header, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxHeader+1))
	if err != nil {
		return nil, err
	}
	text, whole := asHeader(string(data))
	if !whole && len(data) > maxHeader {
		return nil, fmt.Errorf("header over %d bytes", maxHeader)
	}
	header, _ := message.ReadHeader(bufio.NewReader(strings.NewReader(text)), len(text)) // what it can't read is nothing to explain
	var fields message.Header
	for _, f := range header {
		if kindOf(f) != otherField {
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 {
		return nil, errNothingToExplain
	}
	return fields, nil
}

// asHeader makes a header of text that may be pasted: what stands before the first field
// goes, unless it is the value of a field, which gets its name; lines that are no field are
// folds that have lost their white space. The text ends at the first blank line; it is
// whole if there is one.
func asHeader(text string) (header string, whole bool) {
	text = strings.TrimLeft(strings.TrimPrefix(text, "\ufeff"), " \t\r\n")
	var lead, b strings.Builder
	for line := range strings.Lines(text) {
		switch {
		case strings.TrimRight(line, "\r\n") == "":
			return named(lead.String()) + b.String(), true
		case beginsField(line):
		case b.Len() == 0:
			lead.WriteString(" " + line)
			continue
		case line[0] != ' ' && line[0] != '\t':
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return named(lead.String()) + b.String(), false
}

// named is a bare value with the name of its field before it; "" when it is none.
func named(value string) string {
	if name := bareName(strings.TrimLeft(value, " ")); name != "" {
		return strings.TrimRight(name+value, "\r\n") + "\r\n"
	}
	return ""
}

// beginsField tells whether a line begins with a field name and a colon. What may
// stand in a result, as in policy.iprev=2001:db8::1, is no name.
func beginsField(line string) bool {
	name, _, colon := strings.Cut(line[:min(len(line), maxFieldName)], ":")
	name = strings.TrimRight(name, " \t")
	return colon && name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`=;()"`, r)
	})
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
