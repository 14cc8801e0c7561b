package dkim

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"assay/auth/dns"
)

// usualTXT answers the library as usualZone does.
func usualTXT(name string) ([]string, error) {
	switch name {
	case "s._domainkey.example.com":
		return []string{rsaRecord(rsa2048())}, nil
	case "ed._domainkey.example.com":
		return []string{edRecord()}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// TestLibraryFaults has, for each fault of the library, a message that is
// signed right or wrong beyond doubt, what the library alone says, what it says
// behind the guards, and what our engine says: the same if own is "". A case
// whose library result changes tells that a guard can go.
func TestLibraryFaults(t *testing.T) {
	now := time.Now().Unix()
	noFrom := strings.Replace(plainMessage, "From: Joe <joe@example.com>\r\n", "", 1)
	signed := func(raw, old, replacement string) string {
		tags := strings.Replace(usualTags, old, replacement, 1)
		if tags == usualTags {
			t.Fatalf("%q is not in the tags", old)
		}
		return sign(rsa2048(), raw, tags)
	}
	bareCR := func(body string) string { return "From: a@example.com\r\n\r\n" + body }
	tests := []struct {
		name    string
		message string
		library bool // it says that the signature is good
		result  Result
		reason  string
		own     Result
	}{
		{"t= in the future", signed(plainMessage, "v=1;", "v=1; t="+itoa(now+90000)+";"), true, Policy, "signature from the future", ""},
		{"x= before t=", signed(plainMessage, "v=1;", "v=1; t="+itoa(now+100)+"; x="+itoa(now+50)+";"), true, Neutral, "signature expires before it begins", ""},
		{"no From field", signed(noFrom, "v=1;", "v=1 ;"), true, PermError, "no From field", ""},
		{"letter case of i=", signed(plainMessage, "d=example.com", "d=example.com; i=joe@Example.COM"), false, Neutral, "i= and d= differ in letter case, not supported", Pass},
		{"letter case of d=", signed(plainMessage, "d=example.com", "d=Example.com; i=joe@example.com"), false, Neutral, "i= and d= differ in letter case, not supported", Pass},
		{"letter case of a=", signed(plainMessage, "a=rsa-sha256", "a=RSA-SHA256"), false, Neutral, "letter case in signature not supported", Pass},
		{"letter case of c=", signed(plainMessage, "c=relaxed/relaxed", "c=Relaxed/Relaxed"), false, Neutral, "letter case in signature not supported", Pass},
		{"letter case of q=", signed(plainMessage, "v=1;", "v=1; q=DNS/TXT;"), false, Neutral, "letter case in signature not supported", Pass},
		{"b= in z=", signed(plainMessage, "v=1;", "v=1; z=Subject:a=20b=20c;"), false, Neutral, "b= inside another tag not supported", Pass},
		{"a tag that ends in b", signed(plainMessage, "v=1;", "v=1; xb=1;"), false, Neutral, "b= inside another tag not supported", Pass},
		{"l=", signed(plainMessage, "v=1;", "v=1; l=1000;"), false, Policy, "body length tag l= not accepted", ""},
		{"DKIM-Signature in its own h=", signed(plainMessage, "h=from", "h=dkim-signature:from"), false, Neutral, "missing DKIM-Signature in h= not supported", Pass},
		{"bare CR in relaxed field", signed("X: a\rb\r\n"+plainMessage, "h=from", "h=x:from"), false, Neutral, "malformed line end in signed header", Pass},
		{"bare CR in simple field", signed("X: a\rb\r\n"+plainMessage, "c=relaxed/relaxed; d=example.com; s=s; h=from", "c=simple; d=example.com; s=s; h=x:from"), true, Pass, "signature was verified", ""},
		{"bare CR in body", signed(bareCR("a\rb\r\n"), ":to:subject:date", ""), true, Pass, "signature was verified", ""},
		{"bare CR after space in body", signed(bareCR("a \rb\r\n"), ":to:subject:date", ""), false, Neutral, "bare CR in body not supported", Pass},
		{"bare CR ends the body", signed(bareCR("a\r\r\n"), ":to:subject:date", ""), false, Neutral, "bare CR in body not supported", Pass},
		{"bare CR added to the body", signed(bareCR("a\r\n"), ":to:subject:date", "") + "\r\r\n", true, Neutral, "bare CR in body not supported", Fail},
		{"bare CR in simple body", signed(bareCR("a \rb\r\r\n"), "relaxed; d=example.com; s=s; h=from:to:subject:date", "simple; d=example.com; s=s; h=from"), true, Pass, "signature was verified", ""},
	}
	guarded, own := engineVerifier(t, EngineGoMsgauth, usualZone()), zoneVerifier(t, usualZone())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			results, err := msgauth.VerifyWithOptions(strings.NewReader(tt.message), &msgauth.VerifyOptions{LookupTXT: usualTXT})
			if err != nil || len(results) != 1 {
				t.Fatal(results, err)
			}
			if good := results[0].Err == nil; good != tt.library {
				t.Errorf("the library says %v", results[0].Err)
			}
			wantOne(t, run(guarded, tt.message), tt.result, tt.reason)
			reason := map[Result]string{"": tt.reason, Pass: "signature was verified", Fail: badBodyHash}[tt.own]
			wantOne(t, run(own, tt.message), cmp.Or(tt.own, tt.result), reason)
		})
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// TestKeyFaults are those in key records.
func TestKeyFaults(t *testing.T) {
	const name = "s._domainkey.example.com"
	p := publicText(&rsa2048().PublicKey)
	sub := sign(rsa2048(), plainMessage, strings.Replace(usualTags, "d=example.com", "d=example.com; i=@sub.example.com", 1))
	plain := sign(rsa2048(), plainMessage, usualTags)
	tests := []struct {
		name    string
		message string
		texts   []string
		library bool
		result  Result
		reason  string
	}{
		{"t=s and a subdomain", sub, []string{"t=s; p=" + p}, true, PermError, "key not for subdomains"},
		{"letter case of k=", plain, []string{"k=RSA; p=" + p}, false, Pass, "signature was verified"},
		{"letter case of h= and s=", plain, []string{"h=SHA256; s=Email; p=" + p}, false, Pass, "signature was verified"},
		{"a record of something else", plain, []string{"p=" + p, "v=spf1 -all"}, false, Pass, "signature was verified"},
		{"v= not first", plain, []string{"k=rsa; v=DKIM1; p=" + p}, true, PermError, "key syntax error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lookup := func(string) ([]string, error) { return tt.texts, nil }
			results, err := msgauth.VerifyWithOptions(strings.NewReader(tt.message), &msgauth.VerifyOptions{LookupTXT: lookup})
			if err != nil || (results[0].Err == nil) != tt.library {
				t.Errorf("the library says %v, %v", results[0].Err, err)
			}
			var records []string
			for _, text := range tt.texts {
				records = append(records, name, text)
			}
			for _, e := range []Engine{EngineAssay, EngineGoMsgauth} {
				wantOne(t, run(engineVerifier(t, e, zoneOf(records...)), tt.message), tt.result, tt.reason)
			}
		})
	}
}

func TestTesting(t *testing.T) { withEngines(t, testTesting) }

func testTesting(t *testing.T, e Engine) {
	zone := zoneOf("s._domainkey.example.com", "v=DKIM1; t=y; p="+publicText(&rsa2048().PublicKey))
	signed := sign(rsa2048(), plainMessage, usualTags)
	if o := wantOne(t, run(engineVerifier(t, e, zone), signed), Pass, "signature was verified"); !o.Testing {
		t.Error("t=y is not reported")
	}
	if o := wantOne(t, run(engineVerifier(t, e, zone), signed+"x"), Fail, "body hash did not verify"); !o.Testing {
		t.Error("t=y is not reported")
	}
}

// TestSignedSignature: a signature may cover other ones; each is verified by itself.
func TestSignedSignature(t *testing.T) { withEngines(t, testSignedSignature) }

func testSignedSignature(t *testing.T, e Engine) {
	inner := sign(edwards(), plainMessage, strings.NewReplacer("rsa-", "ed25519-", "s=s;", "s=ed;").Replace(usualTags))
	outer := sign(rsa2048(), inner, strings.Replace(usualTags, "h=from", "h=dkim-signature:from", 1))
	v := engineVerifier(t, e, usualZone())
	if got := run(v, outer); len(got) != 2 || got[0].Result != Pass || got[1].Result != Pass {
		t.Errorf("%+v", got)
	}
	broken := strings.Replace(outer, "ed25519-sha256;", "ed25519-sha256 ;", 1)
	if broken == outer {
		t.Fatal("nothing changed")
	}
	if got := run(v, broken); got[0].Result != Fail || got[1].Result != Fail {
		t.Errorf("%+v", got)
	}
}

// TestSpaceBeforeColon: relaxed canonicalization deletes it (RFC 6376 section 3.4.2).
func TestSpaceBeforeColon(t *testing.T) { withEngines(t, testSpaceBeforeColon) }

func testSpaceBeforeColon(t *testing.T, e Engine) {
	v := engineVerifier(t, e, usualZone())
	signed := sign(rsa2048(), plainMessage, usualTags)
	wantOne(t, run(v, strings.Replace(signed, "Subject:", "Subject \t:", 1)), Pass, "signature was verified")
	signed = sign(rsa2048(), plainMessage, strings.Replace(usualTags, "c=relaxed", "c=simple", 1))
	wantOne(t, run(v, strings.Replace(signed, "Subject:", "Subject \t:", 1)), Fail, "signature did not verify")
}

// TestClock: x= is judged by the clock that was given.
func TestClock(t *testing.T) { withEngines(t, testClock) }

func testClock(t *testing.T, e Engine) {
	far := time.Now().Add(24 * time.Hour)
	signed := sign(rsa2048(), plainMessage, strings.Replace(usualTags, "v=1;", "v=1; t=1; x="+itoa(far.Unix())+";", 1))
	v := engineVerifier(t, e, usualZone())
	for offset, want := range map[time.Duration]Result{-time.Second: Pass, 0: Pass, 2 * time.Second: Policy} {
		v.Now = func() time.Time { return far.Truncate(time.Second).Add(offset) }
		if got := run(v, signed)[0]; got.Result != want {
			t.Errorf("%s from x=: %s (%s), want %s", offset, got.Result, got.Reason, want)
		}
	}
	// The library has its own clock, which is later here.
	signed = sign(rsa2048(), plainMessage, strings.Replace(usualTags, "v=1;", "v=1; t=1; x=1000;", 1))
	v.Now = func() time.Time { return time.Unix(500, 0) }
	want, reason := Pass, "signature was verified"
	if e == EngineGoMsgauth {
		want, reason = Policy, "signature expired"
	}
	wantOne(t, run(v, signed), want, reason)
}

// TestFeedRead: the library may as well read as be written to.
func TestFeedRead(t *testing.T) {
	e := newFeed([]byte("header\r\n\r\n"))
	var got bytes.Buffer
	go func() {
		defer close(e.done)
		r := io.LimitReader(struct{ io.Reader }{e}, 14) // the header and "body"
		io.CopyBuffer(&got, r, make([]byte, 3))
		io.Copy(&got, e)
	}()
	for _, piece := range []string{"bo", "", "dy of ", "several", " pieces"} {
		if !e.send([]byte(piece)) {
			t.Fatal("not wanted")
		}
		e.wait()
	}
	close(e.pieces)
	<-e.done
	if got.String() != "header\r\n\r\nbody of several pieces" {
		t.Errorf("%q", got.String())
	}
	ended := newFeed(nil)
	close(ended.done)
	if ended.wait(); ended.send([]byte("more")) || ended.running() {
		t.Error("wants more after its end")
	}
}

// TestOneQuestion: names are asked for as A-labels, and the library asks for
// nothing itself.
func TestOneQuestion(t *testing.T) { withEngines(t, testOneQuestion) }

func testOneQuestion(t *testing.T, e Engine) {
	asked := make(chan dns.Question, 10)
	v := &Verifier{Engine: e, Resolver: resolverFunc(func(_ context.Context, q dns.Question) (dns.Answer, error) {
		asked <- q
		return dns.Answer{Texts: []string{rsaRecord(rsa2048())}}, nil
	})}
	tags := strings.Replace(usualTags, "d=example.com; s=s;", "d=bücher.Example; s=Sü;", 1)
	o := wantOne(t, run(v, sign(rsa2048(), plainMessage, tags)), Pass, "signature was verified")
	if o.Domain != "xn--bcher-kva.example" || o.Selector != "xn--s-eha" || o.Identity != "@xn--bcher-kva.example" {
		t.Errorf("%+v", o)
	}
	want := dns.Question{Name: "xn--s-eha._domainkey.xn--bcher-kva.example", Type: dns.TypeTXT}
	if q := <-asked; q != want || len(asked) != 0 {
		t.Errorf("asked %+v and %d more", q, len(asked))
	}
}

// TestLibraryErrors: an error that isn't known is never a fail, and only what
// was verified is a pass.
func TestLibraryErrors(t *testing.T) {
	key, err := parseKeyRecord(rsaRecord(rsa2048()), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{
		"",
		"no end of the header",
		"From: a@example.com\r\n\r\n",
		"DKIM-Signature: v=1\r\n\r\n",
		"DKIM-Signature: v=1; a=rsa-sha256; b=YQ==; bh=YQ==; d=example.com; h=to; s=s\r\n\r\n",
	} {
		e := newFeed([]byte(header))
		close(e.pieces)
		if v := e.verify(key); v.result != Neutral || v.reason != "signature not processed" || v.err == nil {
			t.Errorf("%q: %+v", header, v)
		}
	}
}
