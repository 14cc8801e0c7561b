package arc

import (
	"fmt"
	"strings"
	"testing"
)

// sealers is a list of entries that have to be good.
func sealers(t testing.TB, entries ...string) []Sealer {
	t.Helper()
	list := make([]Sealer, len(entries))
	for i, text := range entries {
		var err error
		if list[i], err = ParseSealer(text); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func TestParseSealer(t *testing.T) {
	for text, want := range map[string]string{
		"example.org":                    "example.org",
		"Lists.EXAMPLE.org":              "lists.example.org",
		"example.org.":                   "example.org",
		".example.org":                   ".example.org",
		".Example.org.":                  ".example.org",
		"bücher.example":                 "xn--bcher-kva.example",
		".BÜCHER.example":                ".xn--bcher-kva.example",
		"XN--Bcher-kva.example":          "xn--bcher-kva.example",
		"a_b.example.org":                "a_b.example.org",
		"1.example":                      "1.example",
		"example.co.uk":                  "example.co.uk",
		".example.co.uk":                 ".example.co.uk",
		"github.io":                      "github.io",
		"city.kawasaki.jp":               "city.kawasaki.jp",
		"example.test":                   "example.test",
		strings.Repeat("a.", 125) + "bc": strings.Repeat("a.", 125) + "bc",
	} {
		s, err := ParseSealer(text)
		if err != nil || s.String() != want {
			t.Errorf("%q: %q, %v, want %q", text, s, err, want)
		}
		if again, err := ParseSealer(s.String()); err != nil || again != s {
			t.Errorf("%q read back: %q, %v", s, again, err)
		}
	}
}

func TestParseSealerRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                               `is empty; write one such as "example.org"`,
		".":                              `is no domain name`,
		"..":                             `is no domain name`,
		"..example.org":                  `is no domain name (label of 0 bytes); write one such as "example.org"`,
		"a..example.org":                 `is no domain name (label of 0 bytes)`,
		"example.org..":                  `is no domain name (label of 0 bytes)`,
		"com":                            `has one label only; write the whole domain such as "example.org"`,
		".com":                           `has one label only`,
		"localhost":                      `has one label only`,
		"co.uk":                          `is a public suffix, below which domains of many owners are; write the domain of one of them such as "example.co.uk"`,
		".co.uk":                         `is a public suffix`,
		".Github.IO":                     `is a public suffix: names below it belong to many owners; write the names of those that are trusted such as "example.github.io"`,
		".kawasaki.jp":                   `is a public suffix: names below it`,
		"foo.ck":                         `is a public suffix`,
		"公司.cn":                          `is a public suffix`,
		"192.0.2.1":                      `is an IP address; write the domain of the seals (d=), one such as "example.org"`,
		"[192.0.2.1]":                    `is an IP address`,
		"192.0.2.0/24":                   `is an IP address`,
		"2001:db8::1":                    `is an IP address`,
		"[IPv6:2001:db8::1]":             `is an IP address`,
		"2001:db8::/32":                  `is an IP address`,
		"192.0.2":                        `ends in a number like an IP address`,
		"example.1":                      `ends in a number like an IP address`,
		"https://Example.org/list":       `is no domain but a URL or path; write "example.org"`,
		"http://joe@example.org:80":      `is no domain but a URL or path; write "example.org"`,
		"example.org/":                   `is no domain but a URL or path; write "example.org"`,
		"/etc/passwd":                    `is no domain but a URL or path; write one such as "example.org"`,
		"http://[::1":                    `is no domain but a URL or path; write one such as "example.org"`,
		"joe@Example.org":                `is an address; write "example.org"`,
		"@example.org":                   `is an address; write "example.org"`,
		"joe@":                           `is an address; write one such as "example.org"`,
		"@@@":                            `is an address; write one such as "example.org"`,
		"*.Example.org":                  `has a wildcard; write ".example.org"`,
		"*.*.example.org":                `has a wildcard; write ".example.org"`,
		"*.com":                          `has a wildcard; write one such as "example.org"`,
		"*":                              `has a wildcard; write one such as "example.org"`,
		"a.*.example.org":                `has a wildcard; write one such as "example.org"`,
		"example.org,example.net":        `is more than one word; write one domain only`,
		"example.org example.net":        `is more than one word`,
		"example.org\x00":                `is no domain name`,
		"exa\x1bmple.org":                `is no domain name`,
		"b\xfccher.example":              `is no domain name`,
		"☃.example":                      `is no domain name`,
		"example.org:25":                 `is no domain name`,
		"-a.example.org":                 `a label begins or ends with a hyphen`,
		"a-.example.org":                 `a label begins or ends with a hyphen`,
		"example.org-":                   `a label begins or ends with a hyphen`,
		strings.Repeat("a", 64) + ".de":  `is no domain name (label of 64 bytes)`,
		strings.Repeat("a.", 127) + "de": `is no domain name (over 253 bytes)`,
		strings.Repeat("a.", 9999):       `is longer than any domain name; write one domain`,
		strings.Repeat("*.", 9999):       `is longer than any domain name; write one domain`,
	} {
		s, err := ParseSealer(text)
		if err == nil || s != (Sealer{}) {
			t.Errorf("%.80q: accepted as %q", text, s)
			continue
		}
		if !strings.HasPrefix(err.Error(), quoteEntry(text)+" ") || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ";") && !strings.Contains(err.Error(), "?") {
			t.Errorf("%.80q:\n got %v\nwant %s", text, err, want)
		}
		if len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
			t.Errorf("%.80q: not one short line: %q", text, err)
		}
	}
}

func TestTrusts(t *testing.T) {
	list := NewSealers(sealers(t, "example.org", "Lists.example.net", ".example.com", "bücher.example", ".deep.sub.example.org", "both.example", ".both.example")...)
	for domain, want := range map[string]string{
		"example.org":            "example.org",
		"EXAMPLE.Org":            "example.org",
		"example.org.":           "example.org",
		"lists.example.net":      "lists.example.net",
		"example.com":            ".example.com",
		"a.example.com":          ".example.com",
		"A.B.Example.COM":        ".example.com",
		"bücher.example":         "xn--bcher-kva.example",
		"XN--BCHER-KVA.example":  "xn--bcher-kva.example",
		"x.deep.sub.example.org": ".deep.sub.example.org",
		"both.example":           ".both.example",
		"a.both.example":         ".both.example",

		"sub.example.org":           "",
		"notexample.com":            "",
		"example.com.evil.test":     "",
		"example.net":               "",
		"a.lists.example.net":       "",
		"sub.example.org.x":         "",
		"sub.xn--bcher-kva.example": "",
		"com":                       "", "org": "", "": "", ".": "", ".example.com": "", "..example.com": "", "a..example.com": "",
		"a b.example.com": "", "a@example.com": "", "example.com\x00": "", "\xff.example.com": "",
		strings.Repeat("a.", 200) + "example.com": "",
		strings.Repeat("a", 64) + ".example.com":  "",
	} {
		entry, ok := list.Entry(domain)
		if entry.String() != want || ok != (want != "") || list.Trusts(domain) != ok {
			t.Errorf("%.80q: %q, %v, want %q", domain, entry, ok, want)
		}
	}
	if list.Len() != 6 {
		t.Errorf("%d domains", list.Len())
	}
}

func TestTrustsNobody(t *testing.T) {
	for name, list := range map[string]*Sealers{"nil": nil, "zero": {}, "empty": NewSealers()} {
		for _, domain := range []string{"example.org", "", ".", "com"} {
			if list.Trusts(domain) {
				t.Errorf("%s trusts %q", name, domain)
			}
		}
		if list.Len() != 0 {
			t.Errorf("%s: %d domains", name, list.Len())
		}
	}
}

// many is a list of n domains, every tenth with its subdomains.
func many(n int) []Sealer {
	list := make([]Sealer, n)
	for i := range list {
		list[i] = Sealer{Domain: fmt.Sprintf("lists.sealer-%d.example", i), Subdomains: i%10 == 0}
	}
	return list
}

func TestTrustsWithoutAllocation(t *testing.T) {
	list := NewSealers(many(1000)...)
	for _, domain := range []string{"lists.sealer-77.example", "a.b.c.lists.sealer-70.example", "a.b.c.d.unknown.example"} {
		if n := testing.AllocsPerRun(100, func() { list.Trusts(domain) }); n != 0 {
			t.Errorf("%s: %v allocations", domain, n)
		}
	}
}

func BenchmarkTrusts(b *testing.B) {
	list := NewSealers(many(100_000)...)
	longest := strings.Repeat("a.", 118) + "unknown.example"
	for name, domain := range map[string]string{
		"exact": "lists.sealer-99999.example", "below": "a.b.lists.sealer-50000.example", "unknown": "mail.unknown.example", "longest": longest,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list.Trusts(domain)
			}
		})
	}
}

func BenchmarkParseSealersFile(b *testing.B) {
	text := new(SealersFile).Add(many(100_000)...).Text
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := ParseSealersFile(text, "f")
		if err != nil {
			b.Fatal(err)
		}
		NewSealers(f.Sealers()...)
	}
}

func FuzzParseSealer(f *testing.F) {
	for _, s := range []string{"example.org", ".Example.org.", "bücher.example", "*.x.example", "https://a.example/x", "a@b.example", "192.0.2.1", "[::1]", ".co.uk", "xn--a.example", "a..b", "://", "*", "/@*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSealer(text)
		if err != nil {
			if s != (Sealer{}) || strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("%q with %q", s, err)
			}
			return
		}
		if again, err := ParseSealer(s.String()); err != nil || again != s {
			t.Fatalf("%q reads back as %q, %v", s, again, err)
		}
		list := NewSealers(s)
		if !list.Trusts(s.Domain) || list.Trusts("x."+s.Domain) != (s.Subdomains && len(s.Domain) <= 251) || list.Trusts("x"+s.Domain) {
			t.Fatalf("%q trusts other names than it says", s)
		}
	})
}
