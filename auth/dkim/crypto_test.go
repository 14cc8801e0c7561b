package dkim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
)

func TestSignVerify(t *testing.T) {
	digest := sha256.Sum256([]byte("header"))
	other := sha256.Sum256([]byte("another header"))
	for algorithm, key := range map[string]crypto.Signer{RSASHA256: rsa2048(), Ed25519SHA256: edwards()} {
		if a, err := SigningAlgorithm(key.Public()); a != algorithm || err != nil {
			t.Errorf("%s: algorithm %q, %v", algorithm, a, err)
		}
		signature, err := Sign(rand.Reader, key, digest)
		if err != nil {
			t.Fatal(err)
		}
		if !Verify(key.Public(), digest, signature) {
			t.Errorf("%s: not verified", algorithm)
		}
		for name, bad := range map[string]bool{
			"another digest":  Verify(key.Public(), other, signature),
			"another key":     Verify(&otherKey().PublicKey, digest, signature),
			"a byte more":     Verify(key.Public(), digest, append([]byte{0}, signature...)),
			"a byte less":     Verify(key.Public(), digest, signature[1:]),
			"no signature":    Verify(key.Public(), digest, nil),
			"no key":          Verify(nil, digest, signature),
			"a private key":   Verify(key, digest, signature),
			"a short Ed25519": Verify(ed25519.PublicKey{1}, digest, signature),
			"an even RSA":     Verify(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}, digest, signature),
		} {
			if bad {
				t.Errorf("%s verified: %s", algorithm, name)
			}
		}
	}
}

// brokenSigner is a key in a device that fails.
type brokenSigner struct{ crypto.PublicKey }

var errBroken = errors.New("no device")

func (s brokenSigner) Public() crypto.PublicKey { return s.PublicKey }

func (brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errBroken
}

func TestSignErrors(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1022), E: 65537}
	for _, tt := range []struct {
		key  crypto.Signer
		want string
	}{
		{curve, "*ecdsa.PublicKey"},
		{brokenSigner{weak}, "1023 bits"},
		{brokenSigner{nil}, "<nil>"},
		{brokenSigner{&rsa2048().PublicKey}, "dkim: sign: no device"},
	} {
		signature, err := Sign(rand.Reader, tt.key, [32]byte{})
		if signature != nil || err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "dkim: ") {
			t.Errorf("%T: %v, want %q", tt.key.Public(), err, tt.want)
		}
	}
}
