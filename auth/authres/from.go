package authres

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"assay/auth/message"
)

// IsFrom tells whether a field claims to be from the authserv-id, in a spelling
// that some reader takes for it (RFC 8601 section 5): in any letter case, quoted
// or escaped, with comments, folds, controls and invisible characters in it, with a
// version, a job ("id/job") or a final dot, as a U-label, in full-width letters and
// other compatibility forms, and also when the field can't be read otherwise. What
// resembles an encoded word (RFC 2047) before the first result may be anything once
// it is decoded, and is a claim to every id. IsFrom errs on the side of a claim. An
// empty id is nobody's.
func IsFrom(value, id string) bool {
	if id == "" {
		return false
	}
	if got, ok := AuthServID(value); ok && strings.EqualFold(got, id) {
		return true
	}
	others := readers
	if _, end := readers[0].start(value, "", reach(id)); !strings.Contains(value[:end], "(") {
		others = readers[:1] // they all see the same
	}
	for _, r := range others {
		if r.claims(value, id, " ") || r.claims(value, id, "") {
			return true
		}
	}
	return false
}

// A reader is a way to look at comments; see commentLen.
type reader struct{ nested, escapes, inQuotes bool }

var readers = []reader{
	{nested: true, escapes: true}, // the RFC's
	{nested: true, escapes: true, inQuotes: true},
	{escapes: true, inQuotes: true},
	{inQuotes: true},
}

func (r reader) claims(value, id, gap string) bool {
	id, _ = r.start(id, gap, len(id))
	id = strings.TrimRight(id, ".")
	if id == "" {
		return false
	}
	text, end := r.start(value, gap, reach(id))
	return strings.Contains(value[:end], "=?") || isID(text, id) ||
		isID(message.Compatible(text), message.Compatible(id))
}

// reach is how much visible text is looked at for an id, in bytes: a character of it may have four.
func reach(id string) int { return 4*len(id) + 8 }

// start is the visible text that value begins with, up to a semicolon, at most
// limit bytes and a character: without quotes, escapes, controls and invisible
// characters, and with gap for white space and comments. A "(" that begins no
// comment is white space too. The text ends at value[end], or somewhere up to there
// if a comment has no end.
func (r reader) start(value, gap string, limit int) (text string, end int) {
	var b strings.Builder
	pending, quoted, comments := false, false, true
	i := 0
	for ; i < len(value) && b.Len() < limit; end = max(end, i) {
		c, size := utf8.DecodeRuneInString(value[i:])
		switch {
		case c == ';' && b.Len() > 0:
			return b.String(), end
		case c == '(' && (r.inQuotes || !quoted):
			n := 0
			if comments {
				n = commentLen(value[i:], r.nested, r.escapes)
				if n == 0 {
					comments, end = false, len(value)
				}
			}
			size = max(n, 1)
			pending = true
		case c == '"':
			quoted = !quoted
		case unicode.IsSpace(c):
			pending = true
		case c == ';' || c == '\\' || message.IsInvisible(c):
		default:
			if pending && b.Len() > 0 {
				b.WriteString(gap)
			}
			pending = false
			b.WriteString(value[i : i+size])
		}
		i += size
	}
	return b.String(), end
}

// isID tells whether text begins with the id and not with a longer name.
func isID(text, id string) bool {
	if len(text) >= len(id) && strings.EqualFold(text[:len(id)], id) && !goesOn(text[len(id):]) {
		return true
	}
	name := text[:nameLen(text)]
	if strings.EqualFold(strings.TrimRight(name, "."), id) {
		return true
	}
	a, errA := message.ToASCII(name)
	b, errB := message.ToASCII(id)
	return errA == nil && errB == nil && a == b
}

// goesOn tells whether a name goes on with rest; dots at its end are no part of it.
func goesOn(rest string) bool { return nameLen(strings.TrimLeft(rest, ".")) > 0 }

// nameLen is the length of the host name that s begins with.
func nameLen(s string) int {
	n := 0
	for n < len(s) && (isAlnum(s[n]) || s[n] >= 0x80 || strings.IndexByte("-_.", s[n]) >= 0) {
		n++
	}
	return n
}
