package milter

import (
	"encoding/binary"
	"io"
	"net"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-milter"

	"assay/auth"
)

func TestNegotiation(t *testing.T) {
	const (
		all     = uint32(wantedProtocol &^ milter.OptSkip)
		noBody  = uint32(offeredProtocol &^ milter.OptNoBodyReply)
		actions = uint32(wantedActions)
	)
	tests := map[string]struct{ actions, protocol, wantActions, wantProtocol uint32 }{
		"postfix and sendmail": {offeredActions, offeredProtocol, actions, all},
		"all bits":             {1<<32 - 1, 1<<32 - 1, actions, all},
		"nothing":              {0, 0, 0, 0},
		"version 2":            {0x3f, 0x7f, 0x31, 0},
		"no reply to headers":  {0x3f, 0xff, 0x31, 0x80},
		"body replies":         {offeredActions, noBody, actions, uint32(wantedProtocol) & noBody},
		"no symbol list":       {0xff, offeredProtocol, 0x31, all},
	}
	d := start(t, &fake{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := connected(t, d.addr, tt.actions, tt.protocol)
			got := offer{milter.OptAction(tt.wantActions), milter.OptProtocol(tt.wantProtocol)}
			if m.granted != got {
				t.Errorf("%#x, want %#x", m.granted, got)
			}
			if asks, may := len(m.macros) > 0, tt.wantActions&uint32(milter.OptSetSymList) != 0; asks != may {
				t.Errorf("macros: %v", m.macros)
			}
		})
	}
}

func TestAskedMacros(t *testing.T) {
	m := connected(t, start(t, &fake{}).addr, offeredActions, offeredProtocol)
	got := ""
	for _, list := range m.macros {
		got += " " + list
	}
	for _, want := range strings.Fields("{client_addr} {client_name} {client_ptr} {auth_authen} {auth_type} {tls_version} {cipher} {cert_subject} {cert_issuer} i j {daemon_name}") {
		if !strings.Contains(got+" ", " "+want+" ") {
			t.Errorf("%s is not asked for", want)
		}
	}
	if m.macros[5] == "" || m.macros[6] == "" { // Sendmail wants both
		t.Errorf("macros: %v", m.macros)
	}
}

// What is no milter session is closed without a word.
func TestRefusedBeginnings(t *testing.T) {
	d := start(t, &fake{})
	for name, stream := range map[string]string{
		"http":                "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"zero length":         "\x00\x00\x00\x00",
		"too long":            "\xff\xff\xff\xffO",
		"too long a field":    "\x50\x00\x00\x00L",
		"a little too long":   string(binary.BigEndian.AppendUint32(nil, 1<<17+1)) + "O",
		"no negotiation":      string(packet('C', cstrings("x")+"U")),
		"macros first":        string(packet('D', "C"+cstrings("j", "x"))),
		"short offer":         string(packet('O', "\x00\x00\x00\x06")),
		"version 1":           string(packet('O', offering(1, offeredActions, 0))),
		"unknown command":     string(packet('x', "")),
		"quit at once":        string(packet('Q', "")),
		"cut in the length":   "\x00\x00",
		"cut in the packet":   "\x00\x00\x00\x0dO\x00",
		"nothing but the end": "",
	} {
		t.Run(name, func(t *testing.T) {
			m := dial(t, d.addr)
			if _, err := io.WriteString(m, stream); err != nil {
				t.Fatal(err)
			}
			_ = m.Conn.(*net.TCPConn).CloseWrite()
			if !m.closed() {
				t.Error("not closed")
			}
		})
	}
}

// A malformed packet ends the session, and nothing of it is left.
func TestMalformedPackets(t *testing.T) {
	for name, stream := range map[string]string{
		"second negotiation":     string(packet('O', offering(6, offeredActions, 0))),
		"unknown command":        string(packet('\x00', "")),
		"zero length":            "\x00\x00\x00\x00",
		"too long":               "\x7f\xff\xff\xffB",
		"empty macros":           string(packet('D', "")),
		"empty connect":          string(packet('C', "")),
		"connect without family": string(packet('C', cstrings("x"))),
		"connect without port":   string(packet('C', cstrings("x")+"4\x00")),
		"header without value":   string(packet('L', "From")),
		"header without end":     string(packet('L', "From\x00x")),
		"header with three":      string(packet('L', cstrings("From", "a", "b"))),
		"header without name":    string(packet('L', cstrings("", "b"))),
		"empty header":           string(packet('L', "")),
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			d := start(t, f)
			m := connected(t, d.addr, offeredActions, offeredProtocol)
			m.hello()
			m.say('M', cstrings("<a@example.com>"))
			if _, err := io.WriteString(m, stream); err != nil {
				t.Fatal(err)
			}
			if !m.closed() {
				t.Error("not closed")
			}
			eventually(t, "the session ends", func() bool { return d.Sessions() == 0 && f.ended() })
			if text := d.log.String(); !strings.Contains(text, "connection closed") {
				t.Errorf("log: %s", text)
			}
		})
	}
}

// pipes is a listener of connections in memory, which work in a synctest bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// inBubble serves one connection in memory while f plays the MTA; time is that
// of the bubble.
func inBubble(t *testing.T, v verifier, f func(t *testing.T, d *daemon, m *mta), change ...func(*Server)) {
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(v, change...)
		ours, theirs := net.Pipe()
		listener := make(pipes, 1)
		listener <- ours
		go func() { d.serve <- d.Serve(listener) }()
		f(t, d, &mta{Conn: theirs, t: t})
		d.Close()
		close(listener)
		_ = theirs.Close()
		<-d.serve
		d.running.Wait()
	})
}

const week = 7 * 24 * time.Hour

// The MTA is silent as long as its client is, be it for days, and then there is a message to check.
func TestPatience(t *testing.T) {
	f := &fake{}
	inBubble(t, f, func(t *testing.T, d *daemon, m *mta) {
		m.negotiate(offeredActions, offeredProtocol)
		for range 2 {
			time.Sleep(week)
			m.hello()
			time.Sleep(week)
			m.mail("I1", "a@example.com")
			time.Sleep(week)
			if got := m.end(); got[0] != "a" {
				t.Errorf("%q", got)
			}
		}
		if text := d.log.String(); strings.Contains(text, "level=WARN") {
			t.Errorf("log: %s", text)
		}
	})
}

// The timeout goes for sessions without a message. In one, the MTA is silent until it has all of it.
func TestIdleTimeout(t *testing.T) {
	const timeout = time.Hour
	for name, tt := range map[string]struct {
		protocol uint32
		end      func(*mta)
	}{
		"answered":    {offeredProtocol, func(m *mta) { m.end() }},
		"aborted":     {offeredProtocol, func(m *mta) { m.send('A', "") }},
		"another":     {0, func(m *mta) { m.say('H', cstrings("x")) }},
		"no message":  {0, func(m *mta) { m.send('A', ""); m.say('T', "") }},
		"a body":      {0, func(m *mta) { m.say('B', "x"); time.Sleep(week); m.end() }},
		"reconnected": {0, func(m *mta) { m.connect("x", "192.0.2.2") }},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			inBubble(t, f, func(t *testing.T, d *daemon, m *mta) {
				m.negotiate(offeredActions, tt.protocol)
				m.hello()
				time.Sleep(timeout - time.Second)
				m.say('M', cstrings("<a@example.com>"))
				time.Sleep(week)
				m.say('N', "")
				time.Sleep(week)
				tt.end(m)
				began := time.Now()
				if !m.closed() || time.Since(began) != timeout {
					t.Errorf("closed after %s", time.Since(began))
				}
				synctest.Wait()
				if !f.ended() || d.Sessions() != 0 {
					t.Errorf("calls:\n%s", f.history())
				}
				if text := d.log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "applies its default action") {
					t.Errorf("log: %s", text)
				}
			}, func(s *Server) { s.IdleTimeout = timeout })
		})
	}
}

func TestSilentConnection(t *testing.T) {
	inBubble(t, &fake{}, func(t *testing.T, _ *daemon, m *mta) {
		began := time.Now()
		if !m.closed() || time.Since(began) != offerTimeout {
			t.Errorf("closed after %s", time.Since(began))
		}
	})
}

// Postfix's content timeout is extended while a message is being worked on, and
// no progress packet comes where a reply is expected.
func TestProgress(t *testing.T) {
	f := &fake{finish: 35 * time.Second, report: auth.Report{Edits: []auth.Edit{{Name: "X", Value: "y"}}}}
	inBubble(t, f, func(t *testing.T, _ *daemon, m *mta) {
		m.negotiate(offeredActions, offeredProtocol)
		m.hello()
		for range 2 {
			began := time.Now()
			got := m.message("P1", "a@example.com")
			want := []string{"p", "p", "p", "i\x00\x00\x00\x00X\x00 y\x00", "a"}
			if !reflect.DeepEqual(got, want) || time.Since(began) != f.finish {
				t.Errorf("%q after %s, want %q", got, time.Since(began), want)
			}
			time.Sleep(time.Hour)
		}
	})
}

// A peer that does not read does not hold the session for ever. Of a message, one line tells what became of it.
func TestWriteTimeout(t *testing.T) {
	for name, tt := range map[string]struct {
		protocol uint32
		send     func(*mta)
		warnings int
	}{
		"a reply":   {0, func(m *mta) { m.send('M', cstrings("<a@example.com>")) }, 0},
		"an answer": {offeredProtocol, func(m *mta) { m.hello(); m.mail("W1", "a@example.com"); m.send('E', "") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			inBubble(t, f, func(t *testing.T, d *daemon, m *mta) {
				m.negotiate(offeredActions, tt.protocol)
				tt.send(m)
				time.Sleep(writeTimeout)
				synctest.Wait()
				if d.Sessions() != 0 || !f.ended() {
					t.Error("the session goes on")
				}
				text := d.log.String()
				if strings.Count(text, "level=WARN") != tt.warnings || strings.Count(text, notTaken) != tt.warnings {
					t.Errorf("log: %s", text)
				}
			})
		})
	}
}

// Sessions in the middle of large messages cost what sessions cost.
func TestMemoryDoesNotGrowWithTheBody(t *testing.T) {
	const sessions, chunks = 10, 80 // 5 MB each
	f := &fake{}
	d := start(t, f)
	var all []*mta
	for range sessions {
		m := connected(t, d.addr, offeredActions, 0)
		m.hello()
		m.mail("M1", "a@example.com")
		m.say('B', "begun")
		all = append(all, m)
	}
	chunk := packet('B', strings.Repeat("0123456789abcde\n", 65535/16))
	before := heap()
	for _, m := range all {
		for range chunks {
			if _, err := m.Write(chunk); err != nil {
				t.Fatal(err)
			}
			m.read()
		}
	}
	if grown := int64(heap()) - int64(before); grown > sessions*64<<10 {
		t.Errorf("%d sessions in the middle of %d MB each hold %d KB more than at the beginning",
			sessions, chunks*len(chunk)>>20, grown>>10)
	}
	for _, m := range all {
		m.end()
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // the second one empties pools
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
