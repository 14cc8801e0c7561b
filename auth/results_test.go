package auth

import (
	"net/netip"
	"strings"
	"testing"

	"assay/auth/authres"
	"assay/auth/dmarc"
	"assay/auth/message"
)

// What the two styles say about the verdict.
func TestStampedVerdict(t *testing.T) {
	allow := listed(t, "allow example.org * external\n")
	for _, test := range []struct {
		situation
		rfc, microsoft string // the end of the field, folds as spaces
	}{
		{situation{name: "pass", zone: pReject + spfPass, change: mailFrom("joe@example.org")},
			"; compauth=pass reason=100 header.from=example.org", "; dmarc=pass action=none header.from=example.org; compauth=pass reason=100"},
		{situation{name: "softpass", zone: "example.org. IN A 198.51.100.8\n"},
			"; compauth=softpass reason=201 header.from=example.org", "; dmarc=none action=none header.from=example.org; compauth=softpass reason=201"},
		{situation{name: "not carried out", zone: pReject},
			"; compauth=fail reason=000 header.from=example.org", "; dmarc=fail action=oreject header.from=example.org; compauth=fail reason=000"},
		{situation{name: "allowed", zone: pReject, change: allow},
			"; compauth=fail reason=000 (spoof allowed by policy) header.from=example.org",
			"; dmarc=fail action=oreject header.from=example.org; compauth=fail reason=000 (spoof allowed by policy)"},
		{situation{name: "allowed in vain", zone: pReject, header: testHeader("From: joe@example.org, ann@example.net"), change: func(v *Verifier, env *Envelope) {
			allow(v, env)
			v.Policy.CompauthFail = Quarantine
		}}, "; compauth=fail reason=000 header.from=example.org", "; dmarc=fail action=quarantine header.from=example.org; compauth=fail reason=000"},
		{situation{name: "allowed, not needed", zone: ptr("mail.example.org"), change: allow},
			"; compauth=pass reason=103 header.from=example.org", "; dmarc=none action=none header.from=example.org; compauth=pass reason=103"},
		{situation{name: "no From", header: testHeader("Subject: x")}, "; compauth=none reason=301", "; dmarc=permerror action=permerror header.from=none; compauth=none reason=301"},
		{situation{name: "SMTP AUTH", change: func(_ *Verifier, env *Envelope) { env.AuthUser = "joe" }},
			"mx.example.test; auth=pass; compauth=none reason=401 header.from=example.org",
			"dmarc=none (SMTP AUTH, not checked) action=none header.from=example.org; compauth=none reason=401"},
		{situation{name: "trusted", change: func(v *Verifier, _ *Envelope) { v.Trusted = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")} }},
			"mx.example.test; compauth=none reason=402 header.from=example.org",
			"dmarc=none (trusted network, not checked) action=none header.from=example.org; compauth=none reason=402"},
		{situation{name: "lost", zone: pReject, change: func(v *Verifier, _ *Envelope) { v.Relays = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")} }},
			"; compauth=none reason=905 header.from=example.org", "; dmarc=fail action=none header.from=example.org; compauth=none reason=905"},
	} {
		change := test.change
		test.change = func(v *Verifier, env *Envelope) {
			v.Stamp.Styles = []authres.Style{authres.RFC8601, authres.Microsoft}
			if change != nil {
				change(v, env)
			}
		}
		r, _ := test.check(t)
		for i, want := range []string{test.rfc, test.microsoft} {
			value := r.Edits[i].Value
			if text := strings.ReplaceAll(value, "\r\n ", " "); !strings.HasSuffix(text, want) {
				t.Errorf("%s: %s, want %s", test.name, text, want)
			}
			parsed, err := authres.Parse(value)
			if last := parsed.Results[len(parsed.Results)-1]; err != nil || last.Method != "compauth" || last.Reason != r.Verdict.Reason.String() || last.Value != string(r.Verdict.Result) {
				t.Errorf("%s: read back as %+v, %v", test.name, last, err)
			}
		}
	}
}

// A failure that is overridden has no consequence; one that is not carried out does have one.
func TestMicrosoftAction(t *testing.T) {
	vouched := of(failed(dmarc.PolicyReject))
	vouched.Vouched = true
	quarantine := judged(of(failed(dmarc.PolicyQuarantine)))
	carriedOut := quarantine
	carriedOut.Disposition.Action = Quarantine
	for _, test := range []struct {
		r    Report
		want string
	}{
		{judged(of(failed(dmarc.PolicyReject))), "oreject"},
		{judged(vouched), "none"},
		{judged(of(failed(dmarc.PolicyNone))), "none"},
		{quarantine, "none"},
		{carriedOut, "quarantine"},
		{judged(of(tempError())), "temperror"},
		{judged(of(dmarc.Outcome{Result: dmarc.Pass})), "none"},
	} {
		if got := microsoftAction(&test.r); got != test.want {
			t.Errorf("%+v: %s, want %s", test.r.DMARC, got, test.want)
		}
	}
}

// With several From domains the reader is told that the result is of one of them, also where it is a guess.
func TestDMARCComment(t *testing.T) {
	guess := dmarc.Outcome{Result: dmarc.None, Author: "example.org", SPFRelaxed: true}
	one, two := message.AuthorsOf(fromJoe), message.AuthorsOf(testHeader("From: joe@example.org, ann@example.net"))
	for want, r := range map[string]Report{
		"":                                       {Authors: one, DMARC: dmarc.Outcome{Author: "example.org"}},
		"bestguesspass":                          {Authors: one, DMARC: guess},
		"worst of 2 From domains":                {Authors: two, DMARC: dmarc.Outcome{Author: "example.org"}},
		"bestguesspass, worst of 2 From domains": {Authors: two, DMARC: guess},
		"no From field":                          {Authors: message.AuthorsOf(nil)},
	} {
		if got := dmarcComment(&r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
