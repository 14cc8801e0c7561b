package milter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"assay/auth"
	"assay/auth/message"
	"assay/testdata/milterclient"
)

// The limits of these tests.
var tight = auth.Limits{Header: message.Limits{Size: 2000, Fields: 20, FieldSize: 500}, Recipients: 3}

// fieldsOf is this many fields of this many bytes each, without their CRLF.
func fieldsOf(count, size int) message.Header {
	var h message.Header
	for i := range count {
		name := fmt.Sprintf("X-%03d", i)
		h = append(h, message.NewField(name, " "+strings.Repeat("x", size-len(name)-len(": "))))
	}
	return h
}

func recipients(count int) (to []string) {
	for i := range count {
		to = append(to, fmt.Sprintf("box%d@example.test", i))
	}
	return to
}

// client is an MTA with an SMTP session.
func client(t testing.TB, d *daemon, o milterclient.Options) *milterclient.Conn {
	t.Helper()
	c, err := milterclient.Dial("tcp", d.addr.String(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Connect(milterclient.Client{Addr: netip.MustParseAddr("192.0.2.1"), Helo: "mail.example.com"}); err != nil {
		t.Fatal(err)
	}
	return c
}

// At a limit the message is what it was; past it the rest is not kept, the reason is, and the message is
// checked and answered as any other. The next one has the limits to itself.
func TestLimits(t *testing.T) {
	tests := map[string]struct {
		header     message.Header
		to         []string
		excess     string
		kept, rcpt int
		more       bool
	}{
		"fields":                  {header: fieldsOf(20, 50), kept: 20},
		"a field more":            {header: fieldsOf(21, 50), kept: 20, excess: "header past a limit of 20 fields"},
		"many more":               {header: fieldsOf(900, 50), kept: 20, excess: "header past a limit of 20 fields"},
		"field size":              {header: fieldsOf(2, 500), kept: 2},
		"a field larger":          {header: append(fieldsOf(2, 50), fieldsOf(1, 501)...), kept: 2, excess: "header past a limit of 500 bytes in one field"},
		"a field of a packet":     {header: append(fieldsOf(2, 50), fieldsOf(1, 131000)...), kept: 2, excess: "header past a limit of 500 bytes in one field"},
		"size":                    {header: fieldsOf(10, 198), kept: 10},
		"a byte more":             {header: append(fieldsOf(9, 198), fieldsOf(1, 199)...), kept: 9, excess: "header past a limit of 2000 bytes"},
		"recipients":              {to: recipients(3), rcpt: 3},
		"a recipient more":        {to: recipients(4), rcpt: 3, more: true},
		"many recipients":         {to: recipients(5000), rcpt: 3, more: true},
		"a recipient's size":      {to: []string{strings.Repeat("x", maxRecipient-2)}, rcpt: 1},
		"a recipient a byte more": {to: []string{strings.Repeat("x", maxRecipient-1), "box@example.test"}, rcpt: 1, more: true},
	}
	for role, options := range map[string]milterclient.Options{
		"postfix": {}, "sendmail": {Sendmail: true}, "an old one": {Actions: 0x3f, Protocol: 0x400}, // it replies to all
	} {
		for name, tt := range tests {
			t.Run(role+"/"+name, func(t *testing.T) {
				f := &fake{limits: tight}
				c := client(t, start(t, f), options)
				for range 2 {
					sendAccepted(t, c, milterclient.Message{From: "a@example.com", Rcpts: tt.to, Header: tt.header, Body: []byte("body\r\n")})
					env, header := f.last()
					if len(header) != tt.kept || env.Excess != tt.excess {
						t.Errorf("%d fields kept, excess %q", len(header), env.Excess)
					}
					if len(tt.to) > 0 && (len(env.Rcpt) != tt.rcpt || env.MoreRcpt != tt.more) {
						t.Errorf("%d recipients kept, more: %v", len(env.Rcpt), env.MoreRcpt)
					}
				}
				sendAccepted(t, c, milterclient.Message{From: "a@example.com", Header: fieldsOf(1, 20)})
				if env, header := f.last(); len(header) != 1 || env.Excess != "" || env.MoreRcpt || len(env.Rcpt) != 1 {
					t.Errorf("the next message: %d fields, %+v", len(header), env)
				}
			})
		}
	}
}

func sendAccepted(t *testing.T, c *milterclient.Conn, m milterclient.Message) {
	t.Helper()
	if r, err := c.Send(m); err != nil || !r.Reply.OK() || r.Stage != "end" {
		t.Fatalf("%+v, %v", r, err)
	}
}

// The limits are those of the verifier that a message began with.
func TestLimitsOfTheNextVerifier(t *testing.T) {
	first, second := &fake{limits: tight}, &fake{}
	d := start(t, first)
	m := connected(t, d.addr, offeredActions, 0)
	m.hello()
	m.say('M', cstrings("<a@example.com>"))
	d.use(second)
	for i := range 30 {
		m.say('L', cstrings("X", " x"))
		m.say('R', cstrings(fmt.Sprintf("<box%d@example.test>", i)))
	}
	m.end()
	if env, header := first.last(); len(header) != 20 || env.Excess == "" || len(env.Rcpt) != 3 || !env.MoreRcpt {
		t.Errorf("the message under way: %d fields, %+v", len(header), env)
	}
	m.say('M', cstrings("<a@example.com>"))
	for i := range 30 {
		m.say('L', cstrings("X", " x"))
		m.say('R', cstrings(fmt.Sprintf("<box%d@example.test>", i)))
	}
	m.end()
	if env, header := second.last(); len(header) != 30 || env.Excess != "" || len(env.Rcpt) != 30 || env.MoreRcpt {
		t.Errorf("the next one: %d fields, %+v", len(header), env)
	}
}

// Past the limits nothing grows, whatever comes, and however large it is.
func TestMemoryPastTheLimits(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	floods := map[string][]byte{
		"fields":       bytes.Repeat(packet('L', cstrings("X", " short")), 5000),
		"large fields": bytes.Repeat(packet('L', cstrings("X", big)), 100),
		"authors":      bytes.Repeat(packet('L', cstrings("From", " a@example.com")), 5000),
		"forged":       bytes.Repeat(packet('L', cstrings("Authentication-Results", " mx.example.test; none")), 5000),
		"recipients":   bytes.Repeat(packet('R', cstrings("<box@example.test>")), 5000),
		"large ones":   bytes.Repeat(packet('R', cstrings("<"+big+">")), 100),
		"macros":       bytes.Repeat(append(packet('D', "L"+cstrings("i", big)), packet('L', cstrings("X", ""))...), 40),
	}
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			f := &fake{limits: tight}
			m := connected(t, start(t, f).addr, offeredActions, 0)
			m.hello()
			m.say('M', cstrings("<a@example.com>"))
			m.flood(flood) // past every limit, and all that is made once is made
			before := heap()
			m.flood(flood)
			m.say('R', cstrings("<last@example.test>"), "i", "Q1")
			if grown := int64(heap()) - int64(before); grown > 100<<10 {
				t.Errorf("%d KB of it hold %d KB", len(flood)>>10, grown>>10)
			}
			if got := m.end(); got[0] != "a" {
				t.Errorf("%q", got)
			}
			if env, header := f.last(); len(header) > 20+5*message.MaxPast || len(env.Rcpt) > 3 {
				t.Errorf("%d fields, %d recipients", len(header), len(env.Rcpt))
			}
		})
	}
}

// flood sends packets and reads the replies meanwhile.
func (m *mta) flood(stream []byte) {
	m.t.Helper()
	replies := 0
	for rest := stream; len(rest) > 0; {
		size, err := packetSize(rest)
		if err != nil {
			m.t.Fatal(err)
		}
		if m.granted.repliesTo(code(rest)) {
			replies++
		}
		rest = rest[size:]
	}
	sent := make(chan error, 1)
	go func() {
		_, err := m.Write(stream)
		sent <- err
	}()
	for range replies {
		if reply, _ := m.read(); reply != 'c' {
			m.t.Fatalf("reply %c", reply)
		}
	}
	if err := <-sent; err != nil {
		m.t.Fatal(err)
	}
}

// A field is taken whole up to the limit, be that above what other packets may have. A larger one, of any size
// and in whatever pieces, is one field past the limit: its name is known, and the session goes on.
func TestFieldsLargerThanPackets(t *testing.T) {
	const limit = 300_000
	long := func(n int) string { return strings.Repeat("x", n) }
	tests := map[string]struct {
		name, value string
		raw         int    // of the field as it is kept; 0: it is not
		unread      string // its name, when only that is kept
	}{
		"at the limit":            {name: "X-Long", value: long(limit - len("X-Long:")), raw: limit},
		"a byte more":             {name: "X-Long", value: long(limit - len("X-Long:") + 1)},
		"much more":               {name: "X-Long", value: long(3 << 20)},
		"authors":                 {name: "From", value: " a@example.com" + long(limit), unread: "From"},
		"white space":             {name: "From" + strings.Repeat(" ", limit-10), value: long(10_000), unread: "From"},
		"forged":                  {name: "Authentication-Results", value: " mx.example.test; " + long(1<<20), unread: "Authentication-Results"},
		"folds":                   {name: "X-Long", value: strings.Repeat("\n x", limit/3)},
		"a name up to the limit":  {name: long(limit - 1), raw: limit},
		"a name past the limit":   {name: long(limit), value: "x"},
		"a name and nothing else": {name: long(2 * limit)},
	}
	for name, tt := range tests {
		for _, size := range []int{1 << 20, 60_000} {
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				f := &fake{}
				f.limits.Header.FieldSize = limit
				m := connected(t, start(t, f).addr, offeredActions, uint32(milter.OptHeaderLeadingSpace))
				m.hello()
				m.say('M', cstrings("<a@example.com>"))
				m.say('L', cstrings("X-First", " x"))
				for rest := packet('L', cstrings(tt.name, tt.value)); len(rest) > 0; rest = rest[min(size, len(rest)):] {
					if _, err := m.Write(rest[:min(size, len(rest))]); err != nil {
						t.Fatal(err)
					}
				}
				if code, _ := m.read(); code != 'c' {
					t.Errorf("reply %c", code)
				}
				m.say('L', cstrings("X-Last", " x"))
				if got := m.end(); got[0] != "a" {
					t.Errorf("%q", got)
				}
				checkLarge(t, f, tt.raw, tt.unread)
			})
		}
	}
}

// checkLarge checks what was kept of a header of three fields, the second of which is large.
func checkLarge(t *testing.T, f *fake, raw int, unread string) {
	t.Helper()
	env, header := f.last()
	if env.Excess == "" != (raw > 0) {
		t.Errorf("excess %q", env.Excess)
	}
	switch {
	case raw > 0:
		if len(header) != 3 || len(header[1].Raw) < raw || header[2].Name != "X-Last" {
			t.Errorf("%d fields", len(header))
		}
	case unread != "":
		if len(header) != 2 || header[1].Name != unread || !header[1].Unread {
			t.Errorf("%d fields", len(header))
		}
	case len(header) != 1:
		t.Errorf("%d fields", len(header))
	}
}

// A field that never ends holds what its limit is, not what its length says, nor what has come.
func TestMemoryOfLargeFields(t *testing.T) {
	const limit = 200_000
	f := &fake{}
	f.limits.Header.FieldSize = limit
	m := connected(t, start(t, f).addr, offeredActions, 0)
	m.hello()
	m.say('M', cstrings("<a@example.com>"))
	before := heap()
	const size = 64 << 20
	if _, err := m.Write(append(binary.BigEndian.AppendUint32(nil, size), "LX\x00"...)); err != nil {
		t.Fatal(err)
	}
	piece := bytes.Repeat([]byte("x"), 1<<20)
	for range size>>20 - 1 {
		if _, err := m.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	// What was written last is still being read, and what reading leaves behind is not held.
	eventually(t, "no more than its limit held", func() bool { return int64(heap())-int64(before) <= 2*limit })
}
