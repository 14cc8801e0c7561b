package spf

import "net/netip"

// A Result is a result of the check_host function (RFC 7208 section 2.6).
type Result string

// The results, as they are written in Authentication-Results.
const (
	None      Result = "none"      // no record, or no domain to ask for
	Neutral   Result = "neutral"   // the domain asserts nothing
	Pass      Result = "pass"      // the client may send for the domain
	Fail      Result = "fail"      // the client may not
	SoftFail  Result = "softfail"  // the client probably may not
	TempError Result = "temperror" // no answer was had from DNS; try later
	PermError Result = "permerror" // the record can't be evaluated
)

// An Identity says which name of the envelope was checked.
type Identity string

// The identities of RFC 7208 section 2.3 and 2.4.
const (
	MailFrom Identity = "mailfrom"
	Helo     Identity = "helo"
)

// A Query is what check_host is asked about (RFC 7208 section 4.1).
type Query struct {
	IP       netip.Addr // the SMTP client; a mapped IPv4 address counts as IPv4
	Helo     string     // as the client said it
	MailFrom string     // local-part@domain; "" asks for postmaster@Helo (section 2.4)
}

// An Outcome is all that one check found.
type Outcome struct {
	Result      Result
	Identity    Identity // MailFrom; Helo when the HELO name was checked on its own
	Domain      string   // of Sender, whose record was evaluated first: lower case, A-labels, no final dot; unchanged if it is no domain name
	Sender      string   // local-part@Domain that was checked; for a null sender and for Helo postmaster@ the HELO name
	Mechanism   string   // the directive that matched, as written; "" when none or by default
	Explanation string   // exp= of a fail, expanded (section 6.2), at most 400 bytes of printable ASCII; text by the sender's domain: never trusted
	Lookups     int      // terms that cost a DNS query (section 4.6.4), at most 10
	Voids       int      // lookups without records (section 4.6.4), at most one over the limit
	Err         error    // explains temperror and permerror only
}
