package authres

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what is written, in bytes before escapes. With escapes doubled, no
// part that can't be folded reaches the 998 bytes of RFC 5322 section 2.1.1.
const (
	maxValue   = 255
	maxKeyword = 64
	maxVersion = 9
	maxWord    = 400 // of a comment
	maxComment = 1000
)

// key is the cleaned ptype and name of a property; not ok for one that is left out in a style.
func (p *Property) key(style Style) (ptype, name string, ok bool) {
	ptype, name = cleanKeyword(p.Type), cleanKeyword(p.Name)
	bare := ptype == "" && (style != Microsoft || name == "reason")
	return ptype, name, name != "" && !bare
}

// cleanKeyword is s in lower case if it is a Keyword (RFC 5321 section 4.1.2), else "".
func cleanKeyword(s string) string {
	if s == "" || len(s) > maxKeyword || s[0] == '-' || s[len(s)-1] == '-' {
		return ""
	}
	upper := false
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-':
		case 'A' <= c && c <= 'Z':
			upper = true
		default:
			return ""
		}
	}
	if upper {
		return strings.ToLower(s)
	}
	return s
}

func cleanVersion(s string) string {
	if len(s) > maxVersion || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

// cleanText takes out what must not stand in a header, puts ? for what is no
// UTF-8, and cuts the rest at maxValue.
func cleanText(s string) string {
	if len(s) <= maxValue && isPrintable(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == utf8.RuneError:
			r = '?'
		case isUnsafe(r):
			continue
		}
		if b.Len()+utf8.RuneLen(r) > maxValue {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cleanValue does the same for a value that comes from outside. Many readers
// know no quotes: they cut the field at semicolons, white space and equals
// signs, or look for "dkim=pass" in it. So a value holds no part of a result:
// only addresses that need no quotes keep their equals signs (BATV, SRS, VERP).
func cleanValue(s string) string {
	if len(s) <= maxValue && isToken(s) {
		return s // nearly every value
	}
	s = cleanText(s)
	if isAddress(s) {
		if s = maskPass(s); isAddress(s) {
			return s
		}
	}
	return strings.Map(maskValue, s)
}

// maskValue puts ? for the characters that give a field its structure, and for
// what Unicode normalization may turn into them.
func maskValue(r rune) rune {
	switch r {
	case ';', '\u037e', '\ufe14', '\ufe54', '\uff1b',
		'=', '\u207c', '\u208c', '\ufe66', '\uff1d',
		'(', ')', '\u207d', '\u207e', '\u208d', '\u208e', '\ufe35', '\ufe36', '\ufe59', '\ufe5a', '\uff08', '\uff09':
		return '?'
	}
	return r
}

// maskPass puts ? for an equals sign with a word that says "pass" after it.
func maskPass(s string) string {
	var masked []byte // nil: nothing is
	for i := range len(s) {
		if s[i] == '=' && strings.Contains(strings.ToLower(firstWord(s[i+1:])), "pass") {
			if masked == nil {
				masked = []byte(s)
			}
			masked[i] = '?'
		}
	}
	if masked == nil {
		return s
	}
	return string(masked)
}

// firstWord is the letters that s begins with after spaces, at most maxKeyword.
func firstWord(s string) string {
	s = strings.TrimLeft(s, " ")
	n := 0
	for n < min(len(s), maxKeyword) && isAlnum(s[n]) {
		n++
	}
	return s[:n]
}

// cleanComment does as cleanText for words with one space between them.
// Semicolons become commas, and no word says that something passed.
func cleanComment(s string) string { return maskPass(cleanWords(s)) }

// escapedComment is what stands between the parentheses of a comment.
func escapedComment(s string) string {
	if isPlainComment(s) {
		return s // as nearly every one
	}
	return escape(cleanComment(s), `()\`)
}

// isPlainComment tells that a comment is neither cleaned nor escaped.
func isPlainComment(s string) bool {
	if len(s) > maxWord {
		return false
	}
	before := byte(' ')
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~' || c == ' ' && before == ' ':
			return false
		case c == ';' || c == '=' || c == '(' || c == ')' || c == '\\':
			return false
		}
		before = s[i]
	}
	return s == "" || before != ' '
}

func cleanWords(s string) string {
	var b strings.Builder
	word := 0 // length of the current one
	for _, r := range s {
		switch {
		case r == ' ' || '\t' <= r && r <= '\r':
			word = 0
			continue
		case r == utf8.RuneError:
			r = '?'
		case maskValue(r) != r && r != '=' && r != '(' && r != ')':
			r = ','
		case isUnsafe(r):
			continue
		}
		n := utf8.RuneLen(r)
		if word+n > maxWord {
			continue
		}
		if b.Len()+n+1 > maxComment {
			break
		}
		if word == 0 && b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		word += n
	}
	return b.String()
}

// isPrintable tells whether s is printable ASCII, as nearly all text is.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isUnsafe tells controls, line separators, and what changes the order in which
// other characters are shown.
func isUnsafe(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
