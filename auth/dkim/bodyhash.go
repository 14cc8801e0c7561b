package dkim

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
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

// A relaxedBody has single spaces only, and none at the end of a line (RFC 6376
// section 3.4.4).
type relaxedBody struct {
	out  *digester
	held int  // line ends that are part of the body only if more follows
	wsp  bool // white space that is part of the line only if more follows
	cr   bool // a CR after all that, which may begin a line end
	text bool // something was written
}

func (b *relaxedBody) write(p []byte) {
	for len(p) > 0 {
		if b.cr {
			b.cr = false
			if p[0] == '\n' {
				b.held, b.wsp, p = b.held+1, false, p[1:]
				continue
			}
			b.release()
			b.out.writeByte('\r')
		}
		switch p[0] {
		case '\r':
			b.cr, p = true, p[1:]
		case ' ', '\t':
			b.wsp, p = true, p[1:]
		default:
			n := canonicalRun(p)
			b.release()
			b.out.write(p[:n])
			p = p[n:]
		}
	}
}

// canonicalRun is how many bytes of p, of which the first is not blank, are in canonical form
// already: whole lines, too, where another one with text follows at once. A space counts if the
// next byte is seen to be none.
func canonicalRun(p []byte) int {
	for i := plainRun(p); ; i += 1 + plainRun(p[i+1:]) {
		if i >= len(p) {
			return len(p)
		}
		switch c := p[i]; {
		case c > ' ':
		case c == '\r' && i+2 < len(p) && p[i+1] == '\n' && p[i+2] > ' ':
			i += 2
		case c == '\r' || c == '\t':
			return i
		case c == ' ' && (i+1 == len(p) || p[i+1] == '\r' || isBlank(p[i+1])):
			return i
		}
	}
}

// plainRun is how many bytes at the beginning of p are seen, sixteen at a time, to be characters, and
// spaces between characters. What follows may be so, too.
func plainRun(p []byte) (n int) {
	var before uint64 // 0x80 after a space
	for ; len(p)-n >= 16; n += 16 {
		blank, odd := blanks(binary.LittleEndian.Uint64(p[n:]))
		blank2, odd2 := blanks(binary.LittleEndian.Uint64(p[n+8:]))
		if odd|odd2|blank&(blank<<8|before)|blank2&(blank2<<8|blank>>56) != 0 {
			first := bits.TrailingZeros64(blank) / 8
			if blank == 0 {
				first = 8 + bits.TrailingZeros64(blank2)/8
			}
			if first > 0 {
				return n + first
			}
			break
		}
		before = blank2 >> 56
	}
	return n - int(before>>7) // a space at the end takes another look
}

// blanks has the high bit of each byte of x that is no more than a space, and of each that is less.
func blanks(x uint64) (blank, odd uint64) {
	const ones, low, high = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f, 0x8080808080808080
	blank = ^(x&low + (0x7f-' ')*ones | x) & high
	return blank, ^(x&low + (0x80-' ')*ones | x) & high
}

// release writes what was held back before more of the line.
func (b *relaxedBody) release() {
	b.out.writeLineEnds(b.held)
	if b.wsp {
		b.out.writeByte(' ')
	}
	b.held, b.wsp, b.text = 0, false, true
}

// sum: a body of blank lines is nothing, any other one ends in one CRLF.
func (b *relaxedBody) sum() [sha256.Size]byte {
	if b.cr {
		b.release()
		b.out.writeByte('\r')
	}
	if b.text {
		b.out.writeLineEnds(1)
	}
	return b.out.sum()
}
