package auth

import (
	"fmt"
	"net/netip"
	"testing"

	"assay/compauth/history"
)

// What is remembered of a message, in one line; "" for nothing.
func remembered(t *testing.T, s situation) string {
	t.Helper()
	var m history.Message
	var ok bool
	change := s.change
	s.change = func(v *Verifier, env *Envelope) {
		v.Remember = true
		if change != nil {
			change(v, env)
		}
	}
	s.finished = func(c *Check) { m, ok = c.memory() }
	s.check(t)
	if !ok {
		return ""
	}
	text := fmt.Sprintf("%s %s %v %s", m.OrgDomain, m.From, m.Rcpt, m.Verdict.Reason)
	if m.Outbound {
		text += " outbound"
	}
	if m.Entry != "" {
		text += " by " + m.Entry
	}
	if s := m.Sighting; s != nil {
		text += fmt.Sprintf("; %s %s %v %s%s %s%s %q %q %s", s.Domain, s.Infrastructure, s.Internal,
			s.Result, s.Reason, s.ImplicitResult, s.Implicit, s.Policy, s.Entry, s.Action)
	}
	return text
}

func TestMemory(t *testing.T) {
	off := func(v *Verifier, _ *Envelope) { v.Implicit = false }
	user := func(v *Verifier, env *Envelope) { env.AuthUser, env.MailFrom = "ann", "ann@news.example.test" }
	two := testHeader("From: joe@example.org, eve@esp.example")
	esp := "esp.example. IN TXT \"v=spf1 ip4:198.51.100.7\"\n"
	for _, test := range []struct {
		situation
		want string
	}{
		{situation{name: "authenticated", zone: pReject + spfPass, change: mailFrom("joe@example.org")},
			"example.org joe@example.org [ann@example.test] 100"},
		{situation{name: "no record", zone: spfPass, change: mailFrom("joe@example.org")}, "example.org joe@example.org [ann@example.test] 109"},
		{situation{name: "nothing"},
			`example.org joe@example.org [ann@example.test] 001; example.org 198.51.100.0/24 false fail001 fail001 "" "" accept`},
		{situation{name: "a hint", zone: pNone + ptr("mail.example.org"), change: ours},
			`example.org joe@example.org [ann@example.test] 103; example.org example.org true pass103 pass103 "none" "" accept`},
		{situation{name: "what implicit = true gives", zone: hintZone, change: off},
			`example.org joe@example.org [ann@example.test] 001; example.org host.example false fail001 softpass201 "" "" accept`},
		{situation{name: "rejected", zone: pReject, change: func(v *Verifier, _ *Envelope) { v.Policy.DMARCReject = Reject }},
			`example.org joe@example.org [ann@example.test] 000; example.org 198.51.100.0/24 false fail000 fail000 "reject" "" reject`},
		{situation{name: "blocked", zone: spfPass, change: listed(t, "block example.org 198.51.100.0/24 external\n")},
			`example.org joe@example.org [ann@example.test] 002 by block example.org 198.51.100.0/24 external; example.org 198.51.100.0/24 false fail002 fail002 "" "block" accept`},
		{situation{name: "allowed", zone: pReject, change: listed(t, "allow example.org * external\n")},
			`example.org joe@example.org [ann@example.test] 000 by allow example.org * external; example.org 198.51.100.0/24 false fail000 fail000 "reject" "allow" accept`},
		{situation{name: "an entry that was not needed", zone: ptr("mail.example.org"), change: listed(t, "allow example.org * external\n")},
			`example.org joe@example.org [ann@example.test] 103; example.org example.org false pass103 pass103 "" "allow" accept`},
		{situation{name: "two authors", zone: ptr("mail.example.org") + esp, header: two}, ""},
		{situation{name: "two authors, one fails", zone: esp, header: two},
			`example.org joe@example.org [ann@example.test] 001; example.org 198.51.100.0/24 false fail001 fail001 "" "" accept`},
		{situation{name: "no author", header: testHeader("Subject: x")}, ""},
		{situation{name: "unreadable", header: testHeader("From: <a@x.example> <joe@example.org>")},
			`x.example a@x.example [ann@example.test] 001; x.example 198.51.100.0/24 false fail001 fail001 "" "" accept`},
		{situation{name: "unreadable, nothing found", header: testHeader("From: nobody")}, ""},
		{situation{name: "a key unknown", zone: pReject, fail: "sel._domainkey.example.org", header: claimedBy("example.org")},
			`  [] 001; example.org 198.51.100.0/24 false fail001 fail001 "reject" "" accept`},
		{situation{name: "a hint unknown", fail: "example.org"}, `  [] 001; example.org 198.51.100.0/24 false fail001 fail001 "" "" accept`},
		{situation{name: "a policy unknown", fail: "_dmarc.example.org"},
			`example.org joe@example.org [ann@example.test] 112; example.org 198.51.100.0/24 false pass112 pass112 "" "" accept`},
		{situation{name: "to come again", fail: "example.org", change: func(v *Verifier, _ *Envelope) { v.Policy.CompauthFail = Reject }}, ""},
		{situation{name: "too many", header: testHeader("From: a@a.example, b@b.example, c@c.example, d@d.example, e@e.example, f@f.example")}, ""},
		{situation{name: "a user of ours", change: user}, "example.test ann@news.example.test [ann@example.test] 401 outbound"},
		{situation{name: "of an accepted domain", change: func(v *Verifier, env *Envelope) {
			user(v, env)
			v.Accepted = []string{"example.test"}
		}}, "example.test ann@news.example.test [ann@example.test] 401 outbound"},
		{situation{name: "passed on for another", change: func(v *Verifier, _ *Envelope) {
			v.Trusted, v.Accepted = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}, []string{"example.test"}
		}}, ""},
		{situation{name: "a bounce of ours", change: func(v *Verifier, env *Envelope) { env.AuthUser, env.MailFrom = "ann", "" }},
			"example.org joe@example.org [ann@example.test] 401 outbound"},
	} {
		if got := remembered(t, test.situation); got != test.want {
			t.Errorf("%s:\n%s, want\n%s", test.name, got, test.want)
		}
	}
}
