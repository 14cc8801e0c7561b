package dkim

import (
	"crypto/sha256"
	"hash"
	"sync"
)

// A Canonicalization is an algorithm by which a header or a body is brought
// into the form that is hashed (RFC 6376 section 3.4). The zero value is Simple.
type Canonicalization uint8

// The canonicalizations.
const (
	Simple  Canonicalization = iota // as it is, but for blank lines at the end of the body
	Relaxed                         // runs of white space are one space, folds don't matter
)

// String gives the name that a c= tag has for it.
func (c Canonicalization) String() string {
	if c == Relaxed {
		return "relaxed"
	}
	return "simple"
}

func canonicalizationOf(name string) (c Canonicalization, ok bool) {
	switch name {
	case "simple":
		return Simple, true
	case "relaxed":
		return Relaxed, true
	}
	return Simple, false
}

// bufferSize is large enough that SHA-256 is not called for every line.
const bufferSize = 1024

// A digester is SHA-256 behind a buffer: canonical text comes in short runs.
type digester struct {
	hash hash.Hash
	n    int // bytes used of buf
	buf  [bufferSize]byte
}

// digesters keeps those that have given their sum.
var digesters = sync.Pool{New: func() any { return &digester{hash: sha256.New()} }}

func newDigester() *digester { return digesters.Get().(*digester) }

// release gives the digester to others: it must not be used any more.
func (d *digester) release() {
	d.hash.Reset()
	d.n = 0
	digesters.Put(d)
}

func (d *digester) flush() {
	d.hash.Write(d.buf[:d.n])
	d.n = 0
}

// write does not keep p.
func (d *digester) write(p []byte) {
	if len(p) > len(d.buf)-d.n {
		d.flush()
		if len(p) >= len(d.buf) {
			d.hash.Write(p)
			return
		}
	}
	d.n += copy(d.buf[d.n:], p)
}

func (d *digester) writeString(s string) {
	for len(s) > 0 {
		if d.n == len(d.buf) {
			d.flush()
		}
		n := copy(d.buf[d.n:], s)
		d.n += n
		s = s[n:]
	}
}

// writeLower writes a string with ASCII letters in lower case.
func (d *digester) writeLower(s string) {
	for len(s) > 0 {
		if d.n == len(d.buf) {
			d.flush()
		}
		n := copy(d.buf[d.n:], s)
		for i, c := range d.buf[d.n : d.n+n] {
			if 'A' <= c && c <= 'Z' {
				d.buf[d.n+i] = c + ('a' - 'A')
			}
		}
		d.n += n
		s = s[n:]
	}
}

func (d *digester) writeByte(c byte) {
	if d.n == len(d.buf) {
		d.flush()
	}
	d.buf[d.n] = c
	d.n++
}

// writeLineEnds writes CRLF n times.
func (d *digester) writeLineEnds(n int) {
	for ; n > 0; n-- {
		d.writeByte('\r')
		d.writeByte('\n')
	}
}

func (d *digester) sum() [sha256.Size]byte {
	d.flush()
	return [sha256.Size]byte(d.hash.Sum(d.buf[:0]))
}
