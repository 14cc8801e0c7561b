package arc

import (
	"bytes"
	"crypto/sha256"

	"assay/auth/dkim"
)

// olderBytes is how many times the header bytes of one ARC-Message-Signature all
// older ones may cover together.
const olderBytes = 8

// validate goes through the steps 4 to 6 of RFC 8617 section 5.2; nil means that
// the chain passes. The optional step 5 comes last: it decides nothing.
func (n *Validation) validate(o *Outcome) *failure {
	if n.verdict != nil {
		return n.verdict
	}
	m := n.newMessageVerifier()
	if f := m.verify(n.chain.sets[o.Instance], n.maxBytes); f != nil {
		return f.of(MessageSignature, o.Instance)
	}
	if f := n.verifySeals(); f != nil {
		return f
	}
	o.OldestPass = m.oldestPass(n.chain, olderBytes*n.maxBytes)
	return nil
}

// A messageVerifier verifies the ARC-Message-Signatures of a message.
type messageVerifier struct {
	n     *Validation
	index *dkim.FieldIndex
}

func (n *Validation) newMessageVerifier() *messageVerifier {
	var lists [][]string
	for _, l := range n.chain.sets[1 : n.chain.newest+1] {
		lists = append(lists, l.ams.names)
	}
	return &messageVerifier{n, dkim.NewFieldIndex(n.header, lists...)}
}

// oldestPass verifies the older signatures, from the newest down, up to the first
// that fails (RFC 8617 section 5.2, step 5).
func (m *messageVerifier) oldestPass(c *chain, maxBytes int) int {
	for i := c.newest - 1; i > 0; i-- {
		if m.verify(c.sets[i], maxBytes) != nil {
			return i + 1
		}
		maxBytes -= c.sets[i].ams.covered
	}
	return 0
}

// verify verifies the ARC-Message-Signature of a set, which covers at most so many
// bytes of header.
func (m *messageVerifier) verify(l *link, maxBytes int) *failure {
	s, out := l.ams, &l.Message
	if s.bad != nil {
		return s.fail(out, s.bad)
	}
	fields := m.index.Pick(s.names, s.index)
	for _, i := range fields {
		s.covered += len(m.n.header[i].Raw)
	}
	if s.covered > maxBytes {
		return s.fail(out, failed("signed header too large"))
	}
	var f *failure
	for _, c := range s.canons {
		if f = m.try(l, fields, c); f == nil {
			break
		}
	}
	return f
}

// try verifies it in one pair of canonicalizations.
func (m *messageVerifier) try(l *link, fields []int, c canons) *failure {
	s, out := l.ams, &l.Message
	if sum := m.n.body.Sum(c.body); !bytes.Equal(sum[:], s.bodyHash) {
		return s.fail(out, failed("body hash did not verify"))
	}
	hash := dkim.NewHeaderHash(c.header)
	for _, i := range fields {
		hash.Add(m.n.header[i])
	}
	hash.AddSignature(s.field, s.tags)
	return s.verify(out, hash)
}

// verifySeals verifies the ARC-Seals, the newest first (RFC 8617 section 5.2, step
// 6). A seal covers all that those below it cover, which is hashed once.
func (n *Validation) verifySeals() *failure {
	hashes := n.sealHashes()
	for i := n.chain.newest; i > 0; i-- {
		l := n.chain.sets[i]
		if f := l.as.verify(&l.Set.Seal, hashes[i]); f != nil {
			return f.of(Seal, i)
		}
	}
	return nil
}

// sealHashes are the header hashes of the seals by instance (RFC 8617 section 5.1.1).
func (n *Validation) sealHashes() []*dkim.HeaderHash {
	hashes := make([]*dkim.HeaderHash, n.chain.newest+1)
	all := dkim.NewHeaderHash(dkim.Relaxed)
	for i := 1; i <= n.chain.newest; i++ {
		l := n.chain.sets[i]
		all.Add(l.AAR)
		all.Add(l.AMS)
		hashes[i] = all.Clone()
		hashes[i].AddSignature(l.AS, l.as.tags)
		all.Add(l.AS)
	}
	return hashes
}

// verify waits for the key and verifies b= over a header hash.
func (s *signature) verify(out *Signature, hash *dkim.HeaderHash) *failure {
	sum, err := hash.End()
	if err != nil {
		return s.fail(out, &failure{reason: "malformed line end in signed header", err: err})
	}
	return s.verifySum(out, sum)
}

func (s *signature) verifySum(out *Signature, sum [sha256.Size]byte) *failure {
	key := s.key.Key(dkim.KeyUse{Algorithm: out.Algorithm})
	out.KeyBits = key.Bits
	switch {
	case key.Result != "":
		return s.fail(out, &failure{key.Reason, key.Result == dkim.TempError, key.Err})
	case !dkim.Verify(key.Public, sum, s.value):
		return s.fail(out, failed("signature did not verify"))
	}
	out.Result, out.Reason = Pass, "signature was verified"
	return nil
}
