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
	if !isHostText(domain) {
		if message.IsASCII(domain) {
			return "", false
		}
		ascii, err := message.ToASCII(domain)
		if err != nil || !isHostText(ascii) {
			return "", false
		}
		domain = ascii
	}
	domain, ok = dns.CanonicalName(domain)
	return domain, ok && !isNumber(domain[strings.LastIndexByte(domain, '.')+1:])
}

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
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

// SameRegistrable tells whether Registrable is the same for both. For most domains of third parties it need
// not look into the list.
func SameRegistrable(a, b string) bool {
	return a == b || shareLabels(a, b) && Registrable(a) == Registrable(b)
}

// shareLabels tells whether the last two labels of both are equal: those of different domains that have one
// registrable domain are.
func shareLabels(a, b string) bool {
	for n, labels := 1, 0; n <= min(len(a), len(b))+1; n++ {
		c := fromEnd(a, n)
		if c != fromEnd(b, n) {
			return false
		}
		if c == '.' {
			labels++
		}
		if labels == 2 {
			return true
		}
	}
	return false
}

// fromEnd is the n-th byte from the end, beyond all of them a dot.
func fromEnd(s string, n int) byte {
	if n > len(s) {
		return '.'
	}
	return s[len(s)-n]
}
