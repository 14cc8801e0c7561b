package auth

import (
	"cmp"
	"fmt"

	"assay/arc"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/message"
)

// Limits bound what is looked at of one message. A zero field means its default.
//
// This is all that a sender chooses, and what bounds it. The results say what is past a limit. What is
// not known for it speaks for no message; it must be no way past a policy or a block entry.
//
//	header, fields, bytes of a field   Header: Envelope.Excess; no signature and no ARC set is evaluated
//	From fields, domains in them       128 KiB of all, past which the header is past a limit; message.MaxPast
//	                                   past Header, 100 mailboxes, 64 KiB of one field are parsed,
//	                                   MaxAuthors domains are evaluated
//	forged Authentication-Results      maxForged (100), then the message is refused
//	Received fields behind a relay     maxHops (30)
//	signatures                         dkim.Verifier.MaxSignatures, maxShown; a block entry takes d= of the
//	                                   others as verified, up to maxClaims domains, then any
//	tags of a signature, key or seal   dkim.Verifier.MaxTags, dkim.KeyLimits.MaxTags, arc.Validator.MaxTags
//	names in h=                        dkim.Verifier.MaxNames, arc.Validator.MaxNames
//	bytes that a signature covers      dkim.Verifier.MaxHeaderBytes, arc.Validator.MaxHeaderBytes
//	bytes of a key record              16 KiB; RSA keys: dkim.KeyLimits
//	ARC sets                           arc.Validator.MaxSets
//	SPF terms, void lookups, hosts     10, 2, 10 (RFC 7208 section 4.6.4)
//	labels of a domain                 dmarc.MaxQueries (8) questions for each tree walk
//	domains that may be aligned        dmarc.MaxIdentifiers (16)
//	PTR names, MX hosts                10 each; maxPairs of them are compared
//	DNS questions                      DNSQuestions; at once: by kind (lookups), 32 of a session and what there is
//	                                   Room for, half of dns.Client.MaxInFlight for all sessions together
//	time                               Verifier.Timeout
//	parts of a bounce, their depth     read as they come, one at a time; MIMEDepth
//	header, status of a bounce's part  maxPartHeader, maxReturnedHeader, maxReturnedFields, maxStatus
//	body                               any length: hashed as it comes, nothing of it is kept
//	recipients                         Recipients: Envelope.MoreRcpt; the history is neither asked nor told
//	MAIL FROM, HELO                    a line of SMTP, which the MTA bounds; 255 bytes of it are shown
//	messages in a session, sessions    each message has limits of its own; milter.Server.MaxSessions
//
// A constant is one because an RFC gives it, or because honest mail stays far below it and a host
// has no reason to have another one. MaxAuthors is one because the verdict is defined by it, maxForged because
// the time that an MTA takes for deletions grows with their square.
type Limits struct {
	Header     message.Limits
	Recipients int // that are looked at; default DefaultRecipients

	// MIMEDepth is how deep a delivery status report may be nested in multiparts to be found: 1
	// is a message that is one itself. Default 5.
	MIMEDepth int

	// DNSQuestions is how many one message may cause, those the cache answers not counted; default 500.
	// Those that DMARC and the spoofed-senders list depend on are always asked (decisiveQuestions
	// and one for each signature), and leastQuestions of the others. Of these, hints about the From domains
	// have two fifths, and HELO, ARC keys and the domains that DMARC compares one each. A question for which
	// there is no room is no DNS failure: nothing is deferred for it.
	DNSQuestions int
}

// DefaultRecipients is the default of Limits.Recipients.
const DefaultRecipients = 1000

func (l Limits) recipients() int   { return cmp.Or(max(l.Recipients, 0), DefaultRecipients) }
func (l Limits) mimeDepth() int    { return cmp.Or(max(l.MIMEDepth, 0), 5) }
func (l Limits) dnsQuestions() int { return cmp.Or(max(l.DNSQuestions, 0), 500) }

// The DNS questions of one message that are always asked, by kind.
const (
	maxClientQuestions = 1 + 10                                  // PTR, and the addresses of its names
	maxSPFQuestions    = 150                                     // 10 terms with 11 each, what was asked ahead, the explanation
	maxPolicyQuestions = 2 * MaxAuthors * (dmarc.MaxQueries + 1) // a message may ask twice
	decisiveQuestions  = maxClientQuestions + maxSPFQuestions + maxPolicyQuestions
	leastQuestions     = 30 // of the other kinds together
)

// maxKeys is how many keys of signatures are asked for, also in what a bounce returns.
func (v *Verifier) maxKeys() int {
	return cmp.Or(max(v.DKIM.MaxSignatures, 0), 10) + maxReturnedSignatures
}

// dnsBudget is how many questions one message may cause that are not always asked.
func (v *Verifier) dnsBudget() int {
	return max(v.Limits.dnsQuestions()-decisiveQuestions-v.maxKeys(), leastQuestions)
}

// errExcess explains results for which a header past a limit is the reason.
func errExcess(excess string) error {
	return fmt.Errorf("auth: %s: not all of it is known", excess)
}

// notEvaluated are the outcomes of signatures and ARC sets when not all of the header is known.
// They may cover, or be, what is not: neither "none" nor "pass" would be certain.
func notEvaluated(excess string) ([]dkim.Outcome, arc.Outcome) {
	err := errExcess(excess)
	return []dkim.Outcome{{Result: dkim.PermError, Reason: excess, Err: err}},
		arc.Outcome{Result: arc.Fail, Reason: excess, Err: err}
}
