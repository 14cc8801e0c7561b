package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/auth/dns/dnstest"
	"assay/testdata/milterclient"
	"assay/testdata/mta"
)

// faultConfig is a config without its section [policy], with every check of DNS and no answer kept,
// so that each message depends on what DNS does now. LISTEN and DNS stand for the two places.
const faultConfig = `
authserv_id = "mx.example.test"
trusted_networks = []
[milter]
listen = ["LISTEN"]
[dns]
servers = ["DNS"]
timeout = "1s"
max_ttl = "1ns"
[history]
database = ""
`

// strict is a section [policy] that refuses whatever fails; an argument says what a lack of DNS does.
func strict(dnsFailure string) string {
	return "[policy]\ndmarc_reject = 'reject'\ndmarc_quarantine = 'quarantine'\ncompauth_fail = 'reject'\ndns_failure = '" + dnsFailure + "'\n"
}

// prepareFaulty is a daemon that isn't started yet. LISTEN and DNS in the config stand for its places.
func prepareFaulty(t *testing.T, zone, config string) *process {
	t.Helper()
	zone = strings.ReplaceAll(zone, "{{rsa}}", publicKey(t, "rsa"))
	p := &process{t: t, listen: "inet:" + freePort(t), config: filepath.Join(t.TempDir(), "assay.toml"), state: t.TempDir(), dns: dnstest.Start(t, zone)}
	p.configure(strings.NewReplacer("LISTEN", p.listen, "DNS", p.dns.Addr().String()).Replace(config))
	t.Cleanup(func() {
		if p.cmd == nil {
			return
		}
		p.kill()
		if t.Failed() {
			t.Logf("assay log:\n%.20000s", p.log)
		}
	})
	return p
}

// startFaulty runs assay serve with the whole of a config.
func startFaulty(t *testing.T, zone, config string) *process {
	t.Helper()
	p := prepareFaulty(t, zone, config)
	p.start()
	return p
}

// noLookups has Postfix not ask the resolvers of the machine for the names of its clients.
const noLookups = "smtpd_peername_lookup = no"

// A letter is a message and who sends it.
type letter struct {
	client netip.Addr
	from   string // MAIL FROM
	text   string
}

// genuine is a message that passes SPF, DKIM and DMARC where DNS is well.
func genuine(t testing.TB) letter {
	t.Helper()
	return letter{goodClient, "joe@good.example", string(signNow(t, []byte(plainFrom("joe@good.example")), "d=good.example s=sel"))}
}

// spoofed fails DMARC, whose policy is to reject it.
func spoofed() letter {
	return letter{badClient, "joe@elsewhere.example", plainFrom("joe@good.example")}
}

// open begins an SMTP session at the daemon.
func (p *process) open(client netip.Addr) (*milterclient.Conn, error) {
	conn, err := milterclient.Dial("tcp", strings.TrimPrefix(p.listen, "inet:"), milterclient.Options{})
	if err != nil {
		return nil, err
	}
	if _, err := conn.Connect(milterclient.Client{Addr: client, Helo: "mail.good.example"}); err != nil {
		_ = conn.Drop()
		return nil, err
	}
	return conn, nil
}

// answer sends a letter in a session of its own, and gives the reply and what is stamped.
func (p *process) answer(l letter) string {
	p.t.Helper()
	conn, err := p.open(l.client)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	answer, err := answerOn(conn, l)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer
}

// answerOn does so in a session that is there.
func answerOn(conn *milterclient.Conn, l letter) (string, error) {
	header, body := mta.SplitMessage([]byte(l.text))
	result, err := conn.Send(milterclient.Message{From: l.from, Header: header, Body: body})
	if err != nil {
		return "", err
	}
	answer := result.Reply.String()
	for _, e := range result.Edits {
		answer += "\n" + strings.ReplaceAll(e.Value, "\n", "")
	}
	return answer, nil
}

// passes tells an answer to a genuine letter of a daemon that is well.
func passes(answer string) bool {
	return strings.HasPrefix(answer, "accept\n") && strings.Contains(answer, "spf=pass") &&
		strings.Contains(answer, "dkim=pass") && strings.Contains(answer, "dmarc=pass")
}

// refused tells an answer to a spoofed letter of a daemon that is well.
func refused(answer string) bool {
	return strings.HasPrefix(answer, "550 5.7.1 rejected by DMARC policy")
}

// normal checks that the next messages get what they get from a daemon that is well.
func (p *process) normal(after string) {
	p.t.Helper()
	if got := p.answer(genuine(p.t)); !passes(got) {
		p.t.Errorf("after %s: %s", after, got)
	}
	if got := p.answer(spoofed()); !refused(got) {
		p.t.Errorf("after %s: spoofed: %s", after, got)
	}
}

// lines is how many lines of the log hold the text.
func (b *logBuffer) lines(text string) int {
	n := 0
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// until waits until something is so.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(time.Minute); !so(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// A ledger knows what became of each of the genuine messages that its senders hand to an MTA. A
// sender repeats what is deferred, as every MTA does.
type ledger struct {
	t        *testing.T
	mta      *mta.MTA
	template string // of a message, with ID for what tells it from others
	ctx      context.Context
	cancel   context.CancelFunc
	senders  sync.WaitGroup

	mu       sync.Mutex
	sent     int
	accepted []string // by id
	refused  []string
	deferred int // replies that asked for the message again, or none
	stopping bool
	changed  chan struct{} // closed and replaced when one of those before changes
}

// startLedger starts senders that send until finish.
func startLedger(t *testing.T, m *mta.MTA, senders int) *ledger {
	t.Helper()
	text := strings.Replace(genuine(t).text, "Message-ID: <1@good.example>", "Message-ID: <ID@good.example>", 1)
	l := &ledger{t: t, mta: m, template: text, changed: make(chan struct{})}
	l.ctx, l.cancel = context.WithTimeout(t.Context(), 2*time.Minute)
	for range senders {
		l.senders.Go(l.send)
	}
	t.Cleanup(func() { l.cancel(); l.senders.Wait() })
	return l
}

// send sends one message after the other, each until it has a final reply.
func (l *ledger) send() {
	for l.ctx.Err() == nil {
		l.mu.Lock()
		stopping := l.stopping
		l.sent++
		id := fmt.Sprintf("m%d", l.sent)
		if stopping {
			l.sent--
		}
		l.mu.Unlock()
		if stopping {
			return
		}
		for !l.try(id) && l.ctx.Err() == nil {
		}
	}
}

// try is one attempt. It is true when the reply was final.
func (l *ledger) try(id string) bool {
	r, _ := greeted(l.ctx, l.mta, letter{goodClient, id + "@good.example", strings.Replace(l.template, "<ID@", "<"+id+"@", 1)})
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		close(l.changed)
		l.changed = make(chan struct{})
	}()
	switch r.Code / 100 {
	case 2:
		l.accepted = append(l.accepted, id)
	case 5:
		l.refused = append(l.refused, id)
	default:
		l.deferred++
		return false
	}
	return true
}

// counts is how many messages were accepted and refused so far, and how many attempts deferred.
func (l *ledger) counts() (accepted, refused, deferred int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted), len(l.refused), l.deferred
}

// wait waits until the counts are as wanted.
func (l *ledger) wait(what string, so func(accepted, refused, deferred int) bool) {
	l.t.Helper()
	for {
		l.mu.Lock()
		changed := l.changed
		done := so(len(l.accepted), len(l.refused), l.deferred)
		l.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-l.ctx.Done():
			a, r, d := l.counts()
			l.t.Fatalf("waited for %s; accepted %d, refused %d, deferred %d times", what, a, r, d)
		}
	}
}

// more waits until so many more messages were accepted.
func (l *ledger) more(n int) {
	l.t.Helper()
	before, _, _ := l.counts()
	l.wait(fmt.Sprintf("%d more messages", n), func(a, _, _ int) bool { return a >= before+n })
}

// finish ends the senders once each has had its last message accepted or refused, and balances the
// books: every message that was accepted was delivered once or is held once, and no other one is.
// It gives those that were delivered.
func (l *ledger) finish() (delivered []*mta.Message, held int) {
	l.t.Helper()
	l.mu.Lock()
	l.stopping = true
	l.mu.Unlock()
	l.senders.Wait()
	if len(l.accepted)+len(l.refused) != l.sent {
		l.t.Fatalf("%d messages were sent, %d accepted, %d refused", l.sent, len(l.accepted), len(l.refused))
	}
	var ids []string
	list, err := l.mta.Held(l.ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, h := range list {
		ids = append(ids, strings.TrimSuffix(h.Sender, "@good.example"))
	}
	delivered, err = l.mta.Inbox.Wait(l.ctx, len(l.accepted)-len(list))
	if err != nil {
		l.t.Fatal(err)
	}
	for _, m := range delivered {
		id := strings.Join(m.Header.Values("Message-ID"), "")
		ids = append(ids, strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(id), "<"), "@good.example>"))
	}
	slices.Sort(ids)
	want := slices.Sorted(slices.Values(l.accepted))
	if !slices.Equal(ids, want) {
		l.t.Errorf("%d messages were accepted, %d are there:\n%v\n%v", len(want), len(ids), want, ids)
	}
	return delivered, len(list)
}

// stamped counts the delivered messages that have the text in what is on top of them.
func stamped(delivered []*mta.Message, text string) int {
	n := 0
	for _, m := range delivered {
		if fields := m.Stamped(); len(fields) > 0 && strings.Contains(strings.ReplaceAll(fields[0].Value(), "\r\n", ""), text) {
			n++
		}
	}
	return n
}

// needRoot skips what only root can do.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}
