package dkim

import (
	"runtime"
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
	for _, canon := range []string{"relaxed/simple", "relaxed/relaxed"} {
		tags := strings.Replace(usualTags, "relaxed/relaxed", canon, 1)
		at := plainMessage[:len(plainMessage)-6] + strings.Repeat("\r\n", maxBlankBytes/2)
		wantOne(t, run(v, sign(rsa2048(), at, tags)), Pass, "signature was verified")
		wantOne(t, run(v, sign(rsa2048(), at+"end\r\n", tags)), Pass, "signature was verified")
		past := at + "\r\n"
		wantOne(t, run(v, sign(rsa2048(), past, tags)), Policy, "too many blank lines in body")

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

// TestMemory: what a message holds in the middle of its body does not grow with
// the body, here one that makes the library keep as much as it may.
func TestMemory(t *testing.T) {
	tags := strings.Replace(usualTags, "relaxed/relaxed", "relaxed/simple", 1)
	h, _ := split(sign(rsa2048(), sign(rsa2048(), plainMessage, usualTags), tags))
	n := zoneVerifier(t, usualZone()).Begin(t.Context(), h)
	piece := []byte("x" + strings.Repeat("\r\n", maxBlankBytes/2))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	n.Write(piece)
	before := heap()
	for range 200 {
		n.Write(piece)
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("%d KB more after %d KB of body", (after-before)>>10, 200*len(piece)>>10)
	}
	for _, o := range n.Finish() {
		if o.Result != Fail || o.Reason != "body hash did not verify" {
			t.Errorf("%+v", o)
		}
	}
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
