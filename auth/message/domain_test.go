package message

import (
	"strings"
	"testing"
)

func TestToASCII(t *testing.T) {
	tests := []struct{ in, want string }{
		{"Example.COM", "example.com"},
		{"example.com.", "example.com"},
		{"localhost", "localhost"},
		{"_dmarc.example", "_dmarc.example"},
		{"192.0.2.1", "192.0.2.1"},
		{"BÜCHER.example", "xn--bcher-kva.example"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"xn--a.example", "xn--a.example"},
		{"例え.テスト", "xn--r8jz45g.xn--zckzah"},
		{"a_b.bücher", "a_b.xn--bcher-kva"},
		{strings.Repeat("x", 63) + ".example", strings.Repeat("x", 63) + ".example"},

		{"", ""}, {".", ""}, {"..", ""}, {"a..b", ""}, {".a", ""}, {"a..", ""},
		{strings.Repeat("x", 64) + ".example", ""},
		{strings.Repeat("x.", 127) + "x", ""},
		{strings.Repeat("ü", 60) + ".example", ""},
		{strings.Repeat("中文", 400), ""},
		{"a b", ""}, {"a\x00b", ""}, {"a@b", ""}, {"[192.0.2.1]", ""}, {"a/b", ""}, {"a\\b", ""}, {"a'b", ""},
		{"b\xfc.example", ""},
		{"a。b", ""}, {"ａ.example", ""}, {"☃.example", ""}, {"a\u200db.example", ""}, {"\u202ea.example", ""},
		{"a\u00adb.example", ""}, {"\u0301a.example", ""}, {"a\u00a0.example", ""},
	}
	for _, tt := range tests {
		got, err := ToASCII(tt.in)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

// No label that has an A-label is refused for its length.
func TestToASCIILength(t *testing.T) {
	longest := 0
	for _, letter := range []string{"ü", "中", "\U00020000"} {
		for n := range 80 {
			domain := strings.Repeat(letter, n+1) + ".example"
			want, err := uLabels.ToASCII(domain)
			fits := err == nil && checkDomain(want) == nil
			got, err := ToASCII(domain)
			if (err == nil) != fits || fits && got != want {
				t.Errorf("%d of %s: %q, %v, want %q", n+1, letter, got, err, want)
			}
			if fits {
				longest = max(longest, n+1)
			}
		}
	}
	if longest < maxUnicode-5 {
		t.Errorf("the longest has %d", longest)
	}
}

func FuzzToASCII(f *testing.F) {
	for _, s := range []string{"Example.com.", "bücher.example", "例え.テスト", "a。b", "xn--a", "\u202e", "مثال.إختبار", "a\u200db"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ToASCII(s)
		if err != nil {
			if got != "" {
				t.Errorf("%q with an error", got)
			}
			return
		}
		if checkDomain(got) != nil || got != strings.ToLower(got) {
			t.Errorf("%q gives %q", s, got)
		}
		if again, err := ToASCII(got); again != got || err != nil {
			t.Errorf("%q, then %q, %v", got, again, err)
		}
	})
}

func TestDomainOf(t *testing.T) {
	tests := []struct{ in, want string }{
		{"a@Example.com", "example.com"},
		{"a@example.com.", "example.com"},
		{"@one.example,@two.example:a@three.example", "three.example"},
		{`"a@b.example"@c.example`, "c.example"},
		{`"a\"@b.example"@c.example`, "c.example"},
		{`a\@b.example@c.example`, "c.example"},
		{"a@b.example@c.example", "c.example"},
		{"ü@bücher.example", "xn--bcher-kva.example"},

		{"", ""}, {"postmaster", ""}, {"a@", ""}, {"a@[192.0.2.1]", ""}, {"a@b c", ""},
		{`"a@b.example`, "b.example"}, {`"a@b.example"@"c.example`, ""}, {`a\@b.example`, ""}, {`a@b.example\`, ""}, {"a@b.example\r\n", ""},
		{"a@legitimate.example(.attack.example", ""},
	}
	for _, tt := range tests {
		got, err := DomainOf(tt.in)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestSplitAddress(t *testing.T) {
	tests := []struct{ in, local, domain string }{
		{"a@b.example", "a", "b.example"},
		{`"a@b"@c.example`, `"a@b"`, "c.example"},
		{`a"b@c.example`, `a"b`, "c.example"},
		{`"a@b`, `"a`, "b"},
		{`"a"@b"c@d`, `"a"@b"c`, "d"},
		{"@a:b@c", "@a:b", "c"},
		{"@b.example", "", "b.example"},
		{"a@", "a", ""}, {"a", "a", ""}, {"", "", ""}, {`"a`, `"a`, ""}, {`a\@b`, `a\@b`, ""},
	}
	for _, tt := range tests {
		if local, domain := SplitAddress(tt.in); local != tt.local || domain != tt.domain {
			t.Errorf("%q: %q and %q", tt.in, local, domain)
		}
	}
}

func TestIsWithin(t *testing.T) {
	tests := []struct {
		domain, parent string
		want           bool
	}{
		{"a.example", "a.example", true},
		{"b.a.example", "a.example", true},
		{"ba.example", "a.example", false},
		{"a.example", "b.a.example", false},
		{"a.example", "example.a", false},
		{"a.example", "", false},
	}
	for _, tt := range tests {
		if got := IsWithin(tt.domain, tt.parent); got != tt.want {
			t.Errorf("%q within %q: %t", tt.domain, tt.parent, got)
		}
	}
}
