package main

import (
	"context"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/testdata/mta"
)

// The zone of the tests with real MTAs. The clients are on loopback: Sendmail
// knows no XCLIENT.
const mtaZone = `
9.0.0.127.in-addr.arpa. IN PTR mail.good.example.
mail.good.example.   IN A   127.0.0.9
mail.good.example.   IN TXT "v=spf1 a -all"
good.example.        IN TXT "v=spf1 ip4:127.0.0.9 ip6:2001:db8::25 ip6:::1 -all"
_dmarc.good.example. IN TXT "v=DMARC1; p=reject"
sel._domainkey.good.example. IN TXT "v=DKIM1; k=rsa; p={{rsa}}"
held.example.        IN TXT "v=spf1 -all"
_dmarc.held.example. IN TXT "v=DMARC1; p=quarantine"
5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. IN PTR six.good.example.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. IN PTR six.good.example.
six.good.example.    IN AAAA 2001:db8::25
six.good.example.    IN AAAA ::1
`

const mtaConfig = `
authserv_id = "mx.example.test"
trusted_networks = []
[policy]
dmarc_reject = "reject"
dmarc_quarantine = "quarantine"
`

var (
	goodClient = netip.MustParseAddr("127.0.0.9")
	badClient  = netip.MustParseAddr("127.0.0.66")
)

// odd is a message whose exact bytes matter: folds, tabs, no space after a
// colon, trailing space, 8-bit text, an empty value, lines with dots.
const odd = "Subject:no space\r\n" +
	"X-Fold: one\r\n\ttwo \r\n   three\t\r\n" +
	"X-Empty:\r\n" +
	"From:  Jos\xc3\xa9  <joe@good.example>\r\n" +
	"To: box@example.test\r\n" +
	"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n" +
	"Message-ID: <odd@good.example>\r\n" +
	"\r\n" +
	".dot\r\n..two dots\r\n\r\ntrailing space \r\nGr\xfc\xdfe\r\n\r\n"

func plainFrom(from string) string {
	return "From: " + from + "\r\nTo: box@example.test\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n" +
		"Message-ID: <1@good.example>\r\nSubject: x\r\n\r\nHello\r\n"
}

// An mtaTest is an MTA with a running daemon.
type mtaTest struct {
	*testing.T
	*mta.MTA
	assay *process
}

// eachMTA runs a test with Postfix and with Sendmail.
func eachMTA(t *testing.T, config string, f func(mtaTest)) {
	for name, start := range mta.Servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(newMTATest(t, start, config, mta.Options{}))
		})
	}
}

func newMTATest(t *testing.T, start mta.Starter, config string, o mta.Options) mtaTest {
	t.Helper()
	return newMTATestIn(t, start, mtaZone, config, o)
}

// newMTATestIn does the same with a zone of the caller's.
func newMTATestIn(t *testing.T, start mta.Starter, zone, config string, o mta.Options) mtaTest {
	t.Helper()
	assay := startProcess(t, zone, config)
	if o.Milters == nil {
		o.Milters = []string{assay.listen}
	}
	return mtaTest{t, mta.ForTest(t, start, o), assay}
}

// deliver sends a message that has to be accepted, and gives it as delivered.
func (m mtaTest) deliver(c *mta.Client, from, msg string) *mta.Message {
	m.Helper()
	m.reply(c, from, msg, 250)
	return m.next()
}

// next waits for the next delivered message.
func (m mtaTest) next() *mta.Message {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.Context(), time.Minute)
	defer cancel()
	delivered, err := m.Inbox.Next(ctx)
	if err != nil {
		m.Fatal(err)
	}
	return delivered
}

// reply sends a message and checks the code of the final reply.
func (m mtaTest) reply(c *mta.Client, from, msg string, code int) string {
	m.Helper()
	r, err := c.Send(from, []string{"box@example.test"}, []byte(msg))
	if err != nil || r.Code != code {
		m.Fatalf("reply %v, %v; want %d", r, err, code)
	}
	return r.Text
}

// stamp is the one field on top of a delivered message, unfolded.
func (m mtaTest) stamp(delivered *mta.Message) string {
	m.Helper()
	fields := delivered.Stamped()
	if len(fields) != 1 || fields[0].Name != "Authentication-Results" {
		m.Fatalf("stamped %+v", fields)
	}
	return strings.ReplaceAll(fields[0].Value(), "\r\n", "")
}

// wantStamp checks that the stamp has all of the parts.
func (m mtaTest) wantStamp(delivered *mta.Message, parts ...string) {
	m.Helper()
	stamp := m.stamp(delivered)
	for _, part := range parts {
		if !strings.Contains(stamp, part) {
			m.Errorf("no %q in %q", part, stamp)
		}
	}
}

// A simple/simple signature holds through both MTAs, and the message is
// delivered as it was sent, byte for byte.
func TestMTASimpleSignature(t *testing.T) {
	t.Parallel()
	eachMTA(t, mtaConfig, func(m mtaTest) {
		signed := string(sign(m.T, []byte(odd), "d=good.example s=sel c=simple/simple h=Subject:X-Fold:X-Empty:From:To:Date:Message-ID"))
		delivered := m.deliver(m.Client(m.T, badClient, "elsewhere.example"), "joe@good.example", signed)
		m.wantStamp(delivered, " mx.example.test; spf=fail (sender IP is 127.0.0.66) smtp.mailfrom=good.example;",
			"dkim=pass (signature was verified) header.d=good.example header.s=sel", "dmarc=pass header.from=good.example policy.dmarc=reject;")
		if got := string(delivered.AsSent()); got != signed {
			m.Errorf("delivered %q\nsent %q", got, signed)
		}
	})
}

// A session goes on after a rejection, RSET and HELO again, and keeps what is known
// about the client.
func TestMTASession(t *testing.T) {
	t.Parallel()
	eachMTA(t, mtaConfig, func(m mtaTest) {
		c := m.Client(m.T, goodClient, "mail.good.example")
		if text := m.reply(c, "joe@elsewhere.example", plainFrom("joe@good.example"), 550); !strings.Contains(text, "5.7.1 rejected by DMARC policy for good.example") {
			m.Errorf("reply %q", text)
		}
		pass := []string{"spf=pass (sender IP is 127.0.0.9) smtp.mailfrom=good.example;", "dkim=none", "dmarc=pass", "iprev=pass policy.iprev=127.0.0.9 (mail.good.example)"}
		m.wantStamp(m.deliver(c, "joe@good.example", plainFrom("joe@good.example")), pass...)

		if _, err := c.Mail("joe@elsewhere.example"); err != nil {
			m.Fatal(err)
		}
		if r, err := c.Reset(); err != nil || !r.OK() {
			m.Fatal(r, err)
		}
		m.wantStamp(m.deliver(c, "joe@good.example", plainFrom("joe@good.example")), pass...)

		null := m.deliver(c, "", plainFrom("postmaster@good.example"))
		m.wantStamp(null, "spf=pass (sender IP is 127.0.0.9) smtp.helo=mail.good.example;", "dmarc=pass")

		if r, err := c.Hello("other.example"); err != nil || !r.OK() {
			m.Fatal(r, err)
		}
		m.wantStamp(m.deliver(c, "", plainFrom("joe@elsewhere.example")), "spf=none (sender IP is 127.0.0.9) smtp.helo=other.example;", "dmarc=none")
	})
}

// A client that goes away in the middle of DATA disturbs nobody.
func TestMTADroppedConnection(t *testing.T) {
	t.Parallel()
	eachMTA(t, mtaConfig, func(m mtaTest) {
		c := m.Client(m.T, goodClient, "mail.good.example")
		for _, say := range []func() (mta.Reply, error){
			func() (mta.Reply, error) { return c.Mail("joe@good.example") },
			func() (mta.Reply, error) { return c.Rcpt("box@example.test") },
		} {
			if r, err := say(); err != nil || !r.OK() {
				m.Fatal(r, err)
			}
		}
		if err := c.Drop([]byte("From: joe@good.example\r\n\r\nHalf a mess")); err != nil {
			m.Fatal(err)
		}
		again := m.Client(m.T, goodClient, "mail.good.example")
		m.wantStamp(m.deliver(again, "joe@good.example", plainFrom("joe@good.example")), "spf=pass", "dmarc=pass")
		if code := m.assay.stop(); code != exitOK {
			m.Errorf("exit code %d", code)
		}
	})
}

func TestMTAForgedResults(t *testing.T) {
	t.Parallel()
	eachMTA(t, mtaConfig, func(m mtaTest) {
		forged := "Authentication-Results: mx.example.test; dmarc=pass header.from=good.example\r\n" +
			"authentication-results: other.example; spf=pass\r\n" +
			"Authentication-Results: (c) \"MX.example.test\"\r\n\t; dkim=pass\r\n" +
			"Authentication-Results: mx.example.test/7 1; none\r\n"
		delivered := m.deliver(m.Client(m.T, goodClient, "mail.good.example"), "joe@good.example", forged+plainFrom("joe@good.example"))
		results := delivered.Header.Values("Authentication-Results")
		if len(results) != 2 || !strings.Contains(results[1], "other.example") {
			m.Errorf("%d fields: %q", len(results), results)
		}
		m.wantStamp(delivered, "dmarc=pass header.from=good.example")
	})
}

func TestMTAQuarantine(t *testing.T) {
	t.Parallel()
	eachMTA(t, mtaConfig, func(m mtaTest) {
		m.reply(m.Client(m.T, badClient, "x.example"), "joe@held.example", plainFrom("joe@held.example"), 250)
		held, err := m.Held(m.Context())
		if err != nil || len(held) != 1 || held[0].Sender != "joe@held.example" {
			m.Fatalf("held %+v, %v", held, err)
		}
		if m.Name == "sendmail" && held[0].Reason != "DMARC policy for held.example (reason 000)" {
			m.Errorf("reason %q", held[0].Reason)
		}
	})
}

// The daemon is killed between two messages of one session: the MTA says "later" to the
// second; once the daemon is back, new sessions are as before.
func TestMTADaemonKilled(t *testing.T) {
	t.Parallel()
	eachMTA(t, mtaConfig, func(m mtaTest) {
		c := m.Client(m.T, goodClient, "mail.good.example")
		m.deliver(c, "joe@good.example", plainFrom("joe@good.example"))
		m.assay.kill()
		r, err := c.Send("joe@good.example", []string{"box@example.test"}, []byte(plainFrom("joe@good.example")))
		if err != nil || r.Code/100 != 4 {
			m.Errorf("reply without a daemon: %v, %v", r, err)
		}
		m.assay.start()
		again := m.Client(m.T, goodClient, "mail.good.example")
		m.wantStamp(m.deliver(again, "joe@good.example", plainFrom("joe@good.example")), "dmarc=pass")
	})
}

// A message in flight ends well when the daemon is asked to stop, and an idle session
// does not keep it from stopping.
func TestMTAGracefulStop(t *testing.T) {
	t.Parallel()
	eachMTA(t, mtaConfig, func(m mtaTest) {
		idle := m.Client(m.T, goodClient, "mail.good.example")
		m.deliver(idle, "joe@good.example", plainFrom("joe@good.example"))
		if code := m.assay.stop(); code != exitOK {
			m.Errorf("exit code %d\n%s", code, m.assay.log)
		}
	})
}

// The two MTAs write IPv6 addresses in different ways.
func TestMTAIPv6Client(t *testing.T) {
	t.Parallel()
	eachMTA(t, mtaConfig, func(m mtaTest) {
		c := m.Client(m.T, netip.IPv6Loopback(), "six.good.example")
		m.wantStamp(m.deliver(c, "joe@good.example", plainFrom("joe@good.example")),
			"spf=pass (sender IP is ::1) smtp.mailfrom=good.example;", `iprev=pass policy.iprev="::1" (six.good.example)`, "dmarc=pass")
	})
}

// What only Postfix can: any client address, and SMTP AUTH, by XCLIENT.
func TestPostfixXClient(t *testing.T) {
	t.Parallel()
	m := newMTATest(t, mta.StartPostfix, mtaConfig, mta.Options{})
	for _, test := range []struct {
		xclient []string
		want    []string
	}{
		{[]string{"ADDR=IPV6:2001:db8::25", "NAME=six.good.example", "REVERSE_NAME=six.good.example"},
			[]string{"spf=pass (sender IP is 2001:db8::25) smtp.mailfrom=good.example;", `iprev=pass policy.iprev="2001:db8::25" (six.good.example)`, "dmarc=pass"}},
		{[]string{"ADDR=203.0.113.7", "NAME=x.example", "REVERSE_NAME=x.example", "LOGIN=joe"},
			[]string{" mx.example.test; auth=pass"}},
	} {
		c, err := m.Dial(t.Context(), netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if r, err := c.XClient(test.xclient...); err != nil || !r.OK() {
			t.Fatal(r, err)
		}
		if r, err := c.Hello("six.good.example"); err != nil || !r.OK() {
			t.Fatal(r, err)
		}
		m.wantStamp(m.deliver(c, "joe@good.example", plainFrom("joe@good.example")), test.want...)
	}
	m.assay.log.wait(t, "exempt=\"SMTP AUTH\"")
}

// A changed config is in force for the next message, in sessions that are open too; a
// bad one is reported and changes nothing.
func TestMTAReload(t *testing.T) {
	t.Parallel()
	m := newMTATest(t, mta.StartPostfix, mtaConfig, mta.Options{})
	c := m.Client(t, goodClient, "mail.good.example")
	spoof := plainFrom("joe@good.example")
	m.reply(c, "joe@elsewhere.example", spoof, 550)

	m.assay.configure("authserv_id = \"mx.example.test\"\nno_such_key = 1\n")
	m.assay.signal(syscall.SIGHUP)
	m.assay.log.wait(t, "no_such_key")
	m.reply(c, "joe@elsewhere.example", spoof, 550)

	m.assay.configure("") // as a full disk leaves it
	m.assay.signal(syscall.SIGHUP)
	m.assay.log.wait(t, "sets nothing any more")
	m.reply(c, "joe@elsewhere.example", spoof, 550)

	m.assay.configure("authserv_id = \"mx.example.test\"\n")
	m.assay.signal(syscall.SIGHUP)
	m.assay.log.wait(t, "config reloaded")
	m.deliver(c, "joe@elsewhere.example", spoof)
}
