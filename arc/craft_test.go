package arc

import (
	"encoding/base64"
	"strings"
	"testing"

	"assay/auth/dkim"
	"assay/auth/message"
)

// signedWithout is plainMessage with a set whose ARC-Message-Signature has these
// canonicalizations, but no c=. It is made by hand, as no sealer would.
func signedWithout(t *testing.T, canon string) string {
	t.Helper()
	header, body, _ := strings.Cut(canon, "/")
	h, text := split(plainMessage)
	var hashes dkim.BodyHashes
	hashes.Want(canonOf(body))
	hashes.Write([]byte(text))
	sum := hashes.Sum(canonOf(body))
	ams := message.NewField(MessageSignature, "  i=1;  a=rsa-sha256; d=list.example; s=rsa; h=from;"+
		" bh="+base64.StdEncoding.EncodeToString(sum[:])+"; b=")
	hash := dkim.NewHeaderHash(canonOf(header))
	hash.Add(h[0])
	ams.Raw += signatureOf(t, hash, ams)
	set := NewSet{AAR: "i=1; list.example; none", AMS: ams.Value()[1:]}
	m := rsaSealer("list.example")
	common, err := m.commonTags(1)
	if err != nil {
		t.Fatal(err)
	}
	if set.AS, err = m.sealSignature(Outcome{Result: None}, set, common, usualLayout()); err != nil {
		t.Fatal(err)
	}
	return join(append(set.Fields(), h...), text)
}

func canonOf(name string) dkim.Canonicalization {
	if name == "relaxed" {
		return dkim.Relaxed
	}
	return dkim.Simple
}

// signatureOf is b= of a field that ends in it.
func signatureOf(t *testing.T, hash *dkim.HeaderHash, f message.Field) string {
	t.Helper()
	tags, err := dkim.FieldTags(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	hash.AddSignature(f, tags)
	sum, err := hash.Sum()
	if err != nil {
		t.Fatal(err)
	}
	b, err := dkim.Sign(nil, rsa2048(), sum)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}
