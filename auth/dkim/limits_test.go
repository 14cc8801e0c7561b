package dkim

import (
	"slices"
	"strings"
	"testing"

	"assay/auth/dns/dnstest"
)

func TestTooManySignatures(t *testing.T) { withEngines(t, testTooManySignatures) }

func testTooManySignatures(t *testing.T, e Engine) {
	var signed strings.Builder
	domains := []string{"a.test", "b.test", "sub.example.com", "c.test", "com.test", "example.com", "deep.sub.example.com", "aexample.com"}
	for _, d := range domains {
		signed.WriteString("DKIM-Signature: " + strings.Replace(usualTags, "d=example.com", "d="+d, 1) + "\r\n")
	}
	raw := strings.ReplaceAll(signed.String()+plainMessage, "=BH", "=aaaa")
	raw = strings.ReplaceAll(raw, "=B\r\n", "=bbbb\r\n")
	tests := []struct {
		max     int
		authors []string
		want    []string
	}{
		{1, nil, domains[:1]},
		{3, nil, domains[:3]},
		{1, []string{"example.com"}, []string{"sub.example.com"}},
		{3, []string{"example.com"}, []string{"sub.example.com", "example.com", "deep.sub.example.com"}},
		{2, []string{"x.deep.sub.example.com", "c.test"}, []string{"sub.example.com", "c.test"}},
		{4, []string{"example.com"}, []string{"a.test", "sub.example.com", "example.com", "deep.sub.example.com"}},
		{8, nil, domains},
		{0, nil, domains},
		{-1, nil, domains},
	}
	for _, tt := range tests {
		r := dnstest.NewResolver(t, usualZone())
		h, _ := split(raw)
		n := (&Verifier{Resolver: r, Engine: e, MaxSignatures: tt.max}).Begin(t.Context(), h, tt.authors...)
		if got := n.Domains(); !slices.Equal(got, tt.want) {
			t.Errorf("limit %d, authors %q: %q, want %q", tt.max, tt.authors, got, tt.want)
		}
		over := 0
		for i, o := range n.Finish() {
			if o.Domain != domains[i] {
				t.Errorf("outcome %d is of %q, want %q", i, o.Domain, domains[i])
			}
			if o.Result == Policy && o.Reason == "too many signatures" {
				over++
			}
		}
		if over != len(domains)-len(tt.want) || len(r.Asked()) != len(tt.want) {
			t.Errorf("limit %d: %d over, %d questions, want %d", tt.max, over, len(r.Asked()), len(tt.want))
		}
	}
}

func TestDefaultLimit(t *testing.T) {
	field := "DKIM-Signature: " + strings.NewReplacer("=BH", "=aaaa", "=B", "=bbbb").Replace(usualTags) + "\r\n"
	out := run(zoneVerifier(t, usualZone()), strings.Repeat(field, 5000)+plainMessage)
	var got [2]int
	for _, o := range out {
		if o.Reason == "too many signatures" {
			got[1]++
		} else {
			got[0]++
		}
	}
	if got != [2]int{10, 4990} {
		t.Errorf("%d verified, %d over the limit", got[0], got[1])
	}
}

// TestMalformedDoNotCount: what can't be verified takes no place in the limit.
func TestMalformedDoNotCount(t *testing.T) {
	raw := strings.Repeat("DKIM-Signature: v=2\r\n", 20) + sign(rsa2048(), plainMessage, usualTags)
	out := run(zoneVerifier(t, usualZone()), raw)
	if last := out[len(out)-1]; len(out) != 21 || last.Result != Pass {
		t.Errorf("%d outcomes, the last is %+v", len(out), last)
	}
}
