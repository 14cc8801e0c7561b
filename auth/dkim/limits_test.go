package dkim

import (
	"fmt"
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

// signedWith signs plainMessage with more tags and names than usual, all that verifiers pass over.
func signedWith(tags, names int) string {
	extra := ""
	for i := strings.Count(usualTags, "="); i < tags; i++ {
		extra += fmt.Sprintf(" x%d=y;", i)
	}
	return sign(rsa2048(), plainMessage, extra+" "+signing("from"+strings.Repeat(":x-none", names-1)))
}

// signing are the usual tags with other names in h=.
func signing(names string) string {
	return strings.Replace(usualTags, "h=from:to:subject:date", "h="+names, 1)
}

// At the limit of the tags and names a signature passes; past it, it is not accepted, and no key is asked
// for.
func TestTagsAndNames(t *testing.T) {
	for _, tt := range []struct {
		tags, names int
		v           Verifier
		want        string
	}{
		{DefaultMaxTags, 1, Verifier{}, "signature was verified"},
		{DefaultMaxTags + 1, 1, Verifier{}, "too many tags in signature"},
		{20, 1, Verifier{MaxTags: 20}, "signature was verified"},
		{21, 1, Verifier{MaxTags: 20}, "too many tags in signature"},
		{5000, 1, Verifier{MaxTags: 20}, "too many tags in signature"},
		{100, 1, Verifier{MaxTags: 100}, "signature was verified"},
		{14, DefaultMaxNames, Verifier{}, "signature was verified"},
		{14, DefaultMaxNames + 1, Verifier{}, "too many names in h="},
		{14, 32, Verifier{MaxNames: 32}, "signature was verified"},
		{14, 33, Verifier{MaxNames: 32}, "too many names in h="},
		{14, 5000, Verifier{MaxNames: 5000}, "signature was verified"},
	} {
		r := dnstest.NewResolver(t, usualZone())
		tt.v.Resolver = r
		out := run(&tt.v, signedWith(tt.tags, tt.names))
		passes := tt.want == "signature was verified"
		if len(out) != 1 || out[0].Reason != tt.want || (out[0].Result == Pass) != passes || !passes && out[0].Result != Policy {
			t.Errorf("%d tags of %d, %d names of %d: %+v", tt.tags, tt.v.MaxTags, tt.names, tt.v.MaxNames, out)
		}
		if asked := len(r.Asked()); (asked > 0) != passes {
			t.Errorf("%d tags, %d names: %d questions", tt.tags, tt.names, asked)
		}
	}
}

// A key record may have as many tags as a signature.
func TestTagsOfKey(t *testing.T) {
	record := func(tags int) string {
		text := "v=DKIM1; p=" + publicText(edwards().Public()) + "; k=ed25519"
		for i := 3; i < tags; i++ {
			text += fmt.Sprintf("; x%d=y", i)
		}
		return text
	}
	for _, tt := range []struct {
		tags, limit int
		want        string
	}{
		{DefaultMaxTags, 0, ""},
		{DefaultMaxTags + 1, 0, "too many tags in key"},
		{20, 20, ""},
		{21, 20, "too many tags in key"},
	} {
		p := KeyLimits{MaxTags: tt.limit}.readPublished([]string{record(tt.tags), "v=spf1 -all"})
		switch {
		case tt.want == "" && len(p.keys) == 1 && p.problem == nil:
		case tt.want != "" && p.problem != nil && p.problem.reason == tt.want && p.problem.result == PermError:
		default:
			t.Errorf("%d tags of %d: %+v", tt.tags, tt.limit, p)
		}
	}
}

// Past the limit a tag-list is read no further: more tags make no more work.
func TestWorkOfTags(t *testing.T) {
	list := func(tags int) string { return strings.Repeat("a", 3) + "=b" + manyTags(tags) }
	few, many := list(DefaultMaxTags+1), list(5000)
	work := func(s string) float64 {
		return testing.AllocsPerRun(10, func() {
			if _, err := parseTags(s, 0); err != ErrTooManyTags {
				t.Fatal(err)
			}
		})
	}
	if a, b := work(few), work(many); b > a {
		t.Errorf("%v allocations, and %v with more tags", a, b)
	}
}

func manyTags(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ";t%d=v", i)
	}
	return b.String()
}

// The header bytes that are hashed are bounded for each signature, and so is how many of them are.
func TestHashedBytes(t *testing.T) {
	const fieldSize = 1000
	padding := "X-Padding: " + strings.Repeat("x", fieldSize-len("X-Padding: ")) + "\r\n"
	names := "from" + strings.Repeat(":x-padding", 9)
	raw := sign(rsa2048(), strings.Repeat(padding, 9)+plainMessage, signing(names))
	h, _ := split(raw)
	covered := len(h[0].Raw)
	for _, f := range h[1:] {
		if n := strings.ToLower(f.Name); n == "from" || n == "x-padding" {
			covered += len(f.Raw)
		}
	}
	for limit, want := range map[int]string{covered: "signature was verified", covered - 1: "signed header too large"} {
		v := zoneVerifier(t, usualZone())
		v.MaxHeaderBytes = limit
		if out := run(v, raw); out[0].Reason != want {
			t.Errorf("limit %d of %d bytes: %+v", limit, covered, out[0])
		}
	}
}
