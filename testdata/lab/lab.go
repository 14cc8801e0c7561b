// Package lab makes keys with their zone records, and signs messages with them.
//
// Divergences from the RFC: none.
package lab

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// A Key signs for one selector of a domain.
type Key struct {
	Domain, Selector string
	Signer           crypto.Signer
}

// NewRSA makes a new RSA key of this many bits.
func NewRSA(domain, selector string, bits int) (*Key, error) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return &Key{domain, selector, key}, nil
}

// NewEd25519 makes a new Ed25519 key (RFC 8463).
func NewEd25519(domain, selector string) (*Key, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return &Key{domain, selector, key}, nil
}

// Record is the line of a zone file that publishes the key (RFC 6376 section 3.6).
func (k *Key) Record() (string, error) {
	var algorithm string
	var public []byte
	switch p := k.Signer.Public().(type) {
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(p)
		if err != nil {
			return "", fmt.Errorf("lab: %w", err)
		}
		algorithm, public = "rsa", der
	case ed25519.PublicKey:
		algorithm, public = "ed25519", p
	default:
		return "", fmt.Errorf("lab: no DKIM algorithm for a %T", p)
	}
	text := "v=DKIM1; k=" + algorithm + "; p=" + base64.StdEncoding.EncodeToString(public)
	return fmt.Sprintf("%s._domainkey.%s. IN TXT %s", k.Selector, k.Domain, Strings(text)), nil
}

// Strings writes text as the character strings of a TXT record, each of at most
// 255 bytes (RFC 1035 section 3.3.14).
func Strings(text string) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var parts []string
	for len(text) > 255 {
		parts = append(parts, `"`+quote.Replace(text[:255])+`"`)
		text = text[255:]
	}
	return strings.Join(append(parts, `"`+quote.Replace(text)+`"`), " ")
}

// Sign puts a DKIM-Signature on top of a message with CRLF line ends.
// canonicalization is c= in full, such as relaxed/simple; fields are the names
// in h=, none for all that the message has.
func (k *Key) Sign(msg []byte, canonicalization string, fields ...string) ([]byte, error) {
	header, body, _ := strings.Cut(canonicalization, "/")
	var out bytes.Buffer
	err := dkim.Sign(&out, bytes.NewReader(msg), &dkim.SignOptions{
		Domain: k.Domain, Selector: k.Selector, Signer: k.Signer, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.Canonicalization(header), BodyCanonicalization: dkim.Canonicalization(body),
		HeaderKeys: fields,
	})
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return out.Bytes(), nil
}
