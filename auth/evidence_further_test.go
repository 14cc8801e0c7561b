package auth

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/arc"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

// hintZone has a hint for every rule, but none that decides before all are known.
const hintZone = `
7.100.51.198.in-addr.arpa. IN PTR out.host.example.
7.100.51.198.in-addr.arpa. IN PTR mail.example.org.
out.host.example. IN A 198.51.100.7
mail.example.org. IN A 203.0.113.1
example.org. IN MX 10 mx1.mail.example.
example.org. IN MX 20 mx2.mail.example.
mx2.mail.example. IN A 198.51.100.8
`

func claimedBy(domain string) message.Header {
	return append(testHeader("DKIM-Signature: v=1; a=rsa-sha256; d="+domain+"; s=sel; h=from; bh=YQ==; b=YQ=="), fromJoe...)
}

// hinted is a check of a message that nothing but hints authenticates, every answer
// of DNS taking 20 ms.
func hinted(t *testing.T, h message.Header, change func(*Verifier)) (*dnstest.Resolver, *Session, *Check) {
	t.Helper()
	resolver := dnstest.NewResolver(t, hintZone)
	resolver.Delay(20 * time.Millisecond)
	v := testVerifier(resolver)
	v.Implicit = true
	if change != nil {
		change(v)
	}
	session, check := begin(t, v, strangerEnvelope, h)
	return resolver, session, check
}

// A message waits for the longest chain of lookups that depend on each other: PTR, A, then MX, A.
func TestHintsWaitForTheLongestChain(t *testing.T) {
	for name, h := range map[string]message.Header{
		"unsigned": fromJoe, "signed by another": claimedBy("esp.example"), "signed by the author": claimedBy("example.org"),
		"two authors": testHeader("From: joe@example.org, ann@example.net"),
	} {
		synctest.Test(t, func(t *testing.T) {
			resolver, session, check := hinted(t, h, nil)
			defer session.Close()
			began := time.Now()
			r := check.Finish()
			if waited := time.Since(began); waited != 80*time.Millisecond {
				t.Errorf("%s: waited %v for %v", name, waited, resolver.Asked())
			}
			if a := r.Evidence.Authors[0]; !a.Neighbour || !a.PTRUnconfirmed || a.MX || a.PTROrg {
				t.Errorf("%s: %+v", name, a)
			}
		})
	}
}

// Where nothing that the body holds could authenticate the author, all is known before it ends.
func TestHintsBeginWithTheHeader(t *testing.T) {
	sealed := append(testHeader("ARC-Seal: i=1; d=list.example"), fromJoe...)
	trusting := func(v *Verifier) { v.Sealers = arc.NewSealers(arc.Sealer{Domain: "list.example"}) }
	for name, test := range map[string]struct {
		header message.Header
		change func(*Verifier)
		want   time.Duration
	}{
		"unsigned":             {fromJoe, nil, 0},
		"signed by another":    {claimedBy("esp.example"), nil, 0},
		"signed by the author": {claimedBy("mail.example.org"), nil, 40 * time.Millisecond},
		"two authors":          {testHeader("From: joe@example.org, ann@example.net"), nil, 40 * time.Millisecond},
		"a sealer may vouch":   {sealed, trusting, 40 * time.Millisecond},
		"no sealer is trusted": {sealed, nil, 0},
		"nobody wants them":    {fromJoe, func(v *Verifier) { v.Implicit = false }, 0},
		"to be remembered":     {fromJoe, func(v *Verifier) { v.Implicit, v.Remember = false, true }, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			resolver, session, check := hinted(t, test.header, test.change)
			defer session.Close()
			time.Sleep(time.Second) // the client takes its time for the body
			before, began := len(resolver.Asked()), time.Now()
			r := check.Finish()
			if waited := time.Since(began); waited != test.want || (len(resolver.Asked()) > before) != (test.want > 0) {
				t.Errorf("%s: Finish waited %v and asked %v", name, waited, resolver.Asked()[before:])
			}
			if r.Evidence.Authors[0].Neighbour == (name == "nobody wants them") {
				t.Errorf("%s: %+v", name, r.Evidence.Authors[0])
			}
		})
	}
}

// Each question is asked once.
func TestHintsAskOnce(t *testing.T) {
	for _, h := range []message.Header{fromJoe, claimedBy("example.org")} {
		_, asked := situation{zone: hintZone, header: h}.check(t)
		if list := questions(asked); len(slices.Compact(slices.Clone(list))) != len(list) {
			t.Errorf("asked %v", list)
		}
	}
}

// The body may take longer than lookups may: those that begin after it have time of their own.
func TestHintsAfterSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resolver := dnstest.NewResolver(t, ptr("mail.example.org"))
		resolver.Delay(20 * time.Millisecond)
		v := testVerifier(resolver)
		v.Implicit = true
		session, check := begin(t, v, strangerEnvelope, testHeader("From: joe@news.example.org, ann@news.example.org",
			"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel; h=from; bh=YQ==; b=YQ=="))
		defer session.Close()
		time.Sleep(10 * time.Minute)
		if r := check.Finish(); r.Verdict.Reason != 104 {
			t.Errorf("%v %+v", r.Verdict, r.Evidence.Authors[0])
		}
	})
}

// Also what little is left of the time of the lookups that began with the header is not enough.
func TestHintsAfterBodyInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resolver := dnstest.NewResolver(t, ptr("mail.example.org"))
		resolver.Delay(20 * time.Millisecond)
		v := testVerifier(resolver)
		v.Implicit = true
		session, check := begin(t, v, strangerEnvelope, testHeader("From: joe@news.example.org, ann@news.example.org",
			"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel; h=from; bh=YQ==; b=YQ=="))
		defer session.Close()
		time.Sleep(v.Timeout - 10*time.Millisecond)
		if r := check.Finish(); r.Verdict.Reason != 104 {
			t.Errorf("%v %+v", r.Verdict, r.Evidence.Authors[0])
		}
	})
}

// DNS that answers everything but the hints costs the message timeout, once. What is
// missing is told, since a rejection would be premature.
func TestHintsUnknown(t *testing.T) {
	for fail, want := range map[string]bool{"": false, "example.org": true, "mx1.mail.example": true, "7.100.51.198.in-addr.arpa": true} {
		s := situation{zone: strings.ReplaceAll(hintZone, "198.51.100.8", "203.0.113.8"), fail: fail}
		s.zone = strings.Replace(s.zone, "7.100.51.198.in-addr.arpa. IN PTR mail.example.org.\n", "", 1)
		s.change = func(v *Verifier, _ *Envelope) { v.Policy = Policy{CompauthFail: Reject} }
		r, _ := s.check(t)
		if r.HintsUnknown != want || (r.Disposition.Action == TempFail) != want {
			t.Errorf("%q fails: unknown %v, %+v", fail, r.HintsUnknown, r.Disposition)
		}
		s.change = func(v *Verifier, _ *Envelope) {
			v.Implicit, v.Remember, v.Policy = false, true, Policy{CompauthFail: Reject}
		}
		if r, _ = s.check(t); r.HintsUnknown || r.Disposition.Action != Reject {
			t.Errorf("%q fails, no hint counts: unknown %v, %+v", fail, r.HintsUnknown, r.Disposition)
		}
	}
}

// A tree walk that DNS keeps back may hide that the client is of the author's organization, or of that of
// its MX host.
func TestOrganizationsUnknown(t *testing.T) {
	news := testHeader("From: joe@news.example.org")
	weak := "_dmarc.example.org. IN TXT \"v=DMARC1; p=none\"\nnews.example.org. IN A 203.0.113.1\n"
	host := exists + mx("mx1.corp.example") + "mx1.corp.example. IN A 203.0.113.1\n_dmarc.corp.example. IN TXT \"v=DMARC1; p=none\"\n" + ptr("out.corp.example")
	for _, test := range []struct {
		name, zone, fail string
		header           message.Header
		want             string
	}{
		{"PTR", weak + ptr("mta.example.org"), "", news, "accept 104"},
		{"PTR, its walk fails", weak + ptr("mta.example.org"), "_dmarc.mta.example.org", news, "tempfail 001"},
		{"PTR of another, a walk fails", weak + ptr("mta.other.example"), "_dmarc.mta.other.example", news, "reject 001"},
		{"PTR not confirmed, its walk fails", weak + "7.100.51.198.in-addr.arpa. IN PTR mta.example.org.\n", "_dmarc.mta.example.org", news, "tempfail 001"},
		{"MX", host, "", fromJoe, "accept 116"},
		{"MX, its walk fails", host, "_dmarc.mx1.corp.example", fromJoe, "tempfail 001"},
		{"MX, the client's walk fails", host, "_dmarc.out.corp.example", fromJoe, "tempfail 001"},
		{"found all the same", weak + ptr("mta.example.org") + "news.example.org. IN A 198.51.100.200\n", "_dmarc.mta.example.org", news, "accept 201"},
	} {
		r, _ := situation{zone: test.zone, fail: test.fail, header: test.header, change: func(v *Verifier, _ *Envelope) {
			v.Policy = Policy{CompauthFail: Reject}
		}}.check(t)
		if got := r.Disposition.Action.String() + " " + r.Verdict.Reason.String(); got != test.want || r.HintsUnknown != (r.Disposition.Action == TempFail) {
			t.Errorf("%s: %s, want %s; unknown %v", test.name, got, test.want, r.HintsUnknown)
		}
	}
}

// deaf has no answer to questions of a type until their context is done.
type deaf struct {
	dns.Resolver
	typ dns.Type
}

func (d deaf) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	if q.Type == d.typ {
		<-ctx.Done()
		return dns.Answer{}, ctx.Err()
	}
	return d.Resolver.Resolve(ctx, q)
}

func TestHintsEndInTime(t *testing.T) {
	for name, h := range map[string]message.Header{"early": fromJoe, "late": claimedBy("example.org")} {
		synctest.Test(t, func(t *testing.T) {
			v := testVerifier(deaf{dnstest.NewResolver(t, hintZone), dns.TypeMX})
			v.Implicit = true
			session, check := begin(t, v, strangerEnvelope, h)
			defer session.Close()
			began := time.Now()
			r := check.Finish()
			if waited := time.Since(began); waited != v.Timeout || r.Verdict.Reason != 202 {
				t.Errorf("%s: waited %v, %v", name, waited, r.Verdict)
			}
		})
	}
}

// A canceled check leaves nothing running, wherever it is: synctest fails when a goroutine
// of the bubble is left.
func TestCancelHints(t *testing.T) {
	for passed := time.Duration(0); passed < 100*time.Millisecond; passed += 20 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			_, session, check := hinted(t, fromJoe, nil)
			time.Sleep(passed)
			began := time.Now()
			check.Cancel()
			if waited := time.Since(began); waited != 0 {
				t.Errorf("after %v: waited %v", passed, waited)
			}
			session.Close()
		})
	}
}

func TestPanicOfHints(t *testing.T) {
	for _, h := range []message.Header{fromJoe, claimedBy("example.org")} {
		synctest.Test(t, func(t *testing.T) {
			v := testVerifier(panicking{dns.TypeMX})
			v.Implicit = true
			session, check := begin(t, v, strangerEnvelope, h)
			defer session.Close()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			check.Finish()
		})
	}
}

// Who chooses the MX hosts and the PTR names may not make us ask without bound.
func TestHintsAreBounded(t *testing.T) {
	var zone strings.Builder
	for _, n := range "abcdefghijklmnopqrst" {
		zone.WriteString("7.100.51.198.in-addr.arpa. IN PTR " + string(n) + ".a.b.c.d.e.f.host.example.\n")
		zone.WriteString(string(n) + ".a.b.c.d.e.f.host.example. IN A 198.51.100.7\n")
		zone.WriteString("example.org. IN MX 10 " + string(n) + ".m.b.c.d.e.f.host.example.\n")
	}
	r, asked := situation{zone: zone.String() + "_dmarc.host.example. IN TXT \"v=DMARC1; psd=u\"\n"}.check(t)
	if n := len(asked.Asked()); n > 150 || !r.Evidence.Authors[0].MX {
		t.Errorf("%d questions, %+v", n, r.Evidence.Authors[0])
	}
}
