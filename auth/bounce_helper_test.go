package auth

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"assay/auth/dkim"
	"assay/auth/message"
)

// headerOnly is a body in the terms of postfix that returns only the header.
func headerOnly(original string) string {
	body := bounceSamples[1].write(original)
	return strings.ReplaceAll(body, "4XyZ.1/", "4XyZ1b2C3d.1732272000/")
}

// repeatSignature puts n copies of the topmost signature, with another b=, on top of it.
func repeatSignature(signed string, n int, b string) string {
	header, _ := readSigned(signed)
	field := header[0].Raw
	return strings.Repeat(field[:strings.LastIndex(field, "b=")]+b+"\r\n", n) + signed
}

func readSigned(msg string) (message.Header, string) {
	r := bufio.NewReader(strings.NewReader(msg))
	h, err := message.ReadHeader(r, len(msg))
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return h, string(body)
}

// signTags signs annsMessage, with a Date, by a signature that has more tags than usual, in
// particular none but these for the time.
func signTags(t *testing.T, tags string) string {
	t.Helper()
	msg := "Date: " + time.Now().Format(time.RFC1123Z) + "\r\n" + annsMessage
	h, body := readSigned(msg)
	var bodies dkim.BodyHashes
	bodies.Want(dkim.Relaxed)
	_, _ = bodies.Write([]byte(body))
	bodyHash := bodies.Sum(dkim.Relaxed)
	field := message.NewField("DKIM-Signature", " v=1; a=ed25519-sha256; c=relaxed/relaxed; d=ours.example; s=sel; "+
		tags+"; bh="+base64.StdEncoding.EncodeToString(bodyHash[:])+"; b=")
	parsed, err := dkim.FieldTags(field, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := parsed.Names("h")
	hash := dkim.NewHeaderHash(dkim.Relaxed)
	for _, i := range dkim.NewFieldIndex(h, names).Pick(names, -1) {
		hash.Add(h[i])
	}
	hash.AddSignature(field, parsed)
	digest, err := hash.Sum()
	if err != nil {
		t.Fatal(err)
	}
	signature, err := dkim.Sign(rand.Reader, bounceKeys()["ours.example"].Signer, digest)
	if err != nil {
		t.Fatal(err)
	}
	return field.Raw + base64.StdEncoding.EncodeToString(signature) + "\r\n" + msg
}

// timeTags are t= and x= of a signature that covers From, both from now.
func timeTags(made, expires time.Duration) string {
	now := time.Now()
	return fmt.Sprintf("h=from; t=%d; x=%d", now.Add(made).Unix(), now.Add(expires).Unix())
}
