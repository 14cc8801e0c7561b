package milter

import (
	"net/netip"
	"strings"
	"testing"

	"assay/auth"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/testdata/milterclient"
)

const relayZone = zone + `
7.0.0.10.in-addr.arpa. IN PTR gw.example.test.
gw.example.test.       IN A   10.0.0.7
gw.example.test.       IN TXT "v=spf1 a -all"
`

// Received fields, as the MTAs give them to a milter: without their own.
const (
	fromClient  = "Received: from mail.example.com (mail.example.com [192.0.2.1])\n\tby gw.example.test (Postfix) with ESMTP id 4A; Sun"
	fromSpoofer = "Received: from [192.0.2.1] (evil.example [198.51.100.9])\n\tby gw.example.test (Postfix) with ESMTP id 4B; Sun"
	fromFilter  = "Received: from localhost (localhost [127.0.0.1])\n\tby gw.example.test (Postfix) with ESMTP id 4C; Sun"
	fromUserID  = "Received: by gw.example.test (Postfix, from userid 0)\n\tid 4D; Sun"
	fromNobody  = "Received: from mail.example.com by gw.example.test with SMTP; Sun"
)

func relayVerifier(r *dnstest.Resolver) *auth.Verifier {
	v := realVerifier(r)
	v.Relays = []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32")}
	v.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	v.SPFHelo = true
	return v
}

// One SMTP session of a relay: every message has a client of its own, whatever came before.
func TestRelay(t *testing.T) {
	spoofed := "550 5.7.1 rejected by DMARC policy for example.com"
	messages := []struct {
		fields []string
		auth   bool
		abort  bool
		reply  string
		stamp  string // what our field has in it
	}{
		{fields: []string{fromClient, fromSpoofer}, reply: "accept", stamp: "spf=pass (sender IP is 192.0.2.1)"},
		{fields: []string{fromSpoofer, fromClient}, reply: spoofed},
		{fields: []string{fromFilter, fromClient}, reply: "accept", stamp: "spf=pass (sender IP is 192.0.2.1)"},
		{fields: []string{fromNobody, fromClient}, reply: "accept", stamp: "spf=none (sender IP is not known)"},
		{fields: []string{fromClient}, abort: true},
		{fields: []string{fromUserID}, reply: "accept", stamp: "reason=402"},
		{fields: []string{fromSpoofer}, auth: true, reply: "accept", stamp: "auth=pass"},
		{fields: []string{fromSpoofer}, abort: true},
		{fields: []string{fromClient}, reply: "accept", stamp: "dmarc=pass"},
	}
	for name, sendmail := range map[string]bool{"Postfix": false, "Sendmail": true} {
		t.Run(name, func(t *testing.T) {
			resolver := dnstest.NewResolver(t, relayZone)
			d := start(t, verifierOf{relayVerifier(resolver)})
			c, err := milterclient.Dial("tcp", d.addr.String(), milterclient.Options{Sendmail: sendmail})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Connect(milterclient.Client{Name: "gw.example.test", Addr: netip.MustParseAddr("10.0.0.7"), Helo: "gw.example.test"}); err != nil {
				t.Fatal(err)
			}
			for i, m := range messages {
				send := milterclient.Message{From: "joe@example.com", Header: relayed(m.fields), Body: []byte("Hello\r\n")}
				if m.auth {
					send.Macros = map[string]string{"{auth_type}": "PLAIN", "{auth_authen}": "joe"}
				}
				if m.abort {
					abort(t, c, send)
					continue
				}
				result, err := c.Send(send)
				if err != nil {
					t.Fatal(err)
				}
				if reply := result.Reply.String(); !strings.HasPrefix(reply, m.reply) {
					t.Errorf("message %d: %s, want %s", i, reply, m.reply)
				}
				if stamp := stamped(result); !strings.Contains(stamp, m.stamp) {
					t.Errorf("message %d: %q, want %q", i, stamp, m.stamp)
				}
			}
			for _, q := range resolver.Asked() {
				if strings.HasSuffix(q.Name, "10.in-addr.arpa") || strings.HasSuffix(q.Name, "gw.example.test") {
					t.Errorf("asked for the relay: %s", q)
				}
			}
		})
	}
}

// relayed is a header with these Received fields.
func relayed(fields []string) message.Header {
	var h message.Header
	for _, line := range append(fields[:len(fields):len(fields)], "From: joe@example.com") {
		name, value, _ := strings.Cut(line, ":")
		h = append(h, message.NewField(name, strings.ReplaceAll(value, "\n", "\r\n")))
	}
	return h
}

// stamped is the value of the field that was inserted.
func stamped(r *milterclient.Result) string {
	for _, e := range r.Edits {
		if e.Kind == 'i' && e.Name == "Authentication-Results" {
			return e.Value
		}
	}
	return ""
}

// abort begins a message and ends it in the middle.
func abort(t *testing.T, c *milterclient.Conn, m milterclient.Message) {
	t.Helper()
	if err := c.Begin(m); err != nil {
		t.Fatal(err)
	}
	if err := c.Abort(); err != nil {
		t.Fatal(err)
	}
}

// Where Postfix takes the client from a relay by XCLIENT, that is the client.
func TestRelayWithXClient(t *testing.T) {
	m := connected(t, start(t, verifierOf{relayVerifier(dnstest.NewResolver(t, relayZone))}).addr, offeredActions, offeredProtocol)
	m.connect("gw.example.test", "10.0.0.7", "{client_addr}", "10.0.0.7")
	m.say('H', cstrings("gw.example.test"))
	m.connect("mail.example.com", "192.0.2.1", "{client_addr}", "192.0.2.1")
	m.say('H', cstrings("mail.example.com"))
	got := m.message("B1", "joe@example.com", fromSpoofer)
	if len(got) != 2 || got[1] != "a" || !strings.Contains(got[0], "spf=pass (sender IP is 192.0.2.1)") {
		t.Errorf("got %q", got)
	}
	m.connect("gw.example.test", "10.0.0.7", "{client_addr}", "10.0.0.7")
	if got := m.message("B2", "joe@example.com", fromSpoofer); !strings.HasPrefix(got[len(got)-1], "y550 5.7.1 rejected by DMARC policy for example.com") {
		t.Errorf("the relay again: %q", got)
	}
}
