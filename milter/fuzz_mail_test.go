package milter

import (
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-milter"

	"assay/auth"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

// FuzzMail plays an MTA by a script, on the real verifier. Its first line says how, each of the others is
// a packet (lineOf) or a shutdown. Whatever an MTA says, in whatever order and in whatever pieces: each command
// is answered as negotiated, each message by one reply, also when the server stops; what is inserted is
// well-formed, what pretends to be ours is deleted, what a policy rejects is not accepted, nothing
// panics, and nothing is left of the session.
func FuzzMail(f *testing.F) {
	v := verifierOf{&auth.Verifier{
		Resolver: dnstest.NewResolver(f, relayZone+victimZone),
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
		how, lines, _ := strings.Cut(script, "\n")
		if strings.Contains(how, "s") {
			ours, theirs := socketPair(t)
			_ = theirs.SetDeadline(time.Now().Add(20 * time.Second))
			playScript(newPlayer(t, theirs, true), ours, v, how, lines)
			return
		}
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			playScript(newPlayer(t, theirs, false), ours, v, how, lines)
		})
	})
}

// playScript plays one session. That no goroutine is left, a bubble checks.
func playScript(p *player, ours net.Conn, v verifier, how, lines string) {
	d := newDaemon(v, func(s *Server) { s.Log = slog.New(slog.DiscardHandler) })
	d.slots <- struct{}{}
	d.Server.start(ours)
	p.server, p.anybody = d.Server, mayBeExempt(lines)
	go p.listen()
	if p.negotiate(how) {
		for line := range strings.SplitSeq(lines, "\n") {
			if !p.play(line) {
				break
			}
		}
		p.send(nothing)
	}
	p.hangUp()
	d.running.Wait()
	if d.Panics() != 0 || len(d.slots) != 0 {
		p.t.Errorf("%d panics, %d slots taken", d.Panics(), len(d.slots))
	}
}

// A player is the MTA of a script.
type player struct {
	t       *testing.T
	conn    net.Conn
	socket  bool // conn has a descriptor, and there is no bubble
	server  *Server
	granted offer
	write   int    // the most bytes of a write
	early   bool   // what is not replied to is sent with what follows
	pending []byte // not sent yet
	dialog

	mu     sync.Mutex
	more   sync.Cond // heard or closed has changed
	heard  []byte
	closed bool
}

func newPlayer(t *testing.T, conn net.Conn, socket bool) *player {
	p := &player{t: t, conn: conn, socket: socket, write: 1 << 20}
	p.more.L = &p.mu
	return p
}

// What is waited for where there is no bubble to tell that nothing more comes.
func nothing([][]byte) bool     { return true }
func one(packets [][]byte) bool { return len(packets) > 0 }
func theEnd([][]byte) bool      { return false } // of the connection
func finalReply(packets [][]byte) bool {
	return len(packets) > 0 && strings.IndexByte("cartdy", packets[len(packets)-1][0]) >= 0
}

// listen hears what the milter says.
func (p *player) listen() {
	b := make([]byte, 4096)
	for {
		n, err := p.conn.Read(b)
		p.mu.Lock()
		p.heard = append(p.heard, b[:n]...)
		p.closed = p.closed || err != nil
		p.more.Broadcast()
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// hangUp ends the connection. What was said too much, a bubble has shown.
func (p *player) hangUp() {
	if c, ok := p.conn.(*net.UnixConn); ok {
		_ = c.CloseWrite()
		if packets, open := p.send(theEnd); open || len(packets) != 0 {
			p.t.Errorf("in the end: %q, open: %v", packets, open)
		}
	}
	_ = p.conn.Close()
}

// send sends what is pending, and takes what the milter says to it: in a bubble all, else until
// it is enough.
func (p *player) send(enough func([][]byte) bool) (packets [][]byte, open bool) {
	for rest := p.pending; len(rest) > 0; {
		n := min(p.write, len(rest))
		if _, err := p.conn.Write(rest[:n]); err != nil {
			break // it shows below
		}
		rest = rest[n:]
	}
	p.pending = nil
	if !p.socket {
		synctest.Wait()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	packets, rest := split(p.heard)
	for p.socket && !p.closed && (len(rest) > 0 || !enough(packets)) {
		p.more.Wait()
		packets, rest = split(p.heard)
	}
	if len(rest) > 0 {
		p.t.Fatalf("half a packet: %q", rest)
	}
	p.heard = nil
	return packets, !p.closed
}

// split splits a stream into packets, without their lengths.
func split(stream []byte) (packets [][]byte, rest []byte) {
	for len(stream) >= minPacket {
		n := lengthSize + int(binary.BigEndian.Uint32(stream))
		if len(stream) < n {
			break
		}
		packets, stream = append(packets, stream[lengthSize:n]), stream[n:]
	}
	return packets, stream
}

// negotiate offers what the letters say: each one takes something away from what MTAs of today offer.
func (p *player) negotiate(how string) bool {
	version, actions, protocol := uint32(6), uint32(offeredActions), uint32(offeredProtocol)
	for _, c := range []byte(how) {
		switch {
		case 'a' <= c && c < 'a'+9:
			actions &^= 1 << (c - 'a')
		case 'A' <= c && c < 'A'+21:
			protocol &^= 1 << (c - 'A')
		case '1' <= c && c <= '9':
			p.write = int(c - '0')
		case 'v' <= c && c <= 'z':
			version = uint32(c-'v') + 1
		case c == '+':
			p.early = true
		case c == '0':
			protocol = 0
		}
	}
	p.pending = packet('O', offering(version, actions, protocol))
	if version < minVersion {
		if packets, open := p.send(theEnd); open || len(packets) != 0 {
			p.t.Fatalf("to version %d: %q, open: %v", version, packets, open)
		}
		return false
	}
	packets, open := p.send(one)
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
	case 'S': // no packet
		return command, nil, false
	case 'N', 'E', 'A', 'Q', 'K', 'T', 'U':
	default:
		return command, packet(command, line[1:]), true
	}
	return command, packet(command, data), false
}

// play plays one line. It is false at the end of the session.
func (p *player) play(line string) bool {
	command, packet, malformed := lineOf(line)
	switch p.pending = append(p.pending, packet...); {
	case malformed:
		p.send(nothing) // and what follows is not known
		return false
	case command == 'Q' || command == 'K':
		packets, open := p.send(theEnd)
		if open || len(packets) != 0 {
			p.t.Fatalf("after QUIT: %q, open: %v", packets, open)
		}
		return false
	case command == 'S':
		return p.shutDown()
	case packet != nil:
		p.follow(command, line[1:])
	}
	if command == 'E' {
		packets, open := p.send(finalReply)
		p.checkAnswer(packets, open)
		return open
	}
	replies := packet != nil && p.granted.repliesTo(milter.Code(command))
	if p.early && !replies && !p.stopping {
		return true
	}
	enough := nothing
	if replies {
		enough = one
	}
	packets, open := p.send(enough)
	if open != !p.ends() || replies && (len(packets) != 1 || !p.goesOn(command, packets[0])) || !replies && len(packets) != 0 {
		p.t.Fatalf("to %q: %q, open: %v", line, packets, open)
	}
	return open
}

// shutDown has the server stop, which ends sessions that have no message and had one. Without a bubble nobody
// could tell when.
func (p *player) shutDown() bool {
	if p.socket || p.stopping {
		return true
	}
	before, _ := p.send(nothing)
	go func() { _ = p.server.Shutdown(p.t.Context()) }()
	p.stopping = true
	after, open := p.send(nothing)
	if len(before)+len(after) != 0 || open != !p.ends() {
		p.t.Fatalf("at the shutdown: %q %q, open: %v", before, after, open)
	}
	return open
}

// goesOn tells whether a reply says to go on.
func (p *player) goesOn(command byte, reply []byte) bool {
	return string(reply) == "c" || command == 'B' && string(reply) == "s" && p.granted.protocol&milter.OptSkip != 0
}
