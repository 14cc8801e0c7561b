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

// clean is the part of r that Format writes, as Parse reads it back.
func clean(r Results, style Style) Results {
	c := Results{AuthServID: cleanValue(r.AuthServID), Version: cleanVersion(r.Version)}
	if style == Microsoft {
		c = Results{}
	}
	for _, res := range r.Results {
		if res, ok := cleanResult(res, style); ok {
			c.Results = append(c.Results, res)
		}
	}
	return c
}

func cleanResult(r Result, style Style) (Result, bool) {
	c := Result{
		Method:  cleanKeyword(r.Method),
		Version: cleanVersion(r.Version),
		Value:   cleanKeyword(r.Value),
		Comment: cleanComment(r.Comment),
		Reason:  cleanValue(r.Reason),
	}
	for _, p := range r.Properties {
		p = Property{cleanKeyword(p.Type), cleanKeyword(p.Name), cleanValue(p.Value), cleanComment(p.Comment)}
		bare := p.Type == "" && (style != Microsoft || p.Name == "reason")
		if p.Name != "" && !bare {
			c.Properties = append(c.Properties, p)
		}
	}
	return c, c.Method != "" && c.Value != ""
}

// cleanKeyword is s in lower case if it is a Keyword (RFC 5321 section 4.1.2), else "".
func cleanKeyword(s string) string {
	if s == "" || len(s) > maxKeyword || s[0] == '-' || s[len(s)-1] == '-' {
		return ""
	}
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' {
			return ""
		}
	}
	return strings.ToLower(s)
}

func cleanVersion(s string) string {
	if len(s) > maxVersion || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

// cleanValue takes out what must not stand in a header, puts ? for what is no
// UTF-8, and cuts the rest at maxValue.
func cleanValue(s string) string {
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

// cleanComment does the same for words with one space between them. Semicolons
// become commas: some parsers take one in a comment for the end of a result.
func cleanComment(s string) string {
	if len(s) <= maxWord && isPrintable(s) && !strings.Contains(" "+s+" ", "  ") && !strings.Contains(s, ";") {
		return s
	}
	var b strings.Builder
	word := 0 // length of the current one
	for _, r := range s {
		switch {
		case r == ' ' || '\t' <= r && r <= '\r':
			word = 0
			continue
		case r == utf8.RuneError:
			r = '?'
		case r == ';':
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
