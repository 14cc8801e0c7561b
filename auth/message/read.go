package message

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// ReadHeader reads the header of a message file and the blank line after it;
// the next byte of r is then the first of the body. Lines may end in CRLF or LF;
// the folds of the fields have CRLF. At most limit bytes are read.
//
// As MTAs do, it ends the header at the first line that is no field, which stays
// in r and belongs to the body; it drops white space between a field name and its
// colon (RFC 5322 section 4.5); and it skips an mbox separator ("From " and no
// colon) in the first line. A name is printable ASCII and shorter than the
// buffer of r. Other bytes, NUL among them, are kept.
//
// It is an error if there is no field at all, if the header is over limit, or
// if r fails; the fields read so far are returned with it.
func ReadHeader(r *bufio.Reader, limit int) (Header, error) {
	var header Header
	h := headerReader{r: r, left: limit, limit: limit, kept: math.MaxInt, add: func(f Field) { header = append(header, f) }}
	err := h.read()
	return header, err
}

// Read gives the Collector the header of a message file, as ReadHeader reads it but to its end, however
// long it is. It holds no more of it in memory than the Collector does, and one field.
func (c *Collector) Read(r *bufio.Reader) error {
	h := headerReader{r: r, left: math.MaxInt, kept: c.Limits.fieldSize() + len("\r\n") + 1, add: c.Add}
	return h.read()
}

type headerReader struct {
	r           *bufio.Reader
	add         func(Field)
	fields      int    // added so far
	raw         []byte // the field being read
	kept        int    // bytes of one field and a line end; the rest is dropped
	left, limit int
	lines       int   // taken so far
	err         error // of r; never io.EOF
}

func (h *headerReader) read() error {
	err := h.all()
	if err == nil && h.fields == 0 {
		err = h.nothing()
	}
	if err != nil {
		return fmt.Errorf("message: %w", err)
	}
	return nil
}

func (h *headerReader) all() error {
	if h.mboxLine() {
		if err := h.restOfLine(); err != nil {
			return err
		}
	}
	for {
		if n := h.blank(); n > 0 {
			return h.separator(n)
		}
		name, skip := h.name()
		if h.err != nil || skip == 0 {
			return h.err
		}
		if err := h.field(name, skip); err != nil {
			return err
		}
	}
}

// peek looks n bytes ahead; it returns fewer at the end of the text, when they
// don't fit the buffer, and when r fails.
func (h *headerReader) peek(n int) []byte {
	b, err := h.r.Peek(n)
	if err != nil && h.err == nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		h.err = err
	}
	return b
}

// separator takes the blank line, n bytes, unless it is the first of all.
func (h *headerReader) separator(n int) error {
	if h.fields == 0 {
		return nil
	}
	_, err := h.r.Discard(n)
	return err
}

// blank is the length of the line end if r is at a blank line, else 0.
func (h *headerReader) blank() int {
	b := h.peek(2)
	switch {
	case len(b) > 0 && b[0] == '\n':
		return 1
	case string(b) == "\r\n":
		return 2
	}
	return 0
}

// name finds the field name that r is at; skip is its length with the white
// space and the colon after it. 0: this line is no field.
func (h *headerReader) name() (name string, skip int) {
	n := h.count(0, isNameByte)
	m := h.count(n, isBlank)
	b := h.peek(m + 1)
	if n == 0 || len(b) <= m || b[m] != ':' {
		return "", 0
	}
	return string(b[:n]), m + 1
}

// count is the number of bytes from r's start to the first one that is not in
// the set; looking begins at from. Nothing is consumed.
func (h *headerReader) count(from int, in func(byte) bool) int {
	n := from
	for {
		b := h.peek(max(n+1, h.r.Buffered()))
		if n >= len(b) {
			return n
		}
		for n < len(b) && in(b[n]) {
			n++
		}
		if n < len(b) {
			return n
		}
	}
}

// mboxLine tells whether r is at an mbox separator.
func (h *headerReader) mboxLine() bool {
	if string(h.peek(5)) != "From " {
		return false
	}
	_, skip := h.name()
	return skip == 0
}

// field takes a field: skip bytes up to its colon, the rest of the line and the
// lines that begin with white space.
func (h *headerReader) field(name string, skip int) error {
	if _, err := h.r.Discard(skip); err != nil {
		return err
	}
	if h.left -= skip; h.left < 0 {
		return h.tooLong()
	}
	h.raw = append(append(h.raw[:0], name...), ':')
	for {
		if err := h.restOfLine(); err != nil {
			return err
		}
		if b := h.peek(1); len(b) == 0 || !isBlank(b[0]) {
			break
		}
		h.keep([]byte("\r\n"))
	}
	h.add(Field{Name: name, Raw: string(h.raw)})
	h.fields++
	return nil
}

// keep appends to the field what is kept of it; false: not all of b.
func (h *headerReader) keep(b []byte) bool {
	n := min(len(b), max(h.kept-len(h.raw), 0))
	h.raw = append(h.raw, b[:n]...)
	return n == len(b)
}

// restOfLine appends the rest of the line to raw, without the line end.
func (h *headerReader) restOfLine() error {
	for {
		b, err := h.r.ReadSlice('\n')
		if h.left -= len(b); h.left < 0 {
			return h.tooLong()
		}
		all := h.keep(b)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == nil && all:
			h.raw = bytes.TrimSuffix(h.raw[:len(h.raw)-1], []byte("\r"))
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		h.lines++
		return nil
	}
}

func (h *headerReader) tooLong() error { return fmt.Errorf("header over %d bytes", h.limit) }

// nothing says why there is no field.
func (h *headerReader) nothing() error {
	b := h.peek(min(40, h.r.Size()))
	switch {
	case h.err != nil:
		return h.err
	case len(b) == 0:
		return fmt.Errorf("no header field: the text ends at line %d", h.lines+1)
	case h.blank() > 0:
		return fmt.Errorf("no header field: line %d is blank", h.lines+1)
	}
	text, _, _ := strings.Cut(string(b), "\n")
	return fmt.Errorf("no header field: line %d is %q", h.lines+1, strings.TrimSuffix(text, "\r"))
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isNameByte tells the bytes of field names (RFC 5322 section 3.6.8).
func isNameByte(c byte) bool { return '!' <= c && c <= '~' && c != ':' }
