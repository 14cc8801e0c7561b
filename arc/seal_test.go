package arc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

// TestSealFields: how a set is written.
func TestSealFields(t *testing.T) {
	h, body := split(plainMessage)
	set, err := edSealer("List.Example").Seal(h, Outcome{Result: None}, relaxedHash(body), usualResults("list.example"))
	if err != nil {
		t.Fatal(err)
	}
	const aar = "i=1; list.example;\r\n spf=pass smtp.mailfrom=joe@fabrikam.com;\r\n" +
		" dkim=pass header.d=fabrikam.com;\r\n dmarc=pass header.from=fabrikam.com"
	if set.AAR != aar {
		t.Errorf("AAR %q", set.AAR)
	}
	const ams = "i=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=list.example; s=ed; t=1700000000; h=from:from:to:subject:date;"
	if !strings.HasPrefix(set.AMS, ams) {
		t.Errorf("AMS %q, want like %q", set.AMS, ams)
	}
	if !strings.HasPrefix(set.AS, "i=1; a=ed25519-sha256; cv=none; d=list.example; s=ed; t=1700000000;\r\n b=") {
		t.Errorf("AS %q", set.AS)
	}
	names := ""
	for _, f := range set.Fields() {
		names += f.Name + " "
	}
	if names != "ARC-Seal ARC-Message-Signature ARC-Authentication-Results " {
		t.Error(names)
	}
}

// TestSealLines: no line is over 78 bytes, whatever is in the header, and the chain
// passes.
func TestSealLines(t *testing.T) {
	v := zoneValidator(t, "a-sealer-with-a-name-that-is-rather-long.mail-infrastructure.example")
	h, body := split(plainMessage)
	for i := range 300 {
		h = append(h, message.NewField(fmt.Sprintf("List-%d", i), fmt.Sprintf(" %d", i)))
	}
	raw := join(h, body)
	for range 3 {
		for _, m := range []*MessageSealer{rsaSealer("list.example"), edSealer("a-sealer-with-a-name-that-is-rather-long.mail-infrastructure.example")} {
			raw = seal(t, v, m, raw)
		}
	}
	h, body = split(raw)
	for _, f := range h[:18] {
		for line := range strings.SplitSeq(f.Raw, "\r\n") {
			if len(line) > 78 || strings.TrimSpace(line) == "" || strings.HasSuffix(line, " ") {
				t.Errorf("%d bytes: %q", len(line), line)
			}
		}
	}
	o := validate(v, h, body)
	if o.Result != Pass || o.OldestPass != 0 || o.Instance != 6 {
		t.Errorf("%s (%s) %v", o.Result, o.Reason, o.Err)
	}
	if n := strings.Count(tagMap(o.Sets[5].AMS.Value())["h"], ":") + 1; n != maxSignedNames {
		t.Errorf("%d names are signed", n)
	}
}

// TestSignedNames: which fields an ARC-Message-Signature covers.
func TestSignedNames(t *testing.T) {
	tests := map[string]struct {
		headers, oversign []string
		header            string
		want              string
	}{
		"default": {nil, nil,
			"Received: a\r\nReturn-Path: b\r\nAuthentication-Results: c\r\nARC-Seal: d\r\nX-Other: e\r\nfrom : f\r\nTO: g\r\nDKIM-Signature: h\r\ndkim-signature: i\r\nList-Id: j\r\nList-Post: k\r\nList-ID: l\r\nMIME-Version: m",
			"from:from:to:mime-version:dkim-signature:dkim-signature:list-id:list-id:list-post"},
		"no oversigning":   {nil, []string{}, "From: a\r\nTo: b", "from:to"},
		"oversigned":       {nil, []string{"subject", "To"}, "From: a\r\nTo: b", "from:to:to:subject"},
		"not in the list":  {[]string{"From"}, []string{"To"}, "From: a\r\nTo: b", "from"},
		"several from":     {nil, nil, "From: a\r\nFrom: b", "from:from:from"},
		"never signed":     {[]string{"*"}, nil, "ARC-Foo: a\r\nReceived: b\r\nreturn-path: c\r\nAuthentication-Results: d\r\nX: e\r\nFrom: f", "x:from:from"},
		"named outright":   {[]string{"ARC-Seal", "Received", "X"}, nil, "ARC-Seal: a\r\nReceived: b\r\nX: c", "x"},
		"the same twice":   {[]string{"X", "x*", "X"}, []string{}, "X: a\r\nx: b", "x:x"},
		"semicolon":        {nil, []string{}, "From: a\r\nList-;d=evil.test: b\r\nList-\xff: c\r\nList-a b: d\r\nList-: e", "from:list-"},
		"nothing":          {[]string{"To"}, nil, "From: a", ""},
		"not there at all": {nil, nil, "To: b", "from:to"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := MessageSealer{Headers: test.headers, Oversign: test.oversign}
			h, _ := split(test.header + "\r\n\r\n")
			if got := strings.Join(m.signedNames(h), ":"); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// TestSealFailed: a chain that failed gets a last set, which covers only itself; then no
// other one (RFC 8617 sections 5.1 and 5.1.2).
func TestSealFailed(t *testing.T) {
	v := zoneValidator(t)
	broken := strings.Replace(chainOf(t, 2), "Hi.", "Ho.", 1)
	raw := seal(t, v, edSealer("list.example"), broken)
	h, body := split(raw)
	o := validate(v, h, body)
	if o.Result != Fail || o.Instance != 3 || !o.Ended() || o.Sets[2].ChainValidation != Fail || o.Reason != "failed before instance 3" {
		t.Fatalf("%s (%s) N=%d", o.Result, o.Reason, o.Instance)
	}
	checkAlone(t, h[0], h[1], h[2])
	if _, err := edSealer("list.example").Seal(h, o, relaxedHash(body), usualResults("x")); !errors.Is(err, ErrNoMoreSets) {
		t.Errorf("a set after a failed chain: %v", err)
	}
	o = validateRaw(v, "ARC-Seal: hello\r\n"+plainMessage)
	set, err := rsaSealer("list.example").Seal(h, o, relaxedHash(body), usualResults("x"))
	if err != nil || !strings.Contains(set.AS, "i=1; a=rsa-sha256; cv=fail;") {
		t.Errorf("no instance at all: %q, %v", set.AS, err)
	}
}

// checkAlone verifies a seal over its own set.
func checkAlone(t *testing.T, as, ams, aar message.Field) {
	t.Helper()
	tags, err := dkim.FieldTags(as, 0)
	if err != nil {
		t.Fatal(err)
	}
	hash := dkim.NewHeaderHash(dkim.Relaxed)
	hash.Add(aar)
	hash.Add(ams)
	hash.AddSignature(as, tags)
	sum, _ := hash.Sum()
	if b, ok := tags.Base64("b"); !ok || !dkim.Verify(edwards().Public(), sum, b) {
		t.Error("the seal of a failed chain does not cover its set alone")
	}
}

// TestSealFull: after 50 sets there is no other one.
func TestSealFull(t *testing.T) {
	h, body := split(plainMessage)
	for _, r := range []Result{Pass, Fail} {
		_, err := rsaSealer("list.example").Seal(h, Outcome{Result: r, Instance: 50}, relaxedHash(body), authres.Results{})
		if !errors.Is(err, ErrNoMoreSets) {
			t.Errorf("%s: %v", r, err)
		}
	}
}

// TestSealErrors: a sealer that can't seal says why.
func TestSealErrors(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, body := split(plainMessage)
	tests := map[string]struct {
		change func(*MessageSealer)
		want   string
	}{
		"no key":       {func(m *MessageSealer) { m.Key = nil }, "arc: no key to seal with"},
		"no domain":    {func(m *MessageSealer) { m.Domain = "" }, `arc: domain "": `},
		"no dot":       {func(m *MessageSealer) { m.Domain = "localhost" }, `arc: domain "localhost": no dot in it`},
		"bad domain":   {func(m *MessageSealer) { m.Domain = "a;b" }, `arc: domain "a;b": `},
		"no selector":  {func(m *MessageSealer) { m.Selector = "" }, `arc: selector "": `},
		"bad selector": {func(m *MessageSealer) { m.Selector = "a b" }, `arc: selector "a b": `},
		"ECDSA":        {func(m *MessageSealer) { m.Key = curve }, "arc: dkim: a key of type *ecdsa.PublicKey can't sign"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := rsaSealer("list.example")
			test.change(m)
			_, err := m.Seal(h, Outcome{Result: None}, relaxedHash(body), authres.Results{})
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
			if m.Check() == nil {
				t.Error("Check finds nothing")
			}
		})
	}
	if _, err := rsaSealer("list.example").Seal(h, Outcome{}, relaxedHash(body), authres.Results{}); err == nil || errors.Is(err, ErrNoMoreSets) {
		t.Errorf("a chain that was not validated: %v", err)
	}
	if err := rsaSealer("bücher.example").Check(); err != nil {
		t.Error(err)
	}
}

// TestSealHostile: what is in the AAR stays in the AAR.
func TestSealHostile(t *testing.T) {
	v := zoneValidator(t)
	r := authres.Results{AuthServID: "x\r\nEvil: y; i=2", Results: []authres.Result{{
		Method: "spf", Value: "pass", Comment: "); dmarc=pass header.from=fabrikam.com (",
		Properties: []authres.Property{{Type: "smtp", Name: "mailfrom", Value: "\"; dmarc=pass header.from=fabrikam.com\r\nX: y"}},
	}}}
	raw := sealOutcome(t, rsaSealer("list.example"), plainMessage, r, func(h message.Header, body string) Outcome {
		return validate(v, h, body)
	})
	h, body := split(raw)
	o := validate(v, h, body)
	if o.Result != Pass || len(h) != 7 || len(o.Sets[0].Results.Results) != 1 {
		t.Errorf("%s (%s), %d fields, %+v", o.Result, o.Reason, len(h), o.Sets[0].Results)
	}
	if ov := o.Override(trust(t, "list.example"), "fabrikam.com", fabrikamAlone); ov.ODA {
		t.Errorf("%+v", ov)
	}
}

// TestSealMalformedHeader: a header with a line end inside of a field can't be sealed.
func TestSealMalformedHeader(t *testing.T) {
	h := message.Header{{Name: "From", Raw: "From: a\r\nX: y"}}
	if _, err := rsaSealer("list.example").Seal(h, Outcome{Result: None}, relaxedHash(""), authres.Results{}); err == nil {
		t.Error("no error")
	}
}

// TestSealInternationalized: domains are written as A-labels.
func TestSealInternationalized(t *testing.T) {
	r := dnstest.NewResolver(t, usualZone("xn--bcher-kva.example"))
	m := rsaSealer("Bücher.example")
	o := validateRaw(validator(r), seal(t, validator(r), m, plainMessage))
	if o.Result != Pass || o.Sets[0].Seal.Domain != "xn--bcher-kva.example" {
		t.Errorf("%s (%s) %+v", o.Result, o.Reason, o.Sets)
	}
}

// TestDefaultHeaders: the list is a new one each time, and has nothing that must not be
// signed.
func TestDefaultHeaders(t *testing.T) {
	list := DefaultHeaders()
	list[0] = "Received"
	if DefaultHeaders()[0] != "From" {
		t.Error("the list can be changed")
	}
	if slices.ContainsFunc(DefaultHeaders(), func(s string) bool { return neverSigned(strings.ToLower(s)) }) {
		t.Error("a name that is never signed")
	}
}

// TestTagWriter: the b= of any length is folded within the line, also where it begins at
// its end.
func TestTagWriter(t *testing.T) {
	for n := range 200 {
		l := layout{line: 78}
		w := l.write("ARC-Seal", []string{"z", "b"}, map[string]string{"z": strings.Repeat("z", n%60)})
		text := w.signed(strings.Repeat("b", n))
		got := tagMap(text)
		if len(got["b"]) != n || len(got["z"]) != n%60 {
			t.Fatalf("%d: %q", n, text)
		}
		for line := range strings.SplitSeq("ARC-Seal: "+text, "\r\n") {
			if len(line) > 78 {
				t.Errorf("%d: %d bytes: %q", n, len(line), line)
			}
		}
	}
}
