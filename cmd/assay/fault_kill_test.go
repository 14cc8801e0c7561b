package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"assay/auth/dns/dnstest"
	"assay/testdata/mta"
)

// whenDown is what becomes of a message, by milter_default_action, while there is no daemon.
var whenDown = map[string]struct {
	code            int // of the final reply, its first digit
	delivered, held int
}{
	"accept":     {2, 1, 0},
	"tempfail":   {4, 0, 0},
	"reject":     {5, 0, 0},
	"quarantine": {2, 0, 1},
}

// eachDefaultAction runs a test with a Postfix for each milter_default_action.
func eachDefaultAction(t *testing.T, f func(t *testing.T, action string, p *process, m *mta.MTA)) {
	for action := range whenDown {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			p := startFaulty(t, mtaZone, strings.Replace(faultConfig, `timeout = "1s"`, `timeout = "20s"`, 1)+strict("tempfail"))
			f(t, action, p, mta.ForTest(t, mta.StartPostfix, mta.Options{Extra: noLookups, Milters: []string{p.listen}, OnMilterFailure: action}))
		})
	}
}

// A killing is a moment of an SMTP session at which the daemon is killed: at gives the reply to
// the message.
type killing struct {
	name string
	at   func(p *process, c *mta.Client, l letter) (mta.Reply, error)
}

var killings = []killing{
	{"before a session", func(p *process, _ *mta.Client, l letter) (mta.Reply, error) {
		p.kill()
		return mta.Reply{}, nil
	}},
	{"between messages", func(p *process, c *mta.Client, l letter) (mta.Reply, error) {
		if r, err := c.Send(l.from, []string{"box@example.test"}, []byte(l.text)); err != nil || r.Code != 250 {
			return r, fmt.Errorf("the message before: %v", err)
		}
		p.kill()
		return c.Send(l.from, []string{"box@example.test"}, []byte(l.text))
	}},
	{"after the envelope", func(p *process, c *mta.Client, l letter) (mta.Reply, error) {
		for _, line := range []string{"MAIL FROM:<" + l.from + ">", "RCPT TO:<box@example.test>"} {
			if r, err := c.Command(line); err != nil || !r.OK() {
				return r, fmt.Errorf("%s: %v", line, err)
			}
		}
		p.kill()
		return c.Data([]byte(l.text))
	}},
	{"while it waits for DNS", func(p *process, c *mta.Client, l letter) (mta.Reply, error) {
		p.dns.SetNameFault("sel._domainkey.good.example", dnstest.Drop)
		killed := make(chan struct{})
		before := p.asked("sel._domainkey.good.example")
		go func() {
			defer close(killed)
			until(p.t, "the question", func() bool { return p.asked("sel._domainkey.good.example") > before })
			p.kill()
		}()
		r, err := c.Send(l.from, []string{"box@example.test"}, []byte(l.text))
		<-killed
		p.dns.SetNameFault("sel._domainkey.good.example", dnstest.None)
		return r, err
	}},
}

// The daemon is killed at each moment of a session: Postfix does what its milter_default_action says, and
// once the daemon is back the next session is as ever.
func TestFaultKill(t *testing.T) {
	t.Parallel()
	eachDefaultAction(t, func(t *testing.T, action string, p *process, m *mta.MTA) {
		want := whenDown[action]
		delivered, held := 0, 0
		for _, k := range killings {
			l := genuine(t)
			r, err := k.at(p, m.Client(t, l.client, "mail.good.example"), l)
			if k.name == "between messages" {
				delivered++
			}
			if r.Code == 0 && err == nil {
				r, err = greeted(t.Context(), m, l)
			}
			if err != nil || r.Code/100 != want.code {
				t.Errorf("%s: reply %v, %v", k.name, r, err)
			}
			delivered, held = delivered+want.delivered, held+want.held
			p.start()
			if r, err := greeted(t.Context(), m, l); err != nil || r.Code != 250 {
				t.Errorf("%s: then %v, %v", k.name, r, err)
			}
			delivered++
			list, err := m.Inbox.Wait(t.Context(), delivered)
			if err != nil || len(list) != delivered {
				t.Fatalf("%s: %d messages, want %d: %v", k.name, len(list), delivered, err)
			}
			if n := stamped(list, "dmarc=pass"); n != delivered-want.delivered*(indexOf(k)+1) {
				t.Errorf("%s: %d of %d stamped", k.name, n, delivered)
			}
		}
		if list, err := m.Held(t.Context()); err != nil || len(list) != held {
			t.Errorf("%d held, want %d: %v", len(list), held, err)
		}
	})
}

// indexOf is how many killings come before one.
func indexOf(k killing) int {
	for i := range killings {
		if killings[i].name == k.name {
			return i
		}
	}
	return -1
}

// greeted sends a letter in a session of its own, and gives the first reply that refuses it, which may be
// the greeting, or the last.
func greeted(ctx context.Context, m *mta.MTA, l letter) (mta.Reply, error) {
	c, err := m.Dial(ctx, l.client)
	if err != nil {
		return mta.Reply{}, err
	}
	defer c.Close()
	if !c.Banner.OK() {
		return c.Banner, nil
	}
	if r, err := c.Hello("mail.good.example"); err != nil || !r.OK() {
		return r, err
	}
	return c.Send(l.from, []string{"box@example.test"}, []byte(l.text))
}

// The daemon is killed and started again while mail comes in. With each milter_default_action every
// message has the one fate that its reply told: with tempfail all are delivered once, and stamped.
func TestFaultKillUnderLoad(t *testing.T) {
	t.Parallel()
	eachDefaultAction(t, func(t *testing.T, action string, p *process, m *mta.MTA) {
		l := startLedger(t, m, 4)
		for range 4 {
			l.more(5)
			accepted, refused, deferred := l.counts()
			p.kill()
			l.wait("messages without a daemon", func(a, r, d int) bool {
				return a-accepted+r-refused+d-deferred >= 8 // each sender had one under way, and begins another
			})
			p.start()
		}
		l.more(5)
		delivered, held := l.finish()
		_, refused, deferred := l.counts()
		pass := stamped(delivered, "dmarc=pass")
		if bare := len(delivered) - pass; bare > 0 != (action == "accept") || held > 0 != (action == "quarantine") ||
			refused > 0 != (action == "reject") || deferred > 0 != (action == "tempfail") {
			t.Errorf("%d stamped, %d without a stamp, %d held, %d refused, deferred %d times", pass, bare, held, refused, deferred)
		}
		if l := genuine(t); action == "accept" {
			p.normal("all")
		} else if r, err := greeted(t.Context(), m, l); err != nil || r.Code != 250 {
			t.Errorf("after all: %v, %v", r, err)
		}
	})
}
