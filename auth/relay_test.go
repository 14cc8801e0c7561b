package auth

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/iprev"
	"assay/auth/message"
	"assay/auth/spf"
)

// relayZone: the client that testZone knows, a spammer, and names for the relays that nobody asks for.
const relayZone = testZone + `
9.100.51.198.in-addr.arpa. IN PTR evil.example.
evil.example.           IN A   198.51.100.9
mail.example.org.       IN TXT "v=spf1 a -all"
1.0.1.10.in-addr.arpa.  IN PTR gw.example.test.
gw.example.test.        IN A   10.1.0.1
gw.example.test.        IN TXT "v=spf1 a -all"
`

// prefixes reads networks.
func prefixes(list ...string) []netip.Prefix {
	var p []netip.Prefix
	for _, text := range list {
		p = append(p, netip.MustParsePrefix(text))
	}
	return p
}

// relayVerifier has relays inside a trusted network, and one outside.
func relayVerifier(r dns.Resolver) *Verifier {
	v := testVerifier(r)
	v.Trusted = prefixes("127.0.0.0/8", "::1/128", "10.0.0.0/8", "2001:db8:10::/48")
	v.Relays = prefixes("10.1.0.0/16", "203.0.113.7/32", "2001:db8:10:1::/64")
	v.SPFHelo = true
	return v
}

// viaRelay is the session of the relay 10.1.0.1 with a sender.
func viaRelay(mailFrom string) Envelope {
	return Envelope{IP: netip.MustParseAddr("10.1.0.1"), Client: "gw.example.test", Helo: "gw.example.test", MailFrom: mailFrom, Rcpt: []string{"ann@example.test"}}
}

// fields are Received fields, topmost first, above a From field.
func fields(received ...string) message.Header {
	var h message.Header
	for _, value := range received {
		h = append(h, message.NewField("X-Other", " x"), message.NewField("Received", " "+value))
	}
	return append(h, fromJoe...)
}

// What relays write.
const (
	fromJoesHost = "from mail.example.org (mail.example.org [192.0.2.1])\r\n\tby gw.example.test (Postfix) with ESMTP id 4A; Sun"
	fromEvil     = "from [192.0.2.1] (evil.example [198.51.100.9])\r\n\tby gw.example.test (Postfix) with ESMTP id 4B; Sun"
	fromFilter   = "from localhost (localhost [127.0.0.1])\r\n\tby gw.example.test (Postfix) with ESMTP id 4C; Sun"
	fromAmavis   = "from gw.example.test ([127.0.0.1])\r\n\tby localhost (gw.example.test [127.0.0.1]) (amavisd-new, port 10024) with ESMTP id x; Sun"
	fromRelay    = "from front.example.test (front.example.test [203.0.113.7])\r\n\tby gw.example.test (Postfix) with ESMTP id 4D; Sun"
	fromTrusted  = "from desk (unknown [10.2.0.5])\r\n\tby gw.example.test (Postfix) with ESMTP id 4E; Sun"
	fromLaptop   = "from [10.0.0.5] (dsl.isp.example [198.51.100.66])\r\n\t(Authenticated sender: joe@example.org)\r\n\tby gw.example.test (Postfix) with ESMTPSA id 4G; Sun"
	fromUserID   = "by gw.example.test (Postfix, from userid 1000)\r\n\tid 4F; Sun"
	fromNetwork  = "(qmail 1234 invoked from network); 22 Nov 2026 10:00:00 -0000"
	fromNobody   = "from helo.example by gw.example.test with SMTP; Sun"
	fromUnclear  = "from x (y [198.51.100.9]) (mail.example.org [192.0.2.1]) by gw.example.test; Sun"
)

func TestBehindRelay(t *testing.T) {
	const (
		joe     = "192.0.2.1 mail.example.org"
		evil    = "198.51.100.9 [192.0.2.1]"
		desk    = "trusted: 10.2.0.5 desk"
		relay   = "trusted: 10.1.0.1 gw.example.test gw.example.test"
		front   = "trusted: 203.0.113.7 front.example.test"
		laptop  = "user: 198.51.100.66 [10.0.0.5]"
		nothing = "lost"
	)
	for name, tt := range map[string]struct {
		received []string
		want     string
	}{
		"the client":                          {[]string{fromJoesHost}, joe},
		"forged below the client":             {[]string{fromEvil, fromJoesHost}, evil},
		"forged relay below the client":       {[]string{fromEvil, fromRelay, fromJoesHost}, evil},
		"forged filter":                       {[]string{fromEvil, fromFilter, fromTrusted}, evil},
		"two relays":                          {[]string{fromRelay, fromJoesHost}, joe},
		"filter":                              {[]string{fromFilter, fromJoesHost}, joe},
		"amavis":                              {[]string{fromFilter, fromAmavis, fromEvil, fromTrusted}, evil},
		"filter through a pipe":               {[]string{fromUserID, fromJoesHost}, joe},
		"qmail":                               {[]string{fromNetwork, fromJoesHost}, joe},
		"filters on two relays":               {[]string{fromFilter, fromAmavis, fromRelay, fromFilter, fromAmavis, fromJoesHost}, joe},
		"IPv6 loopback":                       {[]string{"from x (x [IPv6:::1]) by gw.example.test; Sun", fromJoesHost}, joe},
		"IPv6 relay":                          {[]string{"from x ([IPv6:2001:db8:10:1::5]) by gw.example.test; Sun", fromJoesHost}, joe},
		"mapped relay":                        {[]string{"from x ([::ffff:203.0.113.7]) by gw.example.test; Sun", fromJoesHost}, joe},
		"trusted host":                        {[]string{fromTrusted}, desk},
		"trusted behind two":                  {[]string{fromRelay, fromTrusted, fromEvil}, desk},
		"user":                                {[]string{fromLaptop}, laptop},
		"user of a gateway":                   {[]string{fromRelay, fromLaptop}, strings.TrimPrefix(laptop, "user: ")},
		"user behind a filter":                {[]string{fromFilter, fromAmavis, fromLaptop}, laptop},
		"forged user":                         {[]string{fromEvil, fromLaptop}, evil},
		"user in HELO":                        {[]string{strings.Replace(fromEvil, "[192.0.2.1]", "ESMTPSA", 1)}, "198.51.100.9 ESMTPSA"},
		"by clause in HELO that does not end": {[]string{strings.Replace(fromEvil, "[192.0.2.1]", "x [127.0.0.1] by y", 1)}, nothing},
		"by clause in HELO":                   {[]string{strings.Replace(fromEvil, "[192.0.2.1]", "x [192.0.2.1] by gw.example.test with ESMTPSA id 1 for y;", 1)}, nothing},
		"user in a comment":                   {[]string{strings.Replace(fromEvil, "with ESMTP", "(with ESMTPSA) with ESMTP", 1)}, evil},
		"user of nowhere":                     {[]string{"from x by gw.example.test with ESMTPSA; Sun"}, nothing},
		"relay that authenticated":            {[]string{strings.Replace(fromRelay, "ESMTP", "ESMTPSA", 1), fromEvil}, evil},
		"filter that authenticated":           {[]string{strings.Replace(fromFilter, "ESMTP", "ESMTPA", 1), fromEvil}, evil},
		"authenticated trusted host":          {[]string{strings.Replace(fromTrusted, "ESMTP", "ESMTPA", 1)}, desk},
		"made on the relay":                   {[]string{fromUserID}, relay},
		"made there, filtered":                {[]string{fromFilter, fromAmavis, fromUserID}, relay},
		"SMTP on the relay":                   {[]string{fromFilter}, relay},
		"made on the inner relay":             {[]string{fromRelay, fromUserID}, front},

		"no fields":                       {nil, nothing},
		"relay that wrote none":           {[]string{fromRelay}, nothing},
		"made there, relay wrote none":    {[]string{fromFilter, fromRelay}, nothing},
		"no address":                      {[]string{fromNobody, fromJoesHost}, nothing},
		"no address behind a filter":      {[]string{fromFilter, fromNobody, fromJoesHost}, nothing},
		"two addresses":                   {[]string{fromUnclear, fromJoesHost}, nothing},
		"empty field":                     {[]string{"", ""}, nothing},
		"qmail alone":                     {[]string{fromNetwork}, nothing},
		"made there, passed on by nobody": {[]string{fromFilter, "by gw.example.test with SMTP id 4; Sun"}, nothing},
		"30 fields":                       {append(slices.Repeat([]string{fromFilter}, maxHops-1), fromJoesHost), joe},
		"31 fields":                       {append(slices.Repeat([]string{fromFilter}, maxHops), fromJoesHost), nothing},
		"30 filters":                      {slices.Repeat([]string{fromFilter}, maxHops), relay},
	} {
		for _, mapped := range []bool{false, true} {
			r := Report{Envelope: viaRelay("joe@example.org")}
			if mapped {
				r.Envelope.IP = netip.MustParseAddr("::ffff:10.1.0.1")
			}
			r.behindRelay(relayVerifier(nil), fields(tt.received...))
			if got := describeClient(&r); got != tt.want {
				t.Errorf("%s: got %q, want %q", name, got, tt.want)
			}
			if r.Relay != netip.MustParseAddr("10.1.0.1") {
				t.Errorf("%s: relay %s", name, r.Relay)
			}
		}
	}
}

func describeClient(r *Report) string {
	env := r.Envelope
	switch {
	case r.Lost && r.Exempt == "" && !env.IP.IsValid() && env.Helo == "" && env.Client == "":
		return "lost"
	case r.Lost:
		return fmt.Sprintf("lost, but %+v", r)
	}
	text := strings.TrimSpace(fmt.Sprintf("%s %s %s", env.IP, env.Helo, env.Client))
	switch r.Exempt {
	case SMTPAuth:
		return "user: " + text
	case TrustedNetwork:
		return "trusted: " + text
	}
	return text
}

// checkAsked fails for questions that the client behind the relay gives no reason for: those about
// the relay, and those about what is in the fields below the client's.
func checkAsked(t *testing.T, r *dnstest.Resolver, about ...string) {
	t.Helper()
	for _, q := range r.Asked() {
		if slices.ContainsFunc(about, func(name string) bool { return strings.HasSuffix(q.Name, name) }) {
			t.Errorf("asked for %s", q)
		}
	}
}

// SPF of both identities and iprev are about the host behind the relay.
func TestRelayedMessage(t *testing.T) {
	resolver := dnstest.NewResolver(t, relayZone)
	session, check := begin(t, relayVerifier(resolver), viaRelay("joe@example.org"), fields(fromFilter, fromJoesHost, fromEvil))
	defer session.Close()
	r := check.Finish()
	if r.SPF.Result != spf.Pass || r.SPFHelo == nil || r.SPFHelo.Result != spf.Pass || r.SPFHelo.Domain != "mail.example.org" {
		t.Errorf("spf %+v, helo %+v", r.SPF, r.SPFHelo)
	}
	if r.IPRev.Result != iprev.Pass || r.IPRev.IP != testEnvelope.IP || r.DMARC.Result != dmarc.Pass {
		t.Errorf("iprev %+v, dmarc %s", r.IPRev, r.DMARC.Result)
	}
	if len(r.Edits) != 1 || !strings.Contains(r.Edits[0].Value, "(sender IP is 192.0.2.1)") {
		t.Errorf("edits %v", r.Edits)
	}
	checkAsked(t, resolver, "10.in-addr.arpa", "127.in-addr.arpa", "198.in-addr.arpa", "gw.example.test")
}

// The relay's own address, which the HELO name's and the sender's records may well allow, gives
// no result where the client is not known.
func TestLostClient(t *testing.T) {
	for name, mailFrom := range map[string]string{"sender": "joe@gw.example.test", "null sender": ""} {
		t.Run(name, func(t *testing.T) {
			resolver := dnstest.NewResolver(t, relayZone)
			session, check := begin(t, relayVerifier(resolver), viaRelay(mailFrom), fields(fromNobody, fromJoesHost))
			defer session.Close()
			r := check.Finish()
			if r.SPF.Result != spf.None || r.SPFHelo != nil || r.IPRev.Result != iprev.PermError || r.Exempt != "" || !r.Lost {
				t.Errorf("spf %+v, helo %+v, iprev %+v", r.SPF, r.SPFHelo, r.IPRev)
			}
			if len(r.Edits) != 1 || !strings.Contains(r.Edits[0].Value, "spf=none (sender IP is not known)") {
				t.Errorf("edits %v", r.Edits)
			}
			checkAsked(t, resolver, "in-addr.arpa", "mail.example.org", "helo.example")
		})
	}
}

func TestExemptBehindRelay(t *testing.T) {
	for name, tt := range map[string]struct {
		field string
		want  Exemption
	}{"host": {fromTrusted, TrustedNetwork}, "relay": {fromUserID, TrustedNetwork}, "user": {fromLaptop, SMTPAuth}} {
		resolver := dnstest.NewResolver(t, relayZone)
		session, check := begin(t, relayVerifier(resolver), viaRelay("joe@example.org"), append(fields(tt.field), signedByNobody[0]))
		if check.WantsBody() {
			t.Errorf("%s: an exempt message wants its body", name)
		}
		r := check.Finish()
		session.Close()
		if r.Exempt != tt.want || len(r.Authored) != 0 || r.Lost || len(resolver.Asked()) != 0 {
			t.Errorf("%s: %+v\nasked %v", name, r, resolver.Asked())
		}
	}
}

// A client that authenticated is not looked behind, and what is no relay neither.
func TestNotBehind(t *testing.T) {
	authenticated := viaRelay("joe@example.org")
	authenticated.AuthType = "PLAIN"
	trusted := viaRelay("joe@example.org")
	trusted.IP = netip.MustParseAddr("10.2.0.1")
	stranger := viaRelay("joe@example.org")
	stranger.IP = netip.MustParseAddr("198.51.100.9")
	for _, tt := range []struct {
		env  Envelope
		want Exemption
	}{{authenticated, SMTPAuth}, {trusted, TrustedNetwork}, {stranger, ""}} {
		session, check := begin(t, relayVerifier(dnstest.NewResolver(t, relayZone)), tt.env, fields(fromJoesHost))
		r := check.Finish()
		session.Close()
		if r.Exempt != tt.want || r.Relay.IsValid() || r.Lost || r.Envelope.IP != tt.env.IP || r.Envelope.Helo != tt.env.Helo || r.SPF.Result == spf.Pass {
			t.Errorf("%s: exempt %q, relay %s, %+v, spf %s", tt.env.IP, r.Exempt, r.Relay, r.Envelope, r.SPF.Result)
		}
	}
}

// A relay brings messages of many clients in one session: each has its own results,
// whatever became of the one before, and whether MAIL FROM was told or not.
func TestRelaySession(t *testing.T) {
	type want struct {
		spf    spf.Result
		helo   string
		iprev  iprev.Result
		exempt Exemption
	}
	joe := want{spf.Pass, "mail.example.org", iprev.Pass, ""}
	evil := want{spf.Fail, "[192.0.2.1]", iprev.Pass, ""}
	lost := want{spf.None, "", iprev.PermError, ""}
	own := want{"", "", "", TrustedNetwork}
	messages := []struct {
		received string
		want     want
	}{{fromJoesHost, joe}, {fromEvil, evil}, {fromNobody, lost}, {fromJoesHost, joe}, {fromUserID, own}, {fromEvil, evil}, {fromTrusted, own}, {fromNobody, lost}}
	for name, between := range map[string]func(*Session, *Check){
		"nothing": func(*Session, *Check) {},
		"cancel":  func(s *Session, _ *Check) { s.MailFrom(viaRelay("")); s.Begin(viaRelay(""), fields(fromEvil)).Cancel() },
		"abandon": func(s *Session, _ *Check) { s.MailFrom(viaRelay("")); s.Begin(viaRelay(""), fields(fromJoesHost)) },
		"helo":    func(s *Session, _ *Check) { s.Helo("again.example.test") },
	} {
		for _, mailFrom := range []bool{true, false} {
			if name == "abandon" && !mailFrom {
				continue // MAIL FROM or Cancel ends a check
			}
			t.Run(fmt.Sprint(name, " ", mailFrom), func(t *testing.T) {
				resolver := dnstest.NewResolver(t, relayZone)
				env := viaRelay("joe@example.org")
				session := relayVerifier(resolver).Connect(t.Context(), env.IP)
				defer session.Close()
				session.Helo(env.Helo)
				for i, m := range messages {
					if mailFrom {
						session.MailFrom(env)
					}
					check := session.Begin(env, fields(m.received))
					r := check.Finish()
					got := want{r.SPF.Result, "", r.IPRev.Result, r.Exempt}
					if r.SPFHelo != nil {
						got.helo = string(r.SPFHelo.Domain)
					}
					if got != m.want {
						t.Errorf("message %d: got %+v, want %+v", i, got, m.want)
					}
					between(session, check)
				}
				checkAsked(t, resolver, "10.in-addr.arpa", "gw.example.test", "again.example.test")
			})
		}
	}
}

// HELO again in the middle of a message ends nothing that is about the client behind.
func TestHeloOfRelay(t *testing.T) {
	session, check := begin(t, relayVerifier(dnstest.NewResolver(t, relayZone)), viaRelay("joe@example.org"), fields(fromJoesHost))
	defer session.Close()
	session.Helo("again.example.test")
	if r := check.Finish(); r.SPFHelo == nil || r.SPFHelo.Result != spf.Pass {
		t.Errorf("spf of HELO %+v", r.SPFHelo)
	}
}

// Nothing is left running: synctest fails when a goroutine of the bubble is left.
func TestCancelBehindRelay(t *testing.T) {
	env := viaRelay("joe@example.org")
	for name, end := range map[string]func(*Session, *Check){
		"check":        func(s *Session, c *Check) { c.Cancel(); c.Cancel(); s.Close() },
		"session":      func(s *Session, c *Check) { s.Close(); s.Close() },
		"next message": func(s *Session, c *Check) { s.MailFrom(env); s.Close() },
		"next check":   func(s *Session, c *Check) { c.Cancel(); s.Begin(env, fields(fromEvil)); s.Close() },
		"lost":         func(s *Session, c *Check) { s.MailFrom(env); s.Begin(env, fields(fromNobody)); s.Close() },
		"trusted":      func(s *Session, c *Check) { s.MailFrom(env); s.Begin(env, fields(fromTrusted)); s.Close() },
		"connection":   func(s *Session, c *Check) { s.cancel(); c.Write([]byte("x")); s.Close() },
		"helo again":   func(s *Session, c *Check) { s.Helo("other.example"); s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resolver := dnstest.NewResolver(t, relayZone)
				resolver.Delay(time.Second)
				began := time.Now()
				session, check := begin(t, relayVerifier(resolver), env, append(fields(fromJoesHost), signedByNobody[0]))
				end(session, check)
				if waited := time.Since(began); waited != 0 {
					t.Errorf("waited %v", waited)
				}
			})
		})
	}
}

// The lookups about the client begin with the end of the header, all at once.
func TestColdDNSBehindRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resolver := dnstest.NewResolver(t, relayZone)
		resolver.Delay(20 * time.Millisecond)
		session, check := begin(t, relayVerifier(resolver), viaRelay("joe@example.org"), append(fields(fromJoesHost), signedByNobody[0]))
		defer session.Close()
		time.Sleep(time.Second) // the body
		before, began := len(resolver.Asked()), time.Now()
		r := check.Finish()
		if waited := time.Since(began); waited != 0 || len(resolver.Asked()) != before {
			t.Errorf("Finish waited %v and asked %v", waited, resolver.Asked()[before:])
		}
		if r.SPF.Result != spf.Pass || r.IPRev.Result != iprev.Pass || len(r.DKIM) != 1 || r.DKIM[0].Result == dkim.TempError {
			t.Errorf("spf %s, iprev %s, dkim %v", r.SPF.Result, r.IPRev.Result, r.DKIM)
		}
	})
}
