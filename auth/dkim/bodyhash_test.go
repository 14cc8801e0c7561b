package dkim

import (
	"crypto/sha256"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

var canonicalizations = []Canonicalization{Simple, Relaxed}

// hashBody hashes a body in pieces of at most limit bytes, in all canonicalizations.
func hashBody(body string, limit int, rnd *rand.Rand) (sums [2][sha256.Size]byte) {
	var b BodyHashes
	for _, c := range canonicalizations {
		b.Want(c)
	}
	for rest := []byte(body); len(rest) > 0; {
		n := 1 + rnd.IntN(min(limit, len(rest)))
		piece := append([]byte(nil), rest[:n]...)
		b.Write(piece)
		clear(piece)
		rest = rest[n:]
	}
	for _, c := range canonicalizations {
		sums[c] = b.Sum(c)
	}
	return sums
}

// TestBodyCanonical has the form by hand; the reference must come to the same.
func TestBodyCanonical(t *testing.T) {
	long := strings.Repeat("x", 3*bufferSize)
	tests := []struct{ body, simple, relaxed string }{
		{"", "\r\n", ""},
		{"\r\n", "\r\n", ""},
		{"\r\n\r\n", "\r\n", ""},
		{" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"}, // RFC 6376 section 3.4.5
		{" \r\n", " \r\n", ""},
		{" ", " \r\n", ""},
		{" \r\n\t\r\n", " \r\n\t\r\n", ""},
		{"a", "a\r\n", "a\r\n"},
		{"a ", "a \r\n", "a\r\n"},
		{"\r\n\r\na", "\r\n\r\na\r\n", "\r\n\r\na\r\n"},
		{"a\r\n \r\n b", "a\r\n \r\n b\r\n", "a\r\n\r\n b\r\n"},
		{"a\r", "a\r\r\n", "a\r\r\n"},
		{"\r", "\r\r\n", "\r\r\n"},
		{"a \rb", "a \rb\r\n", "a \rb\r\n"},
		{"a\r\r\n", "a\r\r\n", "a\r\r\n"},
		{"a\r\n\r", "a\r\n\r\r\n", "a\r\n\r\r\n"},
		{"a \r \r\n", "a \r \r\n", "a \r\r\n"},
		{"a\n", "a\n\r\n", "a\n\r\n"},
		{"a \n\r\n", "a \n\r\n", "a \n\r\n"},
		{"\x00\xff \v", "\x00\xff \v\r\n", "\x00\xff \v\r\n"},
		{long + " \t" + long, long + " \t" + long + "\r\n", long + " " + long + "\r\n"},
		{strings.Repeat("\r\n", bufferSize) + "a", strings.Repeat("\r\n", bufferSize) + "a\r\n", strings.Repeat("\r\n", bufferSize) + "a\r\n"},
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, tt := range tests {
		if s, r := string(refBody(tt.body, false)), string(refBody(tt.body, true)); s != tt.simple || r != tt.relaxed {
			t.Errorf("%.60q: the reference gives %.60q and %.60q", tt.body, s, r)
		}
		for limit := 1; limit <= 4096; limit *= 2 {
			sums := hashBody(tt.body, limit, rnd)
			if sums[Simple] != sha256.Sum256([]byte(tt.simple)) {
				t.Errorf("%.60q, pieces to %d: simple is not %.60q", tt.body, limit, tt.simple)
			}
			if sums[Relaxed] != sha256.Sum256([]byte(tt.relaxed)) {
				t.Errorf("%.60q, pieces to %d: relaxed is not %.60q", tt.body, limit, tt.relaxed)
			}
		}
	}
}

// FuzzBodyHashes: in pieces as whole, and as the reference.
func FuzzBodyHashes(f *testing.F) {
	f.Add("a \r\n\r\n \t\r\n b\r\r\n", uint64(1))
	f.Add(" \t\r\n\r\n\r", uint64(2))
	f.Add("a\rb\nc \n", uint64(3))
	f.Add(strings.Repeat("words and  more\r\n", 100), uint64(4))
	f.Fuzz(func(t *testing.T, body string, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		whole := hashBody(body, len(body)+1, rand.New(wholeSource{}))
		pieces := hashBody(body, 1+rnd.IntN(20), rnd)
		for _, c := range canonicalizations {
			want := sha256.Sum256(refBody(body, c == Relaxed))
			if whole[c] != want || pieces[c] != want {
				t.Errorf("%s %q: whole %t, pieces %t", c, body, whole[c] == want, pieces[c] == want)
			}
		}
	})
}

// TestBodyWords has white space, line ends and odd bytes at every place of the two words that
// are looked at together, as the reference sees them.
func TestBodyWords(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 20_000 {
		var b strings.Builder
		for b.Len() < i%96 {
			if n := rnd.IntN(12); n > 0 {
				b.WriteString(strings.Repeat("x", n))
			}
			b.WriteString([]string{" ", " ", " ", "  ", "\r\n", "\r\n", "\r\n\r\n", " \r\n", "\t", "\r", "\n", "\x00", "\x1f", "\x7f", "\x80", "\xa0", "\xff"}[rnd.IntN(17)])
		}
		body := b.String()
		whole := hashBody(body, len(body)+1, rand.New(wholeSource{}))
		pieces := hashBody(body, 1+rnd.IntN(20), rnd)
		for _, c := range canonicalizations {
			if want := sha256.Sum256(refBody(body, c == Relaxed)); whole[c] != want || pieces[c] != want {
				t.Fatalf("%s %q: whole %t, pieces %t", c, body, whole[c] == want, pieces[c] == want)
			}
		}
	}
}

// wholeSource makes hashBody take the largest piece.
type wholeSource struct{}

func (wholeSource) Uint64() uint64 { return 1<<64 - 1 }

// TestBodyHashesTwice: what was asked for twice is hashed once, and a hash that
// is asked for too late would be wrong.
func TestBodyHashesTwice(t *testing.T) {
	var b BodyHashes
	b.Want(Relaxed)
	first := b.relaxed
	b.Write(nil)
	b.Want(Relaxed)
	if b.relaxed != first || b.simple != nil {
		t.Error("not the same hash")
	}
	b.Write([]byte("a"))
	b.Want(Relaxed)
	if a, again := b.Sum(Relaxed), b.Sum(Relaxed); a != again {
		t.Errorf("%x, then %x", a, again)
	}
	for name, misuse := range map[string]func(){
		"Want in the body": func() { b.Want(Simple) },
		"Sum without Want": func() { new(BodyHashes).Sum(Simple) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			misuse()
		}()
	}
}

// TestMemory: what a message holds in the middle of its body does not grow with
// the body, here one that makes the library keep as much as it may.
func TestMemory(t *testing.T) { withEngines(t, testMemory) }

func testMemory(t *testing.T, e Engine) {
	tags := strings.Replace(usualTags, "relaxed/relaxed", "relaxed/simple", 1)
	h, _ := split(sign(rsa2048(), sign(rsa2048(), plainMessage, usualTags), tags))
	v := zoneVerifier(t, usualZone())
	v.Engine = e
	n := v.Begin(t.Context(), h)
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
