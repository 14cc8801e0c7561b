package dkim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func TestParseKeyRecord(t *testing.T) {
	p := publicText(&rsa1024().PublicKey)
	tests := []struct {
		txt string
		err error
	}{
		{"v=DKIM1; p=" + p, nil},
		{"p=" + p, nil},
		{"p=", nil},
		{"k=rsa; p=" + p + ";", nil},
		{"v=DKIM1;; k=rsa; ; p=" + p + ";;", nil},
		{" v = DKIM1 ; k = rsa ; n=a note; p = " + p[:50] + " " + p[50:], nil},
		{"v=DKIM1; p=!", nil}, // a key record, whose key can't be read
		{"v=DKIM1.0; p=" + p, errNotKey},
		{"v=dkim1; p=" + p, errNotKey},
		{"v=DKIM2; p=" + p, errNotKey},
		{"k=rsa; v=DKIM1; p=" + p, errKeySyntax},
		{"v=DKIM1; k=rsa", errKeySyntax},
		{"v=DKIM1; p=" + p + "; p=" + p, errKeySyntax},
		{`v=DKIM1\; k=rsa\; p=` + p, errNotKey},
		{"v=DKIM1 k=rsa p=" + p, errNotKey},
		{"p=" + p + "; x", errKeySyntax},
		{"", errNotKey},
		{"v=spf1 -all", errNotKey},
		{"google-site-verification=abc", errNotKey},
		{"MS=ms123", errNotKey},
		{"p=" + strings.Repeat("A", maxKeyRecord), errKeySyntax},
	}
	for _, tt := range tests {
		k, err := parseKeyRecord(tt.txt, 0)
		if !errors.Is(err, tt.err) || (k == nil) != (tt.err != nil) {
			t.Errorf("%.60q: %v, %v; want %v", tt.txt, k, err, tt.err)
		}
	}
}

func TestKeySuits(t *testing.T) {
	pkix := publicText(&rsa1024().PublicKey)
	pkcs1 := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&rsa1024().PublicKey))
	ed := publicText(edwards().Public())
	limits := KeyLimits{MinRSABits: 1024, MaxRSABits: 8192}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const sub, own = "sub.example.com", "example.com"
	tests := []struct {
		txt       string
		algorithm string
		auid      string
		result    Result
		reason    string
	}{
		{"p=" + pkix, "rsa-sha256", sub, "", ""},
		{"k=RSA; p=" + pkcs1, "rsa-sha256", sub, "", ""},
		{"k=ed25519; p=" + ed, "ed25519-sha256", own, "", ""},
		{"k=Ed25519; h=SHA256; s=EMAIL; p=" + ed, "ed25519-sha256", own, "", ""},
		{"k=ed25519; p=" + ed, "rsa-sha256", own, PermError, "inappropriate key algorithm"},
		{"p=" + pkix, "ed25519-sha256", own, PermError, "inappropriate key algorithm"},
		{"k=x509; p=" + pkix, "rsa-sha256", own, PermError, "inappropriate key algorithm"},
		{"k=; p=" + pkix, "rsa-sha256", own, PermError, "inappropriate key algorithm"},
		{"p=" + ed, "rsa-sha256", own, PermError, "key syntax error"},
		{"k=ed25519; p=" + pkix, "ed25519-sha256", own, PermError, "key syntax error"},
		{"p=" + publicText(&curve.PublicKey), "rsa-sha256", own, PermError, "key syntax error"},
		{"p=!", "rsa-sha256", own, PermError, "key syntax error"},
		{"p=" + pkix[:len(pkix)-1], "rsa-sha256", own, PermError, "key syntax error"},
		{"h=sha1:sha256; p=" + pkix, "rsa-sha256", own, "", ""},
		{"h=sha1; p=" + pkix, "rsa-sha256", own, PermError, "inappropriate hash algorithm"},
		{"h=; p=" + pkix, "rsa-sha256", own, PermError, "inappropriate hash algorithm"},
		{"h=sha1; p=", "rsa-sha256", own, PermError, "inappropriate hash algorithm"},
		{"p=", "rsa-sha256", own, PermError, "key revoked"},
		{"k=ed25519; p= ", "rsa-sha256", own, PermError, "key revoked"},
		{"s=*; p=" + pkix, "rsa-sha256", own, "", ""},
		{"s=tlsrpt : email; p=" + pkix, "rsa-sha256", own, "", ""},
		{"s=tlsrpt; p=" + pkix, "rsa-sha256", own, PermError, "key not for email"},
		{"t=s; p=" + pkix, "rsa-sha256", own, "", ""},
		{"t=y : s; p=" + pkix, "rsa-sha256", sub, PermError, "key not for subdomains"},
		{"t=y; p=" + pkix, "rsa-sha256", sub, "", ""},
		{"p=" + fakeRSA(1024), "rsa-sha256", own, "", ""},
		{"p=" + fakeRSA(1023), "rsa-sha256", own, Policy, "insecure key of 1023 bits"},
		{"p=" + fakeRSA(512), "rsa-sha256", own, Policy, "insecure key of 512 bits"},
		{"p=" + fakeRSA(8192), "rsa-sha256", own, "", ""},
		{"p=" + fakeRSA(8193), "rsa-sha256", own, Policy, "key too large"},
		{"p=" + fakeRSA(65536), "rsa-sha256", own, Policy, "key too large"},
	}
	for _, tt := range tests {
		k, err := parseKeyRecord(tt.txt, 0)
		if err != nil {
			t.Errorf("%.60q: %v", tt.txt, err)
			continue
		}
		use := KeyUse{Algorithm: tt.algorithm, Subdomain: tt.auid != own}
		v := k.suits(use, limits)
		if v == nil {
			v = &verdict{}
		}
		if v.result != tt.result || v.reason != tt.reason {
			t.Errorf("%.60q for %s: %s (%s), want %s (%s)", tt.txt, tt.algorithm, v.result, v.reason, tt.result, tt.reason)
		}
	}
}

func TestKeySizeLimits(t *testing.T) {
	zone := zoneOf("s._domainkey.example.com", rsaRecord(rsa1024()))
	signed := sign(rsa1024(), plainMessage, usualTags)
	for _, tt := range []struct {
		min, max int
		result   Result
		reason   string
	}{
		{0, 0, Pass, "signature was verified"},
		{1024, 1024, Pass, "signature was verified"},
		{1025, 0, Policy, "insecure key of 1024 bits"},
		{512, 0, Pass, "signature was verified"},
		{0, 1023, Policy, "key too large"},
	} {
		v := zoneVerifier(t, zone)
		v.MinRSABits, v.MaxRSABits = tt.min, tt.max
		if o := wantOne(t, run(v, signed), tt.result, tt.reason); o.KeyBits != 1024 {
			t.Errorf("KeyBits = %d", o.KeyBits)
		}
	}
	v := zoneVerifier(t, zoneOf("s._domainkey.example.com", "p="+fakeRSA(512)))
	v.MinRSABits = 512 // RFC 8301 allows nobody to accept it
	wantOne(t, run(v, signed), Policy, "insecure key of 512 bits")
}

func FuzzKeyRecord(f *testing.F) {
	f.Add(rsaRecord(rsa1024()))
	f.Add(edRecord())
	f.Add("v=DKIM1; h=sha1:sha256; k=rsa; n=x; s=email:*; t=y:s; p=")
	f.Add("v=spf1 -all")
	f.Fuzz(func(t *testing.T, txt string) {
		k, err := parseKeyRecord(txt, 0)
		if err != nil {
			return
		}
		if v := k.suits(KeyUse{Algorithm: RSASHA256}, KeyLimits{MinRSABits: 1024, MaxRSABits: 8192}); v != nil {
			return
		}
		again, err := parseKeyRecord(libraryRecord(k), 0)
		if err != nil || again.data != k.data || again.bits != k.bits || again.kind != k.kind {
			t.Errorf("%q became %+v, %v", txt, again, err)
		}
	})
}
