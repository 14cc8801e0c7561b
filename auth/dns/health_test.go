package dns_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
)

// A network takes the place of sockets, in process, so that time is synctest's.
type network struct {
	zone *dns.Zone

	mu     sync.Mutex
	silent map[string]bool
	asked  []string // the servers' addresses, in order
	open   int
	most   int
}

func newNetwork(t *testing.T, servers ...string) (*network, *dns.Client) {
	z, err := dns.ParseZone(strings.NewReader(text(zone, 50)), "zone")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{zone: z, silent: map[string]bool{}}
	client := &dns.Client{Dial: n.dial}
	for _, s := range servers {
		client.Servers = append(client.Servers, netip.MustParseAddrPort(s))
	}
	return n, client
}

func (n *network) dial(_ context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, address)
	n.open++
	n.most = max(n.most, n.open)
	ours, theirs := net.Pipe()
	if network == "tcp" {
		go n.serveTCP(theirs)
	} else {
		go n.serve(theirs, n.silent[address])
	}
	return &countedConn{ours, n}, nil
}

type countedConn struct {
	net.Conn
	network *network
}

func (c *countedConn) Close() error {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	c.network.open--
	return c.Conn.Close()
}

// serve answers one query, or none, and waits for the other end to be closed.
func (n *network) serve(conn net.Conn, silent bool) {
	buf := make([]byte, 512)
	if k, err := conn.Read(buf); err == nil && !silent {
		reply, _ := n.zone.Reply(buf[:k])
		conn.Write(reply)
	}
	conn.Read(buf)
}

func (n *network) serveTCP(conn net.Conn) {
	buf := make([]byte, 512)
	if k, err := conn.Read(buf); err == nil {
		reply, _ := n.zone.Reply(buf[2:k])
		conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	}
	conn.Read(buf)
}

func (n *network) silence(server string, silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent[server] = silent
}

// take returns the servers asked since the last call.
func (n *network) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	asked := n.asked
	n.asked = nil
	return asked
}

const first, second, third = "192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"

var question = dns.Question{Name: "mx1.example.com", Type: dns.TypeA}

// expect asks and checks which servers were asked, and how long it took.
func (n *network) expect(t *testing.T, client *dns.Client, took time.Duration, servers ...string) {
	t.Helper()
	began := time.Now()
	if _, err := client.Resolve(t.Context(), question); err != nil {
		t.Error(err)
	}
	if got := n.take(); !slices.Equal(got, servers) || time.Since(began) != took {
		t.Errorf("asked %v in %s, want %v in %s", got, time.Since(began), servers, took)
	}
}

func TestSilentServerIsPutLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, client := newNetwork(t, first, second, third)
		n.silence(first, true)
		n.expect(t, client, 2*time.Second, first, second)
		n.expect(t, client, 2*time.Second, first, second)
		n.expect(t, client, 0, second)
		n.silence(second, true)
		n.expect(t, client, 2*time.Second, second, third)
		n.expect(t, client, 2*time.Second, second, third)
		n.expect(t, client, 0, third)

		time.Sleep(30 * time.Second) // one question each finds out that they are still dead
		n.expect(t, client, 4*time.Second, first, second, third)
		n.expect(t, client, 0, third)

		n.silence(first, false)
		time.Sleep(30 * time.Second)
		n.expect(t, client, 0, first)
		n.expect(t, client, 0, first)
		if s := client.Stats(); s.Timeouts != 6 || s.Errors != 0 || s.Latency != 12*time.Second {
			t.Errorf("%+v", s)
		}
	})
}

func TestOneFailureIsForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, client := newNetwork(t, first, second)
		for range 3 {
			n.silence(first, true)
			n.expect(t, client, 2*time.Second, first, second)
			n.silence(first, false)
			n.expect(t, client, 0, first)
		}
	})
}

func TestOnlyOneQuestionProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, client := newNetwork(t, first, second)
		n.silence(first, true)
		n.expect(t, client, 2*time.Second, first, second)
		n.expect(t, client, 2*time.Second, first, second)
		time.Sleep(30 * time.Second)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := client.Resolve(t.Context(), question); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		probes := 0
		for _, s := range n.take() {
			if s == first {
				probes++
			}
		}
		if probes != 1 {
			t.Errorf("%d questions went to the dead server", probes)
		}
	})
}

func TestSilenceIsRetriedUntilTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, client := newNetwork(t, first, second)
		n.silence(first, true)
		n.silence(second, true)
		began := time.Now()
		_, err := client.Resolve(t.Context(), question)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 5*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		want := `dns: "mx1.example.com" A: context deadline exceeded after server 192.0.2.2:53: no reply in time`
		if err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
		if got := n.take(); !slices.Equal(got, []string{first, second, first}) {
			t.Errorf("asked %v", got)
		}
	})
}

func TestCallerDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, client := newNetwork(t, first)
		n.silence(first, true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := client.Resolve(ctx, question)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

func TestMaxInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, client := newNetwork(t, first)
		client.MaxInFlight = 3
		n.silence(first, true)
		began := time.Now()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := client.Resolve(t.Context(), question); err == nil {
					t.Error("no error")
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if n.most != 3 || n.open != 0 {
			t.Errorf("%d sockets at once, %d left", n.most, n.open)
		}
		if took := time.Since(began); took != 4*5*time.Second { // the time of one does not pass while it waits for others
			t.Errorf("all took %v", took)
		}
	})
}

// A server that ignores the size of EDNS sends more than is read.
func TestTooLargeForUDP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := newNetwork(t, first)
		a, err := client.Resolve(t.Context(), dns.Question{Name: "big.example.com", Type: dns.TypeTXT})
		if err != nil || len(a.Texts) != 1 || len(a.Texts[0]) != 10_000 || client.Stats().TCP != 1 {
			t.Errorf("got %d texts, %v, %+v", len(a.Texts), err, client.Stats())
		}
	})
}

func TestDialFails(t *testing.T) {
	_, client := newNetwork(t, first, second)
	broken := errors.New("no sockets left")
	client.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, broken }
	if _, err := client.Resolve(t.Context(), question); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
