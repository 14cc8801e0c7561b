package milter

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-milter"

	"assay/auth"
)

// A counted connection counts the writes of its other end, where each is read as one piece.
type counted struct {
	net.Conn
	writes int
	unread []byte
}

func (c *counted) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		piece := make([]byte, 1<<17)
		n, err := c.Conn.Read(piece)
		if err != nil {
			return 0, err
		}
		c.writes, c.unread = c.writes+1, piece[:n]
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

func TestOneWriteAMessage(t *testing.T) {
	f := &fake{report: auth.Report{Disposition: auth.Disposition{Action: auth.Quarantine, Text: "why"}}}
	for i := range 50 {
		f.report.Edits = append(f.report.Edits, auth.Edit{Name: "X-Long", Value: strings.Repeat("v", 500)}, auth.Edit{Delete: true, Index: i + 1, Name: "X"})
	}
	for name, connect := range map[string]func() (net.Conn, net.Conn){
		"socket": func() (net.Conn, net.Conn) { return pairOf(t, syscall.SOCK_SEQPACKET) }, "pipe": net.Pipe,
	} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon(f)
			ours, theirs := connect()
			d.slots <- struct{}{}
			d.Server.start(ours)
			c := &counted{Conn: theirs}
			m := &mta{Conn: c, t: t}
			m.negotiate(offeredActions, offeredProtocol)
			m.hello()
			for want := range 3 {
				if got := m.message("W1", "a@example.com"); len(got) != 102 {
					t.Errorf("%d replies", len(got))
				}
				if c.writes != want+2 || len(c.unread) > 0 { // the first is the negotiation's
					t.Errorf("%d writes, want %d", c.writes, want+2)
				}
			}
			_ = m.Close()
			d.running.Wait()
		})
	}
}

// A reply where none is expected would be taken for the next one.
func TestStrayReplies(t *testing.T) {
	c := newConn(nil, 0, &blocks{}, newDaemon(&fake{}).Log)
	c.inUse = offer{protocol: milter.OptNoHeaderReply}
	write := func(command milter.Code, pieces ...string) {
		c.command = command
		for _, p := range pieces {
			if n, err := c.Write([]byte(p)); n != len(p) || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
		}
	}
	write(milter.CodeConn, "\x00\x00\x00\x01c")
	write(milter.CodeHeader, "\x00\x00\x00", "\x01", "c")
	write(milter.CodeHeader, "\x00\x00\x00\x03tab\x00\x00\x00\x01c")
	write(milter.CodeAbort, "\x00\x00\x00\x01c")
	write(milter.CodeEOB, "\x00\x00\x00\x02i", "1\x00\x00\x00\x01a")
	if got, want := string(c.out), "\x00\x00\x00\x01c\x00\x00\x00\x02i1\x00\x00\x00\x01a"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
