// Package compauth combines everything that is known about a message into one
// verdict with a reason code, compauth=pass reason=100, as Microsoft 365
// documents it for its own inbound mail: the same values, the same codes with the
// same meaning.
//
// A verdict is a pure function of its Evidence: no I/O, no clock, no randomness.
// The rules stand in one ordered table (rules.go), which the verdict, its
// explanations and the documentation share. Everything here is safe for concurrent use.
//
// Divergences from the RFC: none; no RFC defines it.
package compauth

import (
	"assay/auth/dmarc"
)

// Evidence is everything that the verdict on one message depends on. The zero
// value is a message without a From domain.
type Evidence struct {
	SMTPAuth       bool // the client authenticated with SMTP AUTH
	TrustedNetwork bool // the message comes from our own hosts or users
	LostClient     bool // it came through an internal relay, and the host behind that is not known

	Unreadable     bool // there is no From field, or its text can't be read with certainty: Authors are what was found in it
	TooMany        bool // there are more From domains than are evaluated, or there may be, in a header past the limits
	ViaRelay       bool // it came through an internal relay
	OwnBounce      bool // it is a valid bounce, and returns a message that carries our signature (reason 502)
	Implicit       bool // the configuration allows the rules for which a hint is enough
	OverrideReject bool // the configuration lets history override a published p=reject
	Authors        []Author
}

// An Author is what is known about one From domain of the message, F.
type Author struct {
	Domain string        // F, lower case, A-labels
	DMARC  dmarc.Outcome // of F

	Accepted bool // F is, or is below, one of our own domains
	Blocked  bool // a block entry matches F and the sending infrastructure
	Vouched  bool // a trusted ARC sealer vouches for F

	ContactBounce bool // it is a valid bounce about users of F's organization, which the recipients have written to (reason 501)
	BodyOnly      bool // a signature of a domain aligned with F fails by nothing but its body hash, and it passed at the relay (reason 108)
	SPFFail       bool // SPF for a MAIL FROM aligned with F is fail

	// Names that an access provider or hoster makes from the client's address count for none of these.
	PTRWithin      bool // a forward-confirmed PTR name of the client is F or below F
	PTROrg         bool // one has the Organizational Domain of F
	PTRUnconfirmed bool // a PTR name that is not confirmed has it
	MX             bool // an MX host of F and a confirmed PTR name belong together (rule 23)
	Neighbour      bool // a host of F is in the client's network (rule 25a)

	History Reason // which pair has a history that qualifies, 701 to 704; 0 for none
}

// aligned tells whether SPF or DKIM passes for F's organization, whatever mode
// the record asks for.
func (a *Author) aligned() bool { return a.DMARC.SPFRelaxed || a.DMARC.DKIMRelaxed }

// enforced tells whether DMARC fails and a policy asks for more than a report.
func (a *Author) enforced() bool {
	return a.DMARC.Result == dmarc.Fail && a.demanding()
}
