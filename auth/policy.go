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

// decide is the one place where a message's fate is decided.
func (p Policy) decide(r *Report) Disposition {
	action := p.action(r.DMARC)
	switch action {
	case Reject:
		return Disposition{Action: Reject, Code: 550, Status: "5.7.1", Text: p.rejection(r)}
	case TempFail:
		return p.tempFail(r)
	case Quarantine:
		text := fmt.Sprintf("DMARC policy for %s: %s", r.DMARC.Author, r.DMARC.Policy)
		return Disposition{Action: Quarantine, Text: printable(text), Flag: p.Flag}
	}
	return Disposition{}
}

// action maps a DMARC result to what the admin wants done about it.
func (p Policy) action(o dmarc.Outcome) Action {
	switch {
	case o.Result == dmarc.Fail && o.Policy == dmarc.PolicyReject:
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
	text := "rejected by DMARC policy for " + r.DMARC.Author
	if p.RejectText != "" {
		text += ": " + p.RejectText
	}
	if r.SPF.Result == spf.Fail && r.SPF.Explanation != "" {
		text += fmt.Sprintf(" (%s explains: %s)", r.SPF.Domain, r.SPF.Explanation)
	}
	return printable(text)
}

// tempFail asks for the message again, with the code of the method that DNS
// failed (RFC 7372 section 3, RFC 7489 section 10.3).
func (p Policy) tempFail(r *Report) Disposition {
	d := Disposition{Action: TempFail, Code: 451, Status: "4.7.5", Text: "DNS failure while reading the DMARC policy"}
	switch {
	case r.DMARC.Record == nil:
	case r.SPF.Result == spf.TempError:
		d.Status, d.Text = "4.7.24", "DNS failure while checking SPF"
	case anyTempError(r.DKIM):
		d.Status, d.Text = "4.7.20", "DNS failure while reading a DKIM key"
	}
	d.Text = printable(d.Text + " for " + cmp.Or(r.DMARC.Author, "the From domain") + ", try again later")
	return d
}

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
