package auth

import (
	"context"
	"testing"

	"assay/auth/dns/dnstest"
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
