package auth

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"assay/arc"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/iprev"
	"assay/auth/message"
	"assay/auth/spf"
	"assay/compauth"
)

// results says in the RFC's style what was found, in the order of the design:
// spf, dkim, dmarc, arc, iprev, compauth. Of a message that was not evaluated it tells why.
func (st Stamp) results(r *Report) authres.Results {
	results := authres.Results{AuthServID: st.AuthServID, Results: make([]authres.Result, 0, 8)}
	if r.Exempt == SMTPAuth {
		results.Results = append(results.Results, authres.Result{Method: "auth", Value: "pass"})
	}
	if r.Exempt == "" {
		results.Results = append(results.Results, st.spfResults(r)...)
		results.Results = append(results.Results, dkimResults(r.DKIM)...)
		results.Results = append(results.Results, dmarcResult(r), st.arcResult(r), st.iprevResult(r.IPRev))
	}
	verdict := compauthResult(r)
	if from := r.verdictDomain(); from != "" {
		verdict.Properties = []authres.Property{property("header", "from", from)}
	}
	results.Results = append(results.Results, verdict)
	return results
}

// compauthResult is the composite verdict. It tells where a failure has no consequence
// because the spoofed-senders list allows it.
func compauthResult(r *Report) authres.Result {
	result := authres.Result{Method: "compauth", Value: string(r.Verdict.Result), Reason: r.Verdict.Reason.String()}
	if r.Entry != nil && !r.Entry.Block && r.Verdict.Result == compauth.Fail && r.Disposition.Action == Accept {
		result.Comment = "spoof allowed by policy"
	}
	return result
}

// verdictDomain is the From domain that the composite verdict is about; "" when there are
// several, or none is certain.
func (r *Report) verdictDomain() string {
	switch i := r.Verdict.Author; {
	case i >= 0 && i < len(r.Evidence.Authors):
		return r.Evidence.Authors[i].Domain
	case len(r.Authors.List) == 1 && r.Authors.Err == nil:
		return r.Authors.List[0].Domain
	}
	return ""
}

func property(ptype, name, value string) authres.Property {
	return authres.Property{Type: ptype, Name: name, Value: value}
}

// spfResults reports the MAIL FROM identity and, where it was checked, HELO's.
func (st Stamp) spfResults(r *Report) []authres.Result {
	results := []authres.Result{st.spfResult(r, &r.SPF)}
	if r.SPFHelo != nil {
		results = append(results, st.spfResult(r, r.SPFHelo))
	}
	return results
}

func (st Stamp) spfResult(r *Report, o *spf.Outcome) authres.Result {
	result := authres.Result{Method: "spf", Value: string(o.Result), Comment: st.senderIP(r)}
	switch {
	case o.Identity == spf.Helo || r.Envelope.MailFrom == "":
		if r.Envelope.Helo != "" {
			result.Properties = append(result.Properties, property("smtp", "helo", r.Envelope.Helo))
		}
	case st.SPFFullAddress && isPlain(r.Envelope.MailFrom) || o.Domain == "":
		result.Properties = append(result.Properties, property("smtp", "mailfrom", r.Envelope.MailFrom))
	default:
		result.Properties = append(result.Properties, property("smtp", "mailfrom", o.Domain))
	}
	return result
}

// isPlain tells an address that every reader divides in the same way. In a quoted local part may stand another
// address, which readers that know no quotes take for the one that passed.
func isPlain(addr string) bool {
	local, _ := message.SplitAddress(addr)
	return !strings.ContainsFunc(local, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("!#$%&*+-/=?^_{|}~.", r)
	})
}

// senderIP is the comment that tells the client's address.
func (st Stamp) senderIP(r *Report) string {
	switch {
	case st.HideClientIP:
		return ""
	case !r.Envelope.IP.IsValid():
		return "sender IP is not known"
	}
	return "sender IP is " + r.Envelope.IP.String()
}

func dkimResults(outcomes []dkim.Outcome) []authres.Result {
	if len(outcomes) == 0 {
		return []authres.Result{{Method: "dkim", Value: string(dkim.None), Comment: "message not signed"}}
	}
	shown := shownSignatures(outcomes)
	results := make([]authres.Result, 0, len(shown)+1)
	for _, o := range shown {
		results = append(results, dkimResult(o, signatureLength(shown, o)))
	}
	if more := len(outcomes) - len(shown); more > 0 {
		comment := fmt.Sprintf("%d more signatures not shown", more)
		results = append(results, authres.Result{Method: "dkim", Value: string(dkim.Policy), Comment: comment})
	}
	return results
}

// maxShown bounds the signatures that did not pass and are written all the same. Those
// that passed are bounded by dkim.Verifier.MaxSignatures.
const maxShown = 20

// shownSignatures keeps the order of the header.
func shownSignatures(outcomes []dkim.Outcome) []dkim.Outcome {
	shown := make([]dkim.Outcome, 0, len(outcomes))
	others := 0
	for _, o := range outcomes {
		if o.Result != dkim.Pass {
			others++
		}
		if o.Result == dkim.Pass || others <= maxShown {
			shown = append(shown, o)
		}
	}
	return shown
}

// dkimResult writes the properties that are known; b is how much of the signature is shown.
func dkimResult(o dkim.Outcome, b int) authres.Result {
	result := authres.Result{Method: "dkim", Value: string(o.Result), Comment: o.Reason}
	if o.Testing {
		result.Comment += ", test key" // t=y: it counts for nothing (RFC 6376 section 3.6.1)
	}
	result.Properties = make([]authres.Property, 0, 5)
	add := func(name, value string) {
		if value != "" {
			result.Properties = append(result.Properties, property("header", name, value))
		}
	}
	add("d", o.Domain)
	if o.Identity != "@"+o.Domain {
		add("i", o.Identity)
	}
	add("s", o.Selector)
	add("a", o.Algorithm)
	add("b", o.Signature[:min(b, len(o.Signature))])
	return result
}

// signatureLength is how many characters of b= tell this signature from the
// others of the message: 8, or more when two begin alike (RFC 6008 section 4).
func signatureLength(outcomes []dkim.Outcome, o dkim.Outcome) int {
	length := 8
	for _, other := range outcomes {
		if other.Signature != o.Signature {
			length = max(length, commonPrefix(other.Signature, o.Signature)+1)
		}
	}
	return length
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// dmarcResult reports the worst result of the author domains.
func dmarcResult(r *Report) authres.Result {
	o := r.DMARC
	result := authres.Result{Method: "dmarc", Value: string(o.Result), Comment: dmarcComment(r)}
	if o.Author != "" {
		result.Properties = append(result.Properties, property("header", "from", o.Author))
	}
	if o.Policy != "" {
		result.Properties = append(result.Properties, property("policy", "dmarc", string(o.Policy)))
	}
	return result
}

func dmarcComment(r *Report) string {
	switch {
	case r.DMARC.Author == "" && len(r.Authors.List) > MaxAuthors:
		return fmt.Sprintf("more than %d From domains", MaxAuthors)
	case r.DMARC.Author == "" && r.tooMany():
		return r.Envelope.Excess
	case r.DMARC.Author == "" && r.Authors.Fields == 0:
		return "no From field"
	case r.DMARC.Author == "":
		return "no usable From domain"
	}
	var comments []string
	if bestGuess(r.DMARC) {
		comments = append(comments, "bestguesspass")
	}
	if n := len(r.Authors.List); n > 1 {
		comments = append(comments, fmt.Sprintf("worst of %d From domains", n))
	}
	return strings.Join(comments, ", ")
}

// bestGuess tells whether DMARC would have passed, had there been a record.
func bestGuess(o dmarc.Outcome) bool {
	return o.Result == dmarc.None && (o.SPFRelaxed || o.DKIMRelaxed)
}

// arcResult tells whether a trusted sealer's word may override a DMARC failure, in
// the words of Microsoft 365; header.oldest-pass is of RFC 8617 section 5.2.
func (st Stamp) arcResult(r *Report) authres.Result {
	result := authres.Result{Method: "arc", Value: string(r.ARC.Result), Comment: r.ARC.Comment(r.Override)}
	if r.ARC.Result == arc.None {
		return result
	}
	if r.ARC.Result == arc.Pass {
		result.Properties = append(result.Properties, property("header", "oldest-pass", strconv.Itoa(r.ARC.OldestPass)))
	}
	if !st.HideClientIP && r.Envelope.IP.IsValid() {
		result.Properties = append(result.Properties, property("smtp", "remote-ip", r.Envelope.IP.String()))
	}
	return result
}

// iprevResult tells the address and, in a comment, the name that was confirmed
// or, failing that, the first that was claimed.
func (st Stamp) iprevResult(o iprev.Outcome) authres.Result {
	result := authres.Result{Method: "iprev", Value: string(o.Result)}
	if st.HideClientIP || !o.IP.IsValid() {
		return result
	}
	address := property("policy", "iprev", o.IP.String())
	switch {
	case len(o.Confirmed) > 0:
		address.Comment = o.Confirmed[0]
	case len(o.Names) > 0:
		address.Comment = o.Names[0] + " not confirmed"
	}
	result.Properties = append(result.Properties, address)
	return result
}

// microsoft says the same in the dialect of Microsoft 365: fewer methods and properties, and
// the action.
func (st Stamp) microsoft(r *Report) authres.Results {
	var results authres.Results
	if r.Exempt == "" {
		results.Results = append(st.spfResults(r), microsoftDKIM(r.DKIM)...)
	}
	results.Results = append(results.Results, microsoftDMARC(r), compauthResult(r))
	return results
}

func microsoftDKIM(outcomes []dkim.Outcome) []authres.Result {
	results := dkimResults(outcomes)
	for i := range results {
		domain := "none"
		for _, p := range results[i].Properties {
			if p.Name == "d" {
				domain = p.Value
			}
		}
		results[i].Properties = []authres.Property{property("header", "d", domain)}
	}
	return results
}

func microsoftDMARC(r *Report) authres.Result {
	o := r.DMARC
	result := authres.Result{Method: "dmarc", Value: string(o.Result)}
	from := cmp.Or(o.Author, "none")
	switch {
	case r.Exempt != "":
		result.Value, result.Comment = "none", string(r.Exempt)+", not checked"
		if len(r.Authors.List) > 0 {
			from = r.Authors.List[0].Domain
		}
	case bestGuess(o):
		result.Value = "bestguesspass"
	}
	result.Properties = []authres.Property{property("", "action", microsoftAction(r)), property("header", "from", from)}
	return result
}

// microsoftAction is what is done about the DMARC result: oreject is a reject that the
// sender asks for and that is not carried out, although nothing else authenticates the message.
func microsoftAction(r *Report) string {
	switch o := r.DMARC; {
	case o.Result == dmarc.TempError || o.Result == dmarc.PermError:
		return string(o.Result)
	case o.Result != dmarc.Fail:
		return "none"
	case r.Disposition.Action == Reject || r.Disposition.Action == Quarantine:
		return r.Disposition.Action.String()
	case o.Policy == dmarc.PolicyReject && r.Verdict.Result == compauth.Fail:
		return "oreject"
	}
	return "none"
}
