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
	list := make(TagList, 0, 16)
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
		case c == '\r':
			if !isFold(s, i) {
				return false
			}
			i += 2
		case c >= utf8.RuneSelf:
			ascii = false
		case c < ' ' && c != '\t', c == 0x7f:
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

const spaceBytes = " \t\r\n"

func trimSpace(s string) string { return strings.Trim(s, spaceBytes) }

// removeSpace deletes white space wherever it is.
func removeSpace(s string) string {
	if !strings.ContainsAny(s, spaceBytes) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := s[i]; !isBlank(c) && c != '\r' && c != '\n' {
			b = append(b, c)
		}
	}
	return string(b)
}

// appendLower appends lowerASCII of s.
func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// lowerASCII lower-cases ASCII letters and leaves every other byte alone.
func lowerASCII(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
