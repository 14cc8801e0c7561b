package compauth

import (
	"slices"

	"assay/auth/dmarc"
)

// A Rule is one row of the table: when it is the first that matches, it decides.
type Rule struct {
	Number string // as in the documentation: "7", "25a"
	Result Result // "" of rule 20, which decides nothing and leads to rule 26
	Reason Reason // of the rules about history 700, which stands for 701 to 704
	Doc    string // when it matches, in a few words

	Message  bool // it is about the whole message, not about one From domain
	Implicit bool // it is left out when Evidence.Implicit is false

	hint bool                          // it is left out after rule 20
	when func(*Evidence, *Author) bool // the Author is nil for the rules about the whole message
}

// anyHistory is the reason in the rules about history: the pair that qualified
// has the code.
const anyHistory Reason = 700

// firstOfAuthor is the index of the first rule about one From domain.
const firstOfAuthor = 5

// rules is the table, in its order.
var rules = slices.Concat(messageRules[:], authorRules[:])

// messageRules are those about the whole message.
var messageRules = [firstOfAuthor]Rule{
	{Number: "1", Result: None, Reason: 401, Message: true,
		Doc:  "the client authenticated with SMTP AUTH",
		when: func(e *Evidence, _ *Author) bool { return e.SMTPAuth }},
	{Number: "2", Result: None, Reason: 402, Message: true,
		Doc:  "the message comes from one of the trusted networks",
		when: func(e *Evidence, _ *Author) bool { return e.TrustedNetwork }},
	{Number: "3", Result: None, Reason: 905, Message: true,
		Doc:  "an internal relay brought the message, the host behind it can't be recovered from the Received fields, and no From domain is blocked",
		when: func(e *Evidence, _ *Author) bool { return e.LostClient && !e.anyBlocked() }},
	{Number: "4", Result: None, Reason: 301, Message: true,
		Doc: "there is no usable From domain, and none that was found in the From fields fails by the rules below",
		when: func(e *Evidence, _ *Author) bool {
			return !e.TooMany && (e.Unreadable || len(e.Authors) == 0) && !e.anyFails()
		}},
	{Number: "5", Result: Fail, Reason: 1, Message: true,
		Doc:  "there are more than five From domains, or the header is past a limit and its From can't be read, and none of the first five is blocked; of up to five the worst verdict counts",
		when: func(e *Evidence, _ *Author) bool { return e.TooMany && !e.anyBlocked() }},
}

// authorRules are those about one From domain. The last always matches.
var authorRules = [...]Rule{
	{Number: "6", Result: Fail, Reason: 2,
		Doc:  "a block entry matches the From domain and the sending infrastructure",
		when: func(_ *Evidence, a *Author) bool { return a.Blocked }},
	{Number: "7", Result: Pass, Reason: 100,
		Doc:  "DMARC passes against a published record",
		when: func(_ *Evidence, a *Author) bool { return a.DMARC.Result == dmarc.Pass }},
	{Number: "8", Result: Pass, Reason: 109,
		Doc:  "there is no DMARC record, and SPF or DKIM passes for the From domain's organization",
		when: func(_ *Evidence, a *Author) bool { return a.DMARC.Result == dmarc.None && a.aligned() }},
	{Number: "9", Result: Pass, Reason: 111,
		Doc:  "DMARC is temperror or permerror, and SPF or DKIM passes for the From domain's organization",
		when: func(_ *Evidence, a *Author) bool { return a.dmarcError() && !a.demanding() && a.aligned() }},
	{Number: "10", Result: Pass, Reason: 112,
		Doc: "the DMARC record could not be read for DNS, and nothing is aligned",
		when: func(_ *Evidence, a *Author) bool {
			return a.DMARC.Result == dmarc.TempError && a.DMARC.Record == nil && !a.aligned()
		}},
	{Number: "11", Result: Pass, Reason: 130,
		Doc:  "a trusted ARC sealer vouches for the From domain",
		when: func(_ *Evidence, a *Author) bool { return a.Vouched }},
	{Number: "12", Result: Pass, Reason: 502,
		Doc:  "a bounce returns a message that carries a signature of our own, and the From domain is none of our own",
		when: func(e *Evidence, a *Author) bool { return e.OwnBounce && !a.Accepted }},
	{Number: "13", Result: Pass, Reason: 501,
		Doc:  "a bounce from a domain that the recipients have written to and that is none of our own, and its policy is not reject or history may override it",
		when: (*Evidence).reportedByContact},
	{Number: "14", Result: Pass, Reason: 108, Implicit: true,
		Doc:  "an internal relay brought the message, and a signature of the only From domain's organization, which passed there, fails only by its body hash",
		when: (*Evidence).changedByRelay},
	{Number: "15", Result: Pass, Reason: anyHistory, Implicit: true,
		Doc:  "DMARC fails with an enforced policy, the history qualifies, and the policy is quarantine or history may override it",
		when: (*Evidence).overriddenByHistory},
	{Number: "16", Result: Fail, Reason: 10,
		Doc:  "DMARC fails with an enforced policy, and the From domain is one of our own",
		when: func(_ *Evidence, a *Author) bool { return a.enforced() && a.Accepted }},
	{Number: "17", Result: Fail, Reason: 0,
		Doc:  "DMARC fails with an enforced policy",
		when: func(_ *Evidence, a *Author) bool { return a.enforced() }},
	{Number: "18", Result: Pass, Reason: 101, Implicit: true,
		Doc:  "the DMARC policy none asks for strict alignment, and DKIM passes in relaxed alignment",
		when: func(_ *Evidence, a *Author) bool { return a.strict() && a.DMARC.DKIMRelaxed }},
	{Number: "19", Result: Pass, Reason: 102, Implicit: true,
		Doc:  "the DMARC policy none asks for strict alignment, and SPF passes in relaxed alignment",
		when: func(_ *Evidence, a *Author) bool { return a.strict() && a.DMARC.SPFRelaxed }},
	{Number: "20", Implicit: true,
		Doc:  "SPF for a MAIL FROM of the From domain's organization is fail, or DMARC is temperror where an enforced policy is known: rules 21 to 25 are left out",
		when: func(_ *Evidence, a *Author) bool { return a.Hintless() }},
	{Number: "21", Result: Pass, Reason: 103, Implicit: true, hint: true,
		Doc:  "a confirmed PTR name of the client is the From domain or below it",
		when: func(_ *Evidence, a *Author) bool { return a.PTRWithin }},
	{Number: "22", Result: Pass, Reason: 104, Implicit: true, hint: true,
		Doc:  "a confirmed PTR name of the client is of the From domain's organization",
		when: func(_ *Evidence, a *Author) bool { return a.PTROrg }},
	{Number: "23", Result: Pass, Reason: 116, Implicit: true, hint: true,
		Doc:  "an MX host of the From domain is the confirmed PTR name of the client, or of the same organization",
		when: func(_ *Evidence, a *Author) bool { return a.MX }},
	{Number: "24", Result: Pass, Reason: anyHistory, Implicit: true, hint: true,
		Doc:  "the history of the From domain and the sending infrastructure qualifies",
		when: func(_ *Evidence, a *Author) bool { return a.History != 0 }},
	{Number: "25a", Result: SoftPass, Reason: 201, Implicit: true, hint: true,
		Doc:  "the From domain or an MX host of it has an address in the client's network",
		when: func(_ *Evidence, a *Author) bool { return a.Neighbour }},
	{Number: "25b", Result: SoftPass, Reason: 202, Implicit: true, hint: true,
		Doc:  "a PTR name of the client is of the From domain's organization, but not confirmed",
		when: func(_ *Evidence, a *Author) bool { return a.PTRUnconfirmed }},
	{Number: "26", Result: Fail, Reason: 601,
		Doc:  "nothing authenticates the message, and the From domain is one of our own",
		when: func(_ *Evidence, a *Author) bool { return a.Accepted }},
	{Number: "27", Result: Fail, Reason: 1,
		Doc:  "nothing authenticates the message",
		when: func(*Evidence, *Author) bool { return true }},
}

func (a *Author) dmarcError() bool {
	return a.DMARC.Result == dmarc.TempError || a.DMARC.Result == dmarc.PermError
}

// demanding tells whether an enforced policy is known, whatever came of it. Where DMARC is
// temperror all the same, what is aligned is not aligned as the record asks for.
func (a *Author) demanding() bool {
	return a.DMARC.Policy == dmarc.PolicyQuarantine || a.DMARC.Policy == dmarc.PolicyReject
}

// Hintless tells that no hint counts for F (rule 20): the owner of F forbids the client to send, or
// asks for proofs, which a DNS failure kept back. Anybody can name a key that DNS can't answer.
func (a *Author) Hintless() bool { return a.SPFFail || a.dmarcError() && a.demanding() }

// strict tells whether DMARC failed for strict alignment where nothing is enforced.
func (a *Author) strict() bool {
	return a.DMARC.Result == dmarc.Fail && a.DMARC.Policy == dmarc.PolicyNone
}

// reportedByContact is rule 13.
func (e *Evidence) reportedByContact(a *Author) bool {
	return a.ContactBounce && !a.Accepted && e.mayOverride(a)
}

// changedByRelay is rule 14. Of several From domains the signature shows nothing: what is to be seen is
// the text of who changed the body.
func (e *Evidence) changedByRelay(a *Author) bool {
	return e.ViaRelay && a.BodyOnly && len(e.Authors) == 1
}

// overriddenByHistory is rule 15.
func (e *Evidence) overriddenByHistory(a *Author) bool {
	return a.enforced() && a.History != 0 && e.mayOverride(a)
}

// mayOverride tells whether what was seen before may speak against the policy of F.
func (e *Evidence) mayOverride(a *Author) bool {
	return a.DMARC.Policy != dmarc.PolicyReject || e.OverrideReject
}

// anyBlocked tells whether there is a From domain that fails by rule 6. Nothing that is not known
// about a message hides it.
func (e *Evidence) anyBlocked() bool {
	return slices.ContainsFunc(e.Authors, func(a Author) bool { return a.Blocked })
}

// anyFails tells whether one of the From domains fails by itself.
func (e *Evidence) anyFails() bool {
	for i := range e.Authors {
		if EvaluateAuthor(e, i).Result == Fail {
			return true
		}
	}
	return false
}

// Rules lists the rules in their order, for documentation.
func Rules() []Rule { return slices.Clone(rules) }
