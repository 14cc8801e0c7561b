package auth

import (
	"cmp"
	"fmt"
	"slices"

	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/spf"
	"assay/compauth"
)

// Policy says what is done with a message. The zero value accepts everything.
type Policy struct {
	DMARCReject     Action // for a failed p=reject: Accept, Quarantine or Reject
	DMARCQuarantine Action // for a failed p=quarantine: Accept or Quarantine
	CompauthFail    Action // for an implicit failure, 001 or 601: Accept, Quarantine or Reject
	SpoofBlock      Action // for a block entry, 002: Accept, Quarantine or Reject
	DNSFailure      Action // when DNS kept DMARC from a result: Accept or TempFail
	RejectText      string // put behind the text of a rejection; printable ASCII
	Flag            bool   // quarantine is a field that flags the message; the MTA delivers it
}

// maxForged bounds the forged fields that are removed from one message: the time that
// an MTA takes for it grows with their square. No honest message has even one.
const maxForged = 100

// A ruling is what is to be done for one From domain, or for the whole message.
type ruling struct {
	action Action
	reason compauth.Reason
	author dmarc.Outcome // the zero Outcome of the whole message
}

// decide is the one place where a message's fate is decided.
func (p Policy) decide(r *Report) Disposition {
	if r.Forged > maxForged {
		return Disposition{Action: Reject, Code: 550, Status: "5.7.1", Text: "too many Authentication-Results fields in the name of this host"}
	}
	switch d := p.strictest(r); {
	case d.action == Reject && d.reason != blocked && (r.SealerUnknown || d.implicit() && r.HintsUnknown):
		return d.tempFail(r) // whatever DNSFailure says: a sender may choose a name that DNS can't answer
	case d.action == Reject:
		return Disposition{Action: Reject, Code: 550, Status: d.status(r), Text: p.rejection(r, d)}
	case d.action == TempFail:
		return d.tempFail(r)
	case d.action == Quarantine:
		return Disposition{Action: Quarantine, Text: printable(d.cause()), Flag: p.Flag}
	}
	return Disposition{}
}

// Reasons of failures (package compauth). The others are those of a DMARC policy.
const (
	unauthenticated    compauth.Reason = 1
	unauthenticatedOwn compauth.Reason = 601
	blocked            compauth.Reason = 2
)

// implicit tells a failure that is not by a word of the From domain or of the admin.
func (d ruling) implicit() bool { return d.reason == unauthenticated || d.reason == unauthenticatedOwn }

// strictest is the strictest ruling on any of the From domains: nothing that one of them has to show
// speaks for another.
func (p Policy) strictest(r *Report) ruling {
	var worst ruling
	e := &r.Evidence
	switch {
	case e.TooMany && !e.LostClient && r.Verdict.Result == compauth.Fail:
		// Nobody has a use for so many From domains but to hide one that fails.
		worst = ruling{action: max(p.DMARCReject, p.DMARCQuarantine, p.CompauthFail), reason: unauthenticated}
		if r.blocks {
			worst.action = max(worst.action, p.SpoofBlock)
		}
	case r.Verdict.Author < 0:
		return worst // not checked, or nothing is known that could fail
	}
	for i := range e.Authors {
		if e.LostClient && !e.Authors[i].Blocked {
			continue // not checked: only the block is known
		}
		if d := p.rule(r, i); d.action > worst.action {
			worst = d
		}
	}
	return worst
}

// rule maps the verdict on one From domain to what the admin wants done about it. DNS failures
// never make a rejection: they do not say that anything is wrong.
func (p Policy) rule(r *Report, i int) ruling {
	a := &r.Evidence.Authors[i]
	verdict := compauth.EvaluateAuthor(&r.Evidence, i)
	d := ruling{reason: verdict.Reason, author: a.DMARC}
	switch {
	case verdict.Reason == blocked:
		d.action = p.SpoofBlock
	case r.entries[i] != nil: // it allows
	case verdict.Result != compauth.Fail:
		if retriable(&a.DMARC, verdict.Reason) {
			d.action = p.DNSFailure
		}
	case a.DMARC.Result == dmarc.TempError:
		d.action = p.DNSFailure
	case !d.implicit() && a.DMARC.Policy == dmarc.PolicyReject:
		d.action = p.DMARCReject
	case !d.implicit():
		d.action = p.DMARCQuarantine
	case a.DMARC.AlignedTempError && p.CompauthFail != Accept:
		d.action = p.DNSFailure
	default:
		d.action = p.CompauthFail
	}
	return d
}

// retriable tells whether a message does not fail only as long as DMARC has no result:
// nothing but hints speaks for it.
func retriable(o *dmarc.Outcome, reason compauth.Reason) bool {
	switch reason {
	case 111, 130, 501, 502:
		return false
	}
	return o.Result == dmarc.TempError
}

// cause says in a few words why the message is not accepted.
func (d ruling) cause() string {
	name := author(d.author)
	switch {
	case d.reason == blocked:
		return fmt.Sprintf("local policy for %s (reason %s)", name, d.reason)
	case d.implicit() && d.author.Author != "":
		return fmt.Sprintf("message from %s is not authenticated (reason %s)", name, d.reason)
	}
	return fmt.Sprintf("DMARC policy for %s (reason %s)", name, d.reason)
}

// status is the code for several methods that failed where they did, not only found nothing
// (RFC 7372 section 3.3); else that of RFC 7489 section 10.3.
func (d ruling) status(r *Report) string {
	unsigned := slices.ContainsFunc(r.DKIM, func(o dkim.Outcome) bool { return o.Result == dkim.Fail }) && len(verified(r.DKIM)) == 0
	if unsigned && (r.SPF.Result == spf.Fail || r.SPF.Result == spf.SoftFail) && d.reason != blocked && d.author.Author != "" {
		return "5.7.26"
	}
	return "5.7.1"
}

// rejection is the reply text: whose policy, the reason, the admin's text, and what the
// domain itself says to senders that its SPF record fails (RFC 7208 section 6.2).
func (p Policy) rejection(r *Report, d ruling) string {
	text := d.cause()
	if !d.implicit() || d.author.Author == "" {
		text = "rejected by " + text
	}
	if p.RejectText != "" {
		text += ": " + p.RejectText
	}
	if r.SPF.Result == spf.Fail && r.SPF.Explanation != "" {
		text += fmt.Sprintf(" (%s explains: %s)", r.SPF.Domain, r.SPF.Explanation)
	}
	return printable(text)
}

// tempFail asks for the message again, with the code of the method that DNS
// failed (RFC 7372 section 3, RFC 7489 section 10.3, RFC 8617 section 10.5).
func (d ruling) tempFail(r *Report) Disposition {
	status, text := d.failure(r)
	text = printable(text + " for " + author(d.author) + ", try again later")
	return Disposition{Action: TempFail, Code: 451, Status: status, Text: text}
}

// failure is what DNS failed.
func (d ruling) failure(r *Report) (status, text string) {
	switch o := &d.author; {
	case r.SealerUnknown:
		return "4.7.29", "DNS failure while reading the key of a trusted ARC sealer"
	case o.Result == dmarc.TempError && o.Record == nil:
	case r.SPF.Result == spf.TempError && o.AlignedTempError:
		return "4.7.24", "DNS failure while checking SPF"
	case anyTempError(r.DKIM) && o.AlignedTempError:
		return "4.7.20", "DNS failure while reading a DKIM key"
	case r.HintsUnknown && o.Result != dmarc.TempError:
		return "4.7.25", "DNS failure while reading PTR and MX names"
	}
	return "4.7.5", "DNS failure while reading the DMARC policy"
}

// author names whom a result is about; too many From domains have no name.
func author(o dmarc.Outcome) string { return cmp.Or(o.Author, "the From domains") }

func anyTempError(outcomes []dkim.Outcome) bool {
	for _, o := range outcomes {
		if o.Result == dkim.TempError {
			return true
		}
	}
	return false
}

// maxReply bounds a reply text: an SMTP line has 512 bytes (RFC 5321 section 4.5.3.1.5).
const maxReply = 400

// printable makes text fit for one line of an SMTP reply.
func printable(text string) string {
	b := make([]byte, 0, min(len(text), maxReply))
	for i := 0; i < len(text) && len(b) < maxReply; i++ {
		c := text[i]
		if c < ' ' || c > '~' {
			c = '?'
		}
		b = append(b, c)
	}
	return string(b)
}
