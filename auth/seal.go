package auth

import (
	"assay/arc"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/message"
)

// seal adds an ARC set of our own on top of the header (RFC 8617 section 5.1). A message
// that is refused, or that was not evaluated, gets none.
func (c *Check) seal() {
	r, v := &c.report, c.s.v
	if v.Sealer == nil || r.Exempt != "" || r.Disposition.Action == Reject || r.Disposition.Action == TempFail {
		return
	}
	results := v.Stamp.results(r)
	results.Results = append(results.Results, v.Stamp.trusted(c.header)...)
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

// trusted lists the results of the fields by trusted authserv-ids: those of our
// ADMD's other hosts, which the ARC set is to hold, too. The forged fields that
// are removed are not among them.
func (st Stamp) trusted(h message.Header) []authres.Result {
	var results []authres.Result
	for _, f := range h {
		if !f.Is(authenticationResults) || !st.trusts(f.Value()) {
			continue
		}
		if parsed, err := authres.Parse(f.Value()); err == nil {
			results = append(results, parsed.Results...)
		}
	}
	return results
}
