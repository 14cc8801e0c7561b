package dkim

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"assay/auth/message"
)

// BenchmarkVerify is all from Begin to Finish with warm DNS, by each engine: a
// header of 20 fields, and a body of lines in pieces as a milter gets them.
func BenchmarkVerify(b *testing.B) {
	ed := strings.NewReplacer("rsa-", "ed25519-", "s=s;", "s=ed;").Replace(usualTags)
	simple := strings.Replace(usualTags, "relaxed/relaxed", "simple/simple", 1)
	five := []string{usualTags, usualTags, simple, usualTags, simple}
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
		{"1MB/5rsa", 1 << 20, five},
	} {
		raw := benchMessage(bm.size)
		for _, tags := range bm.tags {
			if tags == ed {
				raw = sign(edwards(), raw, tags)
			} else {
				raw = sign(rsa2048(), raw, tags)
			}
		}
		b.Run(bm.name+"/assay", func(b *testing.B) { benchVerify(b, zoneVerifier(b, usualZone()), raw) })
		b.Run(bm.name+"/go-msgauth", func(b *testing.B) { benchVerify(b, engineVerifier(b, EngineGoMsgauth, usualZone()), raw) })
	}
}

func benchMessage(size int) string {
	fields := "From: Joe <joe@example.com>\r\nTo: suzie@example.net\r\nSubject: Is dinner ready?\r\n" +
		"Date: Fri, 11 Jul 2003 21:00:37 -0700\r\n" +
		strings.Repeat("X-Field: some text that is\r\n folded once, as usual\r\n", 16)
	line := strings.Repeat("Ten bytes.", 7) + "\r\n"
	return fields + "\r\n" + strings.Repeat(line, (size-len(fields))/len(line))
}

func benchVerify(b *testing.B, v *Verifier, raw string) {
	h, text := split(raw)
	body := []byte(text)
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

// BenchmarkQuadratic has the headers that cost the library time by the square
// of their size, each also twice as large, without the limits that forbid them.
func BenchmarkQuadratic(b *testing.B) {
	simple := strings.Replace(usualTags, "relaxed/relaxed", "simple/simple", 1)
	folded := "X: " + strings.Repeat("a\r\n ", 15_000) + "\r\n"
	for _, bm := range []struct {
		name       string
		raw, names string
	}{
		{"15000 folds", folded, "x:"},
		{"160 times 15000 folds", strings.Repeat(folded, 160), strings.Repeat("x:", 160)},
		{"320 times 15000 folds", strings.Repeat(folded, 320), strings.Repeat("x:", 320)},
		{"14500 names, 50000 fields", strings.Repeat("Y: y\r\n", 50_000), strings.Repeat("x:", 14_500)},
		{"29000 names, 100000 fields", strings.Repeat("Y: y\r\n", 100_000), strings.Repeat("x:", 29_000)},
	} {
		for _, tags := range []string{simple, usualTags} {
			tags = strings.Replace(tags, "h=from", "h="+bm.names+"from", 1)
			raw := quickSign(b, bm.raw+plainMessage, strings.NewReplacer("rsa-", "ed25519-", "s=s;", "s=ed;").Replace(tags))
			v := zoneVerifier(b, usualZone())
			v.MaxNames, v.MaxHeaderBytes = 1<<20, 1<<30
			b.Run(bm.name+"/"+tags[strings.Index(tags, "c=")+2:][:6], func(b *testing.B) { benchVerify(b, v, raw) })
		}
	}
}

// BenchmarkLibraryFolds is what one such field costs the library.
func BenchmarkLibraryFolds(b *testing.B) {
	tags := strings.Replace(usualTags, "c=relaxed/relaxed; d=example.com; s=s; h=from", "c=simple; d=example.com; s=s; h=x:from", 1)
	raw := sign(rsa2048(), "X: "+strings.Repeat("a\r\n ", 15_000)+"\r\n"+plainMessage, tags)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		results, err := msgauth.VerifyWithOptions(strings.NewReader(raw), &msgauth.VerifyOptions{LookupTXT: usualTXT})
		if err != nil || len(results) != 1 || results[0].Err != nil {
			b.Fatal(results, err)
		}
	}
}

// BenchmarkBody is the canonicalization and hash of 1 MB in 64 KB pieces: text,
// an attachment, and what is the worst for an engine that looks back.
func BenchmarkBody(b *testing.B) {
	for name, line := range map[string]string{
		"text":        "The quick brown fox jumps over the lazy dog, and then it is tired.\r\n",
		"html":        "      <td style=\"padding: 0\" align=\"left\">\r\n        <a href=\"https://links.example/c/0123456789\">here</a>\r\n      </td>\r\n",
		"base64":      strings.Repeat("iVBORw0K", 9) + "abcd\r\n",
		"blank lines": "\r\n",
		"spaces":      " ",
		"tabs":        "a \t",
		"bare CR":     "\r",
		"one line":    "a",
	} {
		piece := []byte(strings.Repeat(line, 64<<10/len(line)))
		for _, c := range canonicalizations {
			b.Run(name+"/"+c.String(), func(b *testing.B) {
				b.SetBytes(int64(16 * len(piece)))
				for b.Loop() {
					var h BodyHashes
					h.Want(c)
					for range 16 {
						h.Write(piece)
					}
					h.Sum(c)
				}
			})
		}
	}
}

// quickSign is sign with Ed25519 and by our own engine: the reference would take hours.
func quickSign(b *testing.B, raw, tags string) string {
	h, body := split(raw)
	var bodies BodyHashes
	f := message.NewField("DKIM-Signature", " "+strings.TrimSuffix(tags, "B"))
	list, _ := FieldTags(message.NewField("DKIM-Signature", " "+tags), 0)
	headerCanon, bodyCanon, _ := list.Canonicalizations()
	bodies.Want(bodyCanon)
	bodies.Write([]byte(body))
	sum := bodies.Sum(bodyCanon)
	f.Raw = strings.Replace(f.Raw, "BH", base64.StdEncoding.EncodeToString(sum[:]), 1)
	hash := NewHeaderHash(headerCanon)
	names := list.Names("h")
	for _, i := range NewFieldIndex(h, names).Pick(names, -1) {
		hash.Add(h[i])
	}
	hash.AddSignature(f, nil)
	digest, err := hash.Sum()
	if err != nil {
		b.Fatal(err)
	}
	signature, err := Sign(rand.Reader, edwards(), digest)
	if err != nil {
		b.Fatal(err)
	}
	return f.Raw + base64.StdEncoding.EncodeToString(signature) + "\r\n" + raw
}
