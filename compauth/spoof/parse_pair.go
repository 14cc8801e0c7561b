package spoof

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"assay/auth/message"
)

// Bounds of the words, in bytes: 253 characters of up to four bytes, and a dot at both ends; a
// local part as in RFC 5321 section 4.5.3.1.1, which has quotes around it.
const (
	maxDomainText = 4*253 + 2
	maxLocal      = 64
	maxLocalText  = 2*maxLocal + 2
)

// The largest networks, as lengths of their prefixes.
const (
	minBits4 = 8
	minBits6 = 16
)

const (
	adviceUser   = `write an address, a domain such as "example.org", ".example.org" with its subdomains, or "*"`
	adviceDomain = `write one such as "example.org"`
)

// ParseUser reads who is spoofed: an address, a domain, ".example.org" for a domain with its
// subdomains, or "*" for everybody. Case does not count, in local parts neither; U-labels
// become A-labels. Local parts with other characters than an atom has (RFC 5322
// section 3.2.3, RFC 6532) are refused. The error is as ParseEntry's.
func ParseUser(text string) (User, error) {
	u, err := parseUser(text)
	if err != nil {
		return User{}, fmt.Errorf("%s %w", quote(text), err)
	}
	return u, nil
}

func parseUser(text string) (User, error) {
	switch {
	case text == anyWord:
		return User{}, nil
	case text == "":
		return User{}, errors.New("is empty; " + adviceUser)
	case len(text) > maxLocalText+1+maxDomainText:
		return User{}, errors.New("is longer than any address; " + adviceUser)
	case looksLikeNetwork(text):
		return User{}, errors.New("is no user but a host or network; write the spoofed user first, then the infrastructure")
	}
	at := strings.LastIndexByte(text, '@')
	switch {
	case at < 0:
		return parseUserDomain(text)
	case at == 0:
		return User{}, errors.New("has nothing before the @; " + adviceOn(text[1:], adviceUser))
	}
	local, err := parseLocal(text[:at])
	if err != nil {
		return User{}, err
	}
	domain, err := parseDomain(text[at+1:])
	return User{Local: local, Domain: domain}, err
}

// parseUserDomain reads "example.org" or ".example.org".
func parseUserDomain(text string) (User, error) {
	if rest, ok := strings.CutPrefix(text, "*."); ok {
		return User{}, errors.New("has a wildcard; " + adviceOn("."+rest, adviceUser))
	}
	name, subdomains := strings.CutPrefix(text, ".")
	domain, err := parseDomain(name)
	return User{Domain: domain, Subdomains: subdomains}, err
}

// parseLocal reads a local part that has a form without quotes.
func parseLocal(text string) (string, error) {
	local := plainLocal(text)
	switch {
	case len(text) > maxLocalText || len(local) > maxLocal:
		return "", fmt.Errorf("has a local part over %d bytes; write its domain, or the address", maxLocal)
	case strings.Contains(local, "*"):
		return "", errors.New("has a wildcard; write its domain to mean every address there")
	case local == "" || local[0] == '#' || !utf8.ValidString(text) || strings.ContainsFunc(local, isNoAtom):
		return "", errors.New("has a local part that can't be listed; write its domain")
	}
	return local, nil
}

// isNoAtom tells the characters that don't stand in a dot-atom. Dots may stand anywhere, as
// in some addresses that are in use.
func isNoAtom(r rune) bool {
	if r < utf8.RuneSelf {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`()<>[]:;@\,"`, r)
	}
	return !unicode.IsPrint(r)
}

// plainLocal is a local part in lower case and without its quotes, which mean nothing
// (RFC 5321 section 4.1.2).
func plainLocal(local string) string {
	if !strings.ContainsAny(local, `"\`) {
		return strings.ToLower(local)
	}
	var b strings.Builder
	for i := 0; i < len(local); i++ {
		if local[i] == '\\' && i+1 < len(local) {
			i++
		} else if local[i] == '"' || local[i] == '\\' {
			continue
		}
		b.WriteByte(local[i])
	}
	return strings.ToLower(b.String())
}

// ParseInfrastructure reads what sends: a domain, meant with every name below it, a network, an
// address, or "*" for any. Refused are domains that no sender owns, public suffixes such
// as "co.uk" and "github.io" (publicsuffix.org), and networks larger than an IPv4 /8 or an
// IPv6 /16. The error is as ParseEntry's.
func ParseInfrastructure(text string) (Infrastructure, error) {
	f, err := parseInfrastructure(text)
	if err != nil {
		return Infrastructure{}, fmt.Errorf("%s %w", quote(text), err)
	}
	return f, nil
}

func parseInfrastructure(text string) (Infrastructure, error) {
	switch {
	case text == anyWord:
		return Infrastructure{}, nil
	case text == "":
		return Infrastructure{}, errors.New(`is empty; write a domain, a network or "*"`)
	case len(text) > maxDomainText:
		return Infrastructure{}, errors.New("is longer than any domain name; write one domain or network")
	case looksLikeNetwork(text):
		network, err := parseNetwork(text)
		return Infrastructure{Network: network}, err
	case strings.HasPrefix(text, "*.") || strings.HasPrefix(text, "."):
		return Infrastructure{}, errors.New("begins with a wildcard, but names below a domain are always meant; " + adviceOn(strings.TrimLeft(text, "*."), adviceDomain))
	}
	domain, err := parseDomain(text)
	if err == nil {
		err = checkOwner(domain)
	}
	if err != nil {
		return Infrastructure{}, err
	}
	return Infrastructure{Domain: domain}, nil
}

// looksLikeNetwork tells what is meant as an address or network, good or bad.
func looksLikeNetwork(text string) bool {
	addr, _, _ := strings.Cut(text, "/")
	if strings.Trim(addr, ".") == "" || strings.Trim(addr, "0123456789.") != "" && strings.Trim(addr, "0123456789abcdefABCDEF:.[]") != "" {
		return false
	}
	return strings.ContainsAny(addr, ":[") || strings.Trim(addr, "0123456789.") == ""
}

// parseNetwork reads "192.0.2.0/24" or one address.
func parseNetwork(text string) (netip.Prefix, error) {
	var network netip.Prefix
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		network = netip.PrefixFrom(addr, addr.BitLen())
	} else if network, err = netip.ParsePrefix(text); err != nil {
		return netip.Prefix{}, errors.New(`is no network; write one such as "192.0.2.0/24" or "2001:db8::/32"`)
	}
	least := minBits6
	if network.Addr().Is4() {
		least = minBits4
	}
	switch {
	case network.Addr().Is4In6() && network.Bits() >= 96+minBits4:
		v4 := netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96).Masked()
		return netip.Prefix{}, fmt.Errorf("is IPv4 written as IPv6; write %q", v4)
	case network.Addr().Is4In6() && network.Bits() >= 96:
		return netip.Prefix{}, fmt.Errorf("is IPv4 written as IPv6; write an IPv4 network of /%d or smaller", minBits4)
	case network.Bits() < least:
		return netip.Prefix{}, fmt.Errorf("is too large a network; write one of /%d or smaller", least)
	case network != network.Masked():
		return netip.Prefix{}, fmt.Errorf("has bits set after its length; write %q", network.Masked())
	}
	return network, nil
}

// parseDomain reads a domain without a wildcard.
func parseDomain(text string) (string, error) {
	switch {
	case strings.Contains(text, "*"):
		return "", errors.New("has a wildcard inside; " + adviceDomain)
	case strings.Contains(text, "/"):
		return "", errors.New("is no domain but a URL or path; " + adviceOn(hostOf(text), adviceDomain))
	case strings.Contains(text, "@"):
		return "", errors.New("is an address; " + adviceOn(text[strings.LastIndexByte(text, '@')+1:], adviceDomain))
	}
	domain, err := message.ToASCII(text)
	if err != nil {
		return "", fmt.Errorf("is no domain name%s; %s", reason(err), adviceDomain)
	}
	if top := domain[strings.LastIndexByte(domain, '.')+1:]; strings.Trim(top, "0123456789") == "" {
		return "", errors.New("ends in a number like an IP address; " + adviceDomain)
	}
	return domain, nil
}

// reason is what ToASCII found, in brackets, if it says more than that it is no domain
// and does not repeat a long text.
func reason(err error) string {
	if cause := errors.Unwrap(err); cause != nil && len(cause.Error()) <= 120 {
		return " (" + cause.Error() + ")"
	}
	return ""
}

// checkOwner refuses domains below which names of many owners are.
func checkOwner(domain string) error {
	suffix, _ := publicsuffix.PublicSuffix(domain)
	below, _ := publicsuffix.PublicSuffix("x." + domain)
	switch {
	case !strings.Contains(domain, "."):
		return errors.New("has one label only; write the whole domain such as \"example.org\"")
	case suffix == domain || below == "x."+domain:
		return errors.New("is a public suffix: names below it belong to many owners; write the domain of one of them such as \"example." + domain + "\", or the network that sends, such as \"192.0.2.0/24\"")
	}
	return nil
}

// adviceOn says to write a domain, if it is one that can be written; else what other says.
func adviceOn(text, other string) string {
	name, subdomains := strings.CutPrefix(text, ".")
	if strings.ContainsAny(name, "/@*") {
		return other
	}
	domain, err := parseDomain(name)
	if err != nil {
		return other
	}
	return fmt.Sprintf("write %q", User{Domain: domain, Subdomains: subdomains})
}

// hostOf is the name of the host in a URL, also without its scheme.
func hostOf(text string) string {
	if !strings.Contains(text, "://") {
		text = "//" + strings.TrimLeft(text, "/")
	}
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
