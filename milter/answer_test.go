package milter

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"assay/arc"
	"assay/auth"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/iprev"
	"assay/auth/message"
	"assay/auth/spf"
	"assay/compauth"
	"assay/compauth/spoof"
)

func TestReply(t *testing.T) {
	long := strings.Repeat("x", 1000)
	tests := map[string]struct {
		d    auth.Disposition
		want string
	}{
		"accept":          {auth.Disposition{}, "a"},
		"quarantine":      {auth.Disposition{Action: auth.Quarantine, Text: "why"}, "a"},
		"reject":          {auth.Disposition{Action: auth.Reject, Code: 550, Status: "5.7.1", Text: "no"}, "y550 5.7.1 no\x00"},
		"tempfail":        {auth.Disposition{Action: auth.TempFail, Code: 451, Status: "4.7.24", Text: "later"}, "y451 4.7.24 later\x00"},
		"nothing said":    {auth.Disposition{Action: auth.Reject}, "y550 5.7.1 message rejected\x00"},
		"nothing said, 4": {auth.Disposition{Action: auth.TempFail}, "y451 4.7.1 try again later\x00"},
		"421":             {auth.Disposition{Action: auth.TempFail, Code: 421, Status: "4.7.0", Text: "x"}, "y451 4.7.0 x\x00"},
		"class of code":   {auth.Disposition{Action: auth.Reject, Code: 451, Status: "5.7.0", Text: "x"}, "y550 5.7.0 x\x00"},
		"class of status": {auth.Disposition{Action: auth.Reject, Code: 554, Status: "4.7.0", Text: "x"}, "y554 5.7.1 x\x00"},
		"no status":       {auth.Disposition{Action: auth.Reject, Code: 550, Status: "5.7.1 x", Text: "x"}, "y550 5.7.1 x\x00"},
		"short status":    {auth.Disposition{Action: auth.Reject, Code: 550, Status: "5.7.", Text: "x"}, "y550 5.7.1 x\x00"},
		"percent":         {auth.Disposition{Action: auth.Reject, Text: "100% %s"}, "y550 5.7.1 100%% %%s\x00"},
		"controls":        {auth.Disposition{Action: auth.Reject, Text: "a\r\n250 ok\x00\xff\u00e9"}, "y550 5.7.1 a??250 ok???\x00"},
		"long":            {auth.Disposition{Action: auth.Reject, Text: long}, "y550 5.7.1 " + long[:maxLine] + "\x00"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := reply(tt.d).Response()
			if got := string(m.Code) + string(m.Data); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEdits(t *testing.T) {
	report := auth.Report{
		Edits: []auth.Edit{
			{Delete: true, Index: 258, Name: "Authentication-Results"},
			{Delete: true, Index: 1, Name: "authentication-results"},
			{Name: "X-First", Value: "a;\r\n b=1\r\n\tc"},
			{Index: 1, Name: "X-Second", Value: "d"},
		},
		Disposition: auth.Disposition{Action: auth.Quarantine, Text: "100% spam\r\nx"},
	}
	deletions := []string{"m\x00\x00\x01\x02Authentication-Results\x00\x00", "m\x00\x00\x00\x01authentication-results\x00\x00"}
	spaced := []string{"i\x00\x00\x00\x00X-First\x00 a;\n b=1\n\tc\x00", "i\x00\x00\x00\x01X-Second\x00 d\x00"}
	bare := []string{"i\x00\x00\x00\x00X-First\x00a;\n b=1\n\tc\x00", "i\x00\x00\x00\x01X-Second\x00d\x00"}
	hold := []string{"q100% spam??x\x00"}
	tests := []struct {
		actions, protocol uint32
		want              [][]string
	}{
		{offeredActions, offeredProtocol, [][]string{deletions, spaced, hold}},
		{offeredActions, 0, [][]string{deletions, bare, hold}},
		{offeredActions &^ 0x10, 0, [][]string{bare, hold}},
		{offeredActions &^ 0x01, 0, [][]string{deletions, hold}},
		{offeredActions &^ 0x20, 0, [][]string{deletions, bare}},
		{0, offeredProtocol, nil},
	}
	d := start(t, &fake{report: report})
	for _, tt := range tests {
		m := connected(t, d.addr, tt.actions, tt.protocol)
		m.hello()
		var want []string
		for _, part := range tt.want {
			want = append(want, part...)
		}
		want = append(want, "a")
		if got := m.message("A1", "a@example.com"); !reflect.DeepEqual(got, want) {
			t.Errorf("%#x %#x:\n%q, want\n%q", tt.actions, tt.protocol, got, want)
		}
	}
	if n := strings.Count(d.log.String(), "does not let"); n != 3 {
		t.Errorf("logged %d times: %s", n, d.log.String())
	}
}

// A flagged message is delivered, not held.
func TestQuarantineByField(t *testing.T) {
	f := &fake{report: auth.Report{Disposition: auth.Disposition{Action: auth.Quarantine, Text: "x", Flag: true}}}
	m := connected(t, start(t, f).addr, offeredActions, offeredProtocol)
	m.hello()
	if got := m.message("Q1", "a@example.com"); !reflect.DeepEqual(got, []string{"a"}) {
		t.Errorf("got %q", got)
	}
}

// A text that would end its field is our own mistake, and nothing of it is sent.
func TestEditsThatEndTheirField(t *testing.T) {
	for _, e := range []auth.Edit{
		{Name: "X", Value: "a\r\nBcc: b"}, {Name: "X", Value: "a\nb"}, {Name: "X", Value: "a\x00b"}, {Name: "X", Value: "a\r"},
		{Name: "X", Value: "a\r\n"}, {Name: "X\nY", Value: "a"}, {Name: "X:", Value: "a"}, {Name: "", Value: "a"}, {Delete: true, Index: 1, Name: "X Y"},
	} {
		f := &fake{report: auth.Report{Edits: []auth.Edit{{Name: "Good", Value: "a"}, e}}}
		d := start(t, f)
		m := connected(t, d.addr, offeredActions, offeredProtocol)
		m.hello()
		if got := m.message("E1", "a@example.com"); !reflect.DeepEqual(got, []string{"a"}) || d.Panics() != 1 {
			t.Errorf("%+v: %q, %d panics", e, got, d.Panics())
		}
	}
}

// A panic at any stage is the message's fate only.
func TestPanics(t *testing.T) {
	replies := map[auth.Action]string{auth.Accept: "a", auth.TempFail: "y451 4.3.0 internal error, try again later\x00"}
	for _, stage := range []string{"connect", "helo", "mail", "begin", "write", "finish", "close", "cancel"} {
		for onError, reply := range replies {
			for _, protocol := range []uint32{offeredProtocol, 0} {
				t.Run(fmt.Sprintf("%s %s %#x", stage, onError, protocol), func(t *testing.T) {
					f := &fake{panicAt: stage, report: auth.Report{Edits: []auth.Edit{{Name: "X", Value: "y"}}}}
					d := start(t, f, func(s *Server) { s.OnError = onError })
					m := connected(t, d.addr, offeredActions, protocol)
					checkPanic(t, d, m, stage, reply)
				})
			}
		}
	}
}

func checkPanic(t *testing.T, d *daemon, m *mta, stage, reply string) {
	t.Helper()
	m.hello()
	if stage == "cancel" { // of the message before
		m.mail("X0", "z@example.com")
		m.send('A', "")
	}
	want := []string{reply}
	if stage == "connect" || stage == "helo" || stage == "close" || stage == "cancel" {
		want = []string{m.inserted(), "a"} // the message itself meets no panic
	}
	if got := m.message("X1", "a@example.com"); !reflect.DeepEqual(got, want) {
		t.Errorf("the message: %q, want %q", got, want)
	}
	if got, want := m.message("X2", "b@example.com"), []string{m.inserted(), "a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("the next one: %q, want %q", got, want)
	}
	m.send('Q', "")
	eventually(t, "the session ends", func() bool { return d.Sessions() == 0 })
	if text := d.log.String(); d.Panics() != 1 || !strings.Contains(text, "injected at "+stage) || !strings.Contains(text, "fake_test.go") {
		t.Errorf("%d panics, log: %s", d.Panics(), text)
	}
}

// inserted is the packet that inserts "X: y".
func (m *mta) inserted() string {
	if m.granted.protocol&milter.OptHeaderLeadingSpace != 0 {
		return "i\x00\x00\x00\x00X\x00 y\x00"
	}
	return "i\x00\x00\x00\x00X\x00y\x00"
}

func TestLogLine(t *testing.T) {
	f := &fake{report: auth.Report{
		Authors:     message.Authors{List: []message.Author{{Domain: "a.example"}, {Domain: "b.example"}}},
		SPF:         spf.Outcome{Result: spf.Pass},
		DKIM:        []dkim.Outcome{{Result: dkim.Pass}, {Result: dkim.Fail}},
		DMARC:       dmarc.Outcome{Result: dmarc.Fail},
		ARC:         arc.Outcome{Result: arc.Fail, Reason: "no seal", Err: errors.New("arc: no key"), Sets: []arc.Set{{Seal: arc.Signature{Domain: "list.example"}}}},
		Override:    arc.Override{ODA: true},
		IPRev:       iprev.Outcome{Result: iprev.TempError},
		Verdict:     compauth.Verdict{Result: compauth.Fail, Reason: 2},
		Exempt:      auth.SMTPAuth,
		Forged:      2,
		Disposition: rejection,
		Duration:    1500000,
		Queries:     7, Hits: 9,
	}}
	d := start(t, f)
	m := connected(t, d.addr, offeredActions, offeredProtocol)
	m.hello()
	m.message("QID", "a@example.com")
	want := `level=INFO msg=message queue_id=QID client=192.0.2.1 helo=mail.example.com mail_from=a@example.com from=a.example,b.example ` +
		`spf=pass dkim=pass,fail dmarc=fail arc=fail iprev=temperror compauth=fail reason=002 exempt="SMTP AUTH" oda=1 sealer=list.example arc_reason="no seal" removed=2 error="arc: no key" text=no disposition=reject duration=1.5ms dns_queries=7 dns_hits=9`
	if text := d.log.String(); !strings.Contains(text, want) {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// Behind an internal relay the line is about the client there; what is known of what sent the message
// is in it.
func TestLogLineBehindRelay(t *testing.T) {
	entry, err := spoof.ParseEntry("allow a.example esp.example external expires=2099-01-01 # why")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{report: auth.Report{
		Envelope:       auth.Envelope{IP: netip.MustParseAddr("198.51.100.7"), Helo: "client.example"},
		Relay:          netip.MustParseAddr("192.0.2.1"),
		Verdict:        compauth.Verdict{Result: compauth.Fail, Reason: 1},
		Infrastructure: "esp.example",
		Entry:          &entry,
	}}
	d := start(t, f)
	m := connected(t, d.addr, offeredActions, offeredProtocol)
	m.hello()
	m.message("QID", "a@example.com")
	f.report.Lost, f.report.Entry, f.report.Infrastructure = true, nil, ""
	f.report.Envelope.IP, f.report.Envelope.Helo = netip.Addr{}, ""
	m.message("QID2", "a@example.com")
	for _, want := range []string{
		`queue_id=QID client=198.51.100.7 helo=client.example mail_from=a@example.com `,
		`compauth=fail reason=001 relay=192.0.2.1 infrastructure=esp.example entry="allow a.example esp.example external" disposition=`,
		`queue_id=QID2 client="" helo="" mail_from=a@example.com `,
		`compauth=fail reason=001 relay=192.0.2.1 disposition=`,
	} {
		if text := d.log.String(); !strings.Contains(text, want) {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	}
}

// A sender's text neither begins a line of its own nor fills the log.
func TestLogOfHostileText(t *testing.T) {
	d := start(t, &fake{})
	m := connected(t, d.addr, offeredActions, offeredProtocol)
	m.say('H', cstrings("x\nlevel=ERROR msg=forged"))
	m.message(strings.Repeat("q", 5000), strings.Repeat("\xff\"", 5000))
	lines := strings.Split(strings.TrimSpace(d.log.String()), "\n")
	if len(lines) != 1 || len(lines[0]) > 3000 || !strings.Contains(lines[0], `helo="x\nlevel=ERROR msg=forged"`) {
		t.Errorf("%d lines: %s", len(lines), lines)
	}
}

func TestIsFolded(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "a": true, "a\r\n b\r\n\tc": true, "\r\n ": true, "a\r\n \r\n ": true,
		"\n": false, "\r": false, "\r\n": false, "a\r\nb": false, "a\n b": false, "a\r b": false, "a\r\r\n b": false,
		"a\r\n b\r": false, "a\r\n b\n c": false, "\n \r": false, "a\x00": false, "a\r\n \x00": false,
	} {
		if got := isFolded(value); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}
