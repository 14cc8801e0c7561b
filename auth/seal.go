package auth

import (
	"errors"
	"fmt"

	"assay/arc"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/message"
)

// maxMerged bounds the results of other hosts of ours in an ARC set: an MTA cuts a field
// that is too long, and with it the seal.
const maxMerged = 20

// errNotSealed is for a chain of which DNS kept us from knowing whether it holds. To say
// that it failed would end it for good.
var errNotSealed = errors.New("auth: not sealed, the chain could not be validated for DNS")

// seal adds an ARC set of our own on top of the header (RFC 8617 section 5.1). A message
// that is refused, or that was not evaluated, gets none.
func (c *Check) seal() {
	r, v := &c.report, c.s.v
	if v.Sealer == nil || r.Exempt != "" || r.Disposition.Action == Reject || r.Disposition.Action == TempFail {
		return
	}
	switch {
	case r.ARC.Temporary:
		r.SealErr = errNotSealed
		return
	case r.Envelope.Excess != "": // the signature would cover what was not seen
		r.SealErr = fmt.Errorf("auth: not sealed: %s", r.Envelope.Excess)
		return
	}
	results := v.Stamp.results(r)
	results.Results = append(results.Results, v.Stamp.merged(c.header)...)
	set, err := v.Sealer.Seal(c.header, r.ARC, c.bodies.Sum(dkim.Relaxed), results)
	if err != nil {
		r.SealErr = err
		return
	}
	for _, insertion := range []struct{ name, value string }{
		{arc.AuthenticationResults, set.AAR}, {arc.MessageSignature, set.AMS}, {arc.Seal, set.AS},
	} {
		r.Edits = append(r.Edits, Edit{Name: insertion.name, Value: insertion.value})
	}
}

// merged lists the results of the fields by trusted authserv-ids that an ARC set is to hold,
// too: of methods that are not ours to evaluate. For those that are, our seal would
// vouch for what anybody may have written. Nor are the forged fields that are
// removed among them.
func (st Stamp) merged(h message.Header) []authres.Result {
	var results []authres.Result
	for _, f := range h {
		if !f.Is(authenticationResults) || !st.trusts(f.Value()) {
			continue
		}
		parsed, err := authres.Parse(f.Value())
		for _, result := range parsed.Results {
			if err == nil && !evaluated(result.Method) && len(results) < maxMerged {
				results = append(results, result)
			}
		}
	}
	return results
}

// evaluated tells whether a method is one that this package evaluates.
func evaluated(method string) bool {
	switch method {
	case "spf", "dkim", "dmarc", "arc", "iprev", "auth", "compauth":
		return true
	}
	return false
}
