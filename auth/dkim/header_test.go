package dkim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"assay/auth/message"
)

// TestAppendRelaxed has example 1 of RFC 6376 section 3.4.5 first.
func TestAppendRelaxed(t *testing.T) {
	tests := []struct {
		in, want string
		ok       bool
	}{
		{"A: X", "a:X\r\n", true},
		{"B : Y\t\r\n\tZ  ", "b:Y Z\r\n", true},
		{"SUBJect: AbC", "subject:AbC\r\n", true},
		{"A:", "a:\r\n", true},
		{"A: \r\n \r\n ", "a:\r\n", true},
		{"A:\r\n b\r\n\t\r\n c", "a:b c\r\n", true},
		{"A:\xff\x00 \x0b", "a:\xff\x00 \x0b\r\n", true},
		{"A: b:c : d", "a:b:c : d\r\n", true},
		{"A", "", false},
		{"A: b\rc", "", false},
		{"A: b\nc", "", false},
		{"A: b\r\nc", "", false},
		{"A: b\r\n", "", false},
	}
	for _, tt := range tests {
		got, ok := appendRelaxed(nil, tt.in)
		if ok != tt.ok || ok && string(got) != tt.want {
			t.Errorf("%q: %q, %t", tt.in, got, ok)
		}
	}
}

func TestPick(t *testing.T) {
	var h message.Header
	for _, name := range []string{"Received", "DKIM-Signature", "From", "Received", "dkim-signature", "TO", "received ", "Subject"} {
		h = append(h, message.NewField(name, " x"))
	}
	tests := []struct {
		names     string
		index     int
		want      []int
		exhausted bool
	}{
		{"from to subject", 1, []int{2, 5, 7}, false},
		{"received from received", 1, []int{6, 2, 3}, false},
		{"received received received received from", 1, []int{6, 3, 0, 2}, false},
		{"from from x", 1, []int{2}, false},
		{"from dkim-signature", 1, []int{2, 4}, false},
		{"from dkim-signature", 4, []int{2, 1}, false},
		{"from dkim-signature dkim-signature", 4, []int{2, 1}, true},
		{"from dkim-signature dkim-signature", 1, []int{2, 4}, true},
	}
	for _, tt := range tests {
		s := &signature{index: tt.index, names: strings.Fields(tt.names)}
		got, exhausted := newFieldIndex(h, []*check{{sig: s}}).pick(s)
		if !slices.Equal(got, tt.want) || exhausted != tt.exhausted {
			t.Errorf("%q: %v, %t; want %v, %t", tt.names, got, exhausted, tt.want, tt.exhausted)
		}
	}
}

// TestHeaderLimits: at the limit and past it.
func TestHeaderLimits(t *testing.T) {
	v := zoneVerifier(t, usualZone())
	signed := sign(rsa2048(), plainMessage, usualTags)
	h, _ := split(signed)
	v.MaxHeaderBytes = 0
	for _, f := range h {
		v.MaxHeaderBytes += len(f.Raw)
	}
	wantOne(t, run(v, signed), Pass, "signature was verified")
	v.MaxHeaderBytes--
	wantOne(t, run(v, signed), Policy, "signed header too large")

	v = zoneVerifier(t, usualZone())
	v.MaxNames = 4
	wantOne(t, run(v, signed), Pass, "signature was verified")
	v.MaxNames = 3
	wantOne(t, run(v, signed), Policy, "too many names in h=")
}

// TestFolds: one large folded field costs much with simple canonicalization
// only, and all signatures of a message share the limit.
func TestFolds(t *testing.T) {
	v := zoneVerifier(t, usualZone())
	raw := "X: " + strings.Repeat("a\r\n ", 1000) + "\r\n" + plainMessage
	relaxed := strings.Replace(usualTags, "h=from", "h=x:from", 1)
	simple := strings.Replace(relaxed, "c=relaxed", "c=simple", 1)
	wantOne(t, run(v, sign(rsa2048(), raw, simple)), Pass, "signature was verified")
	raw = "X: " + strings.Repeat("a\r\n ", 15000) + "\r\n" + plainMessage
	wantOne(t, run(v, sign(rsa2048(), raw, simple)), Policy, "signed header folded too often")
	wantOne(t, run(v, sign(rsa2048(), raw, relaxed)), Pass, "signature was verified")

	raw = "X: " + strings.Repeat("a\r\n ", 3000) + "\r\n" + plainMessage
	for range 3 {
		raw = sign(rsa2048(), raw, simple)
	}
	var got []Result
	for _, o := range run(v, raw) {
		got = append(got, o.Result)
	}
	if !slices.Equal(got, []Result{Pass, Policy, Policy}) {
		t.Errorf("results %q", got)
	}
}

// TestManyNames: 256 names over many fields are found in one pass over the header.
func TestManyNames(t *testing.T) {
	var raw, names strings.Builder
	for i := range 255 {
		fmt.Fprintf(&raw, "X%d: %d\r\n", i, i)
		fmt.Fprintf(&names, "x%d:", i)
	}
	raw.WriteString(strings.Repeat("Y: y\r\n", 5000) + plainMessage)
	tags := strings.Replace(usualTags, "h=from:to:subject:date", "h="+names.String()+"from", 1)
	wantOne(t, run(zoneVerifier(t, usualZone()), sign(rsa2048(), raw.String(), tags)), Pass, "signature was verified")
}

// TestLineEnds: no field can bring others or a body of its own.
func TestLineEnds(t *testing.T) {
	v := zoneVerifier(t, usualZone())
	for _, canon := range []string{"simple", "relaxed"} {
		tags := strings.Replace(usualTags, "c=relaxed", "c="+canon, 1)
		for value, want := range map[string]Result{
			" a\r\nFrom: b":  Neutral,
			" a\r\n\r\nbody": Neutral,
			" a\nFrom: b":    Neutral,
			" a\n b":         Neutral,
			" a\r\n":         Neutral,
			" a\x00\r\n b":   Fail,
		} {
			h, body := split(sign(rsa2048(), plainMessage, tags))
			for i := range h {
				if h[i].Is("Subject") {
					h[i] = message.NewField("Subject", value)
				}
			}
			n := v.Begin(t.Context(), h)
			n.Write([]byte(body))
			if o := n.Finish()[0]; o.Result != want {
				t.Errorf("%s, %q: %s (%s), want %s", canon, value, o.Result, o.Reason, want)
			}
		}
	}
}
