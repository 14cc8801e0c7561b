package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/auth/dns/dnstest"
	"assay/compauth"
	"assay/compauth/history"
	"assay/testdata/milterclient"
	"assay/testdata/mta"
)

// verdictZone is the zone of the tests of composite verdicts with real MTAs: example.test and
// bare.example are our own.
const verdictZone = mtaZone + `
40.0.0.127.in-addr.arpa. IN PTR out.esp.example.
out.esp.example.        IN A   127.0.0.40
50.0.0.127.in-addr.arpa. IN PTR out.survey.example.
out.survey.example.     IN A   127.0.0.50
arc._domainkey.list.example. IN TXT "v=DKIM1; k=rsa; p={{rsa}}"
_dmarc.example.test.    IN TXT "v=DMARC1; p=reject"
sel._domainkey.example.test. IN TXT "v=DKIM1; k=rsa; p={{rsa}}"
bare.example.           IN TXT "no policy"
stranger.example.       IN TXT "no policy"
blocked.example.        IN TXT "no policy"
`

// verdictConfig is the config without its section [policy]; the arguments are the list of
// spoofed senders and the history.
const verdictConfig = `
authserv_id = "mx.example.test"
trusted_networks = []
accepted_domains = ["example.test", "bare.example"]
spoofed_senders_file = %q
[arc]
trusted_sealers = ["list.example"]
[history]
database = %q
`

// A verdictMail is a message that ends in a verdict.
type verdictMail struct {
	client netip.Addr
	from   string // MAIL FROM
	text   string
}

// forgedBy is a message by a host that nothing authenticates.
func forgedBy(author string) verdictMail {
	return verdictMail{badClient, "al@elsewhere.example", plainFrom(author)}
}

// failing is a message for each way to fail, by a name that the tables of the tests use.
func failing() map[string]verdictMail {
	return map[string]verdictMail{
		"reject":     forgedBy("joe@good.example"),
		"quarantine": forgedBy("joe@held.example"),
		"own":        forgedBy("boss@example.test"),
		"own, bare":  forgedBy("boss@bare.example"),
		"nothing":    forgedBy("joe@stranger.example"),
		"blocked":    forgedBy("joe@blocked.example"),
		"dns":        forgedBy("joe@broken.example"),
	}
}

// overridden is a message for each override.
func overridden(t *testing.T) map[string]verdictMail {
	t.Helper()
	signed := signNow(t, []byte(plainFrom("joe@good.example")), "d=good.example s=sel")
	list := &scenario{message: signed, change: "-- \r\nthe list\r\n"}
	listed := list.seal(t, "list.example", "arc", "rsa", "mx.list.example; dmarc=pass header.from=good.example")
	returned := signNow(t, []byte(plainFrom("box@example.test")), "d=example.test s=sel")
	return map[string]verdictMail{
		"genuine": {goodClient, "joe@good.example", plainFrom("joe@good.example")},
		"sealed":  {badClient, "list@list.example", string(listed)},
		"allowed": {netip.MustParseAddr("127.0.0.50"), "s@survey.example", plainFrom("joe@good.example")},
		"known":   {netip.MustParseAddr("127.0.0.40"), "b@esp.example", plainFrom("joe@held.example")},
		"bounce":  {badClient, "", bounceOf("MAILER-DAEMON@good.example", returned)},
	}
}

// bounceOf is a bounce that returns a message.
func bounceOf(from string, returned []byte) string {
	return "From: " + from + "\r\nTo: box@example.test\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\nNobody of that name.\r\n" +
		"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.good.example\r\n\r\nFinal-Recipient: rfc822; x@good.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\n\r\n" + string(returned) + "\r\n--b--\r\n"
}

// genuineDays writes a history of genuine mail for a pair, on three days, to a new database, so
// much that some failures do not change it.
func genuineDays(t *testing.T, pair history.Pair) (database string) {
	t.Helper()
	database = "sqlite:" + filepath.Join(t.TempDir(), "history.db")
	store, err := history.Open(history.Options{Database: database})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range 300 {
		store.Record(history.Message{
			Pair: pair, Time: now.AddDate(0, 0, -1-i%3),
			Verdict: compauth.Verdict{Result: compauth.Pass, Reason: 100},
		})
	}
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return database
}

// stampUntil sends a message to the daemon again and again until the field that is written has the
// text, and gives how many it took: the history answers in 20 ms, or the next message has the answer.
func (p *process) stampUntil(client netip.Addr, from, want string) (sent int) {
	p.t.Helper()
	conn, err := milterclient.Dial("tcp", strings.TrimPrefix(p.listen, "inet:"), milterclient.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Drop()
	if _, err := conn.Connect(milterclient.Client{Addr: client, Helo: "mail.example.org"}); err != nil {
		p.t.Fatal(err)
	}
	const tries = 20 // more of them, and what fails here would change the history
	var got string
	for sent < tries {
		sent++
		if got = (sealersClient{conn}).stamp(p.t, from); strings.Contains(got, want) {
			return sent
		}
	}
	p.t.Fatalf("no %q after %d messages: %s", want, sent, got)
	return sent
}

// A verdictTest is an MTA with a daemon, whose policy changes.
type verdictTest struct {
	mtaTest
	before  string // the config without a policy
	reloads int
	held    []string // ids of the messages that are held so far
}

// eachVerdictMTA runs a test with Postfix and with Sendmail.
func eachVerdictMTA(t *testing.T, f func(*verdictTest)) {
	for name, start := range mta.Servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := filepath.Join(t.TempDir(), "spoofed-senders")
			if err := os.WriteFile(list, []byte("block blocked.example * external\nallow good.example survey.example external\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			database := genuineDays(t, history.Pair{OrgDomain: "held.example", PTR: "esp.example"})
			m := &verdictTest{mtaTest: newMTATestIn(t, start, verdictZone, fmt.Sprintf(verdictConfig, list, database), mta.Options{})}
			before, err := os.ReadFile(m.assay.config)
			if err != nil {
				t.Fatal(err)
			}
			m.before = string(before)
			m.assay.dns.SetNameFault("_dmarc.broken.example", dnstest.ServFail)
			f(m)
		})
	}
}

// policy puts a section [policy] in force.
func (m *verdictTest) policy(lines string) {
	m.Helper()
	m.assay.configure(m.before + "[policy]\n" + lines)
	m.assay.signal(syscall.SIGHUP)
	m.reloads++
	m.assay.log.waitFor(m.T, m.reloads, "config reloaded")
}

// fate sends a message and tells what becomes of it: the verdict that is stamped when it is
// delivered, "held", where the MTA keeps the reason with that, or the reply.
func (m *verdictTest) fate(mail verdictMail) string {
	m.Helper()
	c := m.Client(m.T, mail.client, "mail.elsewhere.example")
	defer c.Quit()
	reply, err := c.Send(mail.from, []string{"box@example.test"}, []byte(mail.text))
	if err != nil {
		m.Fatal(err)
	}
	if reply.Code != 250 {
		return reply.String()
	}
	held, err := m.Held(m.Context())
	if err != nil {
		m.Fatal(err)
	}
	for _, h := range held {
		if !slices.Contains(m.held, h.ID) {
			m.held = append(m.held, h.ID)
			return strings.TrimSpace("held " + h.Reason)
		}
	}
	stamp := m.stamp(m.next())
	_, verdict, _ := strings.Cut(stamp, " compauth=")
	return "compauth=" + verdict
}

// expect checks what becomes of messages. Postfix keeps no reason of what it holds.
func (m *verdictTest) expect(mails map[string]verdictMail, want map[string]string) {
	m.Helper()
	for name, fate := range want {
		if m.Name == "postfix" && strings.HasPrefix(fate, "held ") {
			fate = "held"
		}
		if got := m.fate(mails[name]); got != fate {
			m.Errorf("%s: %s\nwant %s", name, got, fate)
		}
	}
}

// With every switch on: what is overridden is delivered, and what fails is refused, held or
// asked for again, with the words that tell why.
func TestMTAVerdicts(t *testing.T) {
	t.Parallel()
	eachVerdictMTA(t, func(m *verdictTest) {
		m.policy("dmarc_reject = 'reject'\ndmarc_quarantine = 'quarantine'\ncompauth_fail = 'quarantine'\ndns_failure = 'tempfail'\n")
		m.assay.stampUntil(netip.MustParseAddr("127.0.0.40"), "joe@held.example", "reason=701")
		m.expect(overridden(m.T), map[string]string{
			"genuine": "compauth=pass reason=100 header.from=good.example",
			"sealed":  "compauth=pass reason=130 header.from=good.example",
			"allowed": "compauth=fail reason=000 (spoof allowed by policy) header.from=good.example",
			"known":   "compauth=pass reason=701 header.from=held.example",
			"bounce":  "compauth=pass reason=502 header.from=good.example",
		})
		m.expect(failing(), map[string]string{
			"reject":     "550 5.7.1 rejected by DMARC policy for good.example (reason 000)",
			"quarantine": "held DMARC policy for held.example (reason 000)",
			"own":        "550 5.7.1 rejected by DMARC policy for example.test (reason 010)",
			"own, bare":  "held message from bare.example is not authenticated (reason 601)",
			"nothing":    "held message from stranger.example is not authenticated (reason 001)",
			"blocked":    "550 5.7.1 rejected by local policy for blocked.example (reason 002)",
			"dns":        "451 4.7.5 DNS failure while reading the DMARC policy for broken.example, try again later",
		})
	})
}

// accepted is what becomes of the failing messages when no switch is on.
func accepted() map[string]string {
	return map[string]string{
		"reject":     "compauth=fail reason=000 header.from=good.example",
		"quarantine": "compauth=fail reason=000 header.from=held.example",
		"own":        "compauth=fail reason=010 header.from=example.test",
		"own, bare":  "compauth=fail reason=601 header.from=bare.example",
		"nothing":    "compauth=fail reason=001 header.from=stranger.example",
		"blocked":    "compauth=fail reason=002 header.from=blocked.example",
		"dns":        "compauth=pass reason=112 header.from=broken.example",
	}
}

// Each switch acts on its own messages, and on no others.
func TestMTASwitches(t *testing.T) {
	t.Parallel()
	eachVerdictMTA(t, func(m *verdictTest) {
		for policy, acted := range map[string]map[string]string{
			"": {},
			"dmarc_reject = 'reject'": {
				"reject": "550 5.7.1 rejected by DMARC policy for good.example (reason 000)",
				"own":    "550 5.7.1 rejected by DMARC policy for example.test (reason 010)",
			},
			"dmarc_reject = 'quarantine'": {
				"reject": "held DMARC policy for good.example (reason 000)",
				"own":    "held DMARC policy for example.test (reason 010)",
			},
			"dmarc_quarantine = 'quarantine'": {"quarantine": "held DMARC policy for held.example (reason 000)"},
			"compauth_fail = 'reject'": {
				"own, bare": "550 5.7.1 message from bare.example is not authenticated (reason 601)",
				"nothing":   "550 5.7.1 message from stranger.example is not authenticated (reason 001)",
			},
			"compauth_fail = 'quarantine'": {
				"own, bare": "held message from bare.example is not authenticated (reason 601)",
				"nothing":   "held message from stranger.example is not authenticated (reason 001)",
			},
			"spoof_block = 'reject'\nreject_text = 'see https://example.test/why'": {
				"blocked": "550 5.7.1 rejected by local policy for blocked.example (reason 002): see https://example.test/why",
			},
			"spoof_block = 'quarantine'": {"blocked": "held local policy for blocked.example (reason 002)"},
			"dns_failure = 'tempfail'": {
				"dns": "451 4.7.5 DNS failure while reading the DMARC policy for broken.example, try again later",
			},
		} {
			if !strings.Contains(policy, "spoof_block") {
				policy += "\nspoof_block = 'none'"
			}
			m.policy(policy + "\n")
			want := accepted()
			for name, fate := range acted {
				want[name] = fate
			}
			m.expect(failing(), want)
			if m.Failed() {
				m.Fatalf("with %q", policy)
			}
		}
	})
}
