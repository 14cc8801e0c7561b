package milter

import (
	"bytes"
	"encoding/binary"

	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/emersion/go-milter"

	"assay/auth"
	"assay/auth/authres"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

// FuzzMail plays an MTA by a script, on the real verifier. Its first line says how, each of the others is
// a packet (lineOf). Whatever an MTA says, in whatever order and in whatever pieces: each command
// is answered as negotiated, each message by one reply, what is inserted is well-formed, nothing
// panics, and nothing is left of the session.
func FuzzMail(f *testing.F) {
	v := verifierOf{&auth.Verifier{
		Resolver: dnstest.NewResolver(f, relayZone),
		Timeout:  10e9,
		SPFHelo:  true,
		Relays:   []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32")},
		Trusted:  []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Accepted: []string{"example.test"},
		Limits:   auth.Limits{Header: message.Limits{Size: 4000, Fields: 20, FieldSize: 1000}, Recipients: 3},
		Stamp:    auth.Stamp{AuthServID: "mx.example.test"},
		Policy:   auth.Policy{DMARCReject: auth.Reject, DMARCQuarantine: auth.Quarantine},
	}}
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 1<<14 {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) { playScript(t, v, script) })
	})
}

// playScript plays one session. That no goroutine is left, the bubble checks.
func playScript(t *testing.T, v verifier, script string) {
	d := newDaemon(v, func(s *Server) { s.Log = slog.New(slog.DiscardHandler) })
	ours, theirs := net.Pipe()
	d.slots <- struct{}{}
	d.Server.start(ours)
	how, lines, _ := strings.Cut(script, "\n")
	p := &player{t: t, conn: theirs, write: 1 << 20}
	go p.listen()
	if p.negotiate(how) {
		for line := range strings.SplitSeq(lines, "\n") {
			if !p.play(line) {
				break
			}
		}
		p.send()
	}
	_ = theirs.Close()
	d.running.Wait()
	if d.Panics() != 0 || len(d.slots) != 0 {
		t.Errorf("%d panics, %d slots taken", d.Panics(), len(d.slots))
	}
}

// A player is the MTA of a script.
type player struct {
	t       *testing.T
	conn    net.Conn
	granted offer
	write   int    // the most bytes of a write
	early   bool   // what is not replied to is sent with what follows
	pending []byte // not sent yet

	mu     sync.Mutex
	heard  []byte
	closed bool
}

// listen hears what the milter says.
func (p *player) listen() {
	b := make([]byte, 4096)
	for {
		n, err := p.conn.Read(b)
		p.mu.Lock()
		p.heard = append(p.heard, b[:n]...)
		p.closed = p.closed || err != nil
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// send sends what is pending, and takes what the milter says to it.
func (p *player) send() (packets [][]byte, open bool) {
	for rest := p.pending; len(rest) > 0; {
		n := min(p.write, len(rest))
		if _, err := p.conn.Write(rest[:n]); err != nil {
			break // it shows below
		}
		rest = rest[n:]
	}
	p.pending = nil
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	heard := p.heard
	p.heard = nil
	for len(heard) > 0 {
		if len(heard) < minPacket || len(heard) < lengthSize+int(binary.BigEndian.Uint32(heard)) {
			p.t.Fatalf("half a packet: %q", heard)
		}
		n := lengthSize + int(binary.BigEndian.Uint32(heard))
		packets, heard = append(packets, heard[lengthSize:n]), heard[n:]
	}
	return packets, !p.closed
}

// negotiate offers what the letters say: each one takes something away from what MTAs of today offer.
func (p *player) negotiate(how string) bool {
	actions, protocol := uint32(offeredActions), uint32(offeredProtocol)
	for _, c := range []byte(how) {
		switch {
		case 'a' <= c && c < 'a'+9:
			actions &^= 1 << (c - 'a')
		case 'A' <= c && c < 'A'+21:
			protocol &^= 1 << (c - 'A')
		case '1' <= c && c <= '9':
			p.write = int(c - '0')
		case c == '+':
			p.early = true
		case c == '0':
			protocol = 0
		}
	}
	p.pending = packet('O', offering(6, actions, protocol))
	packets, open := p.send()
	if !open || len(packets) != 1 || packets[0][0] != 'O' || len(packets[0]) < 13 {
		p.t.Fatalf("negotiation of %q: %q, open: %v", how, packets, open)
	}
	p.granted = offer{
		actions:  milter.OptAction(binary.BigEndian.Uint32(packets[0][5:])),
		protocol: milter.OptProtocol(binary.BigEndian.Uint32(packets[0][9:])),
	}
	if p.granted.actions&^milter.OptAction(actions) != 0 || p.granted.protocol&^milter.OptProtocol(protocol) != 0 {
		p.t.Fatalf("asks for %#x, which was not offered", p.granted)
	}
	return true
}

// lineOf is the packet of a line: a command and, in a form that is easy to write, its data. Of
// an unknown command, the packet may be malformed.
func lineOf(line string) (command byte, packets []byte, malformed bool) {
	if line == "" {
		return 0, nil, false
	}
	command, data := line[0], strings.ReplaceAll(line[1:], "\x00", "")
	switch command {
	case 'C': // family and address
		family, address := "U", ""
		if data != "" {
			family, address = data[:1], data[1:]
		}
		data = cstrings("client.example") + family + "\x12\x34" + cstrings(address)
	case 'H', 'M', 'R':
		data = cstrings(strings.Split(data, " ")...)
	case 'D': // stage, name=value,...
		if data == "" {
			data = "L"
		}
		data = strings.NewReplacer("=", "\x00", ",", "\x00").Replace(data) + "\x00"
	case 'L': // folds are bars
		name, value, _ := strings.Cut(strings.ReplaceAll(data, "|", "\n"), ":")
		if name == "" {
			name = "X"
		}
		data = cstrings(name, value)
	case 'B':
		data = strings.ReplaceAll(data, "|", "\r\n")
	case 'b': // a large one
		command, data = 'B', strings.Repeat(data+"\r\n", 65535/(len(data)+2))
	case 'N', 'E', 'A', 'Q', 'K', 'T', 'U':
	default:
		return command, packet(command, line[1:]), true
	}
	return command, packet(command, data), false
}

// play plays one line. It is false at the end of the session.
func (p *player) play(line string) bool {
	command, packet, malformed := lineOf(line)
	p.pending = append(p.pending, packet...)
	switch {
	case malformed:
		p.send() // and what follows is not known
		return false
	case command == 'Q' || command == 'K':
		packets, open := p.send()
		if open || len(packets) != 0 {
			p.t.Fatalf("after QUIT: %q, open: %v", packets, open)
		}
		return false
	case command == 'E':
		packets, open := p.send()
		p.checkAnswer(packets, open)
		return true
	}
	replies := packet != nil && p.granted.repliesTo(milter.Code(command))
	if p.early && !replies {
		return true
	}
	packets, open := p.send()
	if !open || replies && (len(packets) != 1 || !p.goesOn(command, packets[0])) || !replies && len(packets) != 0 {
		p.t.Fatalf("to %q: %q, open: %v", line, packets, open)
	}
	return true
}

// goesOn tells whether a reply says to go on.
func (p *player) goesOn(command byte, reply []byte) bool {
	return string(reply) == "c" || command == 'B' && string(reply) == "s" && p.granted.protocol&milter.OptSkip != 0
}

var refusal = regexp.MustCompile(`^y[45][0-9][0-9] [45]\.[0-9]+\.[0-9]+ [ -~]+\x00$`)

// checkAnswer checks what is said at the end of a message: changes, and one reply.
func (p *player) checkAnswer(packets [][]byte, open bool) {
	if !open || len(packets) == 0 {
		p.t.Fatalf("no answer, open: %v", open)
	}
	last := len(packets) - 1
	for _, packet := range packets[:last] {
		p.checkChange(packet[0], packet[1:])
	}
	if reply := packets[last]; string(reply) != "a" && !refusal.Match(reply) {
		p.t.Errorf("reply %q", reply)
	}
}

func (p *player) checkChange(code byte, data []byte) {
	needs := map[byte]milter.OptAction{'i': milter.OptAddHeader, 'm': milter.OptChangeHeader, 'q': milter.OptQuarantine}[code]
	if needs == 0 || p.granted.actions&needs == 0 {
		p.t.Fatalf("change %c is not allowed", code)
	}
	if code == 'q' {
		if len(data) < 2 || bytes.IndexByte(data, 0) != len(data)-1 {
			p.t.Errorf("reason %q", data)
		}
		return
	}
	parts := strings.Split(string(data[4:]), "\x00")
	if len(parts) != 3 || parts[0] == "" || parts[2] != "" || strings.ContainsAny(parts[0], "\r\n: ") {
		p.t.Fatalf("change %q", data)
	}
	p.checkValue(parts[0], parts[1])
}

// checkValue checks the value of a field that is inserted: nothing in it ends the field.
func (p *player) checkValue(name, value string) {
	for fold := range strings.SplitSeq(value, "\n") {
		if strings.ContainsAny(fold, "\r\x00") {
			p.t.Errorf("%s: %q", name, value)
		}
	}
	if unfolded := strings.NewReplacer("\n ", "", "\n\t", "").Replace(value); strings.Contains(unfolded, "\n") {
		p.t.Errorf("%s: %q", name, value)
	}
	if name == "Authentication-Results" && value != "" {
		results, err := authres.Parse(strings.ReplaceAll(value, "\n", "\r\n"))
		if err != nil || results.AuthServID != "mx.example.test" {
			p.t.Errorf("%q: %+v, %v", value, results, err)
		}
	}
}
