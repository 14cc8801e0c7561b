package auth

import (
	"net/netip"
	"strings"
	"testing"

	"assay/auth/message"
)

// A relay changed the body of a signed message. That counts only where the relay says that the
// signature passed there: who sends to the relay could have changed it as well.
func TestPassedBefore(t *testing.T) {
	s := signedBy(t, situation{zone: pReject}, "example.org")
	b := string(s.header[0].Raw)
	b = strings.TrimSpace(b[strings.LastIndex(b, "b=")+2:])[:8]
	ar := func(text string) []string { return []string{"Authentication-Results: " + text} }
	const trusted = "gw.example.test"
	for _, test := range []struct {
		name   string
		fields []string
		below  []string // the Received field of the relay
		change func(*Verifier)
		want   string
	}{
		{name: "by its domain", fields: ar("gw.example.test; spf=fail smtp.mailfrom=x.example; dkim=pass header.d=Example.ORG"), want: "pass 108"},
		{name: "by its signature", fields: ar("GW.example.test; dkim=pass (good) header.d=example.org header.b=\"" + b + "\""), want: "pass 108"},
		{name: "the second result", fields: ar("gw.example.test; dkim=fail header.d=example.org; dkim=pass header.d=example.org header.s=sel"), want: "pass 108"},
		{name: "the second field", fields: append(ar("other.example; none"), ar("gw.example.test; dkim=pass header.d=example.org")...), want: "pass 108"},

		{name: "not told", want: "fail 000"},
		{name: "nothing is told", fields: ar("gw.example.test; none"), want: "fail 000"},
		{name: "another signature", fields: ar("gw.example.test; dkim=pass header.d=example.org header.b=AAAAAAAA"), want: "fail 000"},
		{name: "two signatures in one", fields: ar("gw.example.test; dkim=pass header.d=example.org header.b=\"" + b + "\" header.b=AAAAAAAA"), want: "fail 000"},
		{name: "another domain", fields: ar("gw.example.test; dkim=pass header.d=mail.example.org"), want: "fail 000"},
		{name: "two domains in one", fields: ar("gw.example.test; dkim=pass header.d=x.example header.d=example.org"), want: "fail 000"},
		{name: "no domain", fields: ar("gw.example.test; dkim=pass"), want: "fail 000"},
		{name: "a property of another kind", fields: ar("gw.example.test; dkim=pass smtp.d=example.org"), want: "fail 000"},
		{name: "it failed there", fields: ar("gw.example.test; dkim=fail header.d=example.org"), want: "fail 000"},
		{name: "another method", fields: ar("gw.example.test; spf=pass header.d=example.org"), want: "fail 000"},
		{name: "in a comment", fields: ar("gw.example.test; dkim=fail (dkim=pass header.d=example.org)"), want: "fail 000"},
		{name: "a field that can't be read", fields: ar("gw.example.test; dkim=pass header.d=example.org; ="), want: "fail 000"},
		{name: "somebody else's word", fields: ar("other.example; dkim=pass header.d=example.org"), want: "fail 000"},
		{name: "our own name, which is removed", fields: ar("mx.example.test; dkim=pass header.d=example.org"),
			change: func(v *Verifier) { v.Stamp.TrustedIDs = []string{v.Stamp.AuthServID} }, want: "fail 000"},
		{name: "below the relay's Received", below: ar("gw.example.test; dkim=pass header.d=example.org"), want: "fail 000"},
		{name: "nobody is trusted", fields: ar("gw.example.test; dkim=pass header.d=example.org"), change: func(v *Verifier) { v.Stamp.TrustedIDs = nil }, want: "fail 000"},
		{name: "no relay", fields: ar("gw.example.test; dkim=pass header.d=example.org"), change: func(v *Verifier) { v.Relays = nil }, want: "fail 000"},
		{name: "not implicit", fields: ar("gw.example.test; dkim=pass header.d=example.org"), change: func(v *Verifier) { v.Implicit = false }, want: "fail 000"},
	} {
		change := test.change
		added := append(testHeader(test.fields...), message.NewField("Received", " from x (x [192.0.2.9]) by gw.example.test with ESMTP; d"))
		added = append(added, testHeader(test.below...)...)
		r, _ := situation{zone: s.zone, header: append(added, s.header...), body: s.body + "Checked by the gateway.\r\n", change: func(v *Verifier, env *Envelope) {
			v.Relays = []netip.Prefix{netip.PrefixFrom(env.IP, 32)}
			v.Stamp.TrustedIDs = []string{trusted}
			if change != nil {
				change(v)
			}
		}}.check(t)
		if got := string(r.Verdict.Result) + " " + r.Verdict.Reason.String(); got != test.want {
			t.Errorf("%s: %s, want %s; %+v", test.name, got, test.want, r.DKIM)
		}
	}
}
