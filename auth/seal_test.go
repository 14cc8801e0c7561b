package auth

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"

	"assay/arc"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

func testSealer() *arc.MessageSealer {
	return &arc.MessageSealer{Domain: "us.example", Selector: "s", Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
}

// sealed checks a message with a sealer of our own and gives the report.
func sealed(t *testing.T, r *dnstest.Resolver, env Envelope, h message.Header, change func(*Verifier)) *Report {
	t.Helper()
	v := testVerifier(r)
	v.Sealer = testSealer()
	v.Stamp.TrustedIDs = []string{"inner.example.test"}
	if change != nil {
		change(v)
	}
	session, check := begin(t, v, env, h)
	defer session.Close()
	return check.Finish()
}

// The three fields come above our Authentication-Results, the seal on top.
func TestSealOrder(t *testing.T) {
	r := sealed(t, dnstest.NewResolver(t, testZone), testEnvelope, fromJoe, nil)
	var names []string
	for _, e := range r.Edits {
		names = append(names, e.Name)
	}
	want := []string{"Authentication-Results", "ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"}
	if !slices.Equal(names, want) || r.SealErr != nil {
		t.Errorf("inserted %v, %v; want %v", names, r.SealErr, want)
	}
	if !strings.Contains(r.Edits[1].Value, "spf=pass") || !strings.Contains(r.Edits[3].Value, "cv=none") {
		t.Errorf("AAR %q, AS %q", r.Edits[1].Value, r.Edits[3].Value)
	}
}

// What a sender may have written in the name of a trusted host reaches our seal only where
// we say nothing ourselves, and not without bound.
func TestSealMerges(t *testing.T) {
	forged := " inner.example.test; dmarc=pass header.from=victim.example; spf=pass smtp.mailfrom=victim.example; bimi=pass header.d=victim.example"
	h := append(testHeader("Authentication-Results:"+forged, "Authentication-Results: other.example; bimi=fail"), fromJoe...)
	for i := range 2 * maxMerged {
		h = append(h, message.NewField("Authentication-Results", fmt.Sprintf(" inner.example.test; x-test%d=pass", i)))
	}
	r := sealed(t, dnstest.NewResolver(t, testZone), testEnvelope, h, nil)
	aar := r.Edits[len(r.Edits)-3].Value
	if strings.Contains(aar, "dmarc=pass header.from=victim") || strings.Contains(aar, "mailfrom=victim") || strings.Contains(aar, "bimi=fail") {
		t.Errorf("AAR %q", aar)
	}
	if n := strings.Count(aar, "x-test"); !strings.Contains(aar, "bimi=pass") || n != maxMerged-1 {
		t.Errorf("%d results merged: %q", n, aar)
	}
}

// No seal for what was refused, not evaluated, or could not be validated for DNS: to say
// cv=fail would end the chain for good.
func TestNotSealed(t *testing.T) {
	chain := append(testHeader(
		"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=list.example; s=s; t=1; b=YQ==",
		"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=list.example; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YQ==",
		"ARC-Authentication-Results: i=1; list.example; none"), fromJoe...)
	spoof := testEnvelope
	spoof.MailFrom = "eve@evil.example"
	user := testEnvelope
	user.AuthUser = "joe"
	for name, test := range map[string]struct {
		env    Envelope
		header message.Header
		fail   bool
		reject bool
		seals  bool
	}{
		"good":        {env: testEnvelope, header: fromJoe, seals: true},
		"rejected":    {env: spoof, header: fromJoe, reject: true},
		"SMTP AUTH":   {env: user, header: fromJoe},
		"failed":      {env: testEnvelope, header: chain, seals: true},
		"DNS failure": {env: testEnvelope, header: chain, fail: true},
	} {
		resolver := dnstest.NewResolver(t, testZone)
		if test.fail {
			resolver.Fail("s._domainkey.list.example")
		}
		r := sealed(t, resolver, test.env, test.header, func(v *Verifier) {
			if test.reject {
				v.Policy.DMARCReject = Reject
			}
		})
		has := slices.ContainsFunc(r.Edits, func(e Edit) bool { return e.Name == arc.Seal })
		if has != test.seals || (r.SealErr != nil) != test.fail {
			t.Errorf("%s: sealed %v, %v", name, has, r.SealErr)
		}
	}
}

// A key of a trusted sealer that can't be read is told from one that is wrong.
func TestSealerUnknown(t *testing.T) {
	h := append(testHeader(
		"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=list.example; s=s; t=1; b=YQ==",
		"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=list.example; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YQ==",
		"ARC-Authentication-Results: i=1; list.example; none"), fromJoe...)
	trusted, err := arc.ParseSealer("list.example")
	if err != nil {
		t.Fatal(err)
	}
	two := append(slices.Clone(h[:3]), testHeader("From: joe@example.org, eve@other.example")...)
	for _, test := range []struct {
		header              message.Header
		fails, trusts, want bool
	}{{h, true, true, true}, {h, true, false, false}, {h, false, true, false}, {two, true, true, false}} {
		resolver := dnstest.NewResolver(t, testZone)
		if test.fails {
			resolver.Fail("s._domainkey.list.example")
		}
		r := sealed(t, resolver, testEnvelope, test.header, func(v *Verifier) {
			if test.trusts {
				v.Sealers = arc.NewSealers(trusted)
			}
		})
		if r.SealerUnknown != test.want || r.ARC.Result != arc.Fail {
			t.Errorf("%v %v: unknown %v, arc %s (%s)", test.fails, test.trusts, r.SealerUnknown, r.ARC.Result, r.ARC.Reason)
		}
	}
}
