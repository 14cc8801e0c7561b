package message

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A kind is what a token is: the byte itself for the specials < > : ; , . @
type kind byte

const (
	end     kind = iota
	atom         // RFC 5322 section 3.2.3, with RFC 6532
	quoted       // quoted-string, section 3.2.4
	literal      // domain-literal, section 3.4.1
)

// A token of a structured field (RFC 5322 section 3.2) is text[from:to].
type token struct {
	kind     kind
	space    bool // white space or a comment stands before it
	comment  bool // a comment stands before it
	from, to int32
}

// checkText refuses bytes that mail programs read differently wherever they
// stand, so that the lexer need not look for them.
func checkText(s string) error {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '\r':
			n, err := fold(s[i:])
			if err != nil {
				return err
			}
			i += n
		case c < ' ' && c != '\t' || c == 0x7f:
			return fmt.Errorf("control character %#02x", c)
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			i += n
			if r == utf8.RuneError && n == 1 && i < len(s) && strings.IndexByte(`@[\]`, s[i]) >= 0 {
				return errors.New("8-bit text that may hide a special character")
			}
		}
	}
	return nil
}

// fold is the length of the fold at the start of s. A line without anything
// visible on it ends the header for some programs, unless it is the last.
func fold(s string) (int, error) {
	if len(s) < 2 || s[1] != '\n' {
		return 0, errors.New("bare CR")
	}
	n := 2
	for n < len(s) && (s[n] == ' ' || s[n] == '\t') {
		n++
	}
	if n < len(s) && (n == 2 || s[n] == '\r') {
		return 0, errors.New("line break that is no fold")
	}
	return n, nil
}

// lex splits text that has passed checkText and is at most maxFromField long, in
// linear time; the last token is end. The comments are those with an @ inside.
func lex(s string) (tokens []token, comments []string, err error) {
	tokens = make([]token, 0, 24) // one name and address has fewer
	var t token
	for i := 0; i < len(s); {
		n := 1
		switch c := s[i]; c {
		case ' ', '\t', '\r', '\n':
			t.space = true
			i++
			continue
		case '(':
			if n = CommentLen(s[i:]); n < 0 {
				return nil, nil, errors.New("unterminated comment")
			}
			if strings.IndexByte(s[i:i+n], '@') >= 0 {
				comments = append(comments, s[i:i+n])
			}
			t.space, t.comment = true, true
			i += n
			continue
		default:
			if t.kind, n, err = next(s[i:]); err != nil {
				return nil, nil, err
			}
		}
		t.from, t.to = int32(i), int32(i+n)
		tokens = append(tokens, t)
		t = token{}
		i += n
	}
	t.from, t.to = int32(len(s)), int32(len(s))
	return append(tokens, t), comments, nil
}

// next finds the token that s begins with.
func next(s string) (kind, int, error) {
	switch c := s[0]; c {
	case '<', '>', ':', ';', ',', '.', '@':
		return kind(c), 1, nil
	case '"':
		n := quotedLen(s)
		if n < 0 {
			return 0, 0, errors.New("unterminated quoted string")
		}
		return quoted, n, nil
	case '[':
		n := literalLen(s)
		if n < 0 {
			return 0, 0, errors.New("malformed domain literal")
		}
		return literal, n, nil
	}
	n := 0
	for n < len(s) && (isAtext(s[n])) {
		n++
	}
	if n == 0 {
		return 0, 0, fmt.Errorf("unexpected %q", s[0])
	}
	return atom, n, nil
}

// CommentLen is the length of the comment at the start of s (RFC 5322 section
// 3.2.2), -1 if it has no end. Comments nest to any depth.
func CommentLen(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// quotedLen is the length of the quoted string at the start of s, -1 if it has no end.
func quotedLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// literalLen is the length of the domain literal at the start of s: letters,
// digits, and what stands between them in addresses. -1 if it is anything else.
func literalLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == ']':
			return i + 1
		case !isDomainByte(c) && c != ':' && c != ' ':
			return -1
		}
	}
	return -1
}

// isAtext includes every byte of non-ASCII text (RFC 6532 section 3.2).
func isAtext(c byte) bool {
	return isDomainByte(c) && c != '.' || c >= 0x80 || strings.IndexByte("!#$%&'*+/=?^`{|}~", c) >= 0
}

// isDomainByte tells the bytes of ASCII domains: letters, digits, hyphen,
// underscore and dot.
func isDomainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}
