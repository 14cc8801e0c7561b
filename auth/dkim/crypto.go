package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
)

// The values of a= that are verified and written (RFC 8301, 8463).
const (
	RSASHA256     = "rsa-sha256"
	Ed25519SHA256 = "ed25519-sha256"
)

// Verify tells whether a signature (the value of b=, decoded) of a header hash was
// made by the owner of a key: RSA by PKCS #1 v1.5 (RFC 6376 section 3.3) or
// Ed25519 (RFC 8463). A key of another type verifies nothing.
func Verify(key crypto.PublicKey, digest [sha256.Size]byte, signature []byte) bool {
	switch key := key.(type) {
	case *rsaPublicKey:
		return key.verify(&digest, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, digest[:], signature)
	}
	return false
}

// Sign makes the signature of a header hash, which goes into b= in base64. The
// key is RSA or Ed25519; an RSA key below 1024 bits is an error (RFC 8301 section 3.2).
func Sign(random io.Reader, key crypto.Signer, digest [sha256.Size]byte) ([]byte, error) {
	algorithm, err := SigningAlgorithm(key.Public())
	if err != nil {
		return nil, err
	}
	var hash crypto.Hash // none for Ed25519, which takes the digest for the message
	if algorithm == RSASHA256 {
		hash = crypto.SHA256
	}
	signature, err := key.Sign(random, digest[:], hash)
	if err != nil {
		return nil, fmt.Errorf("dkim: sign: %w", err)
	}
	return signature, nil
}

// SigningAlgorithm is the value of a= for signatures by a key: RSASHA256 or
// Ed25519SHA256. It is an error for keys that Sign does not take.
func SigningAlgorithm(key crypto.PublicKey) (string, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < leastRSABits {
			return "", fmt.Errorf("dkim: an RSA key of %d bits, which nobody accepts", bits)
		}
		return RSASHA256, nil
	case ed25519.PublicKey:
		return Ed25519SHA256, nil
	}
	return "", fmt.Errorf("dkim: a key of type %T can't sign", key)
}
