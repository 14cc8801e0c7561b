package spf

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
)

const (
	domainLetters   = "slodipvh"
	exceptInDomains = "crt" // only in explanations (RFC 7208 section 7.2)
	macroDelimiters = ".-+,/_="
	maxKeep         = 1 << 16 // more parts than any value has
)

// A macroString is parsed text with macros (RFC 7208 section 7.1). It is never
// nil, also when the text is empty.
type macroString []macroPart

// A macroPart is a literal or a macro.
type macroPart struct {
	literal    string // when letter is 0
	letter     byte   // lower case
	escape     bool   // the letter was upper case: URL-escape the value
	reverse    bool
	keep       int    // how many parts stay, from the right; 0 for all
	delimiters string // where the value is split; "" for dots
}

// A macroUse is what a macroString is for.
type macroUse int

const (
	targetName      macroUse = iota // a domain-spec
	explanationText                 // may have the letters c, r and t
	explainString                   // may have spaces too
)

var (
	errCharacter     = errors.New("bad character")
	errMacroPercent  = errors.New("% without a macro")
	errMacroLetter   = errors.New("bad macro letter")
	errMacroSyntax   = errors.New("bad macro")
	errMacroKeep     = errors.New("macro that keeps no part")
	errTopLabel      = errors.New("no domain name: bad last label")
	errAddressTarget = errors.New("an address where a domain belongs (ip4 and ip6 take addresses)")
)

// parseDomainSpec parses macro-string domain-end (RFC 7208 section 7.1).
func parseDomainSpec(text string) (macroString, error) {
	if text == "" {
		return nil, errNoDomain
	}
	m, tail, err := parseMacros(text, targetName)
	if err != nil {
		return nil, err
	}
	if tail == "" || endsInTopLabel(tail) {
		return m, nil
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return nil, errAddressTarget
	}
	return nil, errTopLabel
}

// endsInTopLabel tells whether a literal ends in "." toplabel [ "." ]. A
// toplabel has letters, digits and hyphens, no hyphen at its ends, and is not
// all digits.
func endsInTopLabel(literal string) bool {
	literal = strings.TrimSuffix(literal, ".")
	dot := strings.LastIndexByte(literal, '.')
	label := literal[dot+1:]
	if dot < 0 || label == "" || !isAlnum(label[0]) || !isAlnum(label[len(label)-1]) {
		return false
	}
	number := true
	for i := range len(label) {
		c := label[i]
		if !isAlnum(c) && c != '-' {
			return false
		}
		number = number && isDigit(c)
	}
	return !number
}

// parseMacros parses *( macro-expand / macro-literal ). The tail is what
// follows the last macro-expand.
func parseMacros(text string, use macroUse) (m macroString, tail string, err error) {
	m = make(macroString, 0, 1+2*min(strings.Count(text, "%"), 8))
	for {
		literal, rest, found := strings.Cut(text, "%")
		if !isVisible(literal, use == explainString) {
			return nil, "", errCharacter
		}
		if literal != "" {
			m = append(m, macroPart{literal: literal})
		}
		if !found {
			return m, literal, nil
		}
		var part macroPart
		if part, text, err = parseExpand(rest, use); err != nil {
			return nil, "", err
		}
		m = append(m, part)
	}
}

// parseExpand parses what follows the percent sign of a macro-expand.
func parseExpand(text string, use macroUse) (part macroPart, rest string, err error) {
	if text == "" {
		return part, "", errMacroPercent
	}
	switch text[0] {
	case '%':
		return macroPart{literal: "%"}, text[1:], nil
	case '_':
		return macroPart{literal: " "}, text[1:], nil
	case '-':
		return macroPart{literal: "%20"}, text[1:], nil
	case '{':
		body, rest, ok := strings.Cut(text[1:], "}")
		if !ok || body == "" {
			return part, "", errMacroSyntax
		}
		part, err = parseMacro(body, use)
		return part, rest, err
	}
	return part, "", errMacroPercent
}

// parseMacro parses what is between the braces: a letter, transformers,
// delimiters. The body is not empty.
func parseMacro(body string, use macroUse) (macroPart, error) {
	letter := body[0] | 0x20
	known := strings.IndexByte(domainLetters, letter) >= 0 ||
		use != targetName && strings.IndexByte(exceptInDomains, letter) >= 0
	if !isAlpha(body[0]) || !known {
		return macroPart{}, errMacroLetter
	}
	part := macroPart{letter: letter, escape: body[0] != letter}
	digits := 1
	for digits < len(body) && isDigit(body[digits]) {
		part.keep = min(part.keep*10+int(body[digits]-'0'), maxKeep)
		digits++
	}
	if digits > 1 && part.keep == 0 {
		return macroPart{}, errMacroKeep
	}
	rest := body[digits:]
	if rest != "" && rest[0]|0x20 == 'r' {
		part.reverse, rest = true, rest[1:]
	}
	if strings.Trim(rest, macroDelimiters) != "" {
		return macroPart{}, errMacroSyntax
	}
	part.delimiters = uniqueDelimiters(rest)
	return part, nil
}

// uniqueDelimiters drops those that are given again, so that a long list costs nothing.
func uniqueDelimiters(s string) string {
	if len(s) < 2 {
		return s
	}
	var unique []byte
	for i := range len(macroDelimiters) {
		if c := macroDelimiters[i]; strings.IndexByte(s, c) >= 0 {
			unique = append(unique, c)
		}
	}
	return string(unique)
}

// transform applies the transformers: split, reverse, keep the right-hand
// parts, join with dots, and escape (RFC 7208 section 7.3).
func (p *macroPart) transform(value string) string {
	if p.keep > 0 || p.reverse || p.delimiters != "" {
		value = p.split(value)
	}
	if p.escape {
		value = urlEscape(value)
	}
	return value
}

// split costs no more than what stays of the value.
func (p *macroPart) split(value string) string {
	delimiters := p.delimiters
	if delimiters == "" {
		delimiters = "."
	}
	var parts []string
	if p.reverse { // what is left of them, from the right, are then the first ones
		parts = firstParts(value, delimiters, p.keep)
	} else {
		parts = lastParts(value, delimiters, p.keep)
	}
	slices.Reverse(parts)
	return strings.Join(parts, ".")
}

// firstParts splits at each of the delimiters, at most n parts, 0 for all.
func firstParts(s, delimiters string, n int) []string {
	var parts []string
	for {
		i := strings.IndexAny(s, delimiters)
		if i < 0 {
			return append(parts, s)
		}
		if parts = append(parts, s[:i]); len(parts) == n {
			return parts
		}
		s = s[i+1:]
	}
}

// lastParts are the last ones, the very last first.
func lastParts(s, delimiters string, n int) []string {
	var parts []string
	for {
		i := strings.LastIndexAny(s, delimiters)
		if i < 0 {
			return append(parts, s)
		}
		if parts = append(parts, s[i+1:]); len(parts) == n {
			return parts
		}
		s = s[:i]
	}
}

// urlEscape percent-encodes all but the unreserved characters of RFC 3986.
func urlEscape(s string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := s[i]; isAlnum(c) || strings.IndexByte("-._~", c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
