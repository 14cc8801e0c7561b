package arc

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/message"
)

const maxKeyFile = 64 << 10 // bytes

// LoadKey reads a private key from a PEM file, PKCS #1 or PKCS #8, that has one key
// MessageSealer takes: RSA of at least 1024 bits, or Ed25519. It is an error if others
// than the owner and the group may read or change the file.
func LoadKey(path string) (crypto.Signer, error) {
	text, err := readKeyFile(path)
	if err != nil {
		return nil, fmt.Errorf("arc: key file: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("arc: key file %s: %w", path, err)
	}
	return key, nil
}

func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path) // first: to open a FIFO would wait for its other end
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("everybody has access to %s (mode %04o): chmod o= %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(text) > maxKeyFile {
		err = fmt.Errorf("%s has over %d bytes", path, maxKeyFile)
	}
	return text, err
}

// parseKey reads the first private key of a PEM file.
func parseKey(text []byte) (crypto.Signer, error) {
	others := ""
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			others = fmt.Sprintf(", only %q", block.Type)
			continue
		}
		return parseBlock(block)
	}
	return nil, fmt.Errorf("no private key in PEM format%s", others)
}

func parseBlock(block *pem.Block) (crypto.Signer, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return nil, errors.New("the key is encrypted: store it without a passphrase, in a file that only the daemon can read")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%q can't be used, only RSA and Ed25519 as PKCS #1 or PKCS #8", block.Type)
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T can't sign", key)
	}
	if _, err = dkim.SigningAlgorithm(signer.Public()); err != nil {
		return nil, err
	}
	return signer, nil
}

// CheckKey compares a public key with what DNS publishes for the selector and domain
// (RFC 6376 section 3.6.2). The error says what verifiers will object to.
func CheckKey(ctx context.Context, r dns.Resolver, domain, selector string, public crypto.PublicKey) error {
	name := selector + "._domainkey." + domain
	domain, err := message.ToASCII(domain)
	if err == nil {
		selector, err = message.ToASCII(selector)
	}
	if err != nil {
		return fmt.Errorf("arc: key %s: %w", name, err)
	}
	algorithm, err := dkim.SigningAlgorithm(public)
	if err != nil {
		return fmt.Errorf("arc: key %s: %w", name, err)
	}
	keys := dkim.NewKeys(ctx, r, dkim.KeyLimits{})
	defer keys.Stop()
	key := keys.Ask(selector, domain).Key(dkim.KeyUse{Algorithm: algorithm})
	switch {
	case key.Result == dkim.TempError:
		return fmt.Errorf("arc: the key could not be looked up: %w", key.Err)
	case key.Result != "":
		return fmt.Errorf("arc: key %s in DNS: %s", name, key.Reason)
	}
	published, ok := key.Public.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !published.Equal(public) {
		return fmt.Errorf("arc: key %s in DNS is not that of the private key", name)
	}
	return nil
}
