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
	"assay/auth/message"
	"assay/auth/spf"
	"assay/compauth"
)

// results says in the RFC's style what was found, in the order of the design:
// spf, dkim, dmarc, arc, iprev, compauth. Of a message that was not evaluated it tells why.
func (st Stamp) results(r *Report) authres.Results {
	l := newResultList(r)
	if r.Exempt == SMTPAuth {
		l.add(authres.Result{Method: "auth", Value: "pass"})
	}
	if r.Exempt == "" {
		st.addSPF(&l, r)
		addDKIM(&l, r.DKIM)
		addDMARC(&l, r)
		st.addARC(&l, r)
		st.addIPRev(&l, r)
	}
	l.add(compauthResult(r), property("header", "from", r.verdictDomain()))
	return authres.Results{AuthServID: st.AuthServID, Results: l.results}
}

// A resultList collects results and their properties, each in one piece of memory.
type resultList struct {
	results    []authres.Result
	properties []authres.Property // of all results
	client     string             // the client's address, "" when it is not known
}

func newResultList(r *Report) resultList {
	const (
		others    = 6 // results that are not of signatures
		usual     = 5 // properties of a signature
		usualRest = 8 // properties of the others
	)
	signatures := min(max(len(r.DKIM), 1), maxShown)
	l := resultList{
		results:    make([]authres.Result, 0, others+signatures),
		properties: make([]authres.Property, 0, usual*signatures+usualRest),
	}
	if r.Envelope.IP.IsValid() {
		l.client = r.Envelope.IP.String()
	}
	return l
}

// add appends a result with those of the properties that have a value.
func (l *resultList) add(result authres.Result, properties ...authres.Property) {
	first := len(l.properties)
	for i := range properties {
		if properties[i].Value != "" {
			l.properties = append(l.properties, properties[i])
		}
	}
	if end := len(l.properties); end > first {
		result.Properties = l.properties[first:end:end]
	}
	l.results = append(l.results, result)
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

// addSPF reports the MAIL FROM identity and, where it was checked, HELO's.
func (st Stamp) addSPF(l *resultList, r *Report) {
	sender := st.senderIP(l.client)
	st.addSPFOf(l, r, &r.SPF, sender)
	if r.SPFHelo != nil {
		st.addSPFOf(l, r, r.SPFHelo, sender)
	}
}

func (st Stamp) addSPFOf(l *resultList, r *Report, o *spf.Outcome, sender string) {
	result := authres.Result{Method: "spf", Value: string(o.Result), Comment: sender}
	switch {
	case o.Identity == spf.Helo || r.Envelope.MailFrom == "":
		l.add(result, property("smtp", "helo", r.Envelope.Helo))
	case st.SPFFullAddress && isPlain(r.Envelope.MailFrom) || o.Domain == "":
		l.add(result, property("smtp", "mailfrom", r.Envelope.MailFrom))
	default:
		l.add(result, property("smtp", "mailfrom", o.Domain))
	}
}

// isPlain tells an address that every reader divides in the same way. In a quoted local part may stand another
// address, which readers that know no quotes take for the one that passed.
func isPlain(addr string) bool {
	local, _ := message.SplitAddress(addr)
	return !strings.ContainsFunc(local, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("!#$%&*+-/=?^_{|}~.", r)
	})
}

// senderIP is the comment that tells the client's address; "" is one that is not known.
func (st Stamp) senderIP(client string) string {
	switch {
	case st.HideClientIP:
		return ""
	case client == "":
		return "sender IP is not known"
	}
	return "sender IP is " + client
}

func dkimResults(outcomes []dkim.Outcome) []authres.Result {
	l := newResultList(&Report{DKIM: outcomes})
	addDKIM(&l, outcomes)
	return l.results
}

func addDKIM(l *resultList, outcomes []dkim.Outcome) {
	if len(outcomes) == 0 {
		l.add(authres.Result{Method: "dkim", Value: string(dkim.None), Comment: "message not signed"})
		return
	}
	shown := shownSignatures(outcomes)
	for i := range shown {
		l.addSignature(&shown[i], signatureLength(shown, shown[i]))
	}
	if more := len(outcomes) - len(shown); more > 0 {
		comment := fmt.Sprintf("%d more signatures not shown", more)
		l.add(authres.Result{Method: "dkim", Value: string(dkim.Policy), Comment: comment})
	}
}

// maxShown bounds the signatures that did not pass and are written all the same. Those
// that passed are bounded by dkim.Verifier.MaxSignatures.
const maxShown = 20

// shownSignatures keeps the order of the header.
func shownSignatures(outcomes []dkim.Outcome) []dkim.Outcome {
	if len(outcomes) <= maxShown {
		return outcomes
	}
	shown := make([]dkim.Outcome, 0, len(outcomes))
	others := 0
	for i := range outcomes {
		passed := outcomes[i].Result == dkim.Pass
		if !passed {
			others++
		}
		if passed || others <= maxShown {
			shown = append(shown, outcomes[i])
		}
	}
	return shown
}

// addSignature writes the properties that are known; b is how much of the signature is shown.
func (l *resultList) addSignature(o *dkim.Outcome, b int) {
	result := authres.Result{Method: "dkim", Value: string(o.Result), Comment: o.Reason}
	if o.Testing {
		result.Comment += ", test key" // t=y: it counts for nothing (RFC 6376 section 3.6.1)
	}
	identity := o.Identity
	if domain, ok := strings.CutPrefix(identity, "@"); ok && domain == o.Domain {
		identity = ""
	}
	l.add(result, property("header", "d", o.Domain), property("header", "i", identity), property("header", "s", o.Selector),
		property("header", "a", o.Algorithm), property("header", "b", o.Signature[:min(b, len(o.Signature))]))
}

// signatureLength is how many characters of b= tell this signature from the
// others of the message: 8, or more when two begin alike (RFC 6008 section 4).
func signatureLength(outcomes []dkim.Outcome, o dkim.Outcome) int {
	length := 8
	for i := range outcomes {
		if other := outcomes[i].Signature; other != o.Signature {
			length = max(length, commonPrefix(other, o.Signature)+1)
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

// addDMARC reports the worst result of the author domains.
func addDMARC(l *resultList, r *Report) {
	o := &r.DMARC
	result := authres.Result{Method: "dmarc", Value: string(o.Result), Comment: dmarcComment(r)}
	l.add(result, property("header", "from", o.Author), property("policy", "dmarc", string(o.Policy)))
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
	comment := ""
	if bestGuess(&r.DMARC) {
		comment = "bestguesspass"
	}
	n := len(r.Authors.List)
	if n <= 1 {
		return comment
	}
	worst := fmt.Sprintf("worst of %d From domains", n)
	if comment == "" {
		return worst
	}
	return comment + ", " + worst
}

// bestGuess tells whether DMARC would have passed, had there been a record.
func bestGuess(o *dmarc.Outcome) bool {
	return o.Result == dmarc.None && (o.SPFRelaxed || o.DKIMRelaxed)
}

// addARC tells whether a trusted sealer's word may override a DMARC failure, in
// the words of Microsoft 365; header.oldest-pass is of RFC 8617 section 5.2.
func (st Stamp) addARC(l *resultList, r *Report) {
	result := authres.Result{Method: "arc", Value: string(r.ARC.Result)}
	if r.ARC.Result == arc.None {
		l.add(result)
		return
	}
	result.Comment = r.ARC.Comment(r.Override)
	var room [2]authres.Property
	properties := room[:0]
	if r.ARC.Result == arc.Pass {
		properties = append(properties, property("header", "oldest-pass", strconv.Itoa(r.ARC.OldestPass)))
	}
	if !st.HideClientIP && l.client != "" {
		properties = append(properties, property("smtp", "remote-ip", l.client))
	}
	l.add(result, properties...)
}

// addIPRev tells the address and, in a comment, the name that was confirmed
// or, failing that, the first that was claimed.
func (st Stamp) addIPRev(l *resultList, r *Report) {
	o := &r.IPRev
	result := authres.Result{Method: "iprev", Value: string(o.Result)}
	if st.HideClientIP || !o.IP.IsValid() {
		l.add(result)
		return
	}
	address := property("policy", "iprev", l.client)
	if o.IP != r.Envelope.IP {
		address.Value = o.IP.String()
	}
	switch {
	case len(o.Confirmed) > 0:
		address.Comment = o.Confirmed[0]
	case len(o.Names) > 0:
		address.Comment = o.Names[0] + " not confirmed"
	}
	l.add(result, address)
}

// microsoft says the same in the dialect of Microsoft 365: fewer methods and properties, and
// the action.
func (st Stamp) microsoft(r *Report) authres.Results {
	l := newResultList(r)
	if r.Exempt == "" {
		st.addSPF(&l, r)
		l.results = append(l.results, microsoftDKIM(r.DKIM)...)
	}
	return authres.Results{Results: append(l.results, microsoftDMARC(r), compauthResult(r))}
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
	o := &r.DMARC
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
	switch o := &r.DMARC; {
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
