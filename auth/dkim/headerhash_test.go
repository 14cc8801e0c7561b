package dkim

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"assay/auth/message"
)

// TestHeaderLimits: at the limit and past it.
func TestHeaderLimits(t *testing.T) { withEngines(t, testHeaderLimits) }

func testHeaderLimits(t *testing.T, e Engine) {
	v := zoneVerifier(t, usualZone())
	v.Engine = e
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
	v.Engine = e
	v.MaxNames = 4
	wantOne(t, run(v, signed), Pass, "signature was verified")
	v.MaxNames = 3
	wantOne(t, run(v, signed), Policy, "too many names in h=")
}

// TestLineEnds: no field can bring others or a body of its own.
func TestLineEnds(t *testing.T) { withEngines(t, testLineEnds) }

func testLineEnds(t *testing.T, e Engine) {
	v := zoneVerifier(t, usualZone())
	v.Engine = e
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

// hashField hashes one field as a signature would cover it.
func hashField(c Canonicalization, raw string) ([sha256.Size]byte, error) {
	name, _, _ := strings.Cut(raw, ":")
	h := NewHeaderHash(c)
	h.Add(message.Field{Name: name, Raw: raw})
	return h.Sum()
}

// TestRelaxedField has example 1 of RFC 6376 section 3.4.5 first.
func TestRelaxedField(t *testing.T) {
	long := strings.Repeat("a", 3*bufferSize)
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
		{"A: b\rc", "a:b\rc\r\n", true},
		{"A: b \r c\r", "a:b \r c\r\r\n", true},
		{"A: b\r\r\n c", "a:b\r c\r\n", true},
		{"A: " + long + "\r\n " + long, "a:" + long + " " + long + "\r\n", true},
		{"A", "", false},
		{"A: b\nc", "", false},
		{"A: b\n c", "", false},
		{"A: b\r\nc", "", false},
		{"A: b\r\n", "", false},
		{"A: b\n", "", false},
	}
	for _, tt := range tests {
		for _, c := range canonicalizations {
			want := tt.want
			if c == Simple {
				want = tt.in + "\r\n"
			}
			sum, err := hashField(c, tt.in)
			if (err == nil) != tt.ok || tt.ok && sum != sha256.Sum256([]byte(want)) {
				t.Errorf("%s %.60q: %v, not %.60q", c, tt.in, err, want)
			}
			if err != nil && !errors.Is(err, errLineEnd) {
				t.Errorf("%.60q: %v", tt.in, err)
			}
		}
	}
}

// TestAddSignature: the value of b= and the white space around it are left out,
// wherever the tag is, and nothing else.
func TestAddSignature(t *testing.T) {
	tests := []struct{ in, simple, relaxed string }{
		{"S: a=1; b=xyz", "S: a=1; b=", "s:a=1; b="},
		{"S: a=1; b = x\r\n y ; c=2", "S: a=1; b =; c=2", "s:a=1; b =; c=2"},
		{"S: b=x;", "S: b=;", "s:b=;"},
		{"S: bh=b=; b=x; z=b=20; xb=1", "S: bh=b=; b=; z=b=20; xb=1", "s:bh=b=; b=; z=b=20; xb=1"},
		{"S:\r\n b=\r\n x\r\n ;\r\n a=1 ", "S:\r\n b=;\r\n a=1 ", "s:b=; a=1"},
		{"S: a=1 ; c=2", "S: a=1 ; c=2", "s:a=1 ; c=2"},
	}
	for _, tt := range tests {
		f := message.Field{Name: "S", Raw: tt.in}
		tags, err := FieldTags(f, 0)
		if err != nil {
			t.Fatal(err)
		}
		for c, want := range map[Canonicalization]string{Simple: tt.simple, Relaxed: tt.relaxed} {
			h := NewHeaderHash(c)
			h.AddSignature(f, tags)
			if sum, err := h.Sum(); err != nil || sum != sha256.Sum256([]byte(want)) {
				t.Errorf("%s %q: %v, not %q", c, tt.in, err, want)
			}
		}
	}
}

// TestClone: a copy goes on by itself.
func TestClone(t *testing.T) {
	field := func(raw string) message.Field { return message.NewField("A", raw) }
	h := NewHeaderHash(Relaxed)
	h.Add(field(strings.Repeat("x", bufferSize+5)))
	before, _ := h.Sum()
	c := h.Clone()
	c.Add(field("\n"))
	if _, err := c.Sum(); err == nil {
		t.Error("the copy has no error")
	}
	d := h.Clone()
	d.Add(field("y"))
	if after, err := h.Sum(); after != before || err != nil {
		t.Errorf("%x, %v; was %x", after, err, before)
	}
	h.Add(field("y"))
	a, _ := h.Sum()
	if b, err := d.Sum(); a != b || a == before || err != nil {
		t.Errorf("%x and %x, %v", a, b, err)
	}
	if b, err := h.End(); a != b || err != nil {
		t.Errorf("%x at the end, not %x, %v", b, a, err)
	}
	e := NewHeaderHash(Relaxed) // perhaps with the memory of h
	e.Add(field("y"))
	if b, err := d.End(); a != b || err != nil {
		t.Errorf("%x at the end of the copy, not %x, %v", b, a, err)
	}
}

// FuzzHeaderHash compares with the reference.
func FuzzHeaderHash(f *testing.F) {
	f.Add("Subject", " a\r\n\t b ", " v=1; b=x\r\n y; z=b=20")
	f.Add("A \t", "\r\n \r\n", "b=")
	f.Add("x", "a\rb\r\r\n c", "a=1; xb=2;b\t= 1\t")
	f.Fuzz(func(t *testing.T, name, value, tags string) {
		if !message.IsASCII(name) || !isFieldName(trimName(name)) {
			t.Skip()
		}
		field := message.NewField(name, value)
		signature := message.NewField("S", tags)
		list, err := FieldTags(signature, 0)
		if err != nil {
			list, signature.Raw = nil, "S: b="
		}
		plain := signature.Raw
		if b, ok := list.find("b"); ok {
			plain = plain[:b.start] + plain[b.end:]
		}
		rest := strings.NewReplacer("\r\n ", " ", "\r\n\t", "\t").Replace(value)
		for _, c := range canonicalizations {
			h := NewHeaderHash(c)
			h.Add(field)
			h.AddSignature(signature, list)
			got, err := h.Sum()
			if bad := strings.Contains(rest, "\n"); bad != (err != nil) {
				t.Fatalf("%q: %v", value, err)
			}
			want := refField(field.Raw, c == Relaxed) + "\r\n" + refField(plain, c == Relaxed)
			if err == nil && got != sha256.Sum256([]byte(want)) {
				t.Errorf("%s %q and %q: not %q", c, field.Raw, signature.Raw, want)
			}
		}
	})
}
