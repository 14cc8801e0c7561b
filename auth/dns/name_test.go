package dns

import (
	"net/netip"
	"strings"
	"testing"
)

func TestReverseName(t *testing.T) {
	const digits = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
	for ip, want := range map[string]string{
		"192.0.2.1":        "1.2.0.192.in-addr.arpa",
		"0.10.200.0":       "0.200.10.0.in-addr.arpa",
		"2001:db8::1":      digits,
		"::":               strings.Repeat("0.", 32) + "ip6.arpa",
		"::ffff:192.0.2.1": "1.0.2.0.0.0.0.c.f.f.f.f." + strings.Repeat("0.", 20) + "ip6.arpa",
	} {
		got := ReverseName(netip.MustParseAddr(ip))
		if canonical, ok := CanonicalName(got); got != want || !ok || canonical != got {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct{ text, name string }{
		{".", ""},
		{"A.Test.", "a.test"},
		{`\032\"\\\000\255.test.`, " \"\\\x00\xff.test"},
		{`\\123.test.`, `\123.test`},
		{`\A\@.test.`, "a@.test"},
	}
	for _, tt := range tests {
		if name, ok := fromText(tt.text); !ok || name != tt.name {
			t.Errorf("%s: got %q, %t, want %q", tt.text, name, ok, tt.name)
		}
	}
	for _, text := range []string{`a\.b.test.`, `a\046b.test.`, `a\.`} {
		if name, ok := fromText(text); ok {
			t.Errorf("%s: got %q although a label contains a dot", text, name)
		}
	}
}
