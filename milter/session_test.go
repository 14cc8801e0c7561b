package milter

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"assay/auth"
)

var rejection = auth.Disposition{Action: auth.Reject, Code: 550, Status: "5.7.1", Text: "no"}

// Both MTAs' ways to send several messages in a session, rejected ones too:
// client, HELO and macros stay, what belongs to a message goes.
func TestMessagesInOneSession(t *testing.T) {
	between := map[string]func(*mta){
		"sendmail":         func(*mta) {},
		"postfix":          func(m *mta) { m.send('A', "") },
		"postfix, dropped": func(m *mta) { m.send('A', ""); m.send('A', "") },
	}
	for _, protocol := range []uint32{offeredProtocol, 0, 0x80} {
		for name, pause := range between {
			t.Run(fmt.Sprintf("%s %#x", name, protocol), func(t *testing.T) {
				f := &fake{report: auth.Report{Disposition: rejection}}
				m := connected(t, start(t, f).addr, offeredActions, protocol)
				m.hello()
				for i := range 3 {
					id := fmt.Sprintf("ID%d", i)
					got := m.message(id, fmt.Sprintf("u%d@example.com", i), "Subject: x")
					if want := []string{"y550 5.7.1 no\x00"}; !reflect.DeepEqual(got, want) {
						t.Fatalf("message %d: %q, want %q", i, got, want)
					}
					env, header := f.last()
					want := auth.Envelope{IP: parseClient("192.0.2.1"), Helo: "mail.example.com", Hostname: "mx.example.test",
						MailFrom: fmt.Sprintf("u%d@example.com", i), Rcpt: []string{"you@example.test"}, QueueID: id}
					if !reflect.DeepEqual(env, want) || len(header) != 2 {
						t.Errorf("message %d: %+v with %d fields, want %+v with 2", i, env, len(header), want)
					}
					pause(m)
				}
				if want := "connect 192.0.2.1\nhelo mail.example.com\nmail u0"; !strings.HasPrefix(f.history(), want) {
					t.Errorf("calls:\n%s", f.history())
				}
			})
		}
	}
}

func TestAbortedMessages(t *testing.T) {
	f := &fake{}
	m := connected(t, start(t, f).addr, offeredActions, offeredProtocol)
	m.hello()
	m.mail("A1", "one@example.com", "X-Old: 1") // RSET
	m.send('A', "")
	m.mail("A2", "two@example.com", "X-Old: 2") // Sendmail: nothing said
	m.mail("A3", "three@example.com")           // EHLO in a message
	m.say('H', cstrings("again.example.com"))
	if got := m.message("A4", "four@example.com"); got[0] != "a" {
		t.Errorf("got %q", got)
	}
	env, header := f.last()
	if env.MailFrom != "four@example.com" || env.Helo != "again.example.com" || len(header) != 1 {
		t.Errorf("%+v\n%v", env, header)
	}
	if n := strings.Count(f.history(), "cancel"); n != 3 {
		t.Errorf("%d messages were canceled:\n%s", n, f.history())
	}
}

func TestDroppedConnection(t *testing.T) {
	f := &fake{}
	d := start(t, f)
	m := connected(t, d.addr, offeredActions, offeredProtocol)
	m.hello()
	m.mail("A1", "one@example.com")
	eventually(t, "the check begins", func() bool { return strings.Contains(f.history(), "begin") })
	if _, err := m.Write([]byte("\x00\x01\x00\x00Bcut off")); err != nil {
		t.Fatal(err)
	}
	_ = m.Close()
	eventually(t, "the session ends", f.ended)
	eventually(t, "the connection is gone", func() bool { return d.Sessions() == 0 })
	if !strings.HasSuffix(f.history(), "cancel\nclose") {
		t.Errorf("calls:\n%s", f.history())
	}
	if text := d.log.String(); !strings.Contains(text, "in a packet: unexpected EOF") {
		t.Errorf("log: %s", text)
	}
}

// XCLIENT: Postfix connects again in the same connection.
func TestConnectAgain(t *testing.T) {
	f := &fake{}
	m := connected(t, start(t, f).addr, offeredActions, offeredProtocol)
	m.connect("localhost", "127.0.0.1", "{client_addr}", "127.0.0.1", "{client_name}", "localhost", "{tls_version}", "TLSv1.3")
	m.say('H', cstrings("first"))
	m.connect("m.example", "2001:db8::25", "{client_addr}", "IPv6:2001:db8::25")
	m.message("B1", "a@example.com")
	env, _ := f.last()
	if want := (auth.Envelope{IP: parseClient("2001:db8::25"), MailFrom: "a@example.com", Rcpt: env.Rcpt, QueueID: "B1"}); !reflect.DeepEqual(env, want) {
		t.Errorf("got %+v, want %+v", env, want)
	}
	if want := "connect 127.0.0.1\nhelo first\nclose\nconnect 2001:db8::25\nmail a@example.com"; !strings.HasPrefix(f.history(), want) {
		t.Errorf("calls:\n%s", f.history())
	}
}

// The same client again has said no HELO yet.
func TestConnectAgainFromTheSame(t *testing.T) {
	f := &fake{}
	m := connected(t, start(t, f).addr, offeredActions, offeredProtocol)
	m.hello()
	m.connect("mail.example.com", "192.0.2.1")
	m.message("B1", "a@example.com")
	if want := "connect 192.0.2.1\nhelo mail.example.com\nclose\nconnect 192.0.2.1\nmail a@example.com"; !strings.HasPrefix(f.history(), want) {
		t.Errorf("calls:\n%s", f.history())
	}
}

func TestMacros(t *testing.T) {
	f := &fake{}
	m := connected(t, start(t, f).addr, offeredActions, offeredProtocol)
	m.connect("[192.0.2.1]", "192.0.2.1", "{j}", "mx.example.test", "{daemon_name}", "smtpd",
		"{client_addr}", "192.0.2.9", "{client_name}", "M.example", "{client_ptr}", "m.example")
	m.say('H', cstrings("plain.example"))
	m.say('H', cstrings("tls.example"), "{tls_version}", "TLSv1.3", "{cipher}", "TLS_AES_128_GCM_SHA256",
		"{cert_subject}", "/O=Example/CN=joe", "{cert_issuer}", "/CN=Example CA")
	m.say('M', cstrings("<joe@example.com>"), "{auth_type}", "PLAIN", "{auth_authen}", "joe", "i", "C1")
	m.say('N', "")
	m.end()
	want := auth.Envelope{IP: parseClient("192.0.2.9"), Client: "M.example", Helo: "tls.example", MailFrom: "joe@example.com",
		QueueID: "C1", AuthType: "PLAIN", AuthUser: "joe", TLS: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256",
		CertSubject: "/O=Example/CN=joe", CertIssuer: "/CN=Example CA", Daemon: "smtpd", Hostname: "mx.example.test"}
	if env, _ := f.last(); !reflect.DeepEqual(env, want) {
		t.Errorf("got %+v, want %+v", env, want)
	}

	// Without new macros nothing of the first message is left.
	m.say('M', cstrings("<>"))
	m.say('N', "")
	m.end()
	want.MailFrom, want.QueueID, want.AuthType, want.AuthUser = "", "", "", ""
	if env, _ := f.last(); !reflect.DeepEqual(env, want) {
		t.Errorf("got %+v, want %+v", env, want)
	}
	m.say('M', cstrings("<>"), "i", "", "{auth_authen}", "") // the last value is empty
	m.say('N', "")
	m.end()
	if env, _ := f.last(); !reflect.DeepEqual(env, want) {
		t.Errorf("got %+v, want %+v", env, want)
	}

	m.send('D', "M"+cstrings("i", "C9", "{auth_authen}", "ann")) // of a command that never comes
	m.send('A', "")
	m.say('M', cstrings("<>"))
	m.say('N', "")
	m.end()
	if env, _ := f.last(); !reflect.DeepEqual(env, want) {
		t.Errorf("got %+v, want %+v", env, want)
	}

	// What TLS said does not hold for another HELO.
	m.say('H', cstrings("plain.example"))
	m.say('M', cstrings("<>"))
	m.say('N', "")
	m.end()
	want.Helo, want.TLS, want.Cipher, want.CertSubject, want.CertIssuer = "plain.example", "", "", "", ""
	if env, _ := f.last(); !reflect.DeepEqual(env, want) {
		t.Errorf("got %+v, want %+v", env, want)
	}
}

// The address of the macro counts, and changes only between messages.
func TestAddressAtMailFrom(t *testing.T) {
	f := &fake{}
	m := connected(t, start(t, f).addr, offeredActions, offeredProtocol)
	m.connect("proxy", "10.0.0.1")
	m.say('H', cstrings("h.example"))
	m.say('M', cstrings("<>"), "{client_addr}", "192.0.2.7")
	m.say('N', "", "{client_addr}", "192.0.2.8") // too late: the lookups are made for the other one
	m.end()
	if env, _ := f.last(); env.IP != parseClient("192.0.2.7") {
		t.Errorf("got %s", env.IP)
	}
	want := "connect 10.0.0.1\nhelo h.example\nclose\nconnect 192.0.2.7\nhelo h.example\nmail \nbegin \nfinish 0"
	if got := f.history(); got != want {
		t.Errorf("calls:\n%s", got)
	}
}

func TestClientWithoutAddress(t *testing.T) {
	for name, connect := range map[string]string{
		"unknown":      cstrings("localhost") + "U",
		"unix":         cstrings("localhost") + "L\x00\x00" + cstrings("/run/x"),
		"no address":   cstrings("localhost") + "4\x00\x00",
		"other family": cstrings("localhost") + "?",
		"unavailable":  cstrings("unknown") + "4\x00\x00" + cstrings("unknown"),
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			m := connected(t, start(t, f).addr, offeredActions, offeredProtocol)
			m.say('C', connect)
			m.message("D1", "a@example.com")
			if env, _ := f.last(); env.IP.IsValid() {
				t.Errorf("got %s", env.IP)
			}
		})
	}
}

// Sendmail's IPv6 addresses, which begin with a word.
func TestSendmailIPv6(t *testing.T) {
	f := &fake{}
	m := connected(t, start(t, f).addr, offeredActions, 0)
	m.connect("[IPv6:2001:db8:0:0:0:0:0:25]", "IPv6:2001:db8:0:0:0:0:0:25")
	m.message("D1", "a@example.com")
	if env, _ := f.last(); env.IP != parseClient("2001:db8::25") {
		t.Errorf("got %s", env.IP)
	}
}

func TestFieldsByteForByte(t *testing.T) {
	tests := []struct{ name, value, leading, stripped string }{
		{"Subject", " plain", "Subject: plain", "Subject:  plain"},
		{"Subject", "tight", "Subject:tight", "Subject: tight"},
		{"subJECT", " one\n\ttwo\n  three", "subJECT: one\r\n\ttwo\r\n  three", "subJECT:  one\r\n\ttwo\r\n  three"},
		{"X-Fold", "\n first", "X-Fold:\r\n first", "X-Fold: \r\n first"},
		{"X-CRLF", " a\r\n b", "X-CRLF: a\r\n b", "X-CRLF:  a\r\n b"},
		{"X-CR", " a\rb", "X-CR: a\rb", "X-CR:  a\rb"},
		{"X-Empty", "", "X-Empty:", "X-Empty: "},
		{"X-Space", " \t ", "X-Space: \t ", "X-Space:  \t "},
		{"X-8bit", " \xe9\xff", "X-8bit: \xe9\xff", "X-8bit:  \xe9\xff"},
		{"X-Long", strings.Repeat("x", 60000), "X-Long:" + strings.Repeat("x", 60000), "X-Long: " + strings.Repeat("x", 60000)},
	}
	for _, protocol := range []uint32{offeredProtocol, 0x80} {
		f := &fake{}
		m := connected(t, start(t, f).addr, offeredActions, protocol)
		m.hello()
		var fields []string
		for _, tt := range tests {
			fields = append(fields, tt.name+":"+tt.value)
		}
		m.message("E1", "a@example.com", fields...)
		_, header := f.last()
		for i, tt := range tests {
			want := tt.leading
			if protocol != offeredProtocol {
				want = tt.stripped
			}
			if header[i].Raw != want || header[i].Name != tt.name {
				t.Errorf("%q: %.80q, want %.80q", tt.name, header[i].Raw, want)
			}
		}
	}
}

// SMFIR_SKIP is used only where it is negotiated, which it is not next to SMFIP_NR_BODY.
func TestSkip(t *testing.T) {
	for protocol, skips := range map[uint32]bool{
		offeredProtocol: false,
		uint32(offeredProtocol &^ milter.OptNoBodyReply):                   true,
		uint32(offeredProtocol &^ milter.OptNoBodyReply &^ milter.OptSkip): false,
	} {
		f := &fake{skip: true}
		m := connected(t, start(t, f).addr, offeredActions, protocol)
		m.hello()
		for range 2 { // the session is still there for the next message
			m.mail("F1", "a@example.com")
			m.send('B', "piece")
			if skips {
				if code, _ := m.read(); code != 's' {
					t.Errorf("%#x: reply %c", protocol, code)
				}
			} else if m.granted.repliesTo('B') {
				if code, _ := m.read(); code != 'c' {
					t.Errorf("%#x: reply %c", protocol, code)
				}
			}
			if got := m.end(); got[0] != "a" {
				t.Errorf("%#x: %q", protocol, got)
			}
		}
		if env, _ := f.last(); env.Helo == "" {
			t.Errorf("%#x: HELO is lost", protocol)
		}
	}
}

// Neither MTA sends these after negotiation of version 2; others may.
func TestDataAndUnknown(t *testing.T) {
	f := &fake{}
	m := connected(t, start(t, f).addr, offeredActions, 0)
	m.hello()
	m.say('U', cstrings("XFOO bar"))
	m.say('M', cstrings("<a@example.com>"))
	m.say('T', "")
	m.say('N', "")
	if got := m.end(); got[0] != "a" {
		t.Errorf("got %q", got)
	}
	m.send('K', "")
	if !m.closed() {
		t.Error("not closed after SMFIC_QUIT_NC")
	}
}

func TestOutOfOrder(t *testing.T) {
	f := &fake{}
	m := connected(t, start(t, f).addr, offeredActions, 0)
	if got := m.end(); got[0] != "a" {
		t.Errorf("end of message first: %q", got)
	}
	m.say('N', "")
	m.say('B', "x")
	m.say('R', cstrings("<a@b>"))
	m.say('L', cstrings("A", "b"))
	if got := m.end(); got[0] != "a" {
		t.Errorf("without MAIL FROM: %q", got)
	}
	m.say('M', cstrings("<a@example.com>")) // without connect, HELO, header
	if got := m.end(); got[0] != "a" {
		t.Errorf("MAIL FROM alone: %q", got)
	}
	m.say('M', cstrings("<a@example.com>"))
	m.say('B', "body without the end of a header")
	m.say('L', cstrings("Late", " field")) // ignored
	m.end()
	if _, header := f.last(); len(header) != 0 || !strings.HasSuffix(f.history(), "finish 32") {
		t.Errorf("%v\n%s", header, f.history())
	}
}
