package milter

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"assay/auth"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

const zone = `
example.com.        IN TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.example.com. IN TXT "v=DMARC1; p=reject"
`

// A broken resolver is a mistake of ours deep below.
type broken struct{}

func (broken) Resolve(context.Context, dns.Question) (dns.Answer, error) { panic("broken resolver") }

func realVerifier(r dns.Resolver) *auth.Verifier {
	return &auth.Verifier{
		Resolver: r, Timeout: 10 * time.Second,
		Stamp:  auth.Stamp{AuthServID: "mx.example.test"},
		Policy: auth.Policy{DMARCReject: auth.Reject},
	}
}

// The way of a message through auth, and two messages of which the first is rejected.
func TestVerifier(t *testing.T) {
	d := start(t, verifierOf{realVerifier(dnstest.NewResolver(t, zone))})
	m := connected(t, d.addr, offeredActions, offeredProtocol)
	m.hello()
	const forged = "Authentication-Results: mx.example.test; dmarc=pass header.from=example.com"
	spoof := m.message("V1", "a@sub.example.com", forged, "From: b@example.com")
	if last := spoof[len(spoof)-1]; !strings.HasPrefix(last, "y550 5.7.1 rejected by DMARC policy for ") {
		t.Errorf("the spoof: %q", spoof)
	}
	good := m.message("V2", "a@example.com", forged)
	if len(good) != 3 || good[0] != "m\x00\x00\x00\x01Authentication-Results\x00\x00" || good[2] != "a" ||
		!strings.HasPrefix(good[1], "i\x00\x00\x00\x00Authentication-Results\x00 mx.example.test;\n spf=pass") ||
		!strings.Contains(good[1], "dmarc=pass") {
		t.Errorf("the good one: %q", good)
	}
	if text := d.log.String(); !strings.Contains(text, "queue_id=V2 client=192.0.2.1 helo=mail.example.com mail_from=a@example.com from=example.com spf=pass dkim=none dmarc=pass") {
		t.Errorf("log: %s", text)
	}
}

// A panic in a goroutine of the verifier is the message's fate, with its own stack.
func TestPanicInVerifier(t *testing.T) {
	d := start(t, verifierOf{realVerifier(broken{})}, func(s *Server) { s.OnError = auth.TempFail })
	m := connected(t, d.addr, offeredActions, offeredProtocol)
	m.hello()
	got := m.message("V1", "a@example.com", "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s; h=from; bh=YQ==; b=YQ==")
	if want := []string{"y451 4.3.0 internal error, try again later\x00"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if text := d.log.String(); !strings.Contains(text, "broken resolver") || !strings.Contains(text, "broken.Resolve") {
		t.Errorf("log: %s", text)
	}
	d.SetVerifier(realVerifier(dnstest.NewResolver(t, zone)))
	if got := m.message("V2", "a@example.com"); len(got) != 2 || got[1] != "a" {
		t.Errorf("after the reload: %q", got)
	}
}
