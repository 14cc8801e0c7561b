package dkim

import (
	"crypto/sha256"
	"errors"
	"hash"
	"strings"

	"assay/auth/message"
)

// A HeaderHash computes the header hash of a signature (RFC 6376 section 3.7)
// over fields in the order of the calls, straight from their bytes and in
// linear time. Its methods are called one at a time.
type HeaderHash struct {
	canon Canonicalization
	out   *digester
	err   error
}

// NewHeaderHash begins the hash of a header without fields.
func NewHeaderHash(c Canonicalization) *HeaderHash {
	return &HeaderHash{canon: c, out: newDigester()}
}

var errLineEnd = errors.New("dkim: a line end in a field that is no fold")

// Add adds a field with its CRLF.
func (h *HeaderHash) Add(f message.Field) {
	h.field(f, len(f.Raw), len(f.Raw))
	h.out.writeLineEnds(1)
}

// AddSignature adds, as the last one, the field that holds the signature: without
// the value of b= and the white space around it, and without CRLF. The tags are
// those that FieldTags read from this field; without b= all of it is hashed.
func (h *HeaderHash) AddSignature(f message.Field, tags TagList) {
	b, ok := tags.find("b")
	if !ok {
		b.start, b.end = len(f.Raw), len(f.Raw)
	}
	h.field(f, b.start, b.end)
}

// Sum returns the SHA-256 of what was added so far. It is an error if a field had
// a line end that is no fold, as if it were several, or no colon: such a hash
// says nothing about the message.
func (h *HeaderHash) Sum() ([sha256.Size]byte, error) { return h.out.sum(), h.err }

// End is Sum for the last time: no method must be called after it. Other hashes take over the memory.
func (h *HeaderHash) End() ([sha256.Size]byte, error) {
	sum, err := h.Sum()
	h.out.release()
	h.out = nil
	return sum, err
}

// Clone returns a copy that goes on by itself, so that a beginning that several
// hashes have in common is hashed once.
func (h *HeaderHash) Clone() *HeaderHash {
	c := &HeaderHash{canon: h.canon, out: newDigester(), err: h.err}
	c.out.hash = cloneHash(h.out.hash)
	c.out.n = copy(c.out.buf[:], h.out.buf[:h.out.n])
	return c
}

// cloneHash copies the state of SHA-256 (hash.Cloner since Go 1.25).
func cloneHash(h hash.Hash) hash.Hash {
	c, err := h.(hash.Cloner).Clone()
	if err != nil {
		panic(err) // SHA-256 of the standard library can be copied
	}
	return c
}

// field hashes a field without raw[start:end].
func (h *HeaderHash) field(f message.Field, start, end int) {
	name, _, ok := strings.Cut(f.Raw, ":")
	if !ok || start <= len(name) {
		h.err = errLineEnd
		return
	}
	if h.canon == Simple {
		h.simple(f.Raw[:start])
		h.simple(f.Raw[end:])
		return
	}
	h.out.writeLower(trimName(name))
	h.out.writeByte(':')
	r := relaxedValue{h: h}
	r.write(f.Raw[len(name)+1 : start])
	r.write(f.Raw[end:])
}

func (h *HeaderHash) simple(s string) {
	h.out.writeString(s)
	for rest := s; ; {
		i := strings.IndexByte(rest, '\n')
		if i < 0 {
			return
		}
		if i == 0 || !isFold(rest, i-1) {
			h.err = errLineEnd
			return
		}
		rest = rest[i+1:]
	}
}

// A relaxedValue hashes the value of a field in relaxed canonicalization (RFC
// 6376 section 3.4.2).
type relaxedValue struct {
	h    *HeaderHash
	wsp  bool // white space that counts only if more follows
	text bool // something was written
}

func (r *relaxedValue) write(s string) {
	for i := 0; i < len(s); {
		if n := skipSpace(s, i); n > i {
			r.wsp, i = true, n
			continue
		}
		n := i + relaxedRun(s[i:])
		if n == i { // a line end that is no fold, or a bare CR
			n++
			r.lineEnd(s, i)
		}
		if r.wsp && r.text {
			r.h.out.writeByte(' ')
		}
		r.wsp, r.text = false, true
		r.h.out.writeString(s[i:n])
		i = n
	}
}

// lineEnd looks at a CR or LF at s[i]. A bare CR is a byte like any other.
func (r *relaxedValue) lineEnd(s string, i int) {
	if s[i] == '\n' || i+1 < len(s) && s[i+1] == '\n' {
		r.h.err = errLineEnd
	}
}

// relaxedRun is how many bytes of a value are in canonical form already. A
// space counts if the next byte is seen to be none.
func relaxedRun(s string) int {
	for i := range len(s) {
		switch c := s[i]; {
		case c > ' ':
		case c == '\t' || c == '\r' || c == '\n':
			return i
		case c == ' ' && (i+1 == len(s) || s[i+1] <= ' '):
			return i
		}
	}
	return len(s)
}
