package dkim

import (
	"strings"

	"assay/auth/message"
)

const (
	defaultMaxHeaderBytes = 512 << 10

	// maxSimpleWork bounds what simple header canonicalization costs in the
	// library, in bytes over all signatures of a message: it copies a field for
	// every fold of it, and looks at the white space of all fields for every name.
	maxSimpleWork = 64 << 20
)

// A fieldIndex finds the fields that signatures name, lowest first.
type fieldIndex struct {
	header message.Header
	lowest map[string]int // by name in lower case; -1: the header has none
	above  []int          // the next higher field of the same name, or -1
}

// newFieldIndex indexes the fields that are named in h= of any signature.
func newFieldIndex(h message.Header, signatures []*check) *fieldIndex {
	x := &fieldIndex{header: h, lowest: map[string]int{}, above: make([]int, len(h))}
	for _, c := range signatures {
		for _, name := range c.sig.names {
			x.lowest[name] = -1
		}
	}
	for i, f := range h {
		name := lowerASCII(trimName(f.Name))
		if above, ok := x.lowest[name]; ok {
			x.above[i] = above
			x.lowest[name] = i
		}
	}
	return x
}

// pick lists the fields that a signature covers, in the order of h= and from
// the lowest up (RFC 6376 section 5.4.2). Names without a field are skipped.
// exhausted is true when h= names more DKIM-Signature fields than there are
// besides the signature's own, which never counts.
func (x *fieldIndex) pick(s *signature) (fields []int, exhausted bool) {
	next := make(map[string]int, len(s.names))
	for _, name := range s.names {
		i, ok := next[name]
		if !ok {
			i = x.lowest[name]
		}
		if i == s.index {
			i = x.above[i]
		}
		if i < 0 {
			exhausted = exhausted || name == lowerFieldName
			next[name] = -1
			continue
		}
		fields = append(fields, i)
		next[name] = x.above[i]
	}
	return fields, exhausted
}

// checkFrom refuses a signature that leaves a From field open to forgery
// (RFC 6376 sections 5.4 and 8.15).
func checkFrom(s *signature, fromFields int) *verdict {
	signed := 0
	for _, name := range s.names {
		if name == "from" {
			signed++
		}
	}
	switch {
	case fromFields == 0:
		return permanent("no From field")
	case signed < fromFields:
		return policy("not every From field signed")
	}
	return nil
}

// A headerBuilder writes for each signature the header that the library is
// given: the signature's own field first, then the fields that it covers, so
// that the library, which picks from the bottom, takes each at once.
type headerBuilder struct {
	index    *fieldIndex
	maxBytes int
	work     int // left of maxSimpleWork
}

// build returns a header that ends in its empty line, or why there is none.
func (b *headerBuilder) build(s *signature) ([]byte, *verdict) {
	fields, exhausted := b.index.pick(s)
	if exhausted {
		return nil, neutral("missing DKIM-Signature in h= not supported")
	}
	if v := b.limit(s, fields); v != nil {
		return nil, v
	}
	size := len(s.raw) + 4
	for _, i := range fields {
		size += len(b.index.header[i].Raw) + 2
	}
	text, ok := b.append(make([]byte, 0, size), s.withPlainSignature(), s.headerCanon)
	for i := len(fields) - 1; i >= 0 && ok; i-- {
		text, ok = b.append(text, b.index.header[fields[i]].Raw, s.headerCanon)
	}
	if !ok {
		return nil, neutral("malformed line end in signed header")
	}
	return append(text, "\r\n"...), nil
}

// limit bounds the size of the header and the work on it.
func (b *headerBuilder) limit(s *signature, fields []int) *verdict {
	size, folds := len(s.raw), len(s.raw)*strings.Count(s.raw, "\n")
	for _, i := range fields {
		raw := b.index.header[i].Raw
		size += len(raw)
		folds += len(raw) * strings.Count(raw, "\n")
	}
	if size > b.maxBytes {
		return policy("signed header too large")
	}
	if s.headerCanon == "relaxed" {
		return nil
	}
	if b.work -= folds + size*len(s.names); b.work < 0 {
		return policy("signed header folded too often")
	}
	return nil
}

// withPlainSignature is the field with b= free of white space, which is not
// part of what is signed (RFC 6376 section 3.7).
func (s *signature) withPlainSignature() string {
	return s.raw[:s.bStart] + s.outcome.Signature + s.raw[s.bEnd:]
}

// append writes one field with its CRLF; ok is false when it has a line end
// that would make other fields of it.
func (b *headerBuilder) append(text []byte, raw, canon string) (_ []byte, ok bool) {
	if canon == "relaxed" {
		return appendRelaxed(text, raw)
	}
	for i := range len(raw) {
		if raw[i] == '\n' && (i == 0 || !isFold(raw, i-1)) {
			return text, false
		}
	}
	return append(append(text, raw...), "\r\n"...), true
}

// appendRelaxed writes a field in relaxed canonicalization (RFC 6376 section
// 3.4.2). The library would come to the same, but slower the more folds there
// are, and takes a bare CR for white space: ok is false then.
func appendRelaxed(text []byte, raw string) (_ []byte, ok bool) {
	name, value, ok := strings.Cut(raw, ":")
	if !ok {
		return text, false
	}
	text = append(text, lowerASCII(trimName(name))...)
	text = append(text, ':')
	start := len(text)
	space := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case isBlank(c):
			space = true
		case c == '\r' && isFold(value, i):
			space = true
			i += 2
		case c == '\r', c == '\n':
			return text, false
		default:
			if space && len(text) > start {
				text = append(text, ' ')
			}
			space = false
			text = append(text, c)
		}
	}
	return append(text, "\r\n"...), true
}

// trimName removes white space before the colon, which old mail may have
// (RFC 5322 section 4.5).
func trimName(name string) string { return strings.TrimRight(name, " \t") }
