package dkim

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"slices"
	"testing"
)

// raw is what a key makes of an encoded message of its own length, whatever that is.
func raw(key *rsa.PrivateKey, encoded []byte) []byte {
	return new(big.Int).Exp(new(big.Int).SetBytes(encoded), key.D, key.N).FillBytes(make([]byte, key.Size()))
}

// encode is a digest as it is signed (RFC 8017 section 9.2), with so many bytes of padding.
func encode(padding int, info, digest []byte) []byte {
	return slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, padding), []byte{0}, info, digest)
}

// Only the one signature of a digest verifies, and crypto/rsa is of the same opinion, of keys of all sizes that occur.
func TestRSA(t *testing.T) {
	digest := sha256.Sum256([]byte("header"))
	sha1 := []byte{0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14}
	noNull := []byte{0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20}
	for _, bits := range []int{1024, 1031, 2048, 4096} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		k, size := &rsaPublicKey{PublicKey: &key.PublicKey}, key.Size()
		room := size - 3 - len(digestInfo) - len(digest)
		good := encode(room, digestInfo, digest[:])
		change := func(at int, to byte) []byte {
			c := slices.Clone(good)
			c[at] = to
			return c
		}
		above := new(big.Int).Add(new(big.Int).SetBytes(raw(key, good)), key.N)
		for name, tt := range map[string]struct {
			signature []byte
			want      bool
		}{
			"good":                   {raw(key, good), true},
			"another digest":         {raw(key, change(size-1, good[size-1]^1)), false},
			"block type 2":           {raw(key, change(1, 2)), false},
			"block type 0":           {raw(key, change(1, 0)), false},
			"a hole in the padding":  {raw(key, change(9, 0)), false},
			"no end of the padding":  {raw(key, change(2+room, 0xff)), false},
			"another hash":           {raw(key, change(size-33, 0x14)), false},
			"bytes after the digest": {raw(key, append(encode(room-8, digestInfo, digest[:]), "trailing"...)), false},
			"bytes before the info":  {raw(key, encode(room-8, append([]byte("leading\x00"), digestInfo...), digest[:])), false},
			"no NULL":                {raw(key, encode(room+2, noNull, digest[:])), false},
			"SHA-1":                  {raw(key, encode(room+16, sha1, digest[:20])), false},
			"zero":                   {make([]byte, size), false},
			"one":                    {append(make([]byte, size-1), 1), false},
			"the modulus":            {key.N.FillBytes(make([]byte, size)), false},
			"above the modulus":      {above.Bytes(), false},
			"a byte more":            {append([]byte{0}, raw(key, good)...), false},
			"a byte less":            {raw(key, good)[1:], false},
			"nothing":                {nil, false},
		} {
			library := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], tt.signature) == nil
			if got := k.verify(&digest, tt.signature); got != tt.want || library != tt.want {
				t.Errorf("%d bits, %s: %v, crypto/rsa %v, want %v", bits, name, got, library, tt.want)
			}
		}
		if k.modulus == nil {
			t.Errorf("%d bits: left to crypto/rsa", bits)
		}
	}
}

// A key that crypto/rsa finds fault with verifies nothing here either, not even what would fit it.
func TestRSAOdd(t *testing.T) {
	digest := sha256.Sum256([]byte("header"))
	n := rsa2048().N
	fits := encode(n.BitLen()/8-3-len(digestInfo)-len(digest), digestInfo, digest[:]) // with e = 1
	for name, key := range map[string]*rsa.PublicKey{
		"an even modulus":  {N: new(big.Int).Add(n, big.NewInt(1)), E: 65537},
		"a small modulus":  {N: new(big.Int).Rsh(n, 1100), E: 65537},
		"modulus 1":        {N: big.NewInt(1), E: 65537},
		"modulus 0":        {N: new(big.Int), E: 65537},
		"exponent 1":       {N: n, E: 1},
		"exponent 0":       {N: n, E: 0},
		"exponent -1":      {N: n, E: -1},
		"an even exponent": {N: n, E: 65536},
		"a large exponent": {N: n, E: 1<<32 + 1},
	} {
		k := &rsaPublicKey{PublicKey: key}
		if k.verify(&digest, fits) || k.verify(&digest, make([]byte, key.Size())) || k.modulus != nil {
			t.Errorf("%s verified", name)
		}
	}
}

// FuzzRSA: crypto/rsa and we are of one opinion of everything that a key can be made to say.
func FuzzRSA(f *testing.F) {
	key := rsa2048()
	k := &rsaPublicKey{PublicKey: &key.PublicKey}
	digest := sha256.Sum256(nil)
	good := encode(key.Size()-3-len(digestInfo)-len(digest), digestInfo, digest[:])
	f.Add(good, true)
	f.Add(good[1:], false)
	f.Fuzz(func(t *testing.T, signature []byte, encoded bool) {
		if encoded {
			signature = raw(key, signature)
		}
		library := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature) == nil
		if got := k.verify(&digest, signature); got != library {
			t.Errorf("%v, crypto/rsa %v", got, library)
		}
	})
}
