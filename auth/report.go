package auth

import (
	"net/netip"
	"time"

	"assay/arc"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/iprev"
	"assay/auth/message"
	"assay/auth/spf"
	"assay/compauth"
	"assay/compauth/spoof"
)

// An Envelope is what SMTP said about one message.
type Envelope struct {
	IP          netip.Addr // the client; the zero Addr when it has none (a pipe, a unix socket)
	Client      string     // the MTA's confirmed name of the client; "" for none
	Helo        string     // as said; "" when HELO is missing
	MailFrom    string     // without <> and ESMTP arguments; "" is the null sender
	Rcpt        []string   // accepted or not: the milter isn't told
	MoreRcpt    bool       // there were more than Limits.Recipients
	Excess      string     // which limit the header is past, so that not all of it is known; "" for none
	QueueID     string     // the MTA's {i}; "" when not known yet
	AuthType    string     // {auth_type}: the SASL mechanism; "" without SMTP AUTH
	AuthUser    string     // {auth_authen}: the SASL login
	TLS         string     // {tls_version}; "" without TLS
	Cipher      string     // {cipher}
	CertSubject string     // {cert_subject} of the client's certificate; Postfix tells only one that it verified
	CertIssuer  string     // {cert_issuer}
	Daemon      string     // {daemon_name}
	Hostname    string     // {j}: the MTA's own name
}

// An Exemption says why a message was not evaluated, only stamped.
type Exemption string

// The exemptions. The zero value is none: the message was evaluated.
const (
	SMTPAuth       Exemption = "SMTP AUTH"
	TrustedNetwork Exemption = "trusted network"
)

// A Report is everything that is known about one message.
type Report struct {
	Envelope Envelope   // behind an internal relay IP and Helo are those of the host there
	Exempt   Exemption  // not "": no method was evaluated
	Relay    netip.Addr // the internal relay that brought the message; the zero Addr when none did
	written  int        // how many fields at the top of the header are the Relay's own
	Lost     bool       // the host behind the Relay is not known: Envelope.IP is the zero Addr

	Authors  message.Authors
	SPF      spf.Outcome
	SPFHelo  *spf.Outcome    // nil unless the HELO name was checked on its own
	DKIM     []dkim.Outcome  // one per DKIM-Signature field, in header order
	Authored []dmarc.Outcome // DMARC, one per author domain; one permerror for a From that can't be read
	DMARC    dmarc.Outcome   // the worst of Authored: it counts
	ARC      arc.Outcome
	Override arc.Override // of a DMARC failure by a trusted sealer; none with several authors
	// SealerUnknown tells that the chain could not be validated for DNS, and that its
	// newest set would be a trusted sealer's: had DNS answered, it might vouch. A message
	// that would be rejected is then asked for again. Never with several authors.
	SealerUnknown bool
	SealErr       error // why no ARC set was added, though one was to be
	IPRev         iprev.Outcome

	// HintsUnknown tells that no hint authenticates a From domain, and that DNS kept an answer back
	// that could have been one. A message that would be rejected is then asked for again.
	HintsUnknown bool

	// The composite verdict. Entry is the entry of the spoofed-senders list that
	// matches the author and the Infrastructure; nil for none. Of several authors, of the one
	// that Verdict is about.
	Evidence       compauth.Evidence
	Verdict        compauth.Verdict
	Entry          *spoof.Entry
	entries        []*spoof.Entry // of Evidence.Authors; nil for none
	blocks         bool           // the list blocks somebody
	claims         claims         // of signatures, where it does
	senders        senders        // the zero senders: not known yet
	Infrastructure string         // what sent the message: a verified DKIM domain, a PTR organization (not of a generic name) or a network; "" when nothing is known

	Forged      int    // how many fields are removed because they claim to be ours, or for RemoveAll
	Edits       []Edit // to be applied in this order; none when too many were forged
	Disposition Disposition

	Duration time.Duration // from the end of the header to the report
	Queries  int           // DNS questions that were sent for this message
	Hits     int           // DNS questions that the cache answered
}

// An Edit is one change to the header.
type Edit struct {
	Delete bool // the Index-th field of this name, from 1 at the top, goes
	Index  int  // for an insertion: 0, above the MTA's own Received
	Name   string
	Value  string // of an insertion: folded with CRLF and white space, no leading space
}

// An Action is what happens to a message.
type Action int

// The actions, mildest first.
const (
	Accept Action = iota
	Quarantine
	TempFail
	Reject
)

// String is the word of the configuration file: accept, quarantine, tempfail or reject.
func (a Action) String() string {
	return [...]string{"accept", "quarantine", "tempfail", "reject"}[a]
}

// A Disposition is what is done with a message and why.
type Disposition struct {
	Action Action
	Code   int    // SMTP reply code, 550 or 451; 0 for Accept and Quarantine
	Status string // enhanced status code (RFC 3463), "5.7.1"
	Text   string // one line of printable ASCII for the reply, or the quarantine reason
	Flag   bool   // of Quarantine: an Edit already flags the message, the MTA is to deliver it
}
