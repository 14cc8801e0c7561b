package mta_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-milter"

	"assay/testdata/mta"
)

const sample = "From: Joe  <joe@sender.test>\r\n" +
	"Subject: folded\r\n\tand  not unfolded \r\n" +
	"X-8bit: gr\xfc\xdfe\r\n" +
	"X-Tight:value\r\n" +
	"To: box@example.test\r\n" +
	"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n" +
	"Message-ID: <1@sender.test>\r\n" +
	"\r\n" +
	".dot\r\n..two\r\n\xff8-bit\r\n\r\nend\r\n"

// each runs f with every kind of server, at the same time.
func each(t *testing.T, f func(*testing.T, mta.Starter)) {
	for name, start := range mta.Servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, start)
		})
	}
}

func timeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func send(t *testing.T, c *mta.Client, msg string) mta.Reply {
	t.Helper()
	r, err := c.Send("joe@sender.test", []string{"box@example.test"}, []byte(msg))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func next(t *testing.T, m *mta.MTA) *mta.Message {
	t.Helper()
	msg, err := m.Inbox.Next(timeout(t))
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, start mta.Starter) {
		m := mta.ForTest(t, start, mta.Options{})
		for from, seen := range map[string]string{"": "127.0.0.1", "127.0.0.9": "127.0.0.9", "::1": ":1]"} {
			ip, _ := netip.ParseAddr(from)
			if ip.Is6() && !m.Addr6.IsValid() {
				continue
			}
			c := m.Client(t, ip, "client.test")
			if r := send(t, c, sample); r.Code != 250 {
				t.Fatal(r)
			}
			msg := next(t, m)
			if got := string(msg.AsSent()); got != sample {
				t.Errorf("delivered %q\nsent %q", got, sample)
			}
			if got := msg.Header.Values("Received"); len(got) == 0 || !strings.Contains(got[0], seen) {
				t.Errorf("client %s: Received:%q", from, got)
			}
			if len(msg.Stamped()) != 0 {
				t.Errorf("stamped %v", msg.Stamped())
			}
		}
		all, err := m.Inbox.Wait(timeout(t), 2)
		if err != nil || len(all) < 2 {
			t.Errorf("Wait: %d, %v", len(all), err)
		}
		if held, err := m.Held(t.Context()); err != nil || len(held) != 0 {
			t.Errorf("held %v, %v", held, err)
		}
	})
}

func TestSession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, start mta.Starter) {
		m := mta.ForTest(t, start, mta.Options{Hostname: "other.example.test"})
		c := m.Client(t, netip.Addr{}, "client.test")
		if !strings.Contains(c.Banner.Text, "other.example.test") {
			t.Errorf("banner %q", c.Banner)
		}
		if r, err := c.Mail(""); err != nil || !r.OK() {
			t.Fatal(r, err)
		}
		if r, err := c.Command("NONSENSE"); err != nil || r.OK() {
			t.Fatal(r, err)
		}
		if r, err := c.Reset(); err != nil || r.Code != 250 {
			t.Fatal(r, err)
		}
		if r := send(t, c, sample); r.Code != 250 {
			t.Fatal(r)
		}
		next(t, m)
		if _, err := c.Mail("joe@sender.test"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Rcpt("box@example.test"); err != nil {
			t.Fatal(err)
		}
		if err := c.Drop([]byte("Subject: cut")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Reset(); err == nil {
			t.Error("the connection outlived Drop")
		}
	})
}

// A stamper is a milter that stamps, quarantines mail with "quarantine" in a
// field and refuses mail with "refuse" in one.
type stamper struct {
	milter.NoOpMilter
	clients chan string
	verdict string
}

func (s *stamper) Connect(_, family string, _ uint16, _ net.IP, m *milter.Modifier) (milter.Response, error) {
	s.clients <- family + " " + m.Macros["{client_addr}"]
	return milter.RespContinue, nil
}

func (s *stamper) Header(name, value string, _ *milter.Modifier) (milter.Response, error) {
	if name == "X-Verdict" {
		s.verdict = strings.TrimSpace(value)
	}
	return milter.RespContinue, nil
}

func (s *stamper) Body(m *milter.Modifier) (milter.Response, error) {
	if err := m.InsertHeader(0, "X-Stamp", " stamped\n folded"); err != nil {
		return nil, err
	}
	switch s.verdict {
	case "refuse":
		return milter.NewResponseStr('y', "550 5.7.1 refused"), nil
	case "quarantine":
		return milter.RespAccept, m.Quarantine("by test")
	}
	return milter.RespAccept, nil
}

// serveStamper listens on a unix socket or a TCP port and returns the milter's
// address and the clients that it sees.
func serveStamper(t *testing.T, network, address string) (spec string, clients chan string) {
	clients = make(chan string, 100)
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := &milter.Server{
		NewMilter: func() milter.Milter { return &stamper{clients: clients} },
		Actions:   milter.OptAddHeader | milter.OptQuarantine,
		Protocol:  1 << 20, // SMFIP_HDR_LEADSPC
	}
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	if network == "unix" {
		if err := os.Chmod(address, 0o666); err != nil {
			t.Fatal(err)
		}
		return "unix:" + address, clients
	}
	return "inet:" + l.Addr().String(), clients
}

func TestMilter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, start mta.Starter) {
		spec, _ := serveStamper(t, "tcp", "127.0.0.1:0")
		m := mta.ForTest(t, start, mta.Options{Milters: []string{spec}})
		c := m.Client(t, netip.Addr{}, "client.test")
		if r := send(t, c, sample); r.Code != 250 {
			t.Fatal(r)
		}
		msg := next(t, m)
		if got := msg.Stamped(); len(got) != 1 || got[0].Raw != "X-Stamp: stamped\r\n folded" {
			t.Errorf("stamped %v", got)
		}
		if !bytes.Equal(msg.AsSent(), []byte(sample)) {
			t.Errorf("delivered %q", msg.AsSent())
		}
		c = m.Client(t, netip.Addr{}, "client.test")
		if r := send(t, c, "X-Verdict: refuse\r\n\r\n"); r.Code != 550 || r.Text != "5.7.1 refused" {
			t.Errorf("refused with %q", r)
		}
		c = m.Client(t, netip.Addr{}, "client.test")
		if r := send(t, c, "X-Verdict: quarantine\r\n\r\n"); r.Code != 250 {
			t.Fatal(r)
		}
		held, err := m.Held(t.Context())
		if err != nil || len(held) != 1 {
			t.Fatal(held, err)
		}
		h := held[0]
		if h.ID == "" || h.Sender != "joe@sender.test" || len(h.Recipients) != 1 || h.Recipients[0] != "box@example.test" {
			t.Errorf("held %+v", h)
		}
		if m.Name == "sendmail" && h.Reason != "by test" {
			t.Errorf("reason %q", h.Reason)
		}
	})
}

func TestUnixSocketMilter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, start mta.Starter) {
		dir, err := os.MkdirTemp("", "assay-socket-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		spec, _ := serveStamper(t, "unix", filepath.Join(dir, "s"))
		m := mta.ForTest(t, start, mta.Options{Milters: []string{spec}})
		if r := send(t, m.Client(t, netip.Addr{}, "client.test"), sample); r.Code != 250 {
			t.Fatal(r)
		}
		if got := next(t, m).Stamped(); len(got) != 1 {
			t.Errorf("stamped %v", got)
		}
	})
}

func TestMilterFailure(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]int{"accept": 250, "reject": 550, "tempfail": 451} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, start mta.Starter) {
				m := mta.ForTest(t, start, mta.Options{
					Milters: []string{"unix:/nonexistent/milter"}, OnMilterFailure: action,
				})
				c, err := m.Dial(t.Context(), netip.Addr{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				var r mta.Reply
				if r, err = c.Hello("client.test"); err == nil && r.OK() {
					r = send(t, c, sample)
				}
				if err != nil || r.Code/100 != want/100 {
					t.Errorf("banner %q, reply %q, %v", c.Banner, r, err)
				}
			})
		})
	}
}

func TestXClient(t *testing.T) {
	t.Parallel()
	spec, clients := serveStamper(t, "tcp", "127.0.0.1:0")
	m := mta.ForTest(t, mta.StartPostfix, mta.Options{
		Milters: []string{spec}, Extra: "milter_connect_macros = {client_addr}",
	})
	c := m.Client(t, netip.Addr{}, "ignored.test")
	<-clients
	if r, err := c.XClient("ADDR=IPV6:2001:db8::25", "NAME=mail.sender.test", "REVERSE_NAME=mail.sender.test"); err != nil || r.Code != 220 {
		t.Fatal(r, err)
	}
	if r, err := c.Hello("mail.sender.test"); err != nil || !r.OK() {
		t.Fatal(r, err)
	}
	for range 2 {
		if r := send(t, c, sample); r.Code != 250 {
			t.Fatal(r)
		}
		if got := next(t, m).Header.Values("Received")[0]; !strings.Contains(got, "(mail.sender.test [IPv6:2001:db8::25])") {
			t.Errorf("Received:%q", got)
		}
	}
	var last string
	for len(clients) > 0 {
		last = <-clients
	}
	if !strings.HasSuffix(last, "2001:db8::25") || !strings.HasPrefix(last, "tcp6") {
		t.Errorf("the milter saw %q", last)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, start mta.Starter) {
		m := mta.ForTest(t, start, mta.Options{})
		if err := m.Stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Dial(t.Context(), netip.Addr{}); err == nil {
			t.Error("it still listens")
		}
		if _, err := os.Stat(m.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("its directory: %v", err)
		}
	})
}

func TestStartFailure(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, start mta.Starter) {
		o := mta.Options{Extra: "smtpd_banner = $undefined_$$$(\nno such line"}
		if m, err := start(t.Context(), o); err == nil {
			m.Stop()
			t.Fatal("it started with lines that mean nothing")
		} else if !strings.Contains(err.Error(), "ended at once") {
			t.Errorf("error %q", err)
		}
	})
}
