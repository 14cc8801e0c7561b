package auth

import (
	"slices"
	"strings"

	"assay/auth/authres"
	"assay/auth/dkim"
)

// passedBefore tells whether an internal relay brought the message, and a signature of a related domain
// passed there and now fails by nothing but its body hash. That it passed, an Authentication-Results
// field by one of Stamp.TrustedIDs has to say, above the Received field that names the client: anybody can put another body under a signed header and
// send it to the relay.
func (s *search) passedBefore(related relation) bool {
	if !s.r.Evidence.ViaRelay || !slices.ContainsFunc(s.r.DKIM, failsByBody) {
		return false
	}
	passed := s.c.passedSignatures()
	return slices.ContainsFunc(s.r.DKIM, func(o dkim.Outcome) bool {
		return failsByBody(o) && slices.ContainsFunc(passed, func(p passedSignature) bool { return p.is(&o) }) && related.certain(o.Domain)
	})
}

// failsByBody is false for a key in testing, which says nothing (RFC 6376 section 3.6.1).
func failsByBody(o dkim.Outcome) bool { return o.BodyOnly && !o.Testing }

// A passedSignature is one that a host of ours says to have verified.
type passedSignature struct {
	domain string // header.d
	value  string // header.b: how the signature begins; "" when it is not told
}

// is tells whether an outcome is of this signature.
func (p passedSignature) is(o *dkim.Outcome) bool {
	return strings.EqualFold(p.domain, o.Domain) && strings.HasPrefix(o.Signature, p.value)
}

// passedSignatures lists the signatures that trusted Authentication-Results fields name as passed. A
// field that can't be read with certainty names none.
func (c *Check) passedSignatures() []passedSignature {
	var passed []passedSignature
	for _, f := range c.header[:c.report.written] {
		if !f.Is(authenticationResults) || !c.s.v.Stamp.trusts(f.Value()) {
			continue
		}
		results, err := authres.Parse(f.Value())
		if err != nil {
			continue
		}
		for _, r := range results.Results {
			if p, ok := readPassed(r); ok {
				passed = append(passed, p)
			}
		}
	}
	return passed
}

// readPassed is not ok for a result that is no pass of DKIM, or does not tell whose signature it is.
func readPassed(r authres.Result) (p passedSignature, ok bool) {
	if r.Method != "dkim" || r.Value != "pass" {
		return p, false
	}
	for _, property := range r.Properties {
		switch {
		case property.Type != "header":
		case property.Name == "d" && p.domain == "":
			p.domain = property.Value
		case property.Name == "b" && p.value == "":
			p.value = property.Value
		case property.Name == "d" || property.Name == "b":
			return p, false // of which of them?
		}
	}
	return p, p.domain != ""
}
