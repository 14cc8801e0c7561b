package milter

import (
	"net/netip"
	"testing"
)

func TestParseClient(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1":                    "192.0.2.1",
		"2001:db8::25":                 "2001:db8::25",
		"IPv6:2001:db8:0:0:0:0:0:25":   "2001:db8::25",
		"IPV6:2001:db8::25":            "2001:db8::25",
		"IPv6:0:0:0:0:0:0:0:1":         "::1",
		"::ffff:192.0.2.1":             "192.0.2.1",
		"IPv6:::ffff:192.0.2.1":        "192.0.2.1",
		"fe80::1%eth0":                 "fe80::1",
		"unknown":                      "",
		"":                             "",
		"IPv6:":                        "",
		"IPv6:IPv6:::1":                "",
		"[192.0.2.1]":                  "",
		"192.0.2.1 ":                   "",
		"/run/socket":                  "",
		"999.0.2.1":                    "",
		"192.0.2.1\x00":                "",
		"2001:db8:0:0:0:0:0:0:0:0:0:1": "",
	} {
		var addr netip.Addr
		if want != "" {
			addr = netip.MustParseAddr(want)
		}
		if got := parseClient(text); got != addr {
			t.Errorf("%q: %s, want %q", text, got, want)
		}
	}
}

func TestConfirmedName(t *testing.T) {
	for _, tt := range []struct{ name, ptr, want string }{
		{"m.example", "m.example", "m.example"},
		{"m.example", "M.EXAMPLE", "m.example"},
		{"m.example", "", "m.example"},
		{"unknown", "m.example", ""},    // Postfix
		{"[192.0.2.1]", "", ""},         // Sendmail
		{"forged.example", "other", ""}, // Sendmail
	} {
		if got := string(confirmedName([]byte(tt.name), []byte(tt.ptr))); got != tt.want {
			t.Errorf("%q %q: %q, want %q", tt.name, tt.ptr, got, tt.want)
		}
	}
}
