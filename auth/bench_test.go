package auth

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/compauth/history"
	"assay/compauth/spoof"
	"assay/testdata/lab"
)

// The whole way of a message that passes DMARC by SPF, but for its body.
func BenchmarkPass(b *testing.B) {
	v := testVerifier(dnstest.NewResolver(b, testZone))
	v.Implicit = true
	b.ReportAllocs()
	for b.Loop() {
		session := v.Connect(context.Background(), testEnvelope.IP)
		session.Helo(testEnvelope.Helo)
		session.MailFrom(testEnvelope)
		if r := session.Begin(testEnvelope, fromJoe).Finish(); r.Disposition.Action != Accept || r.DMARC.Result != "pass" {
			b.Fatal(r.Disposition)
		}
		session.Close()
	}
}

// The end of a signed message that passes all, with the defaults of the daemon: a history, hints, an empty
// list of spoofed senders. Its beginning is not measured, but its allocations are.
func BenchmarkFinish(b *testing.B) {
	for _, kind := range []string{"signed", "named", "spoof"} {
		b.Run(kind, func(b *testing.B) { benchmarkFinish(b, kind) })
	}
}

// benchmarkFinish has a message that a signature authenticates, or the client's name, or nothing.
func benchmarkFinish(b *testing.B, kind string) {
	signed := kind == "signed"
	zone, header, body := benchMessage(b, signed)
	v := testVerifier(&dns.Cache{Resolver: dnstest.NewResolver(b, zone), MinTTL: time.Hour})
	v.Implicit, v.Remember, v.Spoofed = true, true, spoof.NewList()
	store, err := history.Open(history.Options{Database: "sqlite:" + filepath.Join(b.TempDir(), "history.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close(context.Background())
	v.History = store
	env := testEnvelope
	env.MailFrom, env.Rcpt = "joe@example.org", []string{"ann@example.test"}
	if !signed {
		env.MailFrom = "joe@example.net"
	}
	if kind == "spoof" {
		header[0] = message.NewField("From", " joe@example.com")
	}
	session := v.Connect(context.Background(), env.IP)
	defer session.Close()
	session.Helo(env.Helo)
	b.ReportAllocs()
	var finishing time.Duration
	for b.Loop() {
		session.MailFrom(env)
		check := session.Begin(env, header)
		_, _ = check.Write(body)
		began := time.Now()
		r := check.Finish()
		finishing += time.Since(began)
		if signed && (len(r.DKIM) != 1 || r.DKIM[0].Result != "pass" || r.DMARC.Result != "pass") {
			b.Fatalf("%+v", r)
		}
	}
	b.ReportMetric(float64(finishing.Nanoseconds())/float64(b.N), "ns/finish")
}

// benchMessage is a message with as many fields as ordinary mail has.
func benchMessage(b *testing.B, signed bool) (zone string, h message.Header, body []byte) {
	b.Helper()
	text := "From: Joe <joe@example.org>\r\nTo: Ann <ann@example.test>\r\nSubject: benchmark\r\nContent-Type: text/plain; charset=utf-8\r\n"
	for range 12 {
		text += "X-Field: word word word word word word word word\r\n"
	}
	text += "\r\nText.\r\n"
	zone = ". IN SOA ns.example. admin.example. 1 7200 900 1209600 300\n" + testZone
	if signed {
		key, err := lab.NewEd25519("example.org", "ed")
		if err != nil {
			b.Fatal(err)
		}
		record, err := key.Record()
		if err != nil {
			b.Fatal(err)
		}
		msg, err := key.Sign([]byte(text), "relaxed/relaxed")
		if err != nil {
			b.Fatal(err)
		}
		zone, text = zone+record+"\n", string(msg)
	}
	h, rest := readSigned(text)
	return zone, h, []byte(rest)
}
