package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"assay/auth/iprev"
	"assay/auth/message"
	"assay/compauth/history"
	"assay/testdata/milterclient"
	"assay/testdata/postgres"
)

// nodeClient is the host that sends in the tests with process.dial.
var nodeClient = netip.MustParseAddr("192.0.2.1")

// seen is how many messages assay insight shows in all; not ok when there is no answer now.
func (p *process) seen() (count int, ok bool) {
	p.t.Helper()
	code, stdout, _ := p.command("insight", "--json")
	var j jsonInsight
	if code != exitOK || json.Unmarshal([]byte(stdout), &j) != nil {
		return 0, false
	}
	for _, row := range j.Rows {
		count += row.Count
	}
	return count, true
}

// waitSeen waits until assay insight shows at least so many messages.
func (p *process) waitSeen(least int) int {
	p.t.Helper()
	for limit := time.Now().Add(time.Minute); ; {
		if n, ok := p.seen(); ok && n >= least {
			return n
		} else if time.Now().After(limit) {
			p.t.Fatalf("%d messages are in the history, want %d", n, least)
		}
	}
}

// traffic sends messages that fail, in several sessions at once, until the daemon is gone. wait
// waits for that and gives how many were sent at most.
func (p *process) traffic(sessions int) (wait func() int) {
	p.t.Helper()
	var running sync.WaitGroup
	var sent atomic.Int64
	m := milterclient.Message{From: "joe@sender.example", Header: message.Header{message.NewField("From", " ann@fabrikam.example")}}
	for range sessions {
		c := p.dial(p.t)
		running.Go(func() {
			for {
				sent.Add(1) // also the one that is not answered
				if _, err := c.Send(m); err != nil {
					return
				}
			}
		})
	}
	return func() int {
		running.Wait()
		return int(sent.Load())
	}
}

// A daemon that is killed in the middle of traffic leaves a history that the next one goes on with.
func TestServeKilledHistory(t *testing.T) {
	t.Parallel()
	database := genuineDays(t, history.Pair{OrgDomain: "known.example", Network: iprev.Network(nodeClient)})
	zone := spoofZone + "_dmarc.known.example. TXT \"v=DMARC1; p=quarantine\"\n"
	p := startProcess(t, zone, fmt.Sprintf("authserv_id = \"mx.example.test\"\n[history]\ndatabase = %q\n", database))
	wait := p.traffic(2)
	before := p.waitSeen(1)
	p.kill()
	sent := wait()
	written, ok := p.seen()
	if !ok || written < before || written > sent {
		t.Fatalf("%d messages are in the history (%v), there were %d before the end; %d were sent", written, ok, before, sent)
	}
	p.start()
	p.dial(t).stamp(t, "ann@fabrikam.example")
	if n := p.waitSeen(written + 1); n != written+1 {
		t.Errorf("%d messages are in the history, want %d", n, written+1)
	}
	p.stampUntil(nodeClient, "joe@known.example", "compauth=pass reason=703")
	if code := p.stop(); code != exitOK || strings.Contains(p.log.String(), "history") {
		t.Errorf("exit code %d\n%s", code, p.log)
	}
}

// Two daemons on one PostgreSQL: what one has seen counts at the other, and each shows what both saw.
func TestServePostgres(t *testing.T) {
	t.Parallel()
	server := postgres.ForTest(t)
	database, err := server.Create(t.Context(), "nodes")
	if err != nil {
		t.Fatal(err)
	}
	const zone = spoofZone + `
one.example. TXT "v=spf1 ip4:192.0.2.1 -all"
two.example. TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.one.example. TXT "v=DMARC1; p=quarantine"
_dmarc.two.example. TXT "v=DMARC1; p=quarantine"
`
	config := fmt.Sprintf("authserv_id = \"mx.example.test\"\n[history]\ndatabase = %q\nmin_days = 1\n", database)
	nodes := [...]*process{startProcess(t, zone, config), startProcess(t, zone, config)}
	seen := 0
	for i, domain := range []string{"one.example", "two.example"} {
		p, other := nodes[i], nodes[1-i]
		c := p.dial(t)
		for range 100 {
			c.genuine(t, domain)
		}
		c.stamp(t, "ann@fabrikam.example") // a sighting: once it is there, what came before it is, too
		seen++
		if n := other.waitSeen(seen); n != seen {
			t.Errorf("node %d shows %d messages, want %d", 1-i, n, seen)
		}
		seen += other.stampUntil(netip.MustParseAddr("192.0.2.2"), "joe@"+domain, "compauth=pass reason=703")
	}
	for i, p := range nodes {
		if code := p.stop(); code != exitOK || len(p.warnings()) > 0 {
			t.Errorf("node %d: exit code %d\n%s", i, code, p.log)
		}
	}
}

// genuine sends a message that SPF authenticates.
func (c sealersClient) genuine(t *testing.T, domain string) {
	t.Helper()
	from := "joe@" + domain
	result, err := c.Send(milterclient.Message{From: from, Header: message.Header{message.NewField("From", " "+from)}})
	if err != nil || len(result.Edits) != 1 || !strings.Contains(result.Edits[0].Value, "reason=100") {
		t.Fatalf("%+v, %v", result, err)
	}
}
