package dkim

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	"crypto/rsa"
	"crypto/sha256"
	"sync"

	"filippo.io/bigmod"
)

// An rsaPublicKey verifies more than one signature: what crypto/rsa prepares for each anew, a third of its time, is
// kept. It is safe for concurrent use, and not copied.
type rsaPublicKey struct {
	*rsa.PublicKey
	prepare sync.Once
	modulus *bigmod.Modulus // nil for keys that are left to crypto/rsa
}

// verify is rsa.VerifyPKCS1v15.
func (k *rsaPublicKey) verify(digest *[sha256.Size]byte, signature []byte) bool {
	k.prepare.Do(func() {
		if isOrdinary(k.PublicKey) {
			k.modulus, _ = bigmod.NewModulus(k.N.Bytes())
		}
	})
	if k.modulus == nil {
		return rsa.VerifyPKCS1v15(k.PublicKey, crypto.SHA256, digest[:], signature) == nil
	}
	if len(signature) != k.Size() {
		return false
	}
	s, err := bigmod.NewNat().SetBytes(signature, k.modulus)
	if err != nil { // not below the modulus
		return false
	}
	encoded := bigmod.NewNat().ExpShortVarTime(s, uint(k.E), k.modulus).Bytes(k.modulus)
	return isPKCS1v15(encoded, digest)
}

// isOrdinary tells whether all that crypto/rsa checks of a key is well. In FIPS mode that is for crypto/rsa to say, and the
// arithmetic is for its module.
func isOrdinary(k *rsa.PublicKey) bool {
	return !fips140.Enabled() && k.N.Bit(0) == 1 && k.N.BitLen() >= leastRSABits && k.E >= 3 && k.E&1 == 1 && k.E <= 1<<31-1
}

// digestInfo comes before a SHA-256 in a signature (RFC 8017 section 9.2, note 1).
var digestInfo = []byte{
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
}

// isPKCS1v15 tells whether an encoded message is, in all its bytes, the only one that a digest has (RFC 8017
// section 9.2): nothing of it is parsed. It is longer than the shortest one.
func isPKCS1v15(encoded []byte, digest *[sha256.Size]byte) bool {
	padding, ok := bytes.CutSuffix(encoded, digest[:])
	if !ok {
		return false
	}
	if padding, ok = bytes.CutSuffix(padding, digestInfo); !ok {
		return false
	}
	last := len(padding) - 1
	if padding[0] != 0 || padding[1] != 1 || padding[last] != 0 {
		return false
	}
	for _, c := range padding[2:last] {
		if c != 0xff {
			return false
		}
	}
	return true
}
