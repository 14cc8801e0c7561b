package iprev

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"assay/auth/dns"
)

// MaxHosts bounds the MX hosts of a domain that are looked at, the most preferred first.
const MaxHosts = 10

// Network is the neighbourhood of an address: its /24, or its /64 for IPv6. An IPv4 address
// that is mapped to IPv6 counts as IPv4. Of the zero Addr it is the zero Prefix.
func Network(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 24
	}
	network, _ := ip.Prefix(bits) // no error: the length fits the family
	return network
}

// MailHosts lists the hosts that take mail for a domain (RFC 5321 section 5.1), a host name in
// canonical form, the most preferred first: its MX hosts, at most MaxHosts; the domain itself
// where it has no MX record; none where it takes no mail (RFC 7505) or does not exist. The error
// tells that DNS gave no answer.
func MailHosts(ctx context.Context, r dns.Resolver, domain string) ([]string, error) {
	answer, err := r.Resolve(ctx, dns.Question{Name: domain, Type: dns.TypeMX})
	switch {
	case err != nil:
		return nil, fmt.Errorf("iprev: MX hosts of %q: %w", domain, err)
	case answer.NXDomain:
		return nil, nil
	case len(answer.MXs) == 0:
		return hostNames([]string{domain}), nil
	}
	var hosts []string
	for _, mx := range answer.MXs {
		hosts = append(hosts, mx.Host)
	}
	return hostNames(hosts), nil
}

// AnyWithin tells whether one of the names has an address in a network. It asks for the addresses of
// all of them at once, in the network's family; the caller bounds them. The error tells that it is
// not known: none has, as far as there were answers, and one is missing. Nothing is asked for the
// zero Prefix.
func AnyWithin(ctx context.Context, r dns.Resolver, names []string, network netip.Prefix) (bool, error) {
	if !network.IsValid() {
		return false, nil
	}
	var failure error
	for i, reply := range resolveAll(ctx, r, names, family(network.Addr())) {
		switch {
		case reply.err == nil && slices.ContainsFunc(reply.Addrs, func(a netip.Addr) bool { return network.Contains(a.Unmap()) }):
			return true, nil
		case reply.err != nil && failure == nil:
			failure = fmt.Errorf("iprev: addresses of %q: %w", names[i], reply.err)
		}
	}
	return false, failure
}
