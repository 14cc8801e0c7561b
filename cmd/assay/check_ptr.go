package main

import (
	"context"
	"net/netip"

	"assay/auth/dns"
)

// A namedClient answers the questions about the client's name as --ptr says,
// and asks another Resolver everything else.
type namedClient struct {
	dns.Resolver
	ip   netip.Addr
	name string
}

// Resolve gives the address its name, and the name its address.
func (n *namedClient) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	host, _ := dns.CanonicalName(n.name)
	switch asked, _ := dns.CanonicalName(q.Name); {
	case q.Type == dns.TypePTR && asked == dns.ReverseName(n.ip):
		return dns.Answer{Hosts: []string{host}}, nil
	case asked == host && (q.Type == dns.TypeA && n.ip.Is4() || q.Type == dns.TypeAAAA && n.ip.Is6()):
		return dns.Answer{Addrs: []netip.Addr{n.ip}}, nil
	}
	return n.Resolver.Resolve(ctx, q)
}
