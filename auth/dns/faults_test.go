package dns_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// A forged packet comes before the reply; the client must wait for the latter.
func TestClientIgnoresForgedReplies(t *testing.T) {
	server := start(t)
	want := dns.Answer{TTL: 300 * time.Second, Addrs: addrs("192.0.2.1")}
	tests := []struct {
		name  string
		fault dnstest.Fault
		seen  uint64 // forged packets that reach the client
	}{
		{"id", dnstest.WrongID, 1},
		{"name", dnstest.WrongName, 1},
		{"type", dnstest.WrongType, 1},
		{"class", dnstest.WrongClass, 1},
		{"no question", dnstest.NoQuestion, 1},
		{"two questions", dnstest.TwoQuestions, 1},
		{"query", dnstest.NoResponse, 1},
		{"source", dnstest.WrongSource, 0},
		{"garbage", dnstest.Garbage, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := server.Client()
			server.SetFault(tt.fault)
			got, err := client.Resolve(t.Context(), dns.Question{Name: "mx1.example.com", Type: dns.TypeA})
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v", got, err)
			}
			if n := client.Stats().Ignored; n != tt.seen {
				t.Errorf("%d packets ignored, want %d", n, tt.seen)
			}
		})
	}
}

func TestClientErrors(t *testing.T) {
	tests := []struct {
		fault dnstest.Fault
		want  string
		sent  uint64
	}{
		{dnstest.ServFail, "SERVFAIL", 1},
		{dnstest.Refused, "REFUSED", 1},
		{dnstest.Lame, "referral instead of an answer: the server does not recurse", 1},
		{dnstest.TruncateTCP, "reply truncated over TCP", 2},
		{dnstest.HangUp, "unexpected EOF", 2},
		{dnstest.Malformed, "bad reply: ", 1},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			server := start(t)
			server.SetFault(tt.fault)
			client := server.Client()
			_, err := client.Resolve(t.Context(), dns.Question{Name: "Example.com", Type: dns.TypeTXT})
			want := fmt.Sprintf(`dns: "example.com" TXT: server %s: %s`, server.Addr(), tt.want)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if s := client.Stats(); s.Errors != 1 || s.Questions != 1 || s.Queries != tt.sent {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestClientNextServer(t *testing.T) {
	for _, fault := range []dnstest.Fault{dnstest.ServFail, dnstest.Refused, dnstest.Lame, dnstest.Malformed, dnstest.TruncateTCP} {
		bad, good := start(t), start(t)
		bad.SetFault(fault)
		client := &dns.Client{Servers: []netip.AddrPort{bad.Addr(), good.Addr()}}
		for range 3 {
			if got, err := client.Resolve(t.Context(), dns.Question{Name: "mx1.example.com", Type: dns.TypeA}); err != nil || len(got.Addrs) != 1 {
				t.Errorf("fault %d: %+v, %v", fault, got, err)
			}
		}
		bads := 0
		for _, q := range bad.Queries() {
			if !q.TCP {
				bads++
			}
		}
		if bads != 2 || len(good.Queries()) != 3 {
			t.Errorf("fault %d: %d and %d queries; want 2, since it is asked last then, and 3", fault, bads, len(good.Queries()))
		}
	}
}

// Where no server answers, a domain of a sender's may be the reason: no server
// is put last for it.
func TestClientBlamesNoServerForTheQuestion(t *testing.T) {
	one, two := start(t), start(t)
	client := &dns.Client{Servers: []netip.AddrPort{one.Addr(), two.Addr()}}
	one.SetNameFault("broken.example.com", dnstest.ServFail)
	two.SetNameFault("broken.example.com", dnstest.ServFail)
	for range 5 {
		if _, err := client.Resolve(t.Context(), dns.Question{Name: "broken.example.com", Type: dns.TypeA}); err == nil {
			t.Fatal("no error")
		}
	}
	if _, err := client.Resolve(t.Context(), dns.Question{Name: "mx1.example.com", Type: dns.TypeA}); err != nil {
		t.Fatal(err)
	}
	if a, b := len(one.Queries()), len(two.Queries()); a != 6 || b != 5 {
		t.Errorf("%d and %d queries, want 6 and 5", a, b)
	}
}

func TestClientSilentServer(t *testing.T) {
	silent, good := start(t), start(t)
	silent.SetFault(dnstest.Drop)
	client := &dns.Client{
		Servers:    []netip.AddrPort{silent.Addr(), good.Addr()},
		Timeout:    time.Minute,
		TryTimeout: 100 * time.Millisecond,
	}
	got, err := client.Resolve(t.Context(), dns.Question{Name: "mx1.example.com", Type: dns.TypeA})
	if err != nil || len(got.Addrs) != 1 || len(silent.Queries()) == 0 || client.Stats().Timeouts == 0 {
		t.Errorf("got %+v, %v, %+v", got, err, client.Stats())
	}
}

func TestClientLateReply(t *testing.T) {
	server := start(t)
	server.SetDelay(time.Minute)
	client := server.Client()
	client.TryTimeout, client.Timeout = time.Millisecond, 5*time.Millisecond
	if got, err := client.Resolve(t.Context(), dns.Question{Name: "mx1.example.com", Type: dns.TypeA}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestClientDeadServerComesBack(t *testing.T) {
	server := start(t)
	client := server.Client()
	q := dns.Question{Name: "mx1.example.com", Type: dns.TypeA}
	server.Stop()
	if _, err := client.Resolve(t.Context(), q); err == nil {
		t.Error("a stopped server answered")
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Resolve(t.Context(), q); err != nil || len(got.Addrs) != 1 {
		t.Errorf("after the restart: %+v, %v", got, err)
	}
}

func TestClientCanceled(t *testing.T) {
	server := start(t)
	server.SetFault(dnstest.Drop)
	ctx, cancel := context.WithCancel(t.Context())
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		cancel()
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	client := &dns.Client{Servers: []netip.AddrPort{server.Addr()}, Dial: dial}
	_, err := client.Resolve(ctx, dns.Question{Name: "mx1.example.com", Type: dns.TypeA})
	if want := `dns: "mx1.example.com" A: context canceled`; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if s := client.Stats(); s.Errors != 0 {
		t.Errorf("%+v", s)
	}
}

func TestClientRandFails(t *testing.T) {
	client := start(t).Client()
	client.Rand = strings.NewReader("")
	if got, err := client.Resolve(t.Context(), dns.Question{Name: "mx1.example.com", Type: dns.TypeA}); !errors.Is(err, io.EOF) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestClientCNAMELoop(t *testing.T) {
	server := start(t)
	client := server.Client()
	_, err := client.Resolve(t.Context(), dns.Question{Name: "loop1.example.com", Type: dns.TypeA})
	if err == nil || !strings.Contains(err.Error(), "SERVFAIL") {
		t.Errorf("a server that finds the loop: got %v", err)
	}
	server.SetFault(dnstest.CNAMELoop)
	before := len(server.Queries())
	_, err = client.Resolve(t.Context(), dns.Question{Name: "www.example.com", Type: dns.TypeA})
	if err == nil || !strings.HasSuffix(err.Error(), "CNAME loop or chain too long") {
		t.Errorf("a server that doesn't: got %v", err)
	}
	if n := len(server.Queries()) - before; n != 11 {
		t.Errorf("%d queries", n)
	}
}
