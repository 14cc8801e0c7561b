package dkim

import (
	"bytes"
	"strings"
)

// maxSimpleWork bounds what simple header canonicalization costs in the library,
// in bytes over all signatures of a message: it copies a field for every fold of
// it, and looks at the white space of all fields for every name.
const maxSimpleWork = 64 << 20

// A headerBuilder writes for each signature the header that the library is
// given: the signature's own field first, then the fields that it covers, so
// that the library, which picks from the bottom, takes each at once.
type headerBuilder struct {
	limit headerLimit
	work  int // left of maxSimpleWork
}

// build returns a header that ends in its empty line, or why there is none.
func (b *headerBuilder) build(s *signature) ([]byte, *verdict) {
	fields, v := b.limit.pick(s)
	switch {
	case v != nil:
		return nil, v
	case b.exhausted(s, fields):
		return nil, neutral("missing DKIM-Signature in h= not supported")
	case s.headerCanon == Simple && !b.affordable(s, fields):
		return nil, policy("signed header folded too often")
	}
	text, ok := b.append(nil, s.withPlainSignature(), s.headerCanon)
	for i := len(fields) - 1; i >= 0 && ok; i-- {
		text, ok = b.append(text, b.limit.header[fields[i]].Raw, s.headerCanon)
	}
	if !ok {
		return nil, neutral("malformed line end in signed header")
	}
	return append(text, "\r\n"...), nil
}

// exhausted tells whether h= names more DKIM-Signature fields than there are
// besides the signature's own: the library would take that one.
func (b *headerBuilder) exhausted(s *signature, fields []int) bool {
	missing := 0
	for _, name := range s.names {
		if name == lowerFieldName {
			missing++
		}
	}
	for _, i := range fields {
		if isNamed(b.limit.header[i].Name, lowerFieldName) {
			missing--
		}
	}
	return missing > 0
}

// affordable bounds the work that simple canonicalization makes of folds.
func (b *headerBuilder) affordable(s *signature, fields []int) bool {
	raw := s.field.Raw
	size, folds := len(raw), len(raw)*strings.Count(raw, "\n")
	for _, i := range fields {
		raw = b.limit.header[i].Raw
		size += len(raw)
		folds += len(raw) * strings.Count(raw, "\n")
	}
	b.work -= folds + size*len(s.names)
	return b.work >= 0
}

// withPlainSignature is the field with b= free of white space, which is not
// part of what is signed (RFC 6376 section 3.7).
func (s *signature) withPlainSignature() string {
	b, _ := s.tags.find("b")
	return s.field.Raw[:b.start] + s.outcome.Signature + s.field.Raw[b.end:]
}

// append writes one field with its CRLF; ok is false when it has a line end
// that would make other fields of it.
func (b *headerBuilder) append(text []byte, raw string, canon Canonicalization) (_ []byte, ok bool) {
	if canon == Relaxed {
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

// unsupported finds what RFC 6376 allows and the library misreads. Without it
// such a signature would be called a forgery.
func (s *signature) unsupported() *verdict {
	b, _ := s.tags.find("b")
	switch {
	case !spelledAsLibrary(s.tags):
		return neutral("letter case in signature not supported")
	case !identityAsLibrary(s.tags):
		return neutral("i= and d= differ in letter case, not supported")
	case stripsMore(s.field.Raw, b.start, b.end):
		return neutral("b= inside another tag not supported")
	}
	return nil
}

// spelledAsLibrary tells whether a=, c= and q= are in lower case.
func spelledAsLibrary(tags TagList) bool {
	a, _ := tags.Get("a")
	c, _ := tags.Get("c")
	q, ok := tags.Get("q")
	return a == lowerASCII(a) && c == lowerASCII(c) && (!ok || strings.Contains(q, "dns/txt"))
}

// identityAsLibrary tells whether i= ends in d= byte for byte.
func identityAsLibrary(tags TagList) bool {
	i, ok := tags.Get("i")
	d, _ := tags.Get("d")
	i = removeSpace(i)
	return !ok || strings.HasSuffix(i, "@"+d) || strings.HasSuffix(i, "."+d)
}

// stripsMore tells whether the library, which deletes everything from "b=" to
// ";" before it hashes the field, deletes more than raw[bStart:bEnd].
func stripsMore(raw string, bStart, bEnd int) bool {
	for i := range len(raw) {
		if raw[i] != '=' || i == bStart-1 || i >= bStart && i < bEnd {
			continue
		}
		before := strings.TrimRight(raw[:i], " \t\r\n\f")
		last := i+1 == len(raw)
		if strings.HasSuffix(before, "b") && !last && raw[i+1] != ';' {
			return true
		}
	}
	return false
}

// maxBlankBytes bounds the line ends in one run of blank lines. The library
// keeps them all until text follows, and with simple canonicalization copies
// them at every write.
const maxBlankBytes = 16 << 10

// A bodyScan watches for the bodies that the library can't be given or
// misjudges. Its memory does not depend on the body.
type bodyScan struct {
	blank   int  // CR and LF bytes since the last byte that is not blank
	space   bool // the last byte was a space or tab
	cr      bool // the last byte was a CR
	spaceCR bool // ... and a space or tab was before it
	bareRun bool // a bare CR since the last byte that is not blank
	misread bool // a bare CR where relaxed canonicalization by the library is wrong
}

// write takes the next piece of the body; false: too many blank lines.
func (s *bodyScan) write(p []byte) bool {
	for len(p) > 0 {
		if s.blank == 0 {
			p = s.skipText(p)
			if len(p) == 0 {
				break
			}
		}
		s.step(p[0])
		if s.blank > maxBlankBytes {
			return false
		}
		p = p[1:]
	}
	return true
}

// skipText goes to the next line end, by searches that are much faster than
// looking at each byte.
func (s *bodyScan) skipText(p []byte) []byte {
	n := bytes.IndexByte(p, '\r')
	if n < 0 {
		n = len(p)
	}
	if lf := bytes.IndexByte(p[:n], '\n'); lf >= 0 {
		n = lf
	}
	if n > 0 {
		s.space = isBlank(p[n-1])
	}
	return p[n:]
}

func (s *bodyScan) step(c byte) {
	if s.cr && c != '\n' {
		s.bareCR()
	}
	switch {
	case c == '\r':
		s.spaceCR = s.space
		s.blank++
	case c == '\n':
		s.blank++
	case !isBlank(c):
		s.blank, s.bareRun = 0, false
	}
	s.cr, s.space = c == '\r', isBlank(c)
}

// bareCR notes that the CR before was not followed by LF.
func (s *bodyScan) bareCR() {
	s.bareRun = true
	s.misread = s.misread || s.spaceCR
}

// misreadRelaxed tells, at the end of the body, whether the library takes a
// bare CR for a line end where that changes the relaxed body: after white
// space, and at the end.
func (s *bodyScan) misreadRelaxed() bool { return s.misread || s.bareRun || s.cr }
