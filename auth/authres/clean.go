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
	c := Results{AuthServID: cleanText(r.AuthServID), Version: cleanVersion(r.Version)}
	if style == Microsoft {
		c = Results{}
	}
	properties := 0
	for i := range r.Results {
		properties += len(r.Results[i].Properties)
	}
	room := make([]Property, 0, properties) // for those of all results
	results := make([]Result, 0, len(r.Results))
	for i := range r.Results {
		res, ok := cleanResult(&r.Results[i], style, room)
		if ok {
			results = append(results, res)
			n := len(res.Properties)
			room = room[n:n]
		}
	}
	if len(results) > 0 {
		c.Results = results
	}
	return c
}

// cleanResult puts the properties that stay into properties, which is empty and has room for all.
func cleanResult(r *Result, style Style, properties []Property) (Result, bool) {
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
			properties = append(properties, p)
		}
	}
	if n := len(properties); n > 0 {
		c.Properties = properties[:n:n]
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
	if !strings.Contains(s, "=") {
		return s
	}
	b := []byte(s)
	for i := range b {
		if b[i] == '=' && strings.Contains(strings.ToLower(firstWord(s[i+1:])), "pass") {
			b[i] = '?'
		}
	}
	return string(b)
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
func cleanComment(s string) string {
	if len(s) > maxWord || !isPrintable(s) || !singleSpaced(s) || strings.Contains(s, ";") {
		s = cleanWords(s)
	}
	return maskPass(s)
}

// singleSpaced tells whether s is nothing, or words with one space between them.
func singleSpaced(s string) bool {
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' ' && !strings.Contains(s, "  ")
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
