package dmarc

// A Result is a result of the evaluation of one author domain (RFC 9989
// section 9.2).
type Result string

// The results, as they are written in Authentication-Results.
const (
	None      Result = "none"      // no DMARC policy record applies
	Pass      Result = "pass"      // an aligned identifier authenticated
	Fail      Result = "fail"      // none did
	TempError Result = "temperror" // DNS kept the evaluation from a result; try later
	PermError Result = "permerror" // no author domain can be read
)

// A Policy is what the Domain Owner asks for (RFC 9989 section 4.7).
type Policy string

// The policies, as they are written in records.
const (
	PolicyNone       Policy = "none"
	PolicyQuarantine Policy = "quarantine"
	PolicyReject     Policy = "reject"
)

// An AlignmentMode is the meaning of adkim= and aspf= (RFC 9989 section 4.4).
type AlignmentMode byte

// The modes, as they are written in records.
const (
	Relaxed AlignmentMode = 'r'
	Strict  AlignmentMode = 's'
)

// An Outcome is all that the evaluation of one author domain found.
//
// Facts about alignment are true only when they are certain: what a DNS failure
// leaves open is false.
type Outcome struct {
	Result Result
	Author string // the author domain, lower case, A-labels; of a permerror: as it was given

	// OrgDomain is Author's Organizational Domain (RFC 9989 section 4.10.2),
	// "" of a permerror. A name of the walk that could not be looked up counts
	// as one without a record.
	OrgDomain string
	// PublicSuffixList tells that the walk found no record and OrgDomain is the
	// registrable domain by the Public Suffix List.
	PublicSuffixList bool

	Record      *Record // the applied record; nil when there is none; shared, not to be changed
	RecordAt    string  // the domain that published it
	Published   Policy  // p, sp or np, whichever applies to Author; "" without a record
	Policy      Policy  // Published after t=y; "" without a record
	NonExistent bool    // the author domain does not exist; looked up only where np differs from sp

	// Relaxed alignment with an authenticated identifier, whatever the record
	// asks for and also when there is no record ("best guess").
	SPFRelaxed, DKIMRelaxed bool
	// Alignment in the mode that the record asks for (relaxed without one).
	SPFAligned, DKIMAligned bool

	// AlignedTempError tells that SPF or a DKIM signature is temperror and
	// would be, or could be, aligned if it passed: had DNS answered, the
	// message might pass.
	AlignedTempError bool

	Issues []string // what was wrong with the records of the walk: printable ASCII, at most 30 lines
	Err    error    // explains temperror and permerror only
}

// Worst picks the outcome that counts for a message with several author domains
// (RFC 9989 section 11.5: the most strict policy among the checks that fail).
// From the worst: fail by Policy (reject, quarantine, none), permerror,
// temperror, none, pass; of equal ones the first. So nothing passes unless every
// author domain does, and a domain whose DNS fails does not hide the failure of
// another. Without outcomes there was no author domain: permerror.
func Worst(outcomes []Outcome) Outcome {
	if len(outcomes) == 0 {
		return Outcome{Result: PermError, Err: errNoAuthor}
	}
	worst := outcomes[0]
	for _, o := range outcomes[1:] {
		if o.severity() > worst.severity() {
			worst = o
		}
	}
	return worst
}

func (o *Outcome) severity() int {
	switch o.Result {
	case Pass:
		return 0
	case None:
		return 1
	case TempError:
		return 2
	case Fail:
		return 4 + o.Policy.strictness()
	}
	return 3 // permerror, and what is no result at all
}

// strictness orders the policies; what is none of them asks for nothing.
func (p Policy) strictness() int {
	switch p {
	case PolicyReject:
		return 2
	case PolicyQuarantine:
		return 1
	}
	return 0
}

// milder is the policy one level below, which t=y asks for (RFC 9989 section 4.7).
func (p Policy) milder() Policy {
	if p == PolicyReject {
		return PolicyQuarantine
	}
	return PolicyNone
}
