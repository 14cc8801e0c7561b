package milter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-milter"
)

// What Postfix 3.7 and Sendmail 8.17 offer.
const (
	offeredActions  = 0x1ff
	offeredProtocol = 0x1fffff
)

// An mta speaks the protocol packet by packet, as an MTA does or as none would.
type mta struct {
	net.Conn
	t       testing.TB
	granted offer
	macros  map[uint32]string // the macros that the milter asked for, by stage
}

func dial(t testing.TB, addr net.Addr) *mta {
	t.Helper()
	c, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &mta{Conn: c, t: t}
}

// connected is an MTA after negotiation.
func connected(t testing.TB, addr net.Addr, actions, protocol uint32) *mta {
	t.Helper()
	m := dial(t, addr)
	m.negotiate(actions, protocol)
	return m
}

func packet(code byte, data string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)+1))
	return append(append(b, code), data...)
}

func cstrings(s ...string) string { return strings.Join(s, "\x00") + "\x00" }

func offering(version, actions, protocol uint32) string {
	b := binary.BigEndian.AppendUint32(nil, version)
	b = binary.BigEndian.AppendUint32(b, actions)
	return string(binary.BigEndian.AppendUint32(b, protocol))
}

// send sends one packet.
func (m *mta) send(code byte, data string) {
	m.t.Helper()
	if _, err := m.Write(packet(code, data)); err != nil {
		m.t.Fatal(err)
	}
}

// read reads one packet.
func (m *mta) read() (code byte, data string) {
	m.t.Helper()
	head := make([]byte, 5)
	if _, err := io.ReadFull(m, head); err != nil {
		m.t.Fatalf("no packet: %v", err)
	}
	rest := make([]byte, binary.BigEndian.Uint32(head)-1)
	if _, err := io.ReadFull(m, rest); err != nil {
		m.t.Fatal(err)
	}
	return head[4], string(rest)
}

// closed tells whether the milter has nothing more to say.
func (m *mta) closed() bool {
	m.t.Helper()
	b, err := io.ReadAll(m)
	if len(b) != 0 {
		m.t.Errorf("instead of the end came %q", b)
	}
	return err == nil || errors.Is(err, syscall.ECONNRESET)
}

func (m *mta) negotiate(actions, protocol uint32) {
	m.t.Helper()
	m.send('O', offering(6, actions, protocol))
	code, data := m.read()
	if code != 'O' || len(data) < 12 {
		m.t.Fatalf("negotiation: %q %q", code, data)
	}
	m.granted = offer{
		actions:  milter.OptAction(binary.BigEndian.Uint32([]byte(data[4:]))),
		protocol: milter.OptProtocol(binary.BigEndian.Uint32([]byte(data[8:]))),
	}
	m.macros = map[uint32]string{}
	for rest := []byte(data[12:]); len(rest) > 4; {
		list, after, _ := bytes.Cut(rest[4:], []byte{0})
		m.macros[binary.BigEndian.Uint32(rest)] = string(list)
		rest = after
	}
}

// say sends macros and a command, and reads its reply if there is to be one.
func (m *mta) say(code byte, data string, macros ...string) {
	m.t.Helper()
	if len(macros) > 0 {
		m.send('D', string(code)+cstrings(macros...))
	}
	m.send(code, data)
	if m.granted.repliesTo(milter.Code(code)) {
		if reply, _ := m.read(); reply != 'c' {
			m.t.Fatalf("reply to %c: %c", code, reply)
		}
	}
}

func (m *mta) connect(name, ip string, macros ...string) {
	m.t.Helper()
	family := "4"
	if strings.Contains(ip, ":") {
		family = "6"
	}
	m.say('C', cstrings(name)+family+"\x12\x34"+cstrings(ip), macros...)
}

// hello begins an SMTP session.
func (m *mta) hello() {
	m.t.Helper()
	m.connect("mail.example.com", "192.0.2.1", "j", "mx.example.test")
	m.say('H', cstrings("mail.example.com"))
}

// mail sends a message up to the end of its header.
func (m *mta) mail(id, from string, fields ...string) {
	m.t.Helper()
	m.say('M', cstrings("<"+from+">", "SIZE=100"), "i", id)
	m.say('R', cstrings("<you@example.test>"))
	for _, f := range append(fields, "From: "+from) {
		name, value, _ := strings.Cut(f, ":")
		m.say('L', cstrings(name, value), "i", id)
	}
	m.say('N', "", "i", id)
}

// end ends a message: the edits and the reply, each as code and data.
func (m *mta) end() (replies []string) {
	m.t.Helper()
	m.send('E', "")
	for {
		code, data := m.read()
		replies = append(replies, string(code)+data)
		if strings.IndexByte("cartdy", code) >= 0 {
			return replies
		}
	}
}

// message sends a whole message.
func (m *mta) message(id, from string, fields ...string) []string {
	m.t.Helper()
	m.mail(id, from, fields...)
	m.say('B', "hello\r\n")
	return m.end()
}
