package dkim

import (
	"bytes"
	"crypto/sha256"
)

// BodyHashes computes the body hashes of a message (RFC 6376 section 3.7): one
// for each canonicalization that was asked for, however many signatures use it,
// while the body arrives. Time is linear in the body, memory does not depend on it.
//
// The zero value is ready for use. Its methods are called one at a time.
type BodyHashes struct {
	simple  *simpleBody
	relaxed *relaxedBody
	begun   bool                  // there was a body
	sums    [2]*[sha256.Size]byte // by Canonicalization, once known
}

// Want asks for the hash in a canonicalization, before the first Write. It may be
// called again.
func (b *BodyHashes) Want(c Canonicalization) {
	switch {
	case b.sums[c] != nil:
		return
	case c == Simple && b.simple == nil:
		b.simple = &simpleBody{out: newDigester()}
	case c == Relaxed && b.relaxed == nil:
		b.relaxed = &relaxedBody{out: newDigester()}
	default:
		return
	}
	if b.begun {
		panic("dkim: a body hash was asked for in the middle of the body")
	}
}

// Write takes the next piece of the body: CRLF line ends, dots not stuffed. It
// never fails and does not keep p. After a Sum it must not be called.
func (b *BodyHashes) Write(p []byte) (int, error) {
	b.begun = b.begun || len(p) > 0
	if b.simple != nil {
		b.simple.write(p)
	}
	if b.relaxed != nil {
		b.relaxed.write(p)
	}
	return len(p), nil
}

// Sum ends the body and returns its SHA-256 in a canonicalization that was asked
// for by Want, else it panics. It may be called again.
func (b *BodyHashes) Sum(c Canonicalization) [sha256.Size]byte {
	if b.sums[c] == nil {
		var sum [sha256.Size]byte
		if c == Relaxed {
			sum = b.relaxed.sum()
			b.relaxed.out.release()
			b.relaxed = nil
		} else {
			sum = b.simple.sum()
			b.simple.out.release()
			b.simple = nil
		}
		b.sums[c] = &sum
	}
	return *b.sums[c]
}

// A simpleBody is the body without the blank lines at its end (RFC 6376
// section 3.4.3).
type simpleBody struct {
	out  *digester
	held int  // line ends that are part of the body only if more follows
	cr   bool // and a CR after them, which may begin one more
}

func (b *simpleBody) write(p []byte) {
	if b.cr && len(p) > 0 && p[0] == '\n' {
		b.held, b.cr, p = b.held+1, false, p[1:]
	}
	if len(p) == 0 {
		return
	}
	end := beforeLineEnds(p)
	if b.cr || end > 0 {
		b.release()
		b.out.write(p[:end])
	}
	b.held += (len(p) - end) / 2
	b.cr = (len(p)-end)%2 == 1
}

// release writes what was held back.
func (b *simpleBody) release() {
	b.out.writeLineEnds(b.held)
	if b.cr {
		b.out.writeByte('\r')
	}
	b.held, b.cr = 0, false
}

// beforeLineEnds returns where the line ends at the end of p begin: CRLF any
// number of times and, last, perhaps half of one.
func beforeLineEnds(p []byte) int {
	end := len(bytes.TrimSuffix(p, []byte("\r")))
	for end >= 2 && p[end-2] == '\r' && p[end-1] == '\n' {
		end -= 2
	}
	return end
}

// sum is never that of nothing: an empty body is one CRLF.
func (b *simpleBody) sum() [sha256.Size]byte {
	if b.cr {
		b.release()
	}
	b.out.writeLineEnds(1)
	return b.out.sum()
}
