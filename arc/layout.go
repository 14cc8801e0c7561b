package arc

import (
	"slices"
	"strings"

	"assay/auth/message"
)

const (
	maxLine        = 78  // bytes of a line before it is folded
	maxSignedNames = 250 // in h=
)

// A layout is how the tags of the signatures are written.
type layout struct {
	messageTags []string // in this order
	sealTags    []string
	line        int // bytes of a line
}

func usualLayout() layout {
	return layout{
		messageTags: []string{"i", "a", "c", "d", "s", "t", "h", "bh", "b"},
		sealTags:    []string{"i", "a", "cv", "d", "s", "t", "b"},
		line:        maxLine,
	}
}

// write writes the tags of a field; that of b= has no value yet.
func (l layout) write(name string, order []string, tags map[string]string) *tagWriter {
	w := &tagWriter{line: l.line, column: len(name + ":")}
	for i, tag := range order {
		if i > 0 {
			w.b.WriteByte(';')
			w.column++
		}
		w.tag(tag, tags[tag])
	}
	return w
}

// A tagWriter writes a tag-list, folded with CRLF and one space.
type tagWriter struct {
	b      strings.Builder
	line   int
	column int // as if a space came before the first tag
	value  int // where that of b= begins
	start  int // its column
}

// tag writes one tag on a new line if it does not fit, and folds h= at its colons.
func (w *tagWriter) tag(name, value string) {
	first, rest, _ := strings.Cut(value, ":")
	if rest != "" {
		first += ":"
	}
	w.space(len(name) + 1 + len(first))
	w.put(name + "=" + first)
	if name == "b" {
		w.value, w.start = w.b.Len(), w.column
	}
	for rest != "" {
		first, rest, _ = strings.Cut(rest, ":")
		if rest != "" {
			first += ":"
		}
		if w.column+len(first) >= w.line {
			w.fold()
		}
		w.put(first)
	}
}

// space writes the white space before a word of n bytes and a semicolon.
func (w *tagWriter) space(n int) {
	switch {
	case w.b.Len() == 0:
		w.column++
	case w.column+1+n >= w.line:
		w.fold()
	default:
		w.put(" ")
	}
}

func (w *tagWriter) fold() {
	w.b.WriteString("\r\n ")
	w.column = 1
}

func (w *tagWriter) put(s string) {
	w.b.WriteString(s)
	w.column += len(s)
}

// text is the field as it is hashed, without a signature.
func (w *tagWriter) text() string { return w.b.String() }

// signed is the field with its signature.
func (w *tagWriter) signed(signature string) string {
	text := w.text()
	var b strings.Builder
	b.WriteString(text[:w.value])
	for column := w.start; signature != ""; column = 1 {
		if column == 1 {
			b.WriteString("\r\n ")
		}
		n := min(max(w.line-column, 1), len(signature))
		b.WriteString(signature[:n])
		signature = signature[n:]
	}
	return b.String() + text[w.value:]
}

func joinNames(names []string) string { return strings.Join(names, ":") }

// signedNames is h= for a header: each name as often as there are such fields.
func (m *MessageSealer) signedNames(h message.Header) []string {
	count := map[string]int{}
	var present []string // distinct, in the order of the header
	for _, f := range h {
		name := strings.ToLower(strings.TrimRight(f.Name, " \t"))
		if count[name]++; count[name] == 1 {
			present = append(present, name)
		}
	}
	var names []string
	for _, name := range m.listed(present) {
		n := count[name]
		if m.oversigns(name) {
			n++
		}
		for range min(n, maxSignedNames-len(names)) {
			names = append(names, name)
		}
	}
	return names
}

// listed are the names of m.Headers, those with "*" replaced by what is present, each
// once.
func (m *MessageSealer) listed(present []string) []string {
	patterns := m.Headers
	if patterns == nil {
		patterns = DefaultHeaders()
	}
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] && !neverSigned(name) && canBeListed(name) {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, pattern := range patterns {
		pattern = strings.ToLower(pattern)
		prefix, wild := strings.CutSuffix(pattern, "*")
		if !wild {
			add(pattern)
			continue
		}
		for _, name := range present {
			if strings.HasPrefix(name, prefix) {
				add(name)
			}
		}
	}
	return names
}

// neverSigned tells what an ARC-Message-Signature must not cover (RFC 8617 section
// 4.1.2), and what changes on the way.
func neverSigned(name string) bool {
	return strings.HasPrefix(name, "arc-") ||
		slices.Contains([]string{"authentication-results", "received", "return-path"}, name)
}

// canBeListed tells whether h= can have a field name: a tag ends at a semicolon, which
// a sender may have in one (RFC 5322 section 3.6.8).
func canBeListed(name string) bool {
	for i := range len(name) {
		if name[i] <= ' ' || name[i] >= 0x7f || name[i] == ';' || name[i] == ':' {
			return false
		}
	}
	return name != ""
}

func (m *MessageSealer) oversigns(name string) bool {
	if m.Oversign == nil {
		return name == "from"
	}
	return slices.ContainsFunc(m.Oversign, func(s string) bool { return strings.EqualFold(s, name) })
}
