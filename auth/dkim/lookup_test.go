package dkim

import (
	"context"
	"crypto"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// TestKeys: one question per name, and what comes of the answers.
func TestKeys(t *testing.T) {
	r := dnstest.NewResolver(t, usualZone()+zoneOf(
		"short._domainkey.example.com", "p="+fakeRSA(1000),
		"test._domainkey.example.com", "t=y:s; p="+publicText(&rsa2048().PublicKey)))
	r.Fail("down._domainkey.example.com")
	keys := NewKeys(t.Context(), r, KeyLimits{})
	defer keys.Stop()
	rsaUse := KeyUse{Algorithm: RSASHA256}
	tests := []struct {
		selector string
		use      KeyUse
		result   Result
		reason   string
		bits     int
		testing  bool
		public   crypto.PublicKey
	}{
		{"s", rsaUse, "", "", 2048, false, &rsa2048().PublicKey},
		{"s", KeyUse{Algorithm: RSASHA256, Subdomain: true}, "", "", 2048, false, &rsa2048().PublicKey},
		{"ed", KeyUse{Algorithm: Ed25519SHA256}, "", "", 256, false, edwards().Public()},
		{"ed", rsaUse, PermError, "inappropriate key algorithm", 256, false, nil},
		{"short", rsaUse, Policy, "insecure key of 1000 bits", 1000, false, nil},
		{"test", rsaUse, "", "", 2048, true, &rsa2048().PublicKey},
		{"test", KeyUse{Algorithm: RSASHA256, Subdomain: true}, PermError, "key not for subdomains", 2048, true, nil},
		{"none", rsaUse, PermError, "no key for signature", 0, false, nil},
		{"down", rsaUse, TempError, "key unavailable", 0, false, nil},
	}
	for _, tt := range tests {
		key := keys.Ask(tt.selector, "example.com").Key(tt.use)
		if key.Result != tt.result || key.Reason != tt.reason || key.Bits != tt.bits || key.Testing != tt.testing {
			t.Errorf("%s for %+v: %+v", tt.selector, tt.use, key)
		}
		if (key.Err != nil) != (tt.result == TempError || tt.result == PermError) {
			t.Errorf("%s: Err = %v of %q", tt.selector, key.Err, tt.result)
		}
		type equaler interface{ Equal(crypto.PublicKey) bool }
		if e, ok := key.Public.(equaler); (tt.public != nil) != ok || ok && !e.Equal(tt.public) {
			t.Errorf("%s: key %v", tt.selector, key.Public)
		}
	}
	keys.Wait()
	if n := len(r.Asked()); n != 6 {
		t.Errorf("%d questions, want 6: %v", n, r.Asked())
	}
}

// TestKeysStop: lookups end with Stop, and with the context.
func TestKeysStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, usualZone())
		r.Delay(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		byContext := NewKeys(ctx, r, KeyLimits{}).Ask("s", "example.com")
		stopped := NewKeys(t.Context(), r, KeyLimits{})
		byStop := stopped.Ask("s", "example.com")
		synctest.Wait()
		if byContext.Done() || byStop.Done() {
			t.Error("done without an answer")
		}
		cancel()
		stopped.Stop()
		stopped.Stop()
		synctest.Wait()
		for _, l := range []*KeyLookup{byContext, byStop} {
			if key := l.Key(KeyUse{Algorithm: RSASHA256}); !l.Done() || key.Result != TempError || !errors.Is(key.Err, context.Canceled) {
				t.Errorf("%+v", key)
			}
		}
	})
}

func TestKeysPanic(t *testing.T) {
	keys := NewKeys(t.Context(), resolverFunc(func(context.Context, dns.Question) (dns.Answer, error) { panic("broken") }), KeyLimits{})
	defer keys.Stop()
	if key := keys.Ask("s", "example.com").Key(KeyUse{}); key.Result != TempError || !errors.Is(key.Err, errPanicked) {
		t.Errorf("%+v", key)
	}
	defer func() {
		if p, ok := recover().(*dns.Panic); !ok || p.Value != "broken" {
			t.Errorf("recovered %v", p)
		}
	}()
	keys.Wait()
	t.Error("Wait did not panic")
}

// TestBeginWith: the caller hashes the body, for others as well.
func TestBeginWith(t *testing.T) {
	withEngines(t, func(t *testing.T, e Engine) {
		h, body := split(sign(rsa2048(), plainMessage, usualTags))
		var bodies BodyHashes
		bodies.Want(Simple)
		n := engineVerifier(t, e, usualZone()).BeginWith(t.Context(), &bodies, h)
		for _, c := range []byte(body) {
			bodies.Write([]byte{c})
			n.Write([]byte{c})
		}
		wantOne(t, n.Finish(), Pass, "signature was verified")
		var alone BodyHashes
		alone.Want(Simple)
		alone.Write([]byte(body))
		if bodies.Sum(Simple) != alone.Sum(Simple) {
			t.Error("the other hash is not that of the body")
		}
	})
}

// A key for which there were too many questions is a permerror: DNS has not failed.
func TestKeyTooManyQuestions(t *testing.T) {
	r := dnstest.NewResolver(t, "s._domainkey.example.com. TXT \""+rsaRecord(rsa2048())+"\"\n")
	keys := NewKeys(t.Context(), &dns.Counting{Resolver: r, Budget: new(dns.Budget)}, KeyLimits{})
	defer keys.Stop()
	k := keys.Ask("s", "example.com").Key(KeyUse{Algorithm: RSASHA256})
	if k.Result != PermError || k.Reason != "too many DNS questions" || !errors.Is(k.Err, dns.ErrSpent) || len(r.Asked()) != 0 {
		t.Errorf("%+v", k)
	}
}
