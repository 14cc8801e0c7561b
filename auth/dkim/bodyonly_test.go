package dkim

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

// BodyOnly tells a message whose body alone was changed.
func TestBodyOnly(t *testing.T) {
	const name = "s._domainkey.example.com"
	signed := sign(rsa2048(), plainMessage, usualTags)
	body := strings.NewReplacer("lost", "won")
	short := strings.Replace(usualTags, "bh=BH", "bh="+base64.StdEncoding.EncodeToString(make([]byte, 31)), 1)
	changed := func(tags string) string { return body.Replace(sign(rsa2048(), plainMessage, tags)) }
	tests := []struct {
		name, zone, message string
		result              Result
		want                bool
	}{
		{"nothing changed", usualZone(), signed, Pass, false},
		{"body", usualZone(), body.Replace(signed), Fail, true},
		{"no body", usualZone(), signed[:strings.Index(signed, "\r\n\r\n")+4], Fail, true},
		{"body of Ed25519", usualZone(), body.Replace(sign(edwards(), plainMessage, strings.NewReplacer("rsa-", "ed25519-", "s=s;", "s=ed;").Replace(usualTags))), Fail, true},
		{"body and unsigned field", usualZone(), "X: y\r\n" + body.Replace(signed), Fail, true},
		{"body and signed field", usualZone(), strings.Replace(body.Replace(signed), "Joe", "Jim", 1), Fail, false},
		{"signed field", usualZone(), strings.Replace(signed, "Joe", "Jim", 1), Fail, false},
		{"stated body hash", usualZone(), strings.Replace(signed, "bh=", "bh=AAAA", 1), Fail, false},
		{"body and a tag", usualZone(), strings.Replace(body.Replace(signed), "; d=", "; x_=1; d=", 1), Fail, false},
		{"body, by another key", usualZone(), body.Replace(sign(otherKey(), plainMessage, usualTags)), Fail, false},
		{"body, hash too short", usualZone(), body.Replace(sign(rsa2048(), plainMessage, short)), Fail, false},
		{"body, testing", zoneOf(name, "t=y; "+rsaTags()), body.Replace(signed), Fail, false},
		{"body, revoked", zoneOf(name, "v=DKIM1; p="), body.Replace(signed), PermError, false},
		{"body, key not for email", zoneOf(name, "s=tlsrpt; "+rsaTags()), body.Replace(signed), PermError, false},
		{"body, expired", usualZone(), changed(usualTags + "; t=1; x=2"), Policy, false},
		{"body, l=", usualZone(), changed(strings.Replace(usualTags, "bh=", "l=5; bh=", 1)), Policy, false},
	}
	for _, canon := range []string{"simple/simple", "relaxed/relaxed", "simple/relaxed", "relaxed/simple"} {
		o := run(zoneVerifier(t, usualZone()), changed(strings.Replace(usualTags, "relaxed/relaxed", canon, 1)))
		if !o[0].BodyOnly || o[0].Canonicalization != canon {
			t.Errorf("%s: %+v", canon, o[0])
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := run(zoneVerifier(t, tt.zone), tt.message)[0]
			if o.Result != tt.result || o.BodyOnly != tt.want {
				t.Errorf("%s (%s), BodyOnly %t", o.Result, o.Reason, o.BodyOnly)
			}
			library := run(engineVerifier(t, EngineGoMsgauth, tt.zone), tt.message)[0]
			if library.BodyOnly {
				t.Error("the library can't tell, and yet it does")
			}
		})
	}
}

// rsaTags is the key of the tests without a version, which must come first.
func rsaTags() string { return strings.TrimPrefix(rsaRecord(rsa2048()), "v=DKIM1; ") }

// Signatures that are not asked for cost no question and no place among MaxSignatures.
func TestOnly(t *testing.T) { withEngines(t, testOnly) }

func testOnly(t *testing.T, e Engine) {
	other := strings.Replace(usualTags, "d=example.com", "d=other.example", 1)
	signed := sign(rsa2048(), sign(rsa2048(), sign(rsa2048(), plainMessage, usualTags), other), other)
	r := dnstest.NewResolver(t, usualZone())
	v := &Verifier{Resolver: r, Engine: e, MaxSignatures: 1}
	v.Only = func(f message.Field) bool { return strings.Contains(f.Raw, "d=example.com") }
	var got []string
	for _, o := range run(v, signed) {
		got = append(got, fmt.Sprintf("%s %s %s", o.Domain, o.Result, o.Reason))
	}
	want := "other.example policy signature not asked for, other.example policy signature not asked for, example.com pass signature was verified"
	if strings.Join(got, ", ") != want || len(r.Asked()) != 1 {
		t.Errorf("%q, asked %v", got, r.Asked())
	}
}

func TestGrace(t *testing.T) {
	expires := time.Now().Truncate(time.Second)
	signed := sign(rsa2048(), plainMessage, fmt.Sprintf("%s; x=%d", usualTags, expires.Unix()))
	for _, tt := range []struct {
		grace, after time.Duration
		want         Result
	}{
		{0, 0, Pass}, {0, time.Second, Policy}, {-time.Hour, 0, Pass},
		{time.Hour, time.Hour, Pass}, {time.Hour, time.Hour + time.Second, Policy},
	} {
		v := zoneVerifier(t, usualZone())
		v.Grace, v.Now = tt.grace, func() time.Time { return expires.Add(tt.after) }
		if o := run(v, signed)[0]; o.Result != tt.want {
			t.Errorf("%v after x=, with %v of grace: %s (%s)", tt.after, tt.grace, o.Result, o.Reason)
		}
	}
}
