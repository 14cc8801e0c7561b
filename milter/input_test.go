package milter

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"assay/auth/message"
)

// A stream of packets of all sizes is the same in whatever pieces it comes.
func TestPacketsInPieces(t *testing.T) {
	long, body := strings.Repeat("long ", 20_000), strings.Repeat("0123456789abcde\n", 65535/16)
	var stream []byte
	for _, p := range [][]byte{
		packet('C', cstrings("m.example")+"4\x00\x19"+cstrings("192.0.2.1")), packet('H', cstrings("mail.example.com")),
		packet('M', cstrings("<a@example.com>")), packet('D', "R"+cstrings("i", "Q1")), packet('R', cstrings("<b@example.com>")),
		packet('L', cstrings("Subject", " one\n\ttwo")), packet('L', cstrings("X-Long", " "+long)), packet('L', cstrings("X-Empty", "")),
		packet('N', ""), packet('B', body), packet('B', ""), packet('B', body), packet('B', "x"), packet('E', ""),
	} {
		stream = append(stream, p...)
	}
	want := []message.Field{
		message.NewField("Subject", " one\r\n\ttwo"), message.NewField("X-Long", " "+long), message.NewField("X-Empty", ""),
	}
	pair := map[string]func() (net.Conn, net.Conn){
		"socket": func() (net.Conn, net.Conn) { return socketPair(t) }, "pipe": net.Pipe,
	}
	for name, connect := range pair {
		for _, size := range []int{1 << 20, blockSize, blockSize - 1, 4096, 1000, 7} {
			t.Run(fmt.Sprintf("%s %d", name, size), func(t *testing.T) {
				f := &fake{}
				d := newDaemon(f)
				ours, theirs := connect()
				d.slots <- struct{}{}
				d.Server.start(ours)
				m := &mta{Conn: theirs, t: t}
				m.negotiate(offeredActions, offeredProtocol)
				for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
					if _, err := m.Write(rest[:min(size, len(rest))]); err != nil {
						t.Fatal(err)
					}
				}
				if code, _ := m.read(); code != 'a' {
					t.Errorf("reply %c", code)
				}
				_ = m.Close()
				d.running.Wait()
				env, header := f.last()
				if fmt.Sprint(header) != fmt.Sprint(want) || len(env.Rcpt) != 1 || env.QueueID != "Q1" || env.Helo != "mail.example.com" {
					t.Errorf("%d fields, %+v", len(header), env)
				}
				if body := fmt.Sprintf("finish %d", 2*len(body)+1); !strings.Contains(f.history(), body) {
					t.Errorf("calls:\n%s", f.history())
				}
			})
		}
	}
}

// An input that waits has no memory, and one that is halfway has as much as has come, at most twice.
func TestMemoryOfInput(t *testing.T) {
	ours, theirs := socketPair(t)
	defer ours.Close()
	defer theirs.Close()
	in := newInput(ours, &blocks{})
	if err := in.raw.Control(func(fd uintptr) {
		if in.tryRead(fd) || in.buf != nil || in.block != nil {
			t.Errorf("nothing came, and it has %d bytes", len(in.buf))
		}
	}); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = theirs.Write(make([]byte, 3*blockSize)) }()
	for came := 0; came < 3*blockSize; came = len(in.bytes()) {
		if err := in.fill(maxPacket, true); err != nil {
			t.Fatal(err)
		}
		if most := max(blockSize, 2*len(in.bytes())); len(in.buf) > most {
			t.Fatalf("it has %d bytes for %d", len(in.buf), len(in.bytes()))
		}
	}
	if in.take(3 * blockSize); in.buf != nil {
		t.Errorf("all is taken, and it has %d bytes", len(in.buf))
	}
}

// Macros as large as a packet are not held on to.
func TestMemoryOfMacros(t *testing.T) {
	s := &session{}
	s.take(milter.CodeMacro, []byte("L"+cstrings("i", strings.Repeat("x", 2*keepMacros))))
	if s.absorb(); cap(s.macros) > keepMacros || len(s.env.QueueID) != 2*keepMacros {
		t.Errorf("%d bytes, a queue id of %d", cap(s.macros), len(s.env.QueueID))
	}
}

// What was read of a field does not change when others are read, and takes the memory it needs.
func TestFieldReader(t *testing.T) {
	var r fieldReader
	var got, want []message.Field
	for i := range 500 {
		value := strings.Repeat("v", i*37%(2*textBlock))
		data := []byte(cstrings("X", " "+value))
		got = append(got, r.read(data, true))
		want = append(want, message.NewField("X", " "+value))
		copy(data, bytes.Repeat([]byte{'?'}, len(data)))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("field %d: %.80q, want %.80q", i, got[i].Raw, want[i].Raw)
		}
	}
	usual := []byte(cstrings("Received", " from mail.example.com\n\tby mx.example.test; Sun, 1 Jan 2026 00:00:00 +0000"))
	if n := testing.AllocsPerRun(10, func() {
		var r fieldReader
		for range 30 {
			r.read(usual, true)
		}
	}); n > 3 {
		t.Errorf("%v allocations for 30 fields", n)
	}
}

// A message costs a small number of allocations, and its fields and macros next to none, however many it has.
func TestAllocations(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("counted without coverage only")
	}
	d := newDaemon(stamper{}, quiet)
	ours, theirs := socketPair(t)
	d.slots <- struct{}{}
	d.Server.start(ours)
	m := &mta{Conn: theirs, t: t}
	m.negotiate(offeredActions, offeredProtocol)
	m.hello()
	count := func(fields int) float64 {
		mail := mailOf(fields)
		answer := make([]byte, 4096)
		return testing.AllocsPerRun(50, func() {
			if _, err := m.Write(mail); err != nil {
				t.Fatal(err)
			}
			if n, err := m.Read(answer); err != nil || answer[n-1] != 'a' {
				t.Fatal(answer[:n], err)
			}
		})
	}
	few, many := count(30), count(530)
	t.Logf("%v allocations with 30 fields, %v with 530", few, many)
	if few > 20 || many > 36 {
		t.Errorf("%v allocations with 30 fields, %v with 530", few, many)
	}
	_ = m.Close()
	d.running.Wait()
}
