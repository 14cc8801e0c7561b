package dkim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"sync"
	"testing"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/testdata/lab"
)

// plainMessage has what canonicalization is about: a fold, runs of spaces, blank lines.
const plainMessage = "From: Joe <joe@example.com>\r\n" +
	"To: suzie@example.net\r\n" +
	"Subject:  Is  dinner\r\n\tready? \r\n" +
	"Date: Fri, 11 Jul 2003 21:00:37 -0700\r\n" +
	"\r\n" +
	"Hi. \r\n\r\nWe lost  the game.\tAre you hungry yet?\r\n\r\n\r\n"

var (
	rsa2048  = sync.OnceValue(func() *rsa.PrivateKey { return mustRSA(2048) })
	rsa1024  = sync.OnceValue(func() *rsa.PrivateKey { return mustRSA(1024) })
	edwards  = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, 32)) })
	otherKey = sync.OnceValue(func() *rsa.PrivateKey { return mustRSA(2048) })
)

func mustRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// publicText is p= of a key.
func publicText(key crypto.PublicKey) string {
	if k, ok := key.(ed25519.PublicKey); ok {
		return base64.StdEncoding.EncodeToString(k)
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// fakeRSA is p= of a key of this size that nobody has.
func fakeRSA(bits int) string {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return publicText(&rsa.PublicKey{N: n.Add(n, big.NewInt(12345)), E: 65537})
}

// zoneOf writes TXT records; pairs of name and text.
func zoneOf(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "%s. 300 IN TXT %s\n", pairs[i], lab.Strings(pairs[i+1]))
	}
	return b.String()
}

func rsaRecord(key crypto.Signer) string { return "v=DKIM1; k=rsa; p=" + publicText(key.Public()) }

func edRecord() string { return "v=DKIM1; k=ed25519; p=" + publicText(edwards().Public()) }

// usualZone has the keys that signed uses, at s._domainkey and ed._domainkey.
func usualZone() string {
	return zoneOf("s._domainkey.example.com", rsaRecord(rsa2048()), "ed._domainkey.example.com", edRecord())
}

// split parts a message into its header and body.
func split(raw string) (message.Header, string) {
	head, body, _ := strings.Cut("\r\n"+raw, "\r\n\r\n")
	head = strings.TrimPrefix(head, "\r\n")
	var h message.Header
	for start := 0; start < len(head); {
		end := start
		for {
			n := strings.Index(head[end:], "\r\n")
			if n < 0 {
				end = len(head)
				break
			}
			if end += n; end+2 >= len(head) || !isBlank(head[end+2]) {
				break
			}
			end += 2
		}
		name, _, ok := strings.Cut(head[start:end], ":")
		if !ok {
			panic("no field: " + head[start:end])
		}
		h = append(h, message.Field{Name: name, Raw: head[start:end]})
		start = end + 2
	}
	return h, body
}

// run verifies a message whose body comes in one piece.
func run(v *Verifier, raw string, authors ...string) []Outcome {
	h, body := split(raw)
	n := v.Begin(context.Background(), h, authors...)
	n.Write([]byte(body))
	return n.Finish()
}

func zoneVerifier(t testing.TB, zone string) *Verifier {
	return &Verifier{Resolver: dnstest.NewResolver(t, zone)}
}

func engineVerifier(t testing.TB, e Engine, zone string) *Verifier {
	v := zoneVerifier(t, zone)
	v.Engine = e
	return v
}

// withEngines runs a test with each engine.
func withEngines(t *testing.T, f func(t *testing.T, e Engine)) {
	for name, e := range map[string]Engine{"assay": EngineAssay, "go-msgauth": EngineGoMsgauth} {
		t.Run(name, func(t *testing.T) { f(t, e) })
	}
}

// wantOne checks the result of a message with one signature.
func wantOne(t *testing.T, got []Outcome, want Result, reason string) Outcome {
	t.Helper()
	if len(got) != 1 {
		t.Fatalf("%d outcomes, want 1: %+v", len(got), got)
	}
	if got[0].Result != want || got[0].Reason != reason {
		t.Errorf("%s (%s) %v, want %s (%s)", got[0].Result, got[0].Reason, got[0].Err, want, reason)
	}
	if hasErr := got[0].Err != nil; hasErr != (want == Neutral || want == TempError || want == PermError) {
		t.Errorf("Err = %v of a result %s", got[0].Err, want)
	}
	return got[0]
}

// usualTags are the tags of a signature that passes; BH and B are filled in.
const usualTags = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s; h=from:to:subject:date; bh=BH; b=B"

// sign puts a DKIM-Signature with these tags before the message. It follows
// RFC 6376 section 3.7 on its own, whatever the tags say about it elsewhere, so
// that tests can sign what no library would.
func sign(key crypto.Signer, raw, tags string) string {
	h, body := split(raw)
	relaxedHeader, relaxedBody := refRelaxedHeader.MatchString(tags), refRelaxedBody.MatchString(tags)
	bodyHash := sha256.Sum256(refBody(body, relaxedBody))
	field := "DKIM-Signature: " + strings.Replace(tags, "BH", base64.StdEncoding.EncodeToString(bodyHash[:]), 1)
	var signed bytes.Buffer
	for _, f := range refPick(h, tags) {
		signed.WriteString(refField(f.Raw, relaxedHeader) + "\r\n")
	}
	before, after, _ := cutLast(field, "b=B")
	signed.WriteString(refField(before+"b="+after, relaxedHeader))
	hash := sha256.Sum256(signed.Bytes())
	return before + "b=" + base64.StdEncoding.EncodeToString(rawSign(key, hash[:])) + after + "\r\n" + raw
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	return s[:i], s[i+len(sep):], i >= 0
}

func rawSign(key crypto.Signer, hash []byte) []byte {
	var hashed crypto.Hash = crypto.SHA256
	if _, ok := key.(ed25519.PrivateKey); ok {
		hashed = 0 // RFC 8463: Ed25519 signs the hash as a message
	}
	b, err := key.Sign(rand.Reader, hash, hashed)
	if err != nil {
		panic(err)
	}
	return b
}

var (
	refRelaxedHeader = regexp.MustCompile(`(?i)c=relaxed`)
	refRelaxedBody   = regexp.MustCompile(`(?i)c=\w+/relaxed`)
	refNames         = regexp.MustCompile(`(?:^|[; \t])h=([^;]*)`)
	refBlanks        = regexp.MustCompile(`[ \t]+`)
)

func refPick(h message.Header, tags string) (picked []message.Field) {
	used := map[int]bool{}
	for name := range strings.SplitSeq(refNames.FindStringSubmatch(tags)[1], ":") {
		for i := len(h) - 1; i >= 0; i-- {
			if h[i].Is(strings.TrimSpace(name)) && !used[i] {
				used[i] = true
				picked = append(picked, h[i])
				break
			}
		}
	}
	return picked
}

var refSpace = regexp.MustCompile(`(\r\n)?[ \t]+((\r\n)?[ \t]+)*`)

// refField canonicalizes a field by RFC 6376 sections 3.4.1 and 3.4.2.
func refField(raw string, relaxed bool) string {
	if !relaxed {
		return raw
	}
	name, value, _ := strings.Cut(raw, ":")
	return strings.ToLower(strings.TrimRight(name, " \t")) + ":" + strings.Trim(refSpace.ReplaceAllString(value, " "), " ")
}

// refBody canonicalizes a body as RFC 6376 sections 3.4.3 and 3.4.4 say it, line by line.
func refBody(body string, relaxed bool) []byte {
	lines := strings.Split(body, "\r\n")
	for i, line := range lines {
		if relaxed {
			lines[i] = strings.TrimRight(refBlanks.ReplaceAllString(line, " "), " ")
		}
	}
	body = strings.Join(lines, "\r\n")
	for strings.HasSuffix(body, "\r\n") {
		body = strings.TrimSuffix(body, "\r\n")
	}
	if body == "" && relaxed {
		return nil
	}
	return []byte(body + "\r\n")
}

// resolverFunc is a Resolver for what a zone can't do.
type resolverFunc func(ctx context.Context, q dns.Question) (dns.Answer, error)

func (f resolverFunc) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	return f(ctx, q)
}
