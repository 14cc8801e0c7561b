package arc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

// TestSignatures: what changes after sealing, and what comes of it: which signature
// fails, and how far back the older ARC-Message-Signatures still hold.
func TestSignatures(t *testing.T) {
	three := chainOf(t, 3)
	in := func(name string, instance int, old, repl string) func(message.Header, string) (message.Header, string) {
		return func(h message.Header, body string) (message.Header, string) {
			replaceIn(h, name, instance, old, repl)
			return h, body
		}
	}
	header := func(f func(message.Header) message.Header) func(message.Header, string) (message.Header, string) {
		return func(h message.Header, body string) (message.Header, string) { return f(h), body }
	}
	tests := map[string]struct {
		change func(message.Header, string) (message.Header, string)
		reason string // "": the chain passes
	}{
		"unchanged": {header(func(h message.Header) message.Header { return h }), ""},
		"body": {func(h message.Header, body string) (message.Header, string) { return h, "x" + body },
			"ARC-Message-Signature 3: body hash did not verify"},
		"blank lines": {func(h message.Header, body string) (message.Header, string) { return h, body + "\r\n \r\n" }, ""},
		"from": {header(func(h message.Header) message.Header {
			h[len(h)-4].Raw = "From: eve@evil.example"
			return h
		}), "ARC-Message-Signature 3: signature did not verify"},
		"second from": {header(func(h message.Header) message.Header {
			return slices.Insert(h, 0, fieldOf("From: eve@evil.example"))
		}), "ARC-Message-Signature 3: signature did not verify"},
		"from appended": {header(func(h message.Header) message.Header {
			return append(h, fieldOf("From: eve@evil.example"))
		}), "ARC-Message-Signature 3: signature did not verify"},
		"trace on top": {header(func(h message.Header) message.Header {
			return slices.Insert(h, 0, fieldOf("Received: by x"), fieldOf("Authentication-Results: x; none"), fieldOf("Return-Path: <>"))
		}), ""},
		"white space": {header(func(h message.Header) message.Header {
			for i := range h {
				h[i].Raw = strings.Replace(h[i].Raw, "; ", ";\t  ", 1)
			}
			return h
		}), ""},
		"name in capitals": {header(func(h message.Header) message.Header {
			for i, f := range h {
				h[i] = message.NewField(strings.ToUpper(f.Name)+" ", f.Value())
			}
			return h
		}), ""},
		"newest AAR":   {in(AuthenticationResults, 3, "fabrikam", "contoso"), "ARC-Seal 3: signature did not verify"},
		"oldest AAR":   {in(AuthenticationResults, 1, "fabrikam", "contoso"), "ARC-Seal 3: signature did not verify"},
		"oldest seal":  {in(Seal, 1, "b=", "b=AAAA"), "ARC-Seal 3: signature did not verify"},
		"older AMS":    {in(MessageSignature, 2, "bh=", "bh=AAAA"), "ARC-Seal 3: signature did not verify"},
		"newest AMS":   {in(MessageSignature, 3, "c=", "z=1; c="), "ARC-Message-Signature 3: signature did not verify"},
		"newest seal":  {in(Seal, 3, "cv=", "z=1; cv="), "ARC-Seal 3: signature did not verify"},
		"no selector":  {in(MessageSignature, 3, "s=rsa", "s=nope"), "ARC-Message-Signature 3: no key for signature"},
		"seal's key":   {in(Seal, 3, "s=rsa", "s=nope"), "ARC-Seal 3: no key for signature"},
		"another type": {in(Seal, 3, "s=rsa", "s=ed"), "ARC-Seal 3: inappropriate key algorithm"},
		"another key":  {in(Seal, 3, "s=rsa", "s=short"), "ARC-Seal 3: signature did not verify"},
		"signature of another length": {in(MessageSignature, 3, "bh=", "x=9999999999; bh="),
			"ARC-Message-Signature 3: signature did not verify"},
		"line end in a field": {header(func(h message.Header) message.Header {
			h[len(h)-1].Raw += "\r\nX: y"
			return h
		}), "ARC-Message-Signature 3: malformed line end in signed header"},
		"line end in an AAR": {in(AuthenticationResults, 2, "; ", ";\n"), "ARC-Seal 3: malformed line end in signed header"},
	}
	v := zoneValidator(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, body := test.change(split(three))
			o := validate(v, h, body)
			if (o.Result == Pass) != (test.reason == "") || o.Reason != test.reason || o.Temporary {
				t.Errorf("%s (%s) %v", o.Result, o.Reason, o.Err)
			}
		})
	}
}

// TestQuestions: one question per selector and domain, all at once.
func TestQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		domains := []string{"a.example", "b.example", "c.example"}
		r := dnstest.NewResolver(t, usualZone(domains...))
		v := validator(r)
		raw := plainMessage
		for i := range 7 {
			raw = seal(t, v, rsaSealer(domains[i%3]), raw)
		}
		before := len(r.Asked())
		r.Delay(time.Second)
		h, body := split(raw)
		start := time.Now()
		o := validate(v, h, body)
		if took := time.Since(start); o.Result != Pass || took != time.Second {
			t.Errorf("%s (%s) after %s", o.Result, o.Reason, took)
		}
		asked := r.Asked()[before:]
		names := map[string]bool{}
		for _, q := range asked {
			names[q.Name] = q.Type == dns.TypeTXT
		}
		if len(asked) != 3 || len(names) != 3 || !names["rsa._domainkey.b.example"] {
			t.Errorf("asked %v", asked)
		}
	})
}

// TestTemporary: a DNS failure is a failure of the chain that the caller can tell from
// others, unless it is only about an older ARC-Message-Signature (RFC 8617 section
// 5.2.1).
func TestTemporary(t *testing.T) {
	v := zoneValidator(t, "a.example", "b.example")
	raw := seal(t, v, rsaSealer("a.example"), plainMessage)
	raw = seal(t, v, rsaSealer("b.example"), raw)
	h, body := split(raw)
	tests := map[string]struct {
		fail   string
		result Result
		reason string
	}{
		"nothing": {"x.example", Pass, ""},
		"newest":  {"rsa._domainkey.b.example", Fail, "ARC-Message-Signature 2: key unavailable"},
		"oldest":  {"rsa._domainkey.a.example", Fail, "ARC-Seal 1: key unavailable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := dnstest.NewResolver(t, usualZone("a.example", "b.example"))
			r.Fail(test.fail)
			o := validate(validator(r), h, body)
			if o.Result != test.result || o.Reason != test.reason || o.Temporary != (o.Result == Fail) {
				t.Errorf("%s (%s), temporary: %t", o.Result, o.Reason, o.Temporary)
			}
			if (o.Result == Fail) != errors.Is(o.Err, dnstest.ErrFail) {
				t.Errorf("error %v", o.Err)
			}
		})
	}
}

// TestDeadline: a context that ends, ends the lookups.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, usualZone())
		h, body := split(chainOf(t, 2))
		r.Delay(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var hashes dkim.BodyHashes
		start := time.Now()
		n := validator(r).Begin(ctx, h, &hashes)
		hashes.Write([]byte(body))
		o := n.Finish()
		if o.Result != Fail || !o.Temporary || time.Since(start) != time.Second {
			t.Errorf("%s (%s) after %s", o.Result, o.Reason, time.Since(start))
		}
	})
}

// TestCancel: nothing is running after it, and Finish has nothing to say.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, usualZone())
		h, _ := split(chainOf(t, 2))
		r.Delay(time.Hour)
		start := time.Now()
		n := validator(r).Begin(t.Context(), h, &dkim.BodyHashes{})
		if !n.WantsBody() {
			t.Error("the body is not wanted")
		}
		n.Cancel()
		n.Cancel()
		if o := n.Finish(); o.Result != None || len(o.Sets) != 0 || n.WantsBody() {
			t.Errorf("%+v", o)
		}
		if time.Since(start) != 0 {
			t.Error("Cancel waited")
		}
	})
}

// TestEarlyFailure: Finish does not wait for keys that no longer matter.
func TestEarlyFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, usualZone())
		h, body := split(chainOf(t, 2))
		r.Delay(time.Hour)
		start := time.Now()
		if o := validate(validator(r), h, "x"+body); o.Result != Fail || o.Temporary {
			t.Errorf("%s (%s)", o.Result, o.Reason)
		}
		if time.Since(start) != 0 {
			t.Errorf("Finish waited %s", time.Since(start))
		}
	})
}

// TestFinishTwice: a second Finish has nothing to say, whatever the chain was.
func TestFinishTwice(t *testing.T) {
	v := zoneValidator(t)
	for _, raw := range []string{plainMessage, chainOf(t, 1), "ARC-Seal: i=1\r\n\r\n"} {
		h, body := split(raw)
		var hashes dkim.BodyHashes
		n := v.Begin(t.Context(), h, &hashes)
		if want := raw != plainMessage && strings.Contains(raw, "b="); n.WantsBody() != want {
			t.Errorf("wants body: %t", !want)
		}
		hashes.Write([]byte(body))
		n.Finish()
		n.Cancel()
		if o := n.Finish(); o.Result != None {
			t.Errorf("%+v", o)
		}
	}
}

type panicking struct{}

func (panicking) Resolve(context.Context, dns.Question) (dns.Answer, error) { panic("resolver") }

// TestPanic: a panic of the resolver comes out of Finish, not of a goroutine.
func TestPanic(t *testing.T) {
	h, body := split(chainOf(t, 2))
	defer func() {
		p, ok := recover().(*dns.Panic)
		if !ok || p.Value != "resolver" {
			t.Errorf("recovered %v", p)
		}
	}()
	validate(validator(panicking{}), h, body)
}

// TestKeyLimits: RSA keys that are too short or too long.
func TestKeyLimits(t *testing.T) {
	v := zoneValidator(t)
	s := rsaSealer("list.example")
	s.Selector, s.Key = "short", rsa1024()
	h, body := split(seal(t, v, s, plainMessage))
	if o := validate(v, h, body); o.Result != Pass || o.Sets[0].Seal.KeyBits != 1024 {
		t.Errorf("%s (%s)", o.Result, o.Reason)
	}
	v.Keys.MinRSABits = 2048
	if o := validate(v, h, body); o.Result != Fail || o.Reason != "ARC-Message-Signature 1: insecure key of 1024 bits" || o.Sets[0].Message.KeyBits != 1024 {
		t.Errorf("%s (%s)", o.Result, o.Reason)
	}
	v.Keys = dkim.KeyLimits{MaxRSABits: 1023}
	if o := validate(v, h, body); o.Result != Fail || o.Reason != "ARC-Message-Signature 1: key too large" {
		t.Errorf("%s (%s)", o.Result, o.Reason)
	}
}

// TestHeaderLimit: the newest ARC-Message-Signature may cover so much and no more; the
// older ones eight times that, else they don't count.
func TestHeaderLimit(t *testing.T) {
	v := zoneValidator(t)
	h, body := split(chainOf(t, 12))
	covered := 0
	for _, f := range h[len(h)-4:] { // those of plainMessage, all of which are signed
		covered += len(f.Raw)
	}
	v.MaxHeaderBytes = covered
	if o := validate(v, h, body); o.Result != Pass || o.OldestPass != 4 {
		t.Errorf("%s (%s), oldest-pass %d", o.Result, o.Reason, o.OldestPass)
	}
	v.MaxHeaderBytes--
	if o := validate(v, h, body); o.Result != Fail || o.Reason != "ARC-Message-Signature 12: signed header too large" {
		t.Errorf("%s (%s)", o.Result, o.Reason)
	}
}

// TestMissingCanonicalization: without c= simple/simple is what the RFC says, and
// relaxed/relaxed what many mean.
func TestMissingCanonicalization(t *testing.T) {
	v := zoneValidator(t)
	for _, canon := range []string{"simple/simple", "relaxed/relaxed", "simple/relaxed"} {
		raw := signedWithout(t, canon)
		h, body := split(raw)
		want := Pass
		if canon == "simple/relaxed" {
			want = Fail
		}
		if o := validate(v, h, body); o.Result != want {
			t.Errorf("%s: %s (%s)", canon, o.Result, o.Reason)
		}
	}
}
