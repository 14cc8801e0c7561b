package spf

import (
	"context"
	"errors"
	"net/netip"

	"assay/auth/dns"
	"assay/auth/message"
)

// match tells whether a directive of the domain's record matches (RFC 7208
// section 5).
func (e *evaluation) match(ctx context.Context, d *directive, domain string) (bool, error) {
	switch d.mechanism {
	case mechAll:
		return true, nil
	case mechIP4, mechIP6:
		return d.network.Contains(e.ip), nil
	}
	if err := e.countTerm(); err != nil {
		return false, err
	}
	name, err := e.target(ctx, d, domain)
	if errors.Is(err, errNoTarget) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch d.mechanism {
	case mechInclude:
		return e.matchInclude(ctx, name)
	case mechA:
		return e.matchHost(ctx, d, name)
	case mechMX:
		return e.matchMX(ctx, d, name)
	case mechPTR:
		return e.matchPTR(ctx, name)
	default:
		return e.matchExists(ctx, name)
	}
}

// target is the target-name of a directive (RFC 7208 section 4.8).
func (e *evaluation) target(ctx context.Context, d *directive, domain string) (string, error) {
	if d.target == nil {
		return domain, nil
	}
	return e.expandName(ctx, d.target, domain)
}

func (e *evaluation) matchInclude(ctx context.Context, name string) (bool, error) {
	v, err := e.mustCheckHost(ctx, name)
	return v.result == Pass, err
}

// matchHost looks the addresses of one host up and compares them.
func (e *evaluation) matchHost(ctx context.Context, d *directive, name string) (bool, error) {
	answer, err := e.query(ctx, name, addrType(e.ip))
	if err != nil {
		return false, err
	}
	bits := int(d.bits4)
	if e.ip.Is6() {
		bits = int(d.bits6)
	}
	for _, addr := range answer.Addrs {
		if netip.PrefixFrom(addr, bits).Contains(e.ip) {
			return true, nil
		}
	}
	return false, nil
}

func (e *evaluation) matchMX(ctx context.Context, d *directive, name string) (bool, error) {
	answer, err := e.query(ctx, name, dns.TypeMX)
	if err != nil {
		return false, err
	}
	hosts := make([]string, 0, len(answer.MXs))
	for _, mx := range answer.MXs {
		if mx.Host != "" { // the null MX has no addresses (RFC 7505)
			hosts = append(hosts, mx.Host)
		}
	}
	first := hosts[:min(len(hosts), maxMXHosts)]
	e.lookups.startAddrs(ctx, first, e.ip)
	for _, host := range first {
		if matched, err := e.matchHost(ctx, d, host); matched || err != nil {
			return matched, err
		}
	}
	if len(hosts) > maxMXHosts {
		return false, errTooManyMX
	}
	return false, nil
}

func (e *evaluation) matchExists(ctx context.Context, name string) (bool, error) {
	answer, err := e.query(ctx, name, dns.TypeA)
	return len(answer.Addrs) > 0, err
}

// matchPTR matches when a name of the client lies in a domain and has the
// client's address (RFC 7208 section 5.5). DNS errors are no match, but not
// the end of ctx.
func (e *evaluation) matchPTR(ctx context.Context, domain string) (bool, error) {
	names, err := e.clientNames(ctx)
	if err != nil {
		return false, err
	}
	inside := names[:0:0]
	for _, name := range names {
		if isWithin(name, domain) {
			inside = append(inside, name)
		}
	}
	name, err := e.firstValidated(ctx, inside)
	return name != "", err
}

// clientNames are the PTR names of the client, at most maxPTRNames. There are
// none after a DNS error.
func (e *evaluation) clientNames(ctx context.Context) ([]string, error) {
	answer, err := e.query(ctx, reverseName(e.ip), dns.TypePTR)
	if err != nil && isFinal(ctx, err) {
		return nil, err
	}
	return answer.Hosts[:min(len(answer.Hosts), maxPTRNames)], nil
}

// firstValidated is the first of the names that has the client's address, ""
// for none. Names whose lookup fails are skipped.
func (e *evaluation) firstValidated(ctx context.Context, names []string) (string, error) {
	e.lookups.startAddrs(ctx, names, e.ip)
	for _, name := range names {
		answer, err := e.query(ctx, name, addrType(e.ip))
		if err != nil && isFinal(ctx, err) {
			return "", err
		}
		if hasAddr(answer, e.ip) {
			return name, nil
		}
	}
	return "", nil
}

// isFinal is false for an error of DNS, which ptr and %{p} pass over.
func isFinal(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errorResult(err) == PermError
}

func hasAddr(answer dns.Answer, ip netip.Addr) bool {
	for _, addr := range answer.Addrs {
		if addr == ip {
			return true
		}
	}
	return false
}

// isWithin tells whether a name is a domain or below it.
func isWithin(name, domain string) bool {
	name, nameOK := dns.CanonicalName(name)
	domain, domainOK := dns.CanonicalName(domain)
	return nameOK && domainOK && message.IsWithin(name, domain)
}

// reverseName is the name whose PTR records name an address.
func reverseName(ip netip.Addr) string {
	p := macroPart{reverse: true}
	return p.transform(dottedAddr(ip)) + "." + arpaLabel(ip) + ".arpa"
}
