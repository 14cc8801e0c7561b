package dkim

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

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
		switch {
		case p[0] == '\r' && len(p) > 1 && p[1] == '\n':
			b.held, b.wsp, p = b.held+1, false, p[2:]
		case p[0] == '\r':
			b.cr, p = true, p[1:]
		case isBlank(p[0]):
			b.wsp, p = true, p[blanksIn(p):]
		default:
			b.release()
			p = p[b.out.writeText(p):]
		}
	}
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

// writeText writes lines of text, of which the first byte is not blank, in canonical form. It returns how
// many bytes of p they are: up to the blanks and line ends after which no text is seen to follow.
func (d *digester) writeText(p []byte) (n int) {
	written := 0
	for n < len(p) {
		n += textWords(p[n:])
		lineEnd, blanks := gapIn(p[n:])
		switch end := n + lineEnd + blanks; {
		case end == n && p[n] != '\r': // a character, after all
			n++
		case end == len(p) || p[end] == '\r':
			d.write(p[written:n])
			return n
		case blanks == 0 || lineEnd+blanks == 1 && p[n] == ' ': // as it should be
			n = end
		default:
			d.write(p[written : n+lineEnd])
			d.writeByte(' ')
			n, written = end, end
		}
	}
	d.write(p[written:])
	return n
}

// gapIn is how many bytes at the beginning of p are a line end, and how many after it are blank.
func gapIn(p []byte) (lineEnd, blanks int) {
	if len(p) > 1 && p[0] == '\r' && p[1] == '\n' {
		lineEnd = 2
	}
	return lineEnd, blanksIn(p[lineEnd:])
}

// blanksIn is how many bytes at the beginning of p are blank.
func blanksIn(p []byte) (n int) {
	for n < len(p) && isBlank(p[n]) {
		n++
	}
	return n
}

// wordSize is how many bytes are looked at as one number.
const wordSize = 8

// textWords is how many bytes at the beginning of p are seen, two words at a time, to be characters, and
// single spaces before characters. What follows may be so, too; it is at least one byte.
func textWords(p []byte) (n int) {
	for ; len(p)-n > 2*wordSize; n += 2 * wordSize {
		text := p[n : n+2*wordSize+1]
		word, word2 := binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[wordSize:])
		blank, blank2 := lowBytes(word), lowBytes(word2)
		if blank|blank2 == 0 {
			continue
		}
		after := uint64(text[2*wordSize]) - ' ' - 1 // its high bit: that byte is low, too
		stop := blank & (^(word << 2) | blank>>8 | blank2<<56)
		stop2 := blank2 & (^(word2 << 2) | blank2>>8 | after&(1<<63))
		if stop != 0 {
			return n + bits.TrailingZeros64(stop)/8
		}
		if stop2 != 0 {
			return n + wordSize + bits.TrailingZeros64(stop2)/8
		}
	}
	return n
}

// lowBytes has the high bit of each byte of x that is no more than a space. Of these, only the space has the bit that
// is two below.
func lowBytes(x uint64) uint64 {
	const ones, low, high = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f, 0x8080808080808080
	return ^(x&low + (0x7f-' ')*ones | x) & high
}
