package spf

import (
	"net/netip"
	"strings"
	"testing"

	"assay/auth/dns/dnstest"
)

func TestSender(t *testing.T) {
	tests := []struct{ mailFrom, helo, sender, domain string }{
		{"a@b.test", "h.test", "a@b.test", "b.test"},
		{"A@B.Test.", "h.test", "A@b.test", "b.test"},
		{"", "H.test", "postmaster@h.test", "h.test"},
		{"", "", "postmaster@", ""},
		{"@b.test", "h.test", "postmaster@b.test", "b.test"},
		{"a", "h.test", "a@", ""},
		{"a@", "h.test", "a@", ""},
		{"a@b@c.test", "h.test", "a@b@c.test", "c.test"},
		{`"a@b"@c.test`, "h.test", `"a@b"@c.test`, "c.test"},
		{`"a@b.test"`, "h.test", `"a@b.test"@`, ""},
		{`"a\"@b"@c.test`, "h.test", `"a\"@b"@c.test`, "c.test"},
		{`a"b@c.test`, "h.test", `a"b@c.test`, "c.test"},
		{"@r1.test,@r2.test:a@b.test", "h.test", "a@b.test", "b.test"},
		{"a%b.test@c.test", "h.test", "a%b.test@c.test", "c.test"},
		{"grüße@b.test", "h.test", "grüße@b.test", "b.test"},
		{"a@Bücher.test", "h.test", "a@xn--bcher-kva.test", "xn--bcher-kva.test"},
		{"", "bücher.test", "postmaster@xn--bcher-kva.test", "xn--bcher-kva.test"},
		{"a@\xff.test", "h.test", "a@\xff.test", "\xff.test"},
	}
	c := &Checker{Resolver: dnstest.NewResolver(t, "")}
	for _, test := range tests {
		t.Run(test.mailFrom, func(t *testing.T) {
			got := c.CheckHost(t.Context(), query("192.0.2.1", test.helo, test.mailFrom))
			if got.Sender != test.sender || got.Domain != test.domain || got.Identity != MailFrom || got.Result != None {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// No question is asked for what is no domain name.
func TestNoDomain(t *testing.T) {
	for _, domain := range []string{
		"", ".", "localhost", "localhost.", "a..test", ".a.test", "a.test..", "[192.0.2.1]", "192.0.2.1", "[IPv6:::1]", "::1",
		strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 126) + "test", "a b.test", "a\x00.test", "a\r\n.test", "\xff.test", "\u00ad.test",
	} {
		r := dnstest.NewResolver(t, "")
		c := &Checker{Resolver: r}
		q := query("192.0.2.1", domain, "a@"+domain)
		for _, got := range []Outcome{c.CheckHost(t.Context(), q), c.CheckHelo(t.Context(), q)} {
			if got.Result != None || got.Err != nil {
				t.Errorf("%q: got %s (%v)", domain, got.Result, got.Err)
			}
		}
		if asked := r.Asked(); len(asked) > 0 {
			t.Errorf("%q: asked %v", domain, asked)
		}
	}
}

func TestNoClientAddress(t *testing.T) {
	r := dnstest.NewResolver(t, `a.test. TXT "v=spf1 -all"`)
	got := (&Checker{Resolver: r}).CheckHost(t.Context(), Query{IP: netip.Addr{}, Helo: "h.test", MailFrom: "a@a.test"})
	if got.Result != None || got.Domain != "a.test" || len(r.Asked()) > 0 {
		t.Errorf("got %+v, asked %v", got, r.Asked())
	}
}

func TestCheckHelo(t *testing.T) {
	r := dnstest.NewResolver(t, `
helo.test. TXT "v=spf1 exists:%{l}.%{o}.%{h}.ok.test -all"
postmaster.helo.test.helo.test.ok.test. A 127.0.0.2
from.test. TXT "v=spf1 -all"
`)
	got := (&Checker{Resolver: r}).CheckHelo(t.Context(), query("192.0.2.1", "helo.test", "a@from.test"))
	want := Outcome{
		Result: Pass, Identity: Helo, Domain: "helo.test", Sender: "postmaster@helo.test",
		Mechanism: "exists:%{l}.%{o}.%{h}.ok.test", Lookups: 1,
	}
	if got != want {
		t.Errorf("got %+v", got)
	}
}

// RFC 8616 section 4.
func TestInternationalized(t *testing.T) {
	r := dnstest.NewResolver(t, `
xn--bcher-kva.test. TXT "v=spf1 exists:%{l}.%{d}.l.test exists:%{S}.l.test exists:%{o}.o.test -all"
xn--bcher-kva.test.o.test. A 127.0.0.2
ascii.xn--bcher-kva.test.l.test. A 127.0.0.2
redir.test. TXT "v=spf1 redirect=%{l}.test"
exp.test. TXT "v=spf1 -all exp=e.%{d}"
e.exp.test. TXT "%{l} %{L}"
expl.test. TXT "v=spf1 -all exp=%{l}.%{d}"
helo.test. TXT "v=spf1 a:%{h} -all"
xn--bcher-kva.test. A 192.0.2.1
`)
	tests := []struct {
		sender      string
		result      Result
		mechanism   string
		explanation string
	}{
		{"grüße@bücher.test", Pass, "exists:%{o}.o.test", ""},
		{"ascii@bücher.test", Pass, "exists:%{l}.%{d}.l.test", ""},
		{"grüße@redir.test", PermError, "", ""},
		{"ü@exp.test", Fail, "-all", "? %C3%BC"},
		{"ü@expl.test", Fail, "-all", ""},
		{"ü@helo.test", Pass, "a:%{h}", ""},
	}
	for _, test := range tests {
		t.Run(test.sender, func(t *testing.T) {
			got := checkBoth(t, r, query("192.0.2.1", "BÜCHER.test", test.sender))
			if got.Result != test.result || got.Mechanism != test.mechanism || got.Explanation != test.explanation {
				t.Errorf("got %+v", got)
			}
		})
	}
}
