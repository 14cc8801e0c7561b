package arc

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/testdata/lab"
)

// split parts a message with CRLF line ends into its header and body.
func split(raw string) (message.Header, string) {
	head, body, _ := strings.Cut("\r\n"+raw, "\r\n\r\n")
	head = strings.TrimPrefix(head, "\r\n")
	var h message.Header
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case line == "":
		case line[0] == ' ' || line[0] == '\t':
			h[len(h)-1].Raw += "\r\n" + line
		case ok:
			h = append(h, message.NewField(name, value))
		default:
			panic("no field: " + line)
		}
	}
	return h, body
}

// join is the reverse of split.
func join(h message.Header, body string) string {
	var b strings.Builder
	for _, f := range h {
		b.WriteString(f.Raw + "\r\n")
	}
	return b.String() + "\r\n" + body
}

// validate validates a message whose body comes in one piece.
func validate(v *Validator, h message.Header, body string) Outcome {
	var hashes dkim.BodyHashes
	n := v.Begin(context.Background(), h, &hashes)
	hashes.Write([]byte(body))
	return n.Finish()
}

var (
	rsa2048 = sync.OnceValue(func() *rsa.PrivateKey { return mustRSA(2048) })
	rsa1024 = sync.OnceValue(func() *rsa.PrivateKey { return mustRSA(1024) })
	edwards = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, 32)) })
)

func mustRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// keyRecord is the record that publishes a key.
func keyRecord(key crypto.Signer) string {
	if k, ok := key.Public().(ed25519.PublicKey); ok {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(k)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

// zoneOf writes TXT records; pairs of name and text.
func zoneOf(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "%s. 300 IN TXT %s\n", pairs[i], lab.Strings(pairs[i+1]))
	}
	return b.String()
}

// usualZone has the keys of the sealers that rsaSealer, shortSealer and edSealer make.
func usualZone(domains ...string) string {
	var pairs []string
	for _, d := range append(domains, "list.example") {
		pairs = append(pairs,
			"rsa._domainkey."+d, keyRecord(rsa2048()),
			"short._domainkey."+d, keyRecord(rsa1024()),
			"ed._domainkey."+d, keyRecord(edwards()))
	}
	return zoneOf(pairs...)
}

// now is the time of the tests that seal.
func now() time.Time { return time.Unix(1700000000, 0) }

func rsaSealer(domain string) *MessageSealer {
	return &MessageSealer{Domain: domain, Selector: "rsa", Key: rsa2048(), Now: now}
}

func edSealer(domain string) *MessageSealer {
	return &MessageSealer{Domain: domain, Selector: "ed", Key: edwards(), Now: now}
}

func validator(r dns.Resolver) *Validator { return &Validator{Resolver: r, Now: now} }

func zoneValidator(t testing.TB, domains ...string) *Validator {
	return validator(dnstest.NewResolver(t, usualZone(domains...)))
}

// plainMessage has what canonicalization is about: a fold, runs of spaces, blank lines.
const plainMessage = "From: Joe <joe@fabrikam.com>\r\n" +
	"To: list@list.example\r\n" +
	"Subject:  Is  dinner\r\n\tready? \r\n" +
	"Date: Tue, 14 Nov 2023 21:00:37 +0000\r\n" +
	"\r\n" +
	"Hi. \r\n\r\nWe lost  the game.\tAre you hungry yet?\r\n\r\n\r\n"

// usualResults are what an AAR says of plainMessage.
func usualResults(id string) authres.Results {
	return authres.Results{AuthServID: id, Results: []authres.Result{
		{Method: "spf", Value: "pass", Properties: []authres.Property{{Type: "smtp", Name: "mailfrom", Value: "joe@fabrikam.com"}}},
		{Method: "dkim", Value: "pass", Properties: []authres.Property{{Type: "header", Name: "d", Value: "fabrikam.com"}}},
		{Method: "dmarc", Value: "pass", Properties: []authres.Property{{Type: "header", Name: "from", Value: "fabrikam.com"}}},
	}}
}

// seal validates a message and puts one more set on top.
func seal(t testing.TB, v *Validator, s *MessageSealer, raw string) string {
	t.Helper()
	return sealOutcome(t, s, raw, usualResults(s.Domain), func(h message.Header, body string) Outcome {
		return validate(v, h, body)
	})
}

// sealOutcome puts a set on top of a message that was validated as outcome says.
func sealOutcome(t testing.TB, s *MessageSealer, raw string, r authres.Results, outcome func(message.Header, string) Outcome) string {
	t.Helper()
	h, body := split(raw)
	set, err := s.Seal(h, outcome(h, body), relaxedHash(body), r)
	if err != nil {
		t.Fatal(err)
	}
	return join(append(set.Fields(), h...), body)
}

func relaxedHash(body string) [32]byte {
	var hashes dkim.BodyHashes
	hashes.Want(dkim.Relaxed)
	hashes.Write([]byte(body))
	return hashes.Sum(dkim.Relaxed)
}

// trust is a list of trusted sealers.
func trust(t testing.TB, entries ...string) *Sealers {
	t.Helper()
	var list []Sealer
	for _, e := range entries {
		s, err := ParseSealer(e)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return NewSealers(list...)
}
