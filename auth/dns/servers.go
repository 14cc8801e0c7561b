package dns

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	defaultPort = 53

	// downAfter failures in a row put a server last, for downTime; then one
	// question finds out how it is.
	downAfter = 2
	downTime  = 30 * time.Second

	// plainTime is how long a server that can't read EDNS is spared it.
	plainTime = 10 * time.Minute

	// checkTime is how often resolv.conf is looked at for a change.
	checkTime = 5 * time.Second

	defaultResolvConf = "/etc/resolv.conf"
	maxResolvConf     = 64 << 10 // bytes that are read
	maxSystem         = 3        // servers, as in the C library
)

// ParseServer reads the address of a server: "192.0.2.1", "192.0.2.1:5353",
// "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:5353". The port is 53
// unless given. A host name isn't accepted: nothing could resolve it.
func ParseServer(s string) (netip.AddrPort, error) {
	if server, err := netip.ParseAddrPort(s); err == nil {
		if server.Port() == 0 {
			return netip.AddrPort{}, fmt.Errorf("dns: server %q: port 0", s)
		}
		return server, usable(s, server.Addr())
	}
	bare := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") && strings.Contains(s, ":") {
		bare = s[1 : len(s)-1]
	}
	addr, err := netip.ParseAddr(bare)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf(`dns: server %q: not an IP address with or without a port, as in "192.0.2.1:53" or "[2001:db8::1]:53"`, s)
	}
	return netip.AddrPortFrom(addr, defaultPort), usable(s, addr)
}

func usable(s string, addr netip.Addr) error {
	if addr.IsMulticast() {
		return fmt.Errorf("dns: server %q: a multicast address", s)
	}
	return nil
}

// SystemServers reads the servers of a file like /etc/resolv.conf, which ""
// stands for: the first three nameserver lines with an address, or localhost
// if there are none or no file, as the C library does. Search domains and
// options don't matter here.
func SystemServers(file string) ([]netip.AddrPort, error) {
	f, err := os.Open(cmp.Or(file, defaultResolvConf))
	if errors.Is(err, fs.ErrNotExist) {
		return localhost(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("dns: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxResolvConf))
	if err != nil {
		return nil, fmt.Errorf("dns: %w", err)
	}
	return parseResolvConf(string(text)), nil
}

func parseResolvConf(text string) (servers []netip.AddrPort) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" || len(servers) == maxSystem {
			continue
		}
		if addr, err := netip.ParseAddr(words[1]); err == nil && !addr.IsMulticast() {
			servers = append(servers, netip.AddrPortFrom(addr, defaultPort))
		}
	}
	if len(servers) == 0 {
		return localhost()
	}
	return servers
}

func localhost() []netip.AddrPort {
	return []netip.AddrPort{
		netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), defaultPort),
		netip.AddrPortFrom(netip.IPv6Loopback(), defaultPort),
	}
}

// A pool is the servers of a Client.
type pool struct {
	file string // where they are from; "" when they are fixed

	mu      sync.Mutex
	list    []*server
	checked time.Time // when file was read last
}

func newPool(addrs []netip.AddrPort, file string) *pool {
	p := &pool{}
	p.set(addrs)
	if len(addrs) == 0 {
		p.file = cmp.Or(file, defaultResolvConf)
	}
	return p
}

// servers returns the servers in the order in which they are to be asked.
func (p *pool) servers(now time.Time) ([]*server, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refresh(now); err != nil {
		return nil, err
	}
	up, down := make([]*server, 0, len(p.list)), []*server(nil)
	for _, s := range p.list {
		if s.up(now) {
			up = append(up, s)
		} else {
			down = append(down, s)
		}
	}
	return append(up, down...), nil
}

// refresh reads the file if that was long ago. When it can't be read, the
// servers stay as they are. The caller holds mu.
func (p *pool) refresh(now time.Time) error {
	if p.file == "" || !p.checked.IsZero() && now.Sub(p.checked) < checkTime {
		return nil
	}
	addrs, err := SystemServers(p.file)
	if err != nil && len(p.list) == 0 {
		return err
	}
	p.checked = now
	if err == nil {
		p.set(addrs)
	}
	return nil
}

// set changes the list; what is known of a server that stays is kept.
func (p *pool) set(addrs []netip.AddrPort) {
	var list []*server
	for _, addr := range addrs {
		i := slices.IndexFunc(p.list, func(s *server) bool { return s.addr == addr })
		if i >= 0 {
			list = append(list, p.list[i])
			continue
		}
		list = append(list, &server{addr: addr, address: addr.String(), udp: net.UDPAddrFromAddrPort(addr)})
	}
	p.list = list
}

// answered notes that a server answered a question at which others failed.
// Where none answers, the question is to blame and not the servers: a sender
// can't put a server down with a broken domain of its own.
func (p *pool) answered(s *server, failed []*server, now time.Time) {
	s.succeed()
	for _, f := range failed {
		if f != s {
			f.fail(now)
		}
	}
}

// A server is one upstream resolver and what is known of its health.
type server struct {
	addr    netip.AddrPort
	address string
	udp     *net.UDPAddr

	mu         sync.Mutex
	failures   int       // in a row
	downUntil  time.Time // once failures reach downAfter
	plainUntil time.Time // no EDNS until then
}

// up says whether the server is asked in its turn. A server that was down long
// enough is so for one question, which finds out.
func (s *server) up(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures < downAfter {
		return true
	}
	if now.Before(s.downUntil) {
		return false
	}
	s.downUntil = now.Add(downTime)
	return true
}

func (s *server) succeed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = 0
}

func (s *server) fail(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures++
	s.downUntil = now.Add(downTime)
}

// edns says whether the server gets EDNS.
func (s *server) edns(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !now.Before(s.plainUntil)
}

// noEDNS notes that the server can't read EDNS.
func (s *server) noEDNS(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plainUntil = now.Add(plainTime)
}
