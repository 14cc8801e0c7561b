package dkim

import (
	"strings"
	"testing"
)

// BenchmarkVerify is all from Begin to Finish with warm DNS: a header of 20
// fields, and a body of lines in pieces as a milter gets them.
func BenchmarkVerify(b *testing.B) {
	ed := strings.NewReplacer("rsa-", "ed25519-", "s=s;", "s=ed;").Replace(usualTags)
	simple := strings.Replace(usualTags, "relaxed/relaxed", "simple/simple", 1)
	for _, bm := range []struct {
		name string
		size int
		tags []string
	}{
		{"5KB/rsa", 5 << 10, []string{usualTags}},
		{"5KB/rsa/simple", 5 << 10, []string{simple}},
		{"5KB/ed25519", 5 << 10, []string{ed}},
		{"50KB/rsa+rsa", 50 << 10, []string{usualTags, usualTags}},
		{"1MB/rsa", 1 << 20, []string{usualTags}},
		{"1MB/rsa/simple", 1 << 20, []string{simple}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			raw := benchMessage(bm.size)
			for _, tags := range bm.tags {
				if tags == ed {
					raw = sign(edwards(), raw, tags)
				} else {
					raw = sign(rsa2048(), raw, tags)
				}
			}
			benchVerify(b, raw)
		})
	}
}

func benchMessage(size int) string {
	fields := "From: Joe <joe@example.com>\r\nTo: suzie@example.net\r\nSubject: Is dinner ready?\r\n" +
		"Date: Fri, 11 Jul 2003 21:00:37 -0700\r\n" +
		strings.Repeat("X-Field: some text that is\r\n folded once, as usual\r\n", 16)
	line := strings.Repeat("Ten bytes.", 7) + "\r\n"
	return fields + "\r\n" + strings.Repeat(line, (size-len(fields))/len(line))
}

func benchVerify(b *testing.B, raw string) {
	h, text := split(raw)
	body := []byte(text)
	v := zoneVerifier(b, usualZone())
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		n := v.Begin(b.Context(), h, "example.com")
		for rest := body; len(rest) > 0; {
			piece := rest[:min(len(rest), 65535)]
			n.Write(piece)
			rest = rest[len(piece):]
		}
		for _, o := range n.Finish() {
			if o.Result != Pass {
				b.Fatalf("%+v", o)
			}
		}
	}
}

// BenchmarkBegin is the reading of a signature that needs no key.
func BenchmarkBegin(b *testing.B) {
	h, _ := split(sign(rsa2048(), plainMessage, strings.Replace(usualTags, "v=1;", "v=1; l=1;", 1)))
	var v Verifier
	b.ReportAllocs()
	for b.Loop() {
		v.Begin(b.Context(), h).Finish()
	}
}

// BenchmarkUnsigned is a header without a signature.
func BenchmarkUnsigned(b *testing.B) {
	h, _ := split(benchMessage(5 << 10))
	var v Verifier
	b.ReportAllocs()
	for b.Loop() {
		v.Begin(b.Context(), h).Finish()
	}
}
