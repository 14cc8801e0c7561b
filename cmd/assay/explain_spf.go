package main

import (
	"slices"
	"strings"

	"assay/auth/authres"
	"assay/auth/message"
)

// A receivedSPF is what a Received-SPF field says (RFC 7208 section 9.1), as far as it can be read. Of
// keys that are there twice the first counts.
type receivedSPF struct {
	result  string
	comment string            // the first, with single spaces
	keys    map[string]string // of receivedSPFKeys, in lower case, those that are there
}

// receivedSPFKeys are the keys of RFC 7208 section 9.1 that stand before an equals sign.
var receivedSPFKeys = [...]string{"client-ip", "envelope-from", "helo", "identity", "mechanism", "problem", "receiver"}

// parseReceivedSPF reads the value of a field: a word, then comments and pairs in any order, whatever
// stands between them. A comment is no place for a pair. Of a long field the beginning is read.
func parseReceivedSPF(value string) receivedSPF {
	s := strings.TrimLeft(strings.Map(oneSpace, value[:min(len(value), maxTagText)]), " ")
	r := receivedSPF{keys: map[string]string{}}
	end := spfWordEnd(s)
	r.result, s = strings.ToLower(s[:end]), s[end:]
	for s != "" {
		switch s[0] {
		case ' ', ';':
			s = s[1:]
		case '(':
			var comment string
			if comment, s = cutComment(s); r.comment == "" {
				r.comment = strings.Join(strings.Fields(comment), " ")
			}
		default:
			s = r.pair(s)
		}
	}
	return r
}

// pair reads a pair, or passes over what is none, and gives what follows.
func (r *receivedSPF) pair(s string) (rest string) {
	end := spfWordEnd(s)
	name, _, isPair := strings.Cut(s[:end], "=")
	if !isPair {
		return s[max(end, 1):]
	}
	s = s[len(name)+1:]
	if next := strings.TrimLeft(s, " "); !beginsPair(next) { // a fold may stand behind the equals sign
		s = next
	}
	end = spfWordEnd(s)
	key, value := strings.ToLower(name), s[:end]
	if _, again := r.keys[key]; !again && slices.Contains(receivedSPFKeys[:], key) {
		r.keys[key] = strings.Trim(value, `"<>`)
	}
	return s[end:]
}

// spfWordEnd is where a word ends: at white space, a semicolon or a comment outside of quotes.
func spfWordEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(" ;(", c) >= 0:
			return i
		}
	}
	return len(s)
}

// beginsPair tells whether text begins with one of the keys and an equals sign.
func beginsPair(s string) bool {
	name, _, _ := strings.Cut(s[:min(len(s), maxFieldName)], "=")
	return slices.Contains(receivedSPFKeys[:], strings.ToLower(name)) && len(name) < len(s)
}

// cutComment takes a comment off the beginning of text. One without an end goes on to the end.
func cutComment(s string) (comment, rest string) {
	n := message.CommentLen(s)
	if n < 0 {
		return s[1:], ""
	}
	return s[1 : n-1], s[n:]
}

// oneSpace makes a space of white space.
func oneSpace(r rune) rune {
	if r == '\t' || r == '\r' || r == '\n' {
		return ' '
	}
	return r
}

// identity is the property of Authentication-Results that says whom the result is about. The HELO name is
// only told when it was checked, or when there was no MAIL FROM: many hosts name it besides. Google and
// Microsoft write whom they checked into the comment alone.
func (r *receivedSPF) identity() (p authres.Property, ok bool) {
	from, told := r.keys["envelope-from"]
	helo := r.keys["helo"]
	p = authres.Property{Type: "smtp", Name: "mailfrom", Value: from}
	switch {
	case strings.EqualFold(r.keys["identity"], "helo") && helo != "":
		p.Name, p.Value = "helo", helo
	case from != "":
	case told && helo != "": // the null sender
		p.Name, p.Value = "helo", helo
	default:
		p.Value = domainInComment(r.comment)
	}
	return p, p.Value != ""
}

// domainInComment is the domain or address that a comment in the words of RFC 7208 section 9.1 is about, which
// are those of Google, Microsoft and most libraries; "" when it has others.
func domainInComment(comment string) string {
	words := strings.Fields(cutText(comment))
	for i, word := range words {
		rest := words[i+1:]
		switch {
		case word == "of" && i > 0 && (words[i-1] == "domain" || words[i-1] == "lookup"):
			if len(rest) > 1 && rest[0] == "transitioning" {
				rest = rest[1:]
			}
			if len(rest) > 0 {
				return strings.Trim(rest[0], `"'<>:,`)
			}
		case len(rest) > 2 && rest[0] == "does" && rest[1] == "not" && rest[2] == "designate":
			return strings.Trim(word, `"'<>:,`)
		}
	}
	return ""
}

// addReceivedSPF explains a Received-SPF field as a result of the method spf.
func (e *explained) addReceivedSPF(f message.Field) {
	r := parseReceivedSPF(f.Value())
	result := authres.Result{Method: "spf", Value: r.result, Comment: r.comment}
	if p, ok := r.identity(); ok {
		result.Properties = []authres.Property{p}
	}
	field := explainedField{Name: fieldName(f), Origin: writers{}.origin(receivedSPFField, "")}
	if receiver := r.keys["receiver"]; receiver != "UNKNOWN" { // so writes pyspf when it was not told
		field.Writer = shownText(receiver)
	}
	e.add(field, []authres.Result{result})
}
