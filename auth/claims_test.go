package auth

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"assay/auth/dkim"
	"assay/auth/message"
	"assay/compauth/spoof"
)

// blocking makes entries of the spoofed-senders list, and rejects for them only.
func blocking(t *testing.T, entries ...string) func(*Verifier) {
	return func(v *Verifier) {
		var list []spoof.Entry
		for _, text := range entries {
			e, err := spoof.ParseEntry(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, e)
		}
		v.Spoofed, v.Policy = spoof.NewList(list...), Policy{SpoofBlock: Reject}
	}
}

// A signature that a limit keeps from being verified, or that is not acceptable here, may be of whom a
// block entry names. One that is verified and fails is not.
func TestBlockWithoutVerification(t *testing.T) {
	from := "From: joe@example.org"
	junk := slices.Repeat([]string{signature("example.org")}, 10)
	esp := signature("esp.example")
	names := strings.Replace(esp, "h=from", "h=from"+strings.Repeat(":x", 256), 1)
	for name, tt := range map[string]struct {
		lines []string
		want  Action
	}{
		"alone":                  {[]string{esp, from}, Accept},
		"behind ten":             {slices.Concat(junk, []string{esp, from}), Reject},
		"in front of ten":        {slices.Concat([]string{esp}, junk, []string{from}), Reject},
		"another's behind ten":   {slices.Concat(junk, []string{signature("other.example"), from}), Accept},
		"below it":               {slices.Concat(junk, []string{signature("mail.esp.example"), from}), Reject},
		"beside it":              {slices.Concat(junk, []string{signature("notesp.example"), from}), Accept},
		"From twice":             {[]string{esp, from, from}, Reject},
		"many names":             {[]string{names, from}, Reject},
		"many tags":              {[]string{esp + tags(70), from}, Reject},
		"long field":             {[]string{esp + "; z=" + strings.Repeat("x", 70<<10), from}, Reject},
		"header past a limit":    {slices.Concat([]string{esp}, padding(), []string{from}), Reject},
		"itself past a limit":    {slices.Concat(padding(), []string{from, esp}), Reject},
		"another's, past it":     {slices.Concat(padding(), []string{from, signature("other.example")}), Accept},
		"a long field on top":    {[]string{"X: " + strings.Repeat("x", 128<<10), esp, from}, Reject},
		"too long and past it":   {slices.Concat(padding(), []string{from, esp + "; z=" + strings.Repeat("x", 128<<10)}), Reject},
		"past it behind others":  {slices.Concat(padding(), slices.Repeat([]string{signature("other.example")}, message.MaxPast), []string{from, esp}), Reject},
		"no signature, past it":  {slices.Concat(padding(), []string{from}), Accept},
		"more than are compared": {append(many(maxClaims+1), from), Reject},
		"as many as are":         {append(many(maxClaims), from), Accept},
	} {
		env, h := collected(strangerEnvelope, testHeader(tt.lines...))
		r, _, _ := checked(t, testZone, env, h, blocking(t, "block example.org esp.example external"))
		if r.Disposition.Action != tt.want || (r.Verdict.Reason == blocked) != (tt.want == Reject) {
			t.Errorf("%s: %v, %v", name, r.Disposition, r.Verdict)
		}
	}
}

// An entry that allows asks for a signature that verifies.
func TestNoAllowWithoutVerification(t *testing.T) {
	env, h := collected(strangerEnvelope, testHeader(append(padding(), signature("esp.example"), "From: joe@example.org")...))
	r, _, _ := checked(t, testZone, env, h, blocking(t, "allow example.org esp.example external", "block other.example * external"))
	if r.Entry != nil || len(r.claims.domains) != 1 {
		t.Errorf("%+v, %+v", r.Entry, r.claims)
	}
}

// The outcomes are matched with the fields that they are of.
func TestClaimsOf(t *testing.T) {
	h := testHeader("DKIM-Signature: d=a.example", "DKIM-Signature\r\n : d=no.example", "dkim-signature : D=x; d=B.Example ", "DKIM-Signature: d=c.example; d=d.example",
		"DKIM-Signature: d=not a domain", "DKIM-Signature: no tags", "DKIM-Signature: d=e.example")
	outcomes := []dkim.Outcome{{Result: dkim.Pass}, {Result: dkim.Policy}, {Result: dkim.Neutral}, {Result: dkim.Neutral}, {Result: dkim.Neutral}, {Result: dkim.Fail}}
	if c := claimsOf(h, outcomes, false); c.more || !slices.Equal(c.domains, []string{"b.example", "c.example"}) {
		t.Errorf("%+v", c)
	}
	if c := claimsOf(h, nil, true); c.more || !slices.Equal(c.domains, []string{"a.example", "b.example", "c.example", "e.example"}) {
		t.Errorf("past a limit: %+v", c)
	}
	bad := strings.Repeat("d=not a domain;", 4)
	for _, tt := range []struct {
		field string
		want  claims
	}{
		{bad, claims{}},
		{bad + "d=a.example", claims{more: true}},
		{bad + "d=not a domain", claims{more: true}},
		{bad[15:] + "d=a.example;" + bad, claims{domains: []string{"a.example"}}},
	} {
		if c := claimsOf(testHeader("DKIM-Signature: "+tt.field), nil, true); c.more != tt.want.more || !slices.Equal(c.domains, tt.want.domains) {
			t.Errorf("%s: %+v", tt.field, c)
		}
	}
}

func padding() []string { return slices.Repeat([]string{"X-Padding: x"}, 2000) }

// tags are so many tags that mean nothing.
func tags(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "; x%d=1", i)
	}
	return b.String()
}

// many are signatures of so many domains, past the limit of them; one of the author's for each that is verified.
func many(n int) []string {
	lines := slices.Repeat([]string{signature("example.org")}, 10)
	for i := range n {
		lines = append(lines, signature(fmt.Sprintf("d%d.example", i)))
	}
	return lines
}
