package authres

import "strings"

// A scanner goes through a field from left to right; every byte is looked at a
// bounded number of times.
type scanner struct {
	s    string
	i    int
	open bool // a comment or quoted string had no end; i is at the end of s
}

// peek is the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.i < len(s.s) {
		return s.s[s.i]
	}
	return 0
}

func (s *scanner) end() bool { return s.i >= len(s.s) }

// take skips c if it is next.
func (s *scanner) take(c byte) bool {
	if s.end() || s.s[s.i] != c {
		return false
	}
	s.i++
	return true
}

// cfws skips white space and comments, and returns the text of the comments.
func (s *scanner) cfws() string {
	var text strings.Builder
	for !s.end() {
		switch {
		case isSpace(s.s[s.i]):
			s.i++
		case s.s[s.i] == '(':
			n := commentLen(s.s[s.i:], true, true)
			if n == 0 {
				s.i, s.open = len(s.s), true
				return text.String()
			}
			appendComments(&text, s.s[s.i+1:s.i+n-1])
			s.i += n
		default:
			return text.String()
		}
	}
	return text.String()
}

// appendComments adds the raw text of a comment, unescaped, with one space for
// white space and between comments.
func appendComments(b *strings.Builder, raw string) {
	space := true
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if isSpace(c) {
			space = true
			continue
		}
		if c == '\\' && i+1 < len(raw) {
			i++
			c = raw[i]
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteByte(c)
	}
}

// commentLen is the length of the comment that s begins with, 0 if it has no
// end. The RFC's comments nest and have escapes; not every reader knows that.
func commentLen(s string, nested, escapes bool) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && escapes:
			i++
		case c == '(' && (nested || depth == 0):
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// quoted takes the quoted string that begins here and returns its content,
// folds and escapes undone.
func (s *scanner) quoted() string {
	var b strings.Builder
	for s.i++; s.i < len(s.s); s.i++ {
		switch c := s.s[s.i]; c {
		case '"':
			s.i++
			return b.String()
		case '\r', '\n':
		case '\\':
			if s.i++; s.i < len(s.s) && s.s[s.i] != '\r' && s.s[s.i] != '\n' {
				b.WriteByte(s.s[s.i])
			}
		default:
			b.WriteByte(c)
		}
	}
	s.i, s.open = len(s.s), true
	return ""
}

// run takes the bytes up to white space, a comment, a quote, a semicolon or one
// of the stops.
func (s *scanner) run(stops string) string {
	start := s.i
	for !s.end() {
		c := s.s[s.i]
		if isSpace(c) || c == '(' || c == '"' || c == ';' || strings.IndexByte(stops, c) >= 0 {
			break
		}
		s.i++
	}
	return s.s[start:s.i]
}

// keyword takes a keyword of any characters, in lower case.
func (s *scanner) keyword(stops string) string { return strings.ToLower(s.run(stops)) }

// value takes a value: a quoted string, unquoted; or text that may have quoted
// strings in it, as it is ("a b"@example.org).
func (s *scanner) value() string {
	start, text := s.i, ""
	if s.peek() == '"' {
		text = s.quoted()
		if s.run("") == "" && s.peek() != '"' {
			return text
		}
	}
	for s.run("") != "" || s.peek() == '"' {
		if s.peek() == '"' {
			s.quoted()
		}
	}
	return s.s[start:s.i]
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
