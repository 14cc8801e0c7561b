package auth

import (
	"slices"

	"assay/auth/dkim"
	"assay/auth/message"
)

// maxClaims bounds the domains of one message that may have signed it. With more, any may.
const maxClaims = message.MaxPast

// claims are the domains that may have signed a message, though no result says that they did or did not: a
// limit, or what is not acceptable here, kept their signatures from being verified. They speak for
// no message. A block entry for one of them matches: else ten signatures more, or a long header, would be a
// way around it.
type claims struct {
	domains []string // at most maxClaims, each once
	more    bool     // there may be others
}

// claimsOf finds them in the header, where the outcomes are of its signatures, in its order; of a
// header past a limit they are not.
func claimsOf(h message.Header, outcomes []dkim.Outcome, excess bool) claims {
	var c claims
	fields := 0
	for _, f := range h {
		if !dkim.IsSignature(f) {
			continue
		}
		fields++
		switch {
		case excess:
			c.add(f)
		case fields <= len(outcomes) && mayVerify(&outcomes[fields-1]):
			c.add(f)
		}
	}
	c.more = c.more || excess && fields >= message.MaxPast // of more than so many some are not kept
	return c
}

// mayVerify tells that it is not known whether a signature verifies, for another reason than DNS.
func mayVerify(o *dkim.Outcome) bool { return o.Result == dkim.Policy || o.Result == dkim.Neutral }

func (c *claims) add(f message.Field) {
	domain, ok := dkim.ClaimedDomain(f)
	switch {
	case f.Unread || !ok || len(c.domains) == maxClaims && !slices.Contains(c.domains, domain):
		c.more = true
	case domain != "" && !slices.Contains(c.domains, domain):
		c.domains = append(c.domains, domain)
	}
}
