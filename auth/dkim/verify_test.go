package dkim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

func TestPass(t *testing.T) { withEngines(t, testPass) }

func testPass(t *testing.T, e Engine) {
	v := zoneVerifier(t, usualZone())
	v.Engine = e
	for _, header := range []string{"simple", "relaxed"} {
		for _, body := range []string{"simple", "relaxed"} {
			canon := header + "/" + body
			tags := strings.Replace(usualTags, "relaxed/relaxed", canon, 1)
			o := wantOne(t, run(v, sign(rsa2048(), plainMessage, tags)), Pass, "signature was verified")
			b := o.Signature
			o.Signature = ""
			want := Outcome{
				Result: Pass, Domain: "example.com", Identity: "@example.com", Selector: "s", Algorithm: "rsa-sha256",
				Canonicalization: canon, KeyBits: 2048, Reason: "signature was verified",
			}
			if o != want {
				t.Errorf("%+v\nwant %+v", o, want)
			}
			if len(b) != 344 {
				t.Errorf("b= has %d characters, want 344", len(b))
			}
		}
	}
	tags := strings.NewReplacer("rsa-", "ed25519-", "s=s;", "s=ed;").Replace(usualTags)
	o := wantOne(t, run(v, sign(edwards(), plainMessage, tags)), Pass, "signature was verified")
	if o.KeyBits != 256 || o.Algorithm != "ed25519-sha256" {
		t.Errorf("%+v", o)
	}
}

func TestFail(t *testing.T) { withEngines(t, testFail) }

func testFail(t *testing.T, e Engine) {
	v := zoneVerifier(t, usualZone())
	v.Engine = e
	signed := sign(rsa2048(), plainMessage, usualTags)
	tests := []struct{ name, message, reason string }{
		{"body", strings.Replace(signed, "lost", "won", 1), "body hash did not verify"},
		{"added to body", signed + "x", "body hash did not verify"},
		{"signed field", strings.Replace(signed, "Joe", "Jim", 1), "signature did not verify"},
		{"tag", strings.Replace(signed, "; d=", "; x_=1; d=", 1), "signature did not verify"},
		{"fewer fields", strings.Replace(signed, ":date", "", 1), "signature did not verify"},
		{"other key", sign(otherKey(), plainMessage, usualTags), "signature did not verify"},
		{"a From below", strings.Replace(signed, "\r\nTo:", "\r\nfrom: eve@example.com\r\nTo:", 1), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.reason == "" {
				wantOne(t, run(v, tt.message), Policy, "not every From field signed")
				return
			}
			wantOne(t, run(v, tt.message), Fail, tt.reason)
		})
	}
}

func TestUnsigned(t *testing.T) {
	n := new(Verifier).Begin(t.Context(), nil)
	if n.WantsBody() || len(n.Domains()) > 0 {
		t.Errorf("body wanted: %t, domains: %q", n.WantsBody(), n.Domains())
	}
	if got, err := n.Write(make([]byte, 7)); got != 7 || err != nil {
		t.Errorf("Write = %d, %v", got, err)
	}
	if o := n.Finish(); len(o) != 0 {
		t.Errorf("%+v", o)
	}
	n.Cancel()
}

func TestDNS(t *testing.T) { withEngines(t, testDNS) }

func testDNS(t *testing.T, e Engine) {
	signed := sign(rsa2048(), plainMessage, usualTags)
	const name = "s._domainkey.example.com"
	spf := []string{name, "v=spf1 include:_spf.example.com -all", name, "verification=abc"}
	tests := []struct {
		name   string
		zone   string
		result Result
		reason string
	}{
		{"no such name", zoneOf("other.example.com", "x"), PermError, "no key for signature"},
		{"no TXT record", name + ". 300 IN A 192.0.2.1\n", PermError, "no key for signature"},
		{"other TXT records only", zoneOf(spf...), PermError, "no key for signature"},
		{"among other TXT records", zoneOf(append(spf, name, rsaRecord(rsa2048()))...), Pass, "signature was verified"},
		{"revoked", zoneOf(name, "v=DKIM1; p="), PermError, "key revoked"},
		{"revoked and not", zoneOf(name, "v=DKIM1; p=", name, rsaRecord(rsa2048())), Pass, "signature was verified"},
		{"twice in two spellings", zoneOf(name, rsaRecord(rsa2048()), name, "p="+publicText(&rsa2048().PublicKey)), Pass, "signature was verified"},
		{"two keys", zoneOf(name, rsaRecord(rsa2048()), name, rsaRecord(rsa1024())), PermError, "several keys for signature"},
		{"Ed25519 beside RSA", zoneOf(name, edRecord(), name, rsaRecord(rsa2048())), Pass, "signature was verified"},
		{"broken", zoneOf(name, "v=DKIM1; k=rsa p=abc"), PermError, "key syntax error"},
		{"CNAME", name + ". 300 IN CNAME key.example.net.\n" + zoneOf("key.example.net", rsaRecord(rsa2048())), Pass, "signature was verified"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantOne(t, run(engineVerifier(t, e, tt.zone), signed), tt.result, tt.reason)
		})
	}
}

func TestDNSFailure(t *testing.T) { withEngines(t, testDNSFailure) }

func testDNSFailure(t *testing.T, e Engine) {
	r := dnstest.NewResolver(t, usualZone())
	r.Fail("s._domainkey.example.com")
	o := wantOne(t, run(&Verifier{Resolver: r, Engine: e}, sign(rsa2048(), plainMessage, usualTags)), TempError, "key unavailable")
	if !errors.Is(o.Err, dnstest.ErrFail) {
		t.Errorf("Err = %v", o.Err)
	}
}

// bubble runs f where time stands still until all wait. Messages signed
// without t= and x= don't care about the year.
func bubble(t *testing.T, f func(t *testing.T)) {
	rsa2048() // made outside: key generation takes long
	synctest.Test(t, f)
}

func TestDeadline(t *testing.T) { withEngines(t, testDeadline) }

func testDeadline(t *testing.T, e Engine) {
	bubble(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, usualZone())
		r.Delay(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		h, body := split(sign(rsa2048(), plainMessage, usualTags))
		start := time.Now()
		n := (&Verifier{Resolver: r, Engine: e}).Begin(ctx, h)
		n.Write([]byte(body))
		o := wantOne(t, n.Finish(), TempError, "key unavailable")
		if !errors.Is(o.Err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %s", o.Err, time.Since(start))
		}
	})
}

// TestWriteWaitsForNothing: the body is hashed as it comes, with or without keys.
func TestWriteWaitsForNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, usualZone())
		r.Delay(time.Minute)
		h, body := split(sign(rsa2048(), plainMessage, usualTags))
		start := time.Now()
		n := (&Verifier{Resolver: r}).Begin(t.Context(), h)
		for _, c := range []byte(body) {
			n.Write([]byte{c})
		}
		if time.Since(start) != 0 {
			t.Errorf("Write waited %s", time.Since(start))
		}
		wantOne(t, n.Finish(), Pass, "signature was verified")
		if time.Since(start) != time.Minute {
			t.Errorf("took %s, want that of the lookup", time.Since(start))
		}
	})
}

// TestLookups: keys are asked for at once, each once, before the body.
func TestLookups(t *testing.T) { withEngines(t, testLookups) }

func testLookups(t *testing.T, e Engine) {
	bubble(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, usualZone())
		r.Delay(time.Second)
		signed := sign(rsa2048(), plainMessage, usualTags)
		signed = sign(rsa2048(), signed, strings.Replace(usualTags, "c=relaxed", "c=simple", 1))
		signed = sign(edwards(), signed, strings.NewReplacer("rsa-", "ed25519-", "s=s;", "s=ed;").Replace(usualTags))
		h, body := split(signed)
		start := time.Now()
		n := (&Verifier{Resolver: r, Engine: e}).Begin(t.Context(), h)
		if time.Since(start) != 0 {
			t.Errorf("Begin waited %s", time.Since(start))
		}
		synctest.Wait()
		if len(r.Asked()) != 2 {
			t.Errorf("asked %v", r.Asked())
		}
		if d := n.Domains(); !slices.Equal(d, []string{"example.com"}) {
			t.Errorf("Domains = %q", d)
		}
		n.Write([]byte(body))
		for _, o := range n.Finish() {
			if o.Result != Pass {
				t.Errorf("%+v", o)
			}
		}
		if time.Since(start) != time.Second {
			t.Errorf("took %s, want one round trip", time.Since(start))
		}
	})
}

// TestCancel: nothing is running after it, wherever the message was. A
// goroutine that is left makes synctest fail.
func TestCancel(t *testing.T) { withEngines(t, testCancel) }

func testCancel(t *testing.T, e Engine) {
	signed := sign(rsa2048(), sign(rsa2048(), plainMessage, usualTags), usualTags)
	h, body := split(signed)
	for name, cancel := range map[string]func(r *dnstest.Resolver, n *Verification){
		"at once": func(r *dnstest.Resolver, n *Verification) {},
		"while the key is asked for": func(r *dnstest.Resolver, n *Verification) {
			synctest.Wait()
		},
		"with the key": func(r *dnstest.Resolver, n *Verification) {
			time.Sleep(time.Second)
			synctest.Wait()
		},
		"in the body": func(r *dnstest.Resolver, n *Verification) {
			n.Write([]byte(body[:10]))
			n.Write([]byte(body[10:20]))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := dnstest.NewResolver(t, usualZone())
				r.Delay(time.Second)
				n := (&Verifier{Resolver: r, Engine: e}).Begin(t.Context(), h)
				cancel(r, n)
				n.Cancel()
				n.Cancel()
				if n.WantsBody() {
					t.Error("wants the body after Cancel")
				}
				if got, err := n.Write([]byte("x")); got != 1 || err != nil {
					t.Errorf("Write = %d, %v", got, err)
				}
				if o := n.Finish(); len(o) != 0 {
					t.Errorf("outcomes after Cancel: %+v", o)
				}
			})
		})
	}
}

func TestFinishTwice(t *testing.T) { withEngines(t, testFinishTwice) }

func testFinishTwice(t *testing.T, e Engine) {
	h, body := split(sign(rsa2048(), plainMessage, usualTags))
	n := engineVerifier(t, e, usualZone()).Begin(t.Context(), h)
	n.Write([]byte(body))
	first := n.Finish()
	n.Cancel()
	if again := n.Finish(); len(first) != 1 || !slices.Equal(first, again) {
		t.Errorf("%+v, then %+v", first, again)
	}
}

func TestWantsBody(t *testing.T) { withEngines(t, testWantsBody) }

func testWantsBody(t *testing.T, e Engine) {
	bubble(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, usualZone())
		h, body := split(sign(rsa2048(), plainMessage, usualTags))
		n := (&Verifier{Resolver: r, Engine: e}).Begin(t.Context(), h)
		synctest.Wait()
		if !n.WantsBody() {
			t.Error("with a key: body not wanted")
		}
		n.Write([]byte(body))
		n.Finish()

		r.Fail("s._domainkey.example.com")
		r.Delay(time.Second)
		n = (&Verifier{Resolver: r, Engine: e}).Begin(t.Context(), h)
		if !n.WantsBody() {
			t.Error("before the answer: body not wanted")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n.WantsBody() {
			t.Error("without a key: body wanted")
		}
		n.Finish()
	})
}

// TestPieces: the body's pieces don't matter, nor what becomes of their memory.
func TestPieces(t *testing.T) { withEngines(t, testPieces) }

func testPieces(t *testing.T, e Engine) {
	rnd := rand.New(rand.NewPCG(1, 2))
	bodies := []string{
		"", "\r\n", "\r\n\r\n\r\n", " \r\n", "a", "a \r\n \r\n\t\r\n", "a\r\n\r\nb\r\n\r\n\r\n \r\n",
		strings.Repeat("a line  of \t text \r\n", 200) + strings.Repeat("\r\n", 500) + "end" + strings.Repeat("\r\n", 100),
	}
	v := zoneVerifier(t, usualZone())
	v.Engine = e
	for _, body := range bodies {
		for _, canon := range []string{"relaxed/simple", "simple/relaxed"} {
			tags := strings.Replace(usualTags, "relaxed/relaxed", canon, 1)
			signed := sign(rsa2048(), sign(rsa2048(), "From: a@example.com\r\n\r\n"+body, tags), tags)
			h, body := split(signed)
			for range 10 {
				n := v.Begin(t.Context(), h)
				rest := []byte(body)
				for len(rest) > 0 {
					piece := slices.Clone(rest[:rnd.IntN(min(len(rest), 1+rnd.IntN(2000)))+1])
					rest = rest[len(piece):]
					n.Write(piece)
					clear(piece)
				}
				for _, o := range n.Finish() {
					if o.Result != Pass {
						t.Fatalf("%s, body %.40q: %s (%s)", canon, body, o.Result, o.Reason)
					}
				}
			}
		}
	}
}

func TestPanic(t *testing.T) { withEngines(t, testPanic) }

func testPanic(t *testing.T, e Engine) {
	h, body := split(sign(edwards(), sign(rsa2048(), plainMessage, usualTags), strings.Replace(usualTags, "s=s;", "s=ed;", 1)))
	v := &Verifier{Engine: e, Resolver: resolverFunc(func(context.Context, dns.Question) (dns.Answer, error) { panic("broken") })}

	n := v.Begin(t.Context(), h)
	n.Write([]byte(body))
	n.Cancel()

	n = v.Begin(t.Context(), h)
	n.Write([]byte(body))
	defer func() {
		p, ok := recover().(*dns.Panic)
		if !ok || p.Value != "broken" || len(p.Stack) == 0 || !strings.HasPrefix(p.Error(), "panic: broken\n") {
			t.Errorf("recovered %v", p)
		}
	}()
	n.Finish()
	t.Error("Finish did not panic")
}

func ExampleVerifier() {
	zone, err := dns.ParseZone(strings.NewReader(zoneOf("s._domainkey.example.com", edRecord())), "zone")
	if err != nil {
		fmt.Println(err)
		return
	}
	header, body := split(sign(edwards(), plainMessage, strings.Replace(usualTags, "rsa-", "ed25519-", 1)))

	v := &Verifier{Resolver: zone}
	n := v.Begin(context.Background(), header, "example.com")
	fmt.Fprint(n, body)
	for _, o := range n.Finish() {
		fmt.Printf("dkim=%s (%s) header.d=%s\n", o.Result, o.Reason, o.Domain)
	}
	// Output: dkim=pass (signature was verified) header.d=example.com
}
