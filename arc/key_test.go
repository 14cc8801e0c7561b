package arc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/auth/dns/dnstest"
)

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

func writeKey(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "arc.pem")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// shortRSA is an RSA key of 512 bits that nobody uses.
const shortRSA = `-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu
KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEm
o3qGy0t6z09AIJtH+5OeRV1be+N4cDYJKffGzDa88vQENZiRm0GRq6a+HPGQMd2k
TQIhAKMSvzIBnni7ot/OSie2TmJLY4SwTQAevXysE2RbFDYdAiEBCUEaRQnMnbp7
9mxDXDf6AU0cN/RPBjb9qSHDcWZHGzUCIG2Es59z8ugGrDY+pxLQnwfotadxd+Uy
v/Ow5T0q5gIJAiEAyS4RaI9YG8EWx/2w0T67ZUVAw8eOMB6BIUg0Xcu+3okCIBOs
/5OiPgoTdSy7bcF9IGpSE8ZgGKzgYQVZeN97YE00
-----END RSA PRIVATE KEY-----
`

// TestLoadKey: the forms of a key file that are read.
func TestLoadKey(t *testing.T) {
	pkcs1 := pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa2048()))
	tests := map[string]struct {
		text string
		mode os.FileMode
		want crypto.Signer
	}{
		"PKCS #1":           {pkcs1, 0o600, rsa2048()},
		"PKCS #8":           {pkcs8(t, rsa2048()), 0o400, rsa2048()},
		"1024 bits":         {pkcs8(t, rsa1024()), 0o600, rsa1024()},
		"Ed25519":           {pkcs8(t, edwards()), 0o600, edwards()},
		"group may read":    {pkcs1, 0o640, rsa2048()},
		"text around":       {"a comment\n" + pkcs1 + "more\n", 0o600, rsa2048()},
		"certificate first": {pemOf("CERTIFICATE", []byte("x")) + pkcs1, 0o600, rsa2048()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			key, err := LoadKey(writeKey(t, test.text, test.mode))
			if err != nil {
				t.Fatal(err)
			}
			if !key.(interface{ Equal(crypto.PrivateKey) bool }).Equal(test.want) {
				t.Error("another key")
			}
		})
	}
}

// TestLoadKeyErrors: each says what is wrong, and none shows the key.
func TestLoadKeyErrors(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(rsa2048().Public())
	if err != nil {
		t.Fatal(err)
	}
	good := pkcs8(t, edwards())
	legacy := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	tests := map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"others may read":  {good, 0o644, "mode 0644): chmod o= "},
		"others may write": {good, 0o602, "mode 0602): chmod o= "},
		"empty":            {"", 0o600, "no private key in PEM format"},
		"no PEM":           {"MIIEvQ", 0o600, "no private key in PEM format"},
		"public key":       {pemOf("PUBLIC KEY", public), 0o600, `no private key in PEM format, only "PUBLIC KEY"`},
		"encrypted":        {pemOf("ENCRYPTED PRIVATE KEY", []byte("x")), 0o600, "the key is encrypted"},
		"encrypted PKCS 1": {legacy, 0o600, "the key is encrypted"},
		"SEC 1":            {pemOf("EC PRIVATE KEY", sec1), 0o600, `"EC PRIVATE KEY" can't be used`},
		"OpenSSH":          {pemOf("OPENSSH PRIVATE KEY", []byte("x")), 0o600, `"OPENSSH PRIVATE KEY" can't be used`},
		"ECDSA":            {pkcs8(t, curve), 0o600, "a key of type *ecdsa.PublicKey can't sign"},
		"512 bits":         {shortRSA, 0o600, "512 bits"},
		"garbage":          {pemOf("PRIVATE KEY", []byte("garbage")), 0o600, "asn1"},
		"too long":         {strings.Repeat("x", 70000), 0o600, "has over 65536 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := writeKey(t, test.text, test.mode)
			key, err := LoadKey(path)
			if key != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "missing"), t.TempDir()} {
		if _, err := LoadKey(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestCheckKey: what DNS has to say about the key.
func TestCheckKey(t *testing.T) {
	tests := map[string]struct {
		record string
		public crypto.PublicKey
		want   string // "": it matches
	}{
		"matches":      {keyRecord(rsa2048()), rsa2048().Public(), ""},
		"Ed25519":      {keyRecord(edwards()), edwards().Public(), ""},
		"another":      {keyRecord(rsa1024()), rsa2048().Public(), "is not that of the private key"},
		"another type": {keyRecord(edwards()), rsa2048().Public(), "inappropriate key algorithm"},
		"revoked":      {"v=DKIM1; p=", rsa2048().Public(), "key revoked"},
		"no key":       {"hello", rsa2048().Public(), "no key for signature"},
		"not for mail": {keyRecord(rsa2048()) + "; s=tlsrpt", rsa2048().Public(), "key not for email"},
		"no signer":    {keyRecord(rsa2048()), "x", "can't sign"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := dnstest.NewResolver(t, zoneOf("s._domainkey.list.example", test.record))
			err := CheckKey(t.Context(), r, "List.Example", "S", test.public)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	r := dnstest.NewResolver(t, "")
	r.Fail("s._domainkey.list.example")
	if err := CheckKey(t.Context(), r, "list.example", "s", rsa2048().Public()); err == nil || !strings.Contains(err.Error(), "could not be looked up") {
		t.Error(err)
	}
	for _, name := range [][2]string{{"", "s"}, {"list.example", "a b"}} {
		if err := CheckKey(t.Context(), r, name[0], name[1], rsa2048().Public()); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}
