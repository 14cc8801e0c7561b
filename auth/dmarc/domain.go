package dmarc

import (
	"strings"

	"golang.org/x/net/publicsuffix"

	"assay/auth/dns"
	"assay/auth/message"
)

// maxDomain bounds the text that is looked at as a domain, in bytes: U-labels
// may be longer than the 253 bytes of their A-labels.
const maxDomain = 1024

// normalize brings a domain into the form that is compared and asked for: lower
// case, A-labels, no final dot. It refuses what is no domain name: text with other
// characters than letters, digits, "-" and "_", address literals, and names
// under an all-numeric top level, which are IPv4 addresses.
func normalize(domain string) (normal string, ok bool) {
	if len(domain) > maxDomain {
		return "", false
	}
	if !message.IsASCII(domain) {
		ascii, err := message.ToASCII(domain)
		if err != nil {
			return "", false
		}
		domain = ascii
	}
	domain, ok = dns.CanonicalName(domain)
	if !ok || !isHostText(domain) {
		return "", false
	}
	top := domain[strings.LastIndexByte(domain, '.')+1:]
	return domain, strings.Trim(top, "0123456789") != ""
}

func isHostText(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// childOf is the name one label below parent on the way to domain, which is below parent.
func childOf(domain, parent string) string {
	above := len(domain) - len(parent) - 1 // where the dot between them is
	return domain[strings.LastIndexByte(domain[:above], '.')+1:]
}

// Registrable is the registrable domain of a domain, lower case and A-labels, by the
// Public Suffix List; a public suffix is its own.
func Registrable(domain string) string {
	if d, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return d
	}
	return domain
}
