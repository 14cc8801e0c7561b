package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	maxKeyRecord = 16 << 10 // bytes of a TXT record that is looked at

	rsaKey     = "rsa"
	ed25519Key = "ed25519"
)

// A keyRecord is a public key as it is published (RFC 6376 section 3.6.1).
type keyRecord struct {
	kind        string           // k=, lower case
	data        string           // p= without white space; "" is a revoked key
	public      crypto.PublicKey // nil for kinds that are not known
	bits        int              // 0 for those
	hashes      []string         // h=, lower case; nil allows all
	services    []string         // s=, lower case
	testing     bool             // t=y
	noSubdomain bool             // t=s
	invalid     error            // the key in p= can't be read
}

var (
	errNotKey    = errors.New("dkim: not a key record")
	errKeySyntax = errors.New("dkim: key record: syntax error")
	errKeyTags   = fmt.Errorf("%w: %w", errKeySyntax, ErrTooManyTags)
)

// parseKeyRecord reads one TXT record. errNotKey is for records that have
// another purpose: a wildcard, SPF, a site verification. It may have maxTags tags, as by parseTags.
func parseKeyRecord(txt string, maxTags int) (*keyRecord, error) {
	if len(txt) > maxKeyRecord {
		return nil, errKeySyntax
	}
	tags, err := parseTags(dropEmptyTags(txt), maxTags)
	switch {
	case err == nil:
	case !looksLikeKey(txt):
		return nil, errNotKey
	case errors.Is(err, ErrTooManyTags):
		return nil, errKeyTags
	default:
		return nil, errKeySyntax
	}
	if err := checkKeyVersion(tags); err != nil {
		return nil, err
	}
	return newKeyRecord(tags), nil
}

// dropEmptyTags leaves out tag-specs without anything, as in "k=rsa;; p=...",
// against the letter of RFC 6376 section 3.2.
func dropEmptyTags(txt string) string {
	parts := strings.Split(txt, ";")
	kept := parts[:0]
	for _, part := range parts {
		if trimSpace(part) != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ";")
}

func looksLikeKey(txt string) bool {
	txt = removeSpace(txt)
	return strings.HasPrefix(txt, "v=DKIM1") || strings.HasPrefix(txt, "k=") || strings.HasPrefix(txt, "p=")
}

// checkKeyVersion tells key records from other ones. "v=" must come first.
func checkKeyVersion(tags TagList) error {
	v, versioned := tags.Get("v")
	_, key := tags.Get("p")
	switch {
	case versioned && v != "DKIM1":
		return errNotKey
	case versioned && (tags[0].name != "v" || !key):
		return errKeySyntax
	case !key:
		return errNotKey
	}
	return nil
}

func newKeyRecord(tags TagList) *keyRecord {
	k := &keyRecord{kind: rsaKey, services: []string{"*"}}
	if v, ok := tags.Get("k"); ok {
		k.kind = lowerASCII(v)
	}
	if v, ok := tags.Get("h"); ok {
		k.hashes = nameList(v)
	}
	if v, ok := tags.Get("s"); ok {
		k.services = nameList(v)
	}
	if v, ok := tags.Get("t"); ok {
		flags := nameList(v)
		k.testing, k.noSubdomain = contains(flags, "y"), contains(flags, "s")
	}
	p, _ := tags.Get("p")
	k.data = removeSpace(p)
	if k.data != "" {
		k.public, k.bits, k.invalid = readKey(k.kind, k.data)
	}
	return k
}

// nameList splits a list at its colons.
func nameList(s string) []string { return splitNames(s, strings.Count(s, ":")+1) }

// splitNames is nameList where it is known how many names there are.
func splitNames(s string, count int) []string {
	names := make([]string, count)
	rest := lowerASCII(s)
	for i := range names {
		names[i], rest, _ = strings.Cut(rest, ":")
		names[i] = trimSpace(names[i])
	}
	return names
}

func contains(names []string, any ...string) bool {
	for _, name := range names {
		for _, a := range any {
			if name == a {
				return true
			}
		}
	}
	return false
}

// readKey reads p=. RSA keys come as SubjectPublicKeyInfo or RSAPublicKey (RFC
// 6376 erratum 3017).
func readKey(kind, data string) (key crypto.PublicKey, bits int, err error) {
	der, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, 0, err
	}
	switch kind {
	case ed25519Key:
		if len(der) != ed25519.PublicKeySize {
			return nil, 0, errors.New("dkim: an Ed25519 key has 32 bytes")
		}
		return ed25519.PublicKey(der), 256, nil
	case rsaKey:
		key, err := parseRSA(der)
		if err != nil {
			return nil, 0, err
		}
		return &rsaPublicKey{PublicKey: key}, key.N.BitLen(), nil
	}
	return nil, 0, nil
}

func parseRSA(der []byte) (*rsa.PublicKey, error) {
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return x509.ParsePKCS1PublicKey(der)
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("dkim: not an RSA key")
	}
	return key, nil
}

// suits tells why the key can't be used, in the order of RFC 6376 section
// 6.1.2; nil if it can.
func (k *keyRecord) suits(use KeyUse, limits KeyLimits) *verdict {
	kind, hash, _ := strings.Cut(use.Algorithm, "-")
	switch {
	case k.hashes != nil && !contains(k.hashes, hash):
		return permanent("inappropriate hash algorithm")
	case k.data == "":
		return permanent("key revoked")
	case k.kind != kind:
		return permanent("inappropriate key algorithm")
	case !contains(k.services, "*", "email"):
		return permanent("key not for email")
	case k.invalid != nil:
		return &verdict{PermError, "key syntax error", k.invalid}
	case k.noSubdomain && use.Subdomain:
		return permanent("key not for subdomains")
	case kind == rsaKey && k.bits < limits.MinRSABits:
		return policy("insecure key of " + strconv.Itoa(k.bits) + " bits")
	case kind == rsaKey && k.bits > limits.MaxRSABits:
		return policy("key too large")
	}
	return nil
}
