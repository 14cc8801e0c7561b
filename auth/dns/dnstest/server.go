package dnstest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/auth/dns"
)

// A Server answers over UDP and TCP from a zone, as a recursive resolver
// would, and misbehaves when told to. It is safe for concurrent use.
type Server struct {
	zone *dns.Zone
	addr netip.AddrPort

	mu      sync.Mutex
	fault   Fault
	faults  map[string]Fault // by canonical name; wins over fault
	delay   time.Duration
	queries []Query
	stop    func() // nil when it isn't running
}

// A Query is a query that a Server received.
type Query struct {
	dns.Question // the name lower case, without a final dot
	ID           uint16
	Port         uint16 // that it came from
	TCP          bool
	EDNS         bool
}

// Start runs a Server on a free port of 127.0.0.1 until the test ends. The
// zone is a master file; names are relative to the root.
func Start(t testing.TB, zone string) *Server {
	t.Helper()
	z, err := dns.ParseZone(strings.NewReader(zone), "zone")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Listen(z, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Listen runs a Server on an IP address and port, 0 for a free one, until Stop.
func Listen(zone *dns.Zone, addr string) (*Server, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dnstest: %w", err)
	}
	s := &Server{zone: zone, addr: at, faults: map[string]Fault{}}
	return s, s.Restart()
}

// Addr returns where the server listens, also while it is stopped.
func (s *Server) Addr() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Client returns a Client that asks this server only.
func (s *Server) Client() *dns.Client {
	return &dns.Client{Servers: []netip.AddrPort{s.Addr()}}
}

// SetFault makes every reply from now on faulty, or right again: None.
func (s *Server) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// SetNameFault does so with the replies to questions for one name.
func (s *Server) SetNameFault(name string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[canonical(dns.Question{Name: name}).Name] = f
}

// SetDelay makes each reply wait from now on.
func (s *Server) SetDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Queries returns the queries so far in their order.
func (s *Server) Queries() []Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.queries)
}

// Forget forgets the queries so far.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = nil
}

// Stop frees the port and waits until nothing runs any more. Idempotent.
func (s *Server) Stop() {
	s.mu.Lock()
	stop := s.stop
	s.stop = nil
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// Restart runs a stopped Server again, on the same port.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		return nil
	}
	udp, tcp, err := listen(s.addr)
	if err != nil {
		return fmt.Errorf("dnstest: %w", err)
	}
	s.addr = tcp.Addr().(*net.TCPAddr).AddrPort()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.serveUDP(ctx, udp, &running) })
	running.Go(func() { s.serveTCP(ctx, tcp, &running) })
	s.stop = func() {
		cancel()
		udp.Close()
		tcp.Close()
		running.Wait()
	}
	return nil
}

// listen opens both sockets on one port. A free port for TCP may be taken for
// UDP, so it looks for another one a few times.
func listen(addr netip.AddrPort) (udp *net.UDPConn, tcp *net.TCPListener, err error) {
	for range 10 {
		tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
		if err != nil {
			return nil, nil, err
		}
		at := tcp.Addr().(*net.TCPAddr).AddrPort()
		udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err == nil {
			return udp, tcp, nil
		}
		tcp.Close()
	}
	return nil, nil, err
}

func (s *Server) serveUDP(ctx context.Context, conn *net.UDPConn, running *sync.WaitGroup) {
	buf := make([]byte, 65535)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // such as an ICMP error for an earlier reply
		}
		query := slices.Clone(buf[:n])
		running.Go(func() {
			for _, p := range s.replies(ctx, query, from.Port(), false) {
				send(conn, from, p)
			}
		})
	}
}

// send sends a packet by UDP, from another port when it says so.
func send(conn *net.UDPConn, to netip.AddrPort, p packet) {
	if p.elsewhere {
		other, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
		if err != nil {
			return
		}
		defer other.Close()
		other.Write(p.data)
		return
	}
	conn.WriteToUDPAddrPort(p.data, to)
}

func (s *Server) serveTCP(ctx context.Context, l *net.TCPListener, running *sync.WaitGroup) {
	for {
		conn, err := l.AcceptTCP()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			continue
		}
		running.Go(func() { s.serveConn(ctx, conn) })
	}
}

// serveConn answers the queries of a connection one after the other.
func (s *Server) serveConn(ctx context.Context, conn *net.TCPConn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	port := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Port()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		for _, p := range s.replies(ctx, query, port, true) {
			msg := binary.BigEndian.AppendUint16(nil, uint16(len(p.data)))
			msg = append(msg, p.data...)
			if p.cut {
				msg = msg[:len(msg)/2]
			}
			if _, err := conn.Write(msg); err != nil || p.cut {
				return
			}
		}
	}
}
