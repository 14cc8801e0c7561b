package dkim

import (
	"cmp"
	"errors"
	"strings"
	"unicode/utf8"
)

// DefaultMaxTags bounds the tags of one list where nothing else is set. RFC 6376 defines 14 for a
// signature and sets no limit.
const DefaultMaxTags = 64

// A tag is one tag-spec of a tag-list (RFC 6376 section 3.2).
type tag struct {
	name  string
	value string // without the white space around it
	start int    // where the value and the white space around it begin: after "="
	end   int    // where they end: at ";" or the end of the list
}

// A TagList is a tag-list (RFC 6376 section 3.2) without duplicates. Names are case-sensitive.
type TagList []tag

var (
	errTagName      = errors.New("dkim: a tag without a name")
	errTagEquals    = errors.New("dkim: a tag without an equals sign")
	errTagValue     = errors.New("dkim: a character that no tag may hold")
	errTagDuplicate = errors.New("dkim: a tag that occurs twice")
)

// ErrTooManyTags is the error for a tag-list with more tags than the limit.
var ErrTooManyTags = errors.New("dkim: too many tags")

// parseTags reads a tag-list of at most maxTags tags by the grammar of RFC 6376 section 3.2; zero or
// less means DefaultMaxTags. The time is linear in the text, and for each tag in maxTags. Values
// may hold UTF-8, as the section advises (RFC 8616 needs it).
func parseTags(s string, maxTags int) (TagList, error) {
	maxTags = cmp.Or(max(maxTags, 0), DefaultMaxTags)
	list := make(TagList, 0, min(strings.Count(s, ";")+1, maxTags))
	for i := 0; ; {
		t, err := parseTag(s, i)
		if err != nil {
			return nil, err
		}
		if _, ok := list.Get(t.name); ok {
			return nil, errTagDuplicate
		}
		if len(list) == maxTags {
			return nil, ErrTooManyTags
		}
		list = append(list, t)
		i = t.end + 1
		if i >= len(s) || skipSpace(s, i) == len(s) {
			return list, nil
		}
	}
}

// parseTag reads the tag-spec that begins at s[i].
func parseTag(s string, i int) (tag, error) {
	start := skipSpace(s, i)
	i = start
	for i < len(s) && isTagNameByte(s[i], i == start) {
		i++
	}
	if i == start {
		return tag{}, errTagName
	}
	t := tag{name: s[start:i]}
	i = skipSpace(s, i)
	if i == len(s) || s[i] != '=' {
		return tag{}, errTagEquals
	}
	t.start, t.end = i+1, len(s)
	if n := strings.IndexByte(s[t.start:], ';'); n >= 0 {
		t.end = t.start + n
	}
	raw := s[t.start:t.end]
	if !isTagValue(raw) {
		return tag{}, errTagValue
	}
	t.value = trimSpace(raw)
	return t, nil
}

// Get returns the value of a tag without the white space around it.
func (l TagList) Get(name string) (value string, ok bool) {
	t, ok := l.find(name)
	return t.value, ok
}

func (l TagList) find(name string) (tag, bool) {
	for _, t := range l {
		if t.name == name {
			return t, true
		}
	}
	return tag{}, false
}

// isTagNameByte tells ALPHA, and after the first byte ALNUMPUNC.
func isTagNameByte(c byte, first bool) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		return true
	case '0' <= c && c <= '9', c == '_':
		return !first
	}
	return false
}

// isTagValue allows VALCHAR, UTF-8 and folding white space.
func isTagValue(s string) bool {
	ascii := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case ' ' <= c && c < 0x7f: // nearly all
		case c == '\r':
			if !isFold(s, i) {
				return false
			}
			i += 2
		case c >= utf8.RuneSelf:
			ascii = false
		case c != '\t':
			return false
		}
	}
	return ascii || utf8.ValidString(s)
}

// isFold tells whether a line end with white space after it is at s[i].
func isFold(s string, i int) bool {
	return i+2 < len(s) && s[i] == '\r' && s[i+1] == '\n' && isBlank(s[i+2])
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// skipSpace returns where the folding white space at s[i] ends.
func skipSpace(s string, i int) int {
	for i < len(s) {
		switch {
		case isBlank(s[i]):
			i++
		case isFold(s, i):
			i += 3
		default:
			return i
		}
	}
	return i
}

func isSpace(c byte) bool { return c <= ' ' && (isBlank(c) || c == '\r' || c == '\n') }

func trimSpace(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// removeSpace deletes white space wherever it is.
func removeSpace(s string) string {
	n := textRun(s)
	if n == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) - 1)
	for s != "" {
		b.WriteString(s[:n])
		s = s[n:]
		for s != "" && isSpace(s[0]) {
			s = s[1:]
		}
		n = textRun(s)
	}
	return b.String()
}

// textRun is where the first white space in s is.
func textRun(s string) int {
	for i := range len(s) {
		if isSpace(s[i]) {
			return i
		}
	}
	return len(s)
}

// lowerASCII lower-cases ASCII letters and leaves every other byte alone.
func lowerASCII(s string) string {
	for i := range len(s) {
		if c := s[i]; lower(c) != c {
			var room [256]byte // enough for most
			return string(appendLower(room[:0], s))
		}
	}
	return s
}

// appendLower appends lowerASCII of s.
func appendLower(b []byte, s string) []byte {
	n := len(b)
	b = append(b, s...)
	for i, c := range b[n:] {
		b[n+i] = lower(c)
	}
	return b
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// isLower tells whether a name, in any case, is this one in lower case.
func isLower(name, lowerName string) bool {
	last := len(name) - 1
	if len(name) != len(lowerName) || last >= 0 && lower(name[last]) != lowerName[last] {
		return false
	}
	for i := range last + 1 {
		if lower(name[i]) != lowerName[i] {
			return false
		}
	}
	return true
}
