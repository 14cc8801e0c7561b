package auth

import (
	"assay/auth/dmarc"
	"assay/auth/message"
	"assay/compauth"
	"assay/compauth/history"
)

// remember hands the message to the history. What was done with it is known, unless the session ended
// before the results were there.
func (c *Check) remember() {
	if v := c.s.v; v.Remember && c.s.ctx.Err() == nil {
		if m, ok := c.memory(); ok {
			v.History.Record(m)
		}
	}
}

// memory is what is remembered about the message; not ok when there is nothing. Of several From
// domains none is known to have sent it: only the one that makes it fail is of interest. A failure
// that DNS may have made is shown, and speaks against nobody; a message that is asked for again comes again.
func (c *Check) memory() (history.Message, bool) {
	r := &c.report
	switch {
	case r.Envelope.MoreRcpt: // not all of them are known
		return history.Message{}, false
	case r.Exempt != "":
		return c.outbound()
	}
	e, fails := &r.Evidence, r.Verdict.Result == compauth.Fail
	if r.Disposition.Action == TempFail || len(e.Authors) == 0 || e.TooMany || !fails && (e.Unreadable || len(e.Authors) > 1) {
		return history.Message{}, false
	}
	i := max(r.Verdict.Author, 0) // the verdict may be about the whole message
	m := history.Message{Time: c.began, Verdict: r.Verdict, Sighting: r.sighting(i)}
	if !fails || !r.HintsUnknown && e.Authors[i].DMARC.Result != dmarc.TempError {
		m.Pair = c.s.v.pair(r, i, relatedTo(e.Authors[i].Domain, c.dmarc))
	}
	if entry := r.entries[i]; entry != nil && (entry.Block || fails) {
		m.Entry = entry.String()
	}
	return m, true
}

// outbound is a message by a user or host of our own. The sender is that of the envelope, to
// whom a bounce would come.
func (c *Check) outbound() (history.Message, bool) {
	r := &c.report
	from := r.Envelope.MailFrom
	if from == "" && len(r.Authors.List) == 1 {
		from = r.Authors.List[0].Address
	}
	domain, err := message.DomainOf(from)
	if err != nil || len(c.s.v.Accepted) > 0 && !c.s.v.accepts(domain) {
		return history.Message{}, false // nobody's, or passed on for somebody else
	}
	pair := history.Pair{OrgDomain: dmarc.Registrable(domain), From: from, Rcpt: r.Envelope.Rcpt}
	return history.Message{Pair: pair, Time: c.began, Outbound: true, Verdict: r.Verdict}, true
}

// sighting is what spoof intelligence shows of a From domain that nothing authenticates by its own
// word; else nil.
func (r *Report) sighting(i int) *history.Sighting {
	switch r.Verdict.Reason {
	case 100, 101, 102, 109, 111, 130:
		return nil
	}
	supposed := r.Evidence
	supposed.Implicit = true
	implicit := compauth.Evaluate(&supposed)
	a := &r.Evidence.Authors[i]
	s := &history.Sighting{
		Domain:         a.Domain,
		Infrastructure: r.Infrastructure,
		Internal:       a.Accepted,
		Reason:         r.Verdict.Reason,
		Result:         r.Verdict.Result,
		Implicit:       implicit.Reason,
		ImplicitResult: implicit.Result,
		Policy:         string(a.DMARC.Policy),
		Action:         r.Disposition.Action.String(),
	}
	if entry := r.entries[i]; entry != nil {
		s.Entry = entryWord(entry.Block)
	}
	return s
}

func entryWord(block bool) string {
	if block {
		return "block"
	}
	return "allow"
}
