package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/compauth/history"
	"assay/testdata/milterclient"
)

// The zone of the benchmarks: everything passes.
const benchZone = `
. IN SOA ns.example. hostmaster.example. 1 3600 600 86400 300
1.2.0.192.in-addr.arpa. IN PTR mail.example.org.
mail.example.org. IN A 192.0.2.1
example.org. IN TXT "v=spf1 include:spf.example.org -all"
spf.example.org. IN TXT "v=spf1 ip4:192.0.2.0/24 -all"
_dmarc.example.org. IN TXT "v=DMARC1; p=reject"
sel._domainkey.example.org. IN TXT "v=DKIM1; k=rsa; p={{rsa}}"
ed._domainkey.example.org. IN TXT "v=DKIM1; k=ed25519; p={{ed25519}}"
`

// benchMessage makes a message with a body of this many bytes and a signature per line.
func benchMessage(t testing.TB, size int, signatures ...string) milterclient.Message {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("From: Joe <joe@example.org>\r\nTo: Ann <ann@example.test>\r\nSubject: benchmark\r\n")
	for i := range 12 { // as many fields as ordinary mail has
		fmt.Fprintf(&b, "X-Field-%d: %s\r\n", i, strings.Repeat("word ", 8))
	}
	b.WriteString("\r\n")
	for b.Len() < size {
		fmt.Fprintf(&b, "Line %d of a body with ordinary text, about as long as lines are.\r\n", b.Len())
	}
	raw := b.Bytes()
	for _, line := range signatures {
		raw = signNow(t, raw, line)
	}
	body := bufio.NewReader(bytes.NewReader(raw))
	header, err := message.ReadHeader(body, maxHeader)
	if err != nil {
		t.Fatal(err)
	}
	var rest bytes.Buffer
	if _, err := body.WriteTo(&rest); err != nil {
		t.Fatal(err)
	}
	return milterclient.Message{From: "joe@example.org", Header: header, Body: rest.Bytes()}
}

// benchDaemon serves the milter with the defaults but the history, and a real DNS server.
func benchDaemon(b *testing.B) string {
	b.Helper()
	return benchDaemonWith(b, nil)
}

// benchDaemonWith also has a history, into which goes what is seen; nil: none.
func benchDaemonWith(b *testing.B, store *history.Store) string {
	b.Helper()
	zone := strings.NewReplacer("{{rsa}}", publicKey(b, "rsa"), "{{ed25519}}", publicKey(b, "ed25519")).Replace(benchZone)
	server := dnstest.Start(b, zone)
	config, err := parseConfig([]byte("authserv_id = \"mx.example.test\""), "config", nil)
	if err != nil {
		b.Fatal(err)
	}
	config.DNS.Servers = []netip.AddrPort{server.Addr()}
	resolver, err := newResolver(config)
	if err != nil {
		b.Fatal(err)
	}
	v := newVerifier(config, resolver)
	v.History, v.Remember = store, store != nil
	return startMilter(b, v)
}

func benchConn(b *testing.B, address string) *milterclient.Conn {
	b.Helper()
	conn, err := milterclient.Dial("tcp", address, milterclient.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Connect(milterclient.Client{Addr: netip.MustParseAddr("192.0.2.1"), Helo: "mail.example.org"}); err != nil {
		b.Fatal(err)
	}
	return conn
}

// send has one message checked; everything about it has to pass.
func send(b *testing.B, conn *milterclient.Conn, m milterclient.Message) {
	result, err := conn.Send(m)
	if err != nil {
		b.Error(err)
		return
	}
	if len(result.Edits) != 1 || strings.Count(result.Edits[0].Value, "=pass") < 4 {
		b.Errorf("not all passes: %+v", result)
	}
}

var benchMessages = []struct {
	name       string
	size       int
	signatures []string
}{
	{"5KB-1sig", 5 << 10, []string{"d=example.org s=sel"}},
	{"50KB-2sig", 50 << 10, []string{"d=example.org s=sel", "d=example.org s=ed a=ed25519"}},
	{"1MB-1sig", 1 << 20, []string{"d=example.org s=sel"}},
}

// Messages a second through the milter protocol over TCP, DNS warm, the load generator on
// the same machine.
func BenchmarkMilter32Connections(b *testing.B) {
	const connections = 32
	for _, m := range benchMessages {
		b.Run(m.name, func(b *testing.B) {
			msg := benchMessage(b, m.size, m.signatures...)
			address := benchDaemon(b)
			var conns sync.Map
			for range connections {
				conn := benchConn(b, address)
				defer conn.Close()
				send(b, conn, msg)
				conns.Store(conn, true)
			}
			b.SetParallelism(connections / runtime.GOMAXPROCS(0))
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				conn := takeConn(&conns)
				for pb.Next() {
					send(b, conn, msg)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// takeConn takes a connection that no other goroutine has.
func takeConn(conns *sync.Map) *milterclient.Conn {
	var taken *milterclient.Conn
	conns.Range(func(key, _ any) bool {
		if _, ok := conns.LoadAndDelete(key); ok {
			taken = key.(*milterclient.Conn)
		}
		return taken == nil
	})
	return taken
}

// The time of one message on one connection, from MAIL FROM to the final reply, DNS
// warm: the end of the message is a part of it.
func BenchmarkMilterLatency(b *testing.B) {
	for _, m := range benchMessages {
		b.Run(m.name, func(b *testing.B) {
			msg := benchMessage(b, m.size, m.signatures...)
			conn := benchConn(b, benchDaemon(b))
			defer conn.Close()
			send(b, conn, msg)
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				send(b, conn, msg)
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
		})
	}
}

// benchHistory is a history in a file.
func benchHistory(b *testing.B) *history.Store {
	b.Helper()
	store, err := history.Open(history.Options{Database: "sqlite:" + filepath.Join(b.TempDir(), "history.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return store
}

// BenchmarkMessage compares a daemon that keeps a history with one that keeps none: each message goes to
// one and then to the other, so that what else the machine does counts for both. A message of a new pair waits
// for the database.
func BenchmarkMessage(b *testing.B) {
	authenticated := benchMessage(b, 5<<10, "d=example.org s=sel")
	unknown := benchMessage(b, 5<<10)
	unknown.From, unknown.Header[0] = "joe@example.net", message.NewField("From", " joe@example.net")
	for _, mail := range []struct {
		name       string
		message    milterclient.Message
		verdict    string
		recipients int
	}{
		{"authenticated", authenticated, "compauth=pass reason=100", 1000},
		{"unknown", unknown, "compauth=fail reason=001", 1},
		{"new", unknown, "compauth=fail reason=001", 1 << 30},
	} {
		b.Run(mail.name, func(b *testing.B) {
			without, with := benchConn(b, benchDaemonWith(b, nil)), benchConn(b, benchDaemonWith(b, benchHistory(b)))
			defer without.Close()
			defer with.Close()
			var took [2][]time.Duration
			for b.Loop() {
				mail.message.Rcpts = []string{fmt.Sprintf("box%d@example.test", len(took[0])%mail.recipients)}
				for i, conn := range []*milterclient.Conn{without, with} {
					took[i] = append(took[i], benchSend(b, conn, mail.message, mail.verdict))
				}
			}
			b.ReportMetric(median(took[0]), "µs-without")
			b.ReportMetric(median(took[1]), "µs-with")
		})
	}
}

// benchSend sends a message and tells how long that took.
func benchSend(b *testing.B, conn *milterclient.Conn, m milterclient.Message, verdict string) time.Duration {
	b.Helper()
	began := time.Now()
	result, err := conn.Send(m)
	took := time.Since(began)
	if err != nil || len(result.Edits) != 1 || !strings.Contains(result.Edits[0].Value, verdict) {
		b.Fatalf("%+v, %v", result, err)
	}
	return took
}

// median is in microseconds.
func median(took []time.Duration) float64 {
	slices.Sort(took)
	return float64(took[len(took)/2].Nanoseconds()) / 1000
}
