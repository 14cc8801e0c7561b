package auth

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/iprev"
	"assay/auth/message"
	"assay/auth/spf"
)

const testZone = `
1.2.0.192.in-addr.arpa. IN PTR mail.example.org.
mail.example.org.       IN A   192.0.2.1
example.org.            IN TXT "v=spf1 a:mail.example.org -all"
_dmarc.example.org.     IN TXT "v=DMARC1; p=reject"
sel._domainkey.example.org. IN TXT "v=DKIM1; p="
`

var testEnvelope = Envelope{
	IP: netip.MustParseAddr("192.0.2.1"), Helo: "mail.example.org", MailFrom: "joe@example.org", Rcpt: []string{"ann@example.test"},
}

func testHeader(lines ...string) message.Header {
	var h message.Header
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		h = append(h, message.NewField(name, value))
	}
	return h
}

var fromJoe = testHeader("From: joe@example.org", "Subject: x")

// signedByNobody has a signature whose key must be looked up.
var signedByNobody = append(testHeader("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel; h=from; bh=YQ==; b=YQ=="), fromJoe...)

func testVerifier(r dns.Resolver) *Verifier {
	return &Verifier{Resolver: r, Timeout: 25 * time.Second, Stamp: Stamp{AuthServID: "mx.example.test"}}
}

// begin goes the way of a message up to the end of its header.
func begin(t *testing.T, v *Verifier, env Envelope, h message.Header) (*Session, *Check) {
	t.Helper()
	session := v.Connect(t.Context(), env.IP)
	session.Helo(env.Helo)
	session.MailFrom(env)
	return session, session.Begin(env, h)
}

func TestFinish(t *testing.T) {
	session, check := begin(t, testVerifier(dnstest.NewResolver(t, testZone)), testEnvelope, fromJoe)
	defer session.Close()
	r := check.Finish()
	if r.SPF.Result != spf.Pass || r.IPRev.Result != iprev.Pass || r.DMARC.Result != dmarc.Pass {
		t.Errorf("spf %s, iprev %s, dmarc %s; want pass", r.SPF.Result, r.IPRev.Result, r.DMARC.Result)
	}
	if r.Queries == 0 {
		t.Error("no DNS question was counted")
	}
}

// The lookups run in parallel: with cold DNS a message waits for the longest
// chain of those that depend on each other, PTR then A and SPF then A.
func TestColdDNSWaitsForTheLongestChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resolver := dnstest.NewResolver(t, testZone)
		resolver.Delay(20 * time.Millisecond)
		began := time.Now()
		session, check := begin(t, testVerifier(resolver), testEnvelope, signedByNobody)
		defer session.Close()
		r := check.Finish()
		if waited := time.Since(began); waited != 40*time.Millisecond {
			t.Errorf("waited %v for %d questions %v", waited, len(resolver.Asked()), resolver.Asked())
		}
		if r.DMARC.Result != dmarc.Pass {
			t.Errorf("dmarc %s, %v", r.DMARC.Result, r.DMARC.Err)
		}
	})
}

// Lookups that have begun before the end of the header cost nothing after it.
func TestLookupsBeginWithTheirInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resolver := dnstest.NewResolver(t, testZone)
		resolver.Delay(20 * time.Millisecond)
		v := testVerifier(resolver)
		session := v.Connect(t.Context(), testEnvelope.IP)
		defer session.Close()
		session.Helo(testEnvelope.Helo)
		session.MailFrom(testEnvelope)
		time.Sleep(time.Second) // the client takes its time for DATA
		check := session.Begin(testEnvelope, signedByNobody)
		time.Sleep(time.Second) // and for the body
		before := len(resolver.Asked())
		began := time.Now()
		check.Finish()
		if waited := time.Since(began); waited != 0 || len(resolver.Asked()) != before {
			t.Errorf("Finish waited %v and asked %v", waited, resolver.Asked()[before:])
		}
	})
}

// A client may take longer for the body than lookups may take.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		session, check := begin(t, testVerifier(dnstest.NewResolver(t, testZone)), testEnvelope, signedByNobody)
		defer session.Close()
		check.Write([]byte("Hello\r\n"))
		time.Sleep(10 * time.Minute)
		check.Write([]byte("world\r\n"))
		r := check.Finish()
		if r.SPF.Result != spf.Pass || r.DMARC.Result != dmarc.Pass || r.DKIM[0].Result == dkim.TempError {
			t.Errorf("spf %s, dmarc %s, dkim %s", r.SPF.Result, r.DMARC.Result, r.DKIM[0].Result)
		}
	})
}

// A DNS that never answers costs the message timeout, once, and the message is
// still stamped.
func TestDeadDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resolver := dnstest.NewResolver(t, testZone)
		resolver.Delay(time.Hour)
		began := time.Now()
		session, check := begin(t, testVerifier(resolver), testEnvelope, signedByNobody)
		defer session.Close()
		r := check.Finish()
		if waited := time.Since(began); waited != 25*time.Second {
			t.Errorf("waited %v", waited)
		}
		if r.SPF.Result != spf.TempError || r.IPRev.Result != iprev.TempError || r.DMARC.Result != dmarc.TempError || r.DKIM[0].Result != dkim.TempError {
			t.Errorf("spf %s, iprev %s, dmarc %s, dkim %s; want temperror", r.SPF.Result, r.IPRev.Result, r.DMARC.Result, r.DKIM[0].Result)
		}
		if len(r.Edits) != 1 || !strings.Contains(r.Edits[0].Value, "dmarc=temperror") {
			t.Errorf("edits %v", r.Edits)
		}
	})
}

// A canceled check and a closed session leave nothing running: synctest fails
// when a goroutine of the bubble is left.
func TestCancel(t *testing.T) {
	for name, end := range map[string]func(*Session, *Check){
		"check":         func(s *Session, c *Check) { c.Cancel(); c.Cancel(); s.Close() },
		"session":       func(s *Session, c *Check) { s.Close(); s.Close() },
		"next message":  func(s *Session, c *Check) { s.MailFrom(testEnvelope); s.Close() },
		"in the body":   func(s *Session, c *Check) { s.cancel(); c.Write([]byte("x")); s.Close() },
		"helo again":    func(s *Session, c *Check) { s.Helo("other.example"); s.Close() },
		"after a write": func(s *Session, c *Check) { c.Cancel(); c.Write([]byte("x")); s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resolver := dnstest.NewResolver(t, testZone)
				resolver.Delay(time.Second)
				v := testVerifier(resolver)
				v.SPFHelo = true
				began := time.Now()
				session, check := begin(t, v, testEnvelope, signedByNobody)
				end(session, check)
				if waited := time.Since(began); waited != 0 {
					t.Errorf("waited %v", waited)
				}
			})
		})
	}
}

// A session serves many messages: each has its own SPF result, the client's
// name is looked up once.
func TestSecondMessage(t *testing.T) {
	resolver := dnstest.NewResolver(t, testZone)
	session, check := begin(t, testVerifier(resolver), testEnvelope, fromJoe)
	defer session.Close()
	check.Finish()
	second := testEnvelope
	second.MailFrom = "ann@other.example"
	session.MailFrom(second)
	r := session.Begin(second, fromJoe).Finish()
	if r.SPF.Result != spf.None || r.DMARC.Result != dmarc.Fail || r.IPRev.Result != iprev.Pass {
		t.Errorf("spf %s, dmarc %s, iprev %s", r.SPF.Result, r.DMARC.Result, r.IPRev.Result)
	}
	ptr := 0
	for _, q := range resolver.Asked() {
		if q.Type == dns.TypePTR {
			ptr++
		}
	}
	if ptr != 1 {
		t.Errorf("%d PTR questions", ptr)
	}
}

type panicking struct{ typ dns.Type }

func (p panicking) Resolve(_ context.Context, q dns.Question) (dns.Answer, error) {
	if q.Type == p.typ {
		panic("boom")
	}
	return dns.Answer{NXDomain: true}, nil
}

// A panic in any goroutine of a check reaches the caller of Finish, who can
// recover; nothing is left running.
func TestPanicReachesFinish(t *testing.T) {
	for _, typ := range []dns.Type{dns.TypePTR, dns.TypeTXT} {
		synctest.Test(t, func(t *testing.T) {
			session, check := begin(t, testVerifier(panicking{typ}), testEnvelope, signedByNobody)
			defer session.Close()
			defer func() {
				if v := recover(); v == nil {
					t.Errorf("type %v: no panic", typ)
				}
			}()
			check.Finish()
		})
	}
}

func TestExempt(t *testing.T) {
	auth := testEnvelope
	auth.AuthType, auth.AuthUser = "PLAIN", "joe"
	trusted := testEnvelope
	trusted.IP = netip.MustParseAddr("::ffff:127.0.0.1")
	for _, test := range []struct {
		env  Envelope
		want Exemption
	}{{testEnvelope, ""}, {auth, SMTPAuth}, {trusted, TrustedNetwork}} {
		v := testVerifier(dnstest.NewResolver(t, testZone))
		v.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		session, check := begin(t, v, test.env, signedByNobody)
		if wants := check.WantsBody(); wants && test.want != "" {
			t.Errorf("%q: an exempt message wants its body", test.want)
		}
		r := check.Finish()
		session.Close()
		if r.Exempt != test.want || len(r.Edits) != 1 || r.Disposition.Action != Accept {
			t.Errorf("exempt %q, edits %v, action %v; want %q", r.Exempt, r.Edits, r.Disposition.Action, test.want)
		}
		if test.want != "" && (r.SPF.Result != "" || len(r.Authored) != 0) {
			t.Errorf("%q: evaluated: %+v", test.want, r)
		}
	}
}

// A check can begin without MAIL FROM having been told: SPF starts late.
func TestBeginWithoutMailFrom(t *testing.T) {
	session := testVerifier(dnstest.NewResolver(t, testZone)).Connect(t.Context(), testEnvelope.IP)
	defer session.Close()
	if r := session.Begin(testEnvelope, fromJoe).Finish(); r.SPF.Result != spf.Pass {
		t.Errorf("spf %s", r.SPF.Result)
	}
}
