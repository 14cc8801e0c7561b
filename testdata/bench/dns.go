package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// A resolver is what every contestant asks: unbound, which caches, in front of the zone.
type resolver struct {
	zone    *dnstest.Server
	unbound *process // nil: not installed, the zone is asked itself
	addr    netip.AddrPort
}

const unboundConfig = `server:
	interface: %s@%d
	port: %d
	access-control: 127.0.0.0/8 allow
	do-daemonize: no
	do-ip6: no
	username: ""
	chroot: ""
	directory: "%s"
	pidfile: ""
	use-syslog: no
	verbosity: 0
	num-threads: 1
	outgoing-range: 4096
	num-queries-per-thread: 2048
	msg-cache-size: 64m
	rrset-cache-size: 64m
	module-config: "iterator"
	do-not-query-localhost: no
	unblock-lan-zones: yes
	local-zone: "test." nodefault
remote-control:
	control-enable: no
forward-zone:
	name: "."
	forward-addr: %s@%d
`

// startResolver starts both, with an empty cache, so that each answer of the zone takes delay.
func startResolver(ctx context.Context, dir, text string, delay time.Duration) (*resolver, error) {
	zone, err := dns.ParseZone(strings.NewReader(text), "zone")
	if err != nil {
		return nil, err
	}
	r := &resolver{}
	if r.zone, err = dnstest.Listen(zone, "127.0.0.1:0"); err != nil {
		return nil, err
	}
	r.zone.SetDelay(delay)
	r.addr = r.zone.Addr()
	path, err := exec.LookPath("unbound")
	if err != nil {
		return r, nil
	}
	address, port, err := listenable()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "unbound.conf")
	err = os.WriteFile(config, fmt.Appendf(nil, unboundConfig, address, port, port, dir, r.addr.Addr(), r.addr.Port()), 0o644)
	if err != nil {
		return nil, err
	}
	if r.unbound, err = start(dir, "unbound", exec.Command(path, "-d", "-c", config)); err != nil {
		return nil, err
	}
	r.addr = netip.AddrPortFrom(address, port)
	return r, r.unbound.waitFor(ctx, "tcp", r.addr.String())
}

// listenable is where unbound can listen: root takes port 53 of a loopback address that is
// free, since not every contestant can be told of another port.
func listenable() (netip.Addr, uint16, error) {
	for range 20 {
		address := netip.AddrFrom4([4]byte{127, 94, byte(rand.N(256)), byte(1 + rand.N(254))})
		l, err := net.Listen("tcp", netip.AddrPortFrom(address, 53).String())
		if err == nil {
			return address, 53, l.Close()
		}
	}
	port, err := freePort()
	return netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port), err
}

func (r *resolver) stop() {
	if r.unbound != nil {
		r.unbound.stop()
	}
	r.zone.Stop()
}
