package auth

import (
	"cmp"
	"fmt"

	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/spf"
)

// Policy says what is done with a message. The zero value accepts everything.
type Policy struct {
	DMARCReject     Action // for a failed p=reject: Accept, Quarantine or Reject
	DMARCQuarantine Action // for a failed p=quarantine: Accept or Quarantine
	DNSFailure      Action // when DNS kept DMARC from a result: Accept or TempFail
	RejectText      string // put behind the text of a rejection; printable ASCII
	Flag            bool   // quarantine is a field that flags the message; the MTA delivers it
}

// maxForged bounds the forged fields that are removed from one message: the time that
// an MTA takes for it grows with their square. No honest message has even one.
const maxForged = 100

// decide is the one place where a message's fate is decided.
func (p Policy) decide(r *Report) Disposition {
	if r.Forged > maxForged {
		return Disposition{Action: Reject, Code: 550, Status: "5.7.1", Text: "too many Authentication-Results fields in the name of this host"}
	}
	switch action := p.action(r); {
	case action == Reject && r.SealerUnknown:
		return p.tempFail(r) // whatever DNSFailure says: a sender may choose a selector that DNS can't answer
	case action == Reject:
		return Disposition{Action: Reject, Code: 550, Status: "5.7.1", Text: p.rejection(r)}
	case action == TempFail:
		return p.tempFail(r)
	case action == Quarantine:
		text := fmt.Sprintf("DMARC policy for %s: %s", author(r.DMARC), r.DMARC.Policy)
		return Disposition{Action: Quarantine, Text: printable(text), Flag: p.Flag}
	}
	return Disposition{}
}

// action maps a DMARC result to what the admin wants done about it. A failure that a
// trusted sealer's word overrides is none (RFC 8617 section 7.2.1).
func (p Policy) action(r *Report) Action {
	switch o := r.DMARC; {
	case r.Override.ODA:
		return Accept
	case (o.Result == dmarc.Fail || o.Result == dmarc.PermError) && o.Policy == dmarc.PolicyReject:
		return p.DMARCReject
	case o.Result == dmarc.Fail && o.Policy == dmarc.PolicyQuarantine:
		return p.DMARCQuarantine
	case o.Result == dmarc.TempError && !o.SPFRelaxed && !o.DKIMRelaxed:
		return p.DNSFailure
	}
	return Accept
}

// rejection is the reply text: whose policy, the admin's text, and what the
// domain itself says to senders that its SPF record fails (RFC 7208 section 6.2).
func (p Policy) rejection(r *Report) string {
	text := "rejected by DMARC policy for " + author(r.DMARC)
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
func (p Policy) tempFail(r *Report) Disposition {
	d := Disposition{Action: TempFail, Code: 451, Status: "4.7.5", Text: "DNS failure while reading the DMARC policy"}
	switch {
	case r.SealerUnknown:
		d.Status, d.Text = "4.7.29", "DNS failure while reading the key of a trusted ARC sealer"
	case r.DMARC.Record == nil:
	case r.SPF.Result == spf.TempError:
		d.Status, d.Text = "4.7.24", "DNS failure while checking SPF"
	case anyTempError(r.DKIM):
		d.Status, d.Text = "4.7.20", "DNS failure while reading a DKIM key"
	}
	d.Text = printable(d.Text + " for " + author(r.DMARC) + ", try again later")
	return d
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
