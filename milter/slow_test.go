package milter

import (
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// drip writes a packet byte by byte, and tells how long the connection was there.
func (m *mta) drip(packet []byte, pause time.Duration) time.Duration {
	began := time.Now()
	for _, b := range packet {
		if _, err := m.Write([]byte{b}); err != nil {
			break
		}
		time.Sleep(pause)
	}
	return time.Since(began)
}

// A packet has its time, however little of it comes at a time.
func TestSlowPackets(t *testing.T) {
	for name, slow := range map[string][]byte{
		"macros":  packet('D', "L"+cstrings("i", "a queue id that takes long")),
		"header":  packet('L', cstrings("Subject", " of a message that never comes")),
		"command": packet('H', cstrings("a.helo.name.that.takes.long.example")),
		"body":    packet('B', "a line that takes longer than its sender may\r\n"),
		"length":  []byte("\x00\x00\xff\xffB" + "and not enough of what it says"),
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			inBubble(t, f, func(t *testing.T, d *daemon, m *mta) {
				m.negotiate(offeredActions, offeredProtocol)
				m.hello()
				m.mail("S1", "a@example.com")
				const pause = packetTimeout / 10
				if there := m.drip(slow, pause); there < packetTimeout || there > packetTimeout+pause {
					t.Errorf("closed after %s", there)
				}
				if text := d.log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, errStalled.Error()) {
					t.Errorf("log: %s", text)
				}
				synctest.Wait()
				if !f.ended() || d.Sessions() != 0 {
					t.Errorf("calls:\n%s", f.history())
				}
			})
		})
	}
}

// Every packet has that time for itself, also where one ends in the middle of what came at once.
func TestSlowButSteady(t *testing.T) {
	f := &fake{}
	inBubble(t, f, func(t *testing.T, d *daemon, m *mta) {
		m.negotiate(offeredActions, offeredProtocol)
		m.hello()
		m.mail("S1", "a@example.com")
		var stream []byte
		for range 10 {
			stream = append(stream, packet('B', "0123456789abcde")...) // 20 bytes each
		}
		for len(stream) > 0 {
			time.Sleep(packetTimeout * 2 / 5)
			n := min(15, len(stream))
			if _, err := m.Write(stream[:n]); err != nil {
				t.Fatal(err)
			}
			stream = stream[n:]
		}
		end := packet('E', "")
		for _, part := range [][]byte{end[:2], end[2:]} { // after a silence, and another one in it
			time.Sleep(packetTimeout - time.Second)
			if _, err := m.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if code, _ := m.read(); code != 'a' {
			t.Errorf("reply %c", code)
		}
	})
}

// Slow peers keep their own slots busy, no longer than they may, and then it goes on.
func TestFloodOfSlowPeers(t *testing.T) {
	const slots = 5
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		d := newDaemon(f, func(s *Server) { s.MaxSessions = slots })
		listener := make(pipes)
		go func() { d.serve <- d.Serve(listener) }()
		peer := func() *mta {
			ours, theirs := net.Pipe()
			listener <- ours
			return &mta{Conn: theirs, t: t}
		}
		var slow sync.WaitGroup
		for range slots {
			m := peer()
			m.negotiate(offeredActions, offeredProtocol)
			slow.Go(func() { m.drip(packet('L', cstrings("Subject", " of a message that never comes")), packetTimeout/2) })
		}
		began := time.Now()
		m := peer() // is accepted, and waits
		synctest.Wait()
		if d.Sessions() != slots {
			t.Errorf("%d sessions", d.Sessions())
		}
		m.negotiate(offeredActions, offeredProtocol)
		if waited := time.Since(began); waited != packetTimeout {
			t.Errorf("served after %s", waited)
		}
		m.hello()
		if got := m.message("F1", "a@example.com"); got[0] != "a" {
			t.Errorf("%q", got)
		}
		d.Close()
		close(listener)
		_ = m.Close()
		<-d.serve
		d.running.Wait()
		slow.Wait()
	})
}
