package milter

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"assay/auth"
	"assay/auth/message"
)

// A stamper is a verifier that inserts a field into every message.
type stamper struct{}

func (stamper) Connect(context.Context, netip.Addr) smtpSession { return stamper{} }
func (stamper) Limits() auth.Limits                             { return auth.Limits{} }
func (stamper) Helo(string)                                     {}
func (stamper) MailFrom(auth.Envelope)                          {}
func (stamper) Begin(env auth.Envelope, _ message.Header) check { return stamper{} }
func (stamper) Close()                                          {}
func (stamper) Write(p []byte) (int, error)                     { return len(p), nil }
func (stamper) WantsBody() bool                                 { return true }
func (stamper) Cancel()                                         {}
func (stamper) Finish() *auth.Report {
	return &auth.Report{Edits: []auth.Edit{{Name: "Authentication-Results", Value: "mx.example.test; none"}}}
}

// BenchmarkMessages is the cost of the protocol: 32 MTAs send messages of 5 KB
// and 30 fields in sessions of ten, as Postfix does, and in sessions of one, as most clients make.
func BenchmarkMessages(b *testing.B) {
	for _, each := range []int{1, 10} {
		for _, network := range []string{"tcp", "unix"} {
			b.Run(fmt.Sprintf("%s/%d a session", network, each), func(b *testing.B) { benchmarkMessages(b, network, each) })
		}
	}
}

func benchmarkMessages(b *testing.B, network string, each int) {
	address := anyPort
	if network == "unix" {
		address = Address{"unix", filepath.Join(b.TempDir(), "s")}
	}
	ln, err := Listen(address, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	d := newDaemon(stamper{}, quiet)
	d.on(b, ln[0])
	const connections = 32
	work := make(chan struct{})
	var all sync.WaitGroup
	for range connections {
		all.Go(func() { sendMail(b, ln[0].Addr(), each, work) })
	}
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// quiet has lines made and not written.
func quiet(s *Server) { s.Log = slog.New(slog.NewTextHandler(io.Discard, nil)) }

// mailOf is the packets of a message of 5 KB, as Postfix sends them.
func mailOf(fields int) (mail []byte) {
	mail = append(mail, packet('M', cstrings("<a@example.com>"))...)
	mail = append(mail, packet('R', cstrings("<b@example.com>"))...)
	for i := range fields {
		mail = append(mail, packet('D', "L"+cstrings("i", "4bXyz12345"))...)
		mail = append(mail, packet('L', cstrings(fmt.Sprintf("X-Field-%d", i), " "+strings.Repeat("v", 60)))...)
	}
	mail = append(mail, packet('N', "")...)
	mail = append(mail, packet('B', strings.Repeat("0123456789abcde\n", 5000/16))...)
	return append(mail, packet('E', "")...)
}

// sendMail sends a message for each piece of work, so many in each session.
func sendMail(b *testing.B, addr net.Addr, each int, work <-chan struct{}) {
	mail := mailOf(30)
	var m *mta
	sent := 0
	for range work {
		if sent%each == 0 {
			if m != nil {
				m.send('Q', "")
				_ = m.Close()
			}
			m = connected(b, addr, offeredActions, offeredProtocol)
			m.hello()
		}
		sent++
		if _, err := m.Write(mail); err != nil {
			b.Error(err)
			return
		}
		for code := byte(0); code != 'a'; {
			code, _ = m.read()
		}
	}
}
