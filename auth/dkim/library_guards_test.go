package dkim

import (
	"slices"
	"strings"
	"testing"
)

func TestBodyScan(t *testing.T) {
	const crlf = "\r\n"
	tests := []struct {
		body    string
		misread bool
	}{
		{"", false},
		{"a\r\nb\r\n", false},
		{"a \r\n \r\n\tb", false},
		{"a\nb \n", false},
		{"a\rb", false},
		{"a\r b\r\n", false},
		{"\r\n\rb", false},
		{"a \rb", true},
		{"a\t\r b", true},
		{"a\r\n \rb", true},
		{"a\r", true},
		{"a\r\r\n", true},
		{"a\r\r\n \r\n", true},
		{"a\r\r\n \r\nb", false},
		{"a\r\n\r", true},
		{"\r", true},
	}
	for _, tt := range tests {
		for cut := range len(tt.body) + 1 {
			var s bodyScan
			ok := s.write([]byte(tt.body[:cut])) && s.write([]byte(tt.body[cut:]))
			if got := s.misreadRelaxed(); !ok || got != tt.misread {
				t.Errorf("%q, cut at %d: misread %t, ok %t", tt.body, cut, got, ok)
			}
		}
	}
	for _, line := range []string{"\r\n", " \r\n", "\r\r", "\n\n", "\t\r \n"} {
		lines := strings.Repeat(line, maxBlankBytes/2)
		for _, tt := range []struct {
			body string
			ok   bool
		}{
			{"a" + lines + "b", true},
			{"a" + lines + "b" + lines, true},
			{"a" + lines + crlf, false},
			{lines + " \n", false},
		} {
			var s bodyScan
			if got := s.write([]byte(tt.body)); got != tt.ok {
				t.Errorf("%q many times: %t", line, got)
			}
		}
	}
}

func TestBlankLines(t *testing.T) {
	v := zoneVerifier(t, usualZone())
	v.Engine = EngineGoMsgauth
	own := zoneVerifier(t, usualZone())
	for _, canon := range []string{"relaxed/simple", "relaxed/relaxed"} {
		tags := strings.Replace(usualTags, "relaxed/relaxed", canon, 1)
		at := plainMessage[:len(plainMessage)-6] + strings.Repeat("\r\n", maxBlankBytes/2)
		wantOne(t, run(v, sign(rsa2048(), at, tags)), Pass, "signature was verified")
		wantOne(t, run(v, sign(rsa2048(), at+"end\r\n", tags)), Pass, "signature was verified")
		past := at + "\r\n"
		wantOne(t, run(v, sign(rsa2048(), past, tags)), Policy, "too many blank lines in body")
		wantOne(t, run(own, sign(rsa2048(), past, tags)), Pass, "signature was verified")

		h, body := split(sign(rsa2048(), past, tags))
		n := v.Begin(t.Context(), h)
		n.Write([]byte(body))
		if n.WantsBody() {
			t.Error("wants more of the body")
		}
		n.Write([]byte(body))
		wantOne(t, n.Finish(), Policy, "too many blank lines in body")
	}
	// What was settled before the body stays as it is.
	missing := strings.Replace(usualTags, "s=s;", "s=missing;", 1)
	long := "From: a@example.com\r\n\r\n" + strings.Repeat("\r\n", maxBlankBytes)
	wantOne(t, run(v, sign(rsa2048(), long, missing)), PermError, "no key for signature")
}

// FuzzBodyScan: the pieces of a body don't matter.
func FuzzBodyScan(f *testing.F) {
	f.Add([]byte("a \r\n\r b"), 3)
	f.Add([]byte("\r\n\n\r"), 2)
	f.Fuzz(func(t *testing.T, body []byte, cut int) {
		cut = min(max(cut, 0), len(body))
		var whole, pieces bodyScan
		if !whole.write(body) {
			return
		}
		pieces.write(body[:cut])
		pieces.write(body[cut:])
		if whole.misreadRelaxed() != pieces.misreadRelaxed() || whole.blank != pieces.blank {
			t.Errorf("%q cut at %d: %+v, whole %+v", body, cut, pieces, whole)
		}
	})
}

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

// TestFolds: one large folded field costs much with simple canonicalization
// only, and all signatures of a message share the limit.
func TestFolds(t *testing.T) {
	v := zoneVerifier(t, usualZone())
	v.Engine = EngineGoMsgauth
	raw := "X: " + strings.Repeat("a\r\n ", 1000) + "\r\n" + plainMessage
	relaxed := strings.Replace(usualTags, "h=from", "h=x:from", 1)
	simple := strings.Replace(relaxed, "c=relaxed", "c=simple", 1)
	wantOne(t, run(v, sign(rsa2048(), raw, simple)), Pass, "signature was verified")
	raw = "X: " + strings.Repeat("a\r\n ", 15000) + "\r\n" + plainMessage
	wantOne(t, run(v, sign(rsa2048(), raw, simple)), Policy, "signed header folded too often")
	wantOne(t, run(zoneVerifier(t, usualZone()), sign(rsa2048(), raw, simple)), Pass, "signature was verified")
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

func TestStripsMore(t *testing.T) {
	tests := []struct {
		field string // B is the value of b=
		want  bool
	}{
		{"X: a=1; b=B; c=d", false},
		{"X: bh=abc=; b= B ;", false},
		{"X: b=B", false},
		{"X: z=a b=20; b=B", true},
		{"X: z=ab=20; b=B", true},
		{"X: b=B; z=b\r\n =x", true},
		{"X: xb=1; b=B", true},
		{"X: xb=; b=B", false},
		{"X: b=B; xb=", false},
		{"X: xB=1; b=B", false},
		{"X: b=\r\n ab=c=B\r\n ;d=e", false},
	}
	for _, tt := range tests {
		start := strings.Index(tt.field, " b=") + 3
		end := strings.IndexByte(tt.field[start:]+";", ';') + start
		if got := stripsMore(tt.field, start, end); got != tt.want {
			t.Errorf("%q: %t", tt.field, got)
		}
	}
}
