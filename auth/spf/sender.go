package spf

import (
	"net/netip"
	"strings"

	"assay/auth/dns"
	"assay/auth/message"
)

// postmaster is the local-part of senders that have none (RFC 7208 section 4.3).
const postmaster = "postmaster"

// splitSender returns the parts of the MAIL FROM identity. A source route is
// dropped; the domain is empty when there is none.
func splitSender(q Query) (local, domain string) {
	if q.MailFrom == "" {
		return postmaster, q.Helo
	}
	sender := q.MailFrom
	if strings.HasPrefix(sender, "@") {
		if _, mailbox, ok := strings.Cut(sender, ":"); ok {
			sender = mailbox
		}
	}
	local, domain = message.SplitAddress(sender)
	if local == "" {
		local = postmaster
	}
	return local, domain
}

// lowerDomain lower-cases ASCII, drops one final dot and turns U-labels into
// A-labels (RFC 8616 section 4). What can't be turned stays as it is.
func lowerDomain(domain string) string {
	if !message.IsASCII(domain) {
		if ascii, err := message.ToASCII(domain); err == nil {
			return ascii
		}
	}
	if canonical, ok := dns.CanonicalName(domain); ok {
		return canonical
	}
	return domain
}

// heloName is the HELO name for %{h}: as said, but with A-labels.
func heloName(helo string) string {
	if message.IsASCII(helo) {
		return helo
	}
	return lowerDomain(helo)
}

// isMailDomain tells whether check_host can begin with what lowerDomain
// returned: a name of several labels that DNS can carry (RFC 7208 section 4.3), in ASCII without
// spaces and controls, no address with or without brackets.
func isMailDomain(domain string) bool {
	if _, ok := dns.CanonicalName(domain); !ok {
		return false
	}
	if !strings.Contains(domain, ".") || !isVisible(domain, false) || domain[0] == '[' {
		return false
	}
	if !isDigit(domain[len(domain)-1]) && !strings.Contains(domain, ":") {
		return true // no form of an address
	}
	_, err := netip.ParseAddr(domain)
	return err != nil
}
