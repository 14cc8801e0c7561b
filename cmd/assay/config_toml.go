package main

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// An expression is one statement of a TOML document: a section's header or a
// key with its value.
type expression struct {
	path   []string
	offset int
	header bool // [path]
	list   bool // [[path]]
	broken bool // a header that was reported already; path may be nil
	value  value
}

// A value is the right side of a key.
type value struct {
	kind   unstable.Kind
	text   string       // what a string says; the source of a number or bool
	items  []value      // of an array
	table  []expression // of an inline table
	offset int
}

// A mistake is one thing wrong, at an offset of the document; -1 for none.
type mistake struct {
	offset int
	key    string // "" for a mistake of syntax
	text   string
	first  string // of a mistake of syntax, the word that its statement begins with; may be ""
}

// maxSyntaxMistakes bounds the attempts to go on after one. The config of another program may have one on each line.
const maxSyntaxMistakes = 100

// parseTOML reads a document as far as it can be read: after a mistake of
// syntax it goes on with the next line or, when a value may have gone on there,
// with the next line that looks like the start of a statement.
func parseTOML(data []byte) (all []expression, wrong []mistake) {
	var parser unstable.Parser
	for base := 0; base < len(data); {
		if len(wrong) == maxSyntaxMistakes {
			return all, append(wrong, mistake{offset: base, text: tooMany})
		}
		parser.Reset(data[base:])
		next := base
		for parser.NextExpression() {
			e, end := newExpression(&parser, parser.Expression(), base)
			all = append(all, e)
			next = lineAfter(data, end)
		}
		err := parser.Error()
		if err == nil {
			break
		}
		m := syntaxMistake(&parser, err, base)
		start := statementStart(data, next, m.offset)
		if word := wordLike.FindSubmatch(firstLine(data[start:])); word != nil {
			m.first = string(word[1])
		}
		long := m.offset >= lineAfter(data, start) || longLike.Match(firstLine(data[start:]))
		if long && m.offset >= len(data)-1 {
			m.offset = start // it never ends: where it begins tells more
		}
		wrong = append(wrong, m)
		if name := headerLike.FindSubmatch(firstLine(data[start:])); name != nil {
			all = append(all, expression{header: true, broken: true, offset: start, path: brokenPath(name[1])})
		}
		base = lineAfter(data, start)
		if long {
			base = nextStatement(data, base)
		}
	}
	return all, wrong
}

var (
	// headerLike matches a line meant to be a header, and the name in it.
	headerLike = regexp.MustCompile(`^[ \t]*\[+[ \t]*([A-Za-z_][\w-]*)?`)
	// wordLike matches a line that begins with a name, which JSON has in quotes, and the name in it.
	wordLike = regexp.MustCompile(`^[ \t]*"?([A-Za-z][\w-]*)`)
	// longLike matches a line where a value begins that may end on another.
	longLike = regexp.MustCompile(`=[ \t]*(?:\[|\{|"""|''')`)
	// statementLike matches a line that begins a statement, inside of no value.
	statementLike = regexp.MustCompile(`^[ \t]*(?:[A-Za-z_][\w.-]*[ \t]*=|\[\[?[ \t]*[A-Za-z_][\w.-]*[ \t]*\])`)
)

func brokenPath(name []byte) []string {
	if len(name) == 0 {
		return nil
	}
	return []string{string(name)}
}

// syntaxMistake places an error of the parser, which began at base.
func syntaxMistake(parser *unstable.Parser, err error, base int) mistake {
	var parseErr *unstable.ParserError
	if !errors.As(err, &parseErr) {
		return mistake{offset: base, text: err.Error()}
	}
	offset := base + int(parser.Range(parseErr.Highlight).Offset)
	text := parseErr.Message
	switch {
	case strings.HasPrefix(text, "unexpected character"), strings.HasPrefix(text, "expected keyword"), text == "strings must be quoted":
		text = `the value is not valid; text stands in quotes: key = "value"`
	default:
		text += "; correct this line"
	}
	return mistake{offset: offset, text: text}
}

// statementStart returns the start of the line where the statement begins that
// has a mistake at bad; next is the line after the last good one.
func statementStart(data []byte, next, bad int) int {
	for {
		line := firstLine(data[next:])
		after := lineAfter(data, next)
		text := bytes.TrimSpace(line)
		if after > bad || after >= len(data) || len(text) > 0 && text[0] != '#' {
			return next
		}
		next = after
	}
}

// nextStatement returns the start of the first line from start on that looks
// like a statement; the end of data for none.
func nextStatement(data []byte, start int) int {
	for at := start; at < len(data); at = lineAfter(data, at) {
		if statementLike.Match(firstLine(data[at:])) {
			return at
		}
	}
	return len(data)
}

// lineAfter returns the start of the line below the one with offset at.
func lineAfter(data []byte, at int) int {
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(data)
}

func firstLine(data []byte) []byte {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i]
	}
	return data
}

// newExpression copies a statement out of the parser, which began at base.
// end is the offset of its last byte.
func newExpression(parser *unstable.Parser, node *unstable.Node, base int) (e expression, end int) {
	e = copyKeys(node, base)
	if node.Kind == unstable.KeyValue {
		e.value = copyValue(parser, node.Value(), base, e.offset, 0)
		return e, base + int(node.Raw.Offset+node.Raw.Length) - 1
	}
	e.header, e.list = true, node.Kind == unstable.ArrayTable
	for keys := node.Key(); keys.Next(); {
		raw := keys.Node().Raw
		end = base + int(raw.Offset+raw.Length) - 1
	}
	return e, end
}

// copyKeys copies the key, and the place of its first part.
func copyKeys(node *unstable.Node, base int) expression {
	e := expression{offset: -1}
	for keys := node.Key(); keys.Next(); {
		if e.offset < 0 {
			e.offset = base + int(keys.Node().Raw.Offset)
		}
		e.path = append(e.path, string(keys.Node().Data))
	}
	return e
}

// maxNesting bounds how deep a value is copied: no key takes a list in a list.
const maxNesting = 2

// copyValue copies a value; lists have no place of their own, theirs is at.
func copyValue(parser *unstable.Parser, node *unstable.Node, base, at, depth int) value {
	v := value{kind: node.Kind, text: string(node.Data), offset: at}
	if node.Raw.Length > 0 {
		v.offset = base + int(node.Raw.Offset)
	}
	if depth == maxNesting {
		return v
	}
	for children := node.Children(); children.Next(); {
		child := children.Node()
		switch node.Kind {
		case unstable.Array:
			v.items = append(v.items, copyValue(parser, child, base, at, depth+1))
		case unstable.InlineTable:
			e := copyKeys(child, base)
			e.value = copyValue(parser, child.Value(), base, e.offset, depth+1)
			v.table = append(v.table, e)
		}
	}
	return v
}

// lineStarts is where the lines of a document begin.
type lineStarts []int

func newLineStarts(data []byte) lineStarts {
	starts := lineStarts{0}
	for i, b := range data {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// position tells the line and the column, in bytes, of an offset, from 1.
func (s lineStarts) position(offset int) (line, column int) {
	line = sort.SearchInts(s, offset+1)
	return line, offset - s[line-1] + 1
}

// byteOrderMark may begin a TOML document and means nothing.
var byteOrderMark = []byte("\xef\xbb\xbf")

func withoutByteOrderMark(data []byte) []byte {
	return slices.Clip(bytes.TrimPrefix(data, byteOrderMark))
}
