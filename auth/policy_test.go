package auth

import (
	"strings"
	"testing"

	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/spf"
	"assay/compauth"
	"assay/compauth/spoof"
)

// judged is the report of a message with these From domains and nothing else.
func judged(authors ...compauth.Author) Report {
	r := Report{Evidence: compauth.Evidence{Implicit: true, Authors: authors}, entries: make([]*spoof.Entry, len(authors))}
	for _, a := range authors {
		r.Authored = append(r.Authored, a.DMARC)
	}
	r.DMARC = dmarc.Worst(r.Authored)
	r.Verdict = compauth.Evaluate(&r.Evidence)
	return r
}

// of is a From domain of which no more than the DMARC outcome is known.
func of(o dmarc.Outcome) compauth.Author { return compauth.Author{Domain: o.Author, DMARC: o} }

// failed is a DMARC failure of example.org with a policy.
func failed(p dmarc.Policy) dmarc.Outcome {
	return dmarc.Outcome{Result: dmarc.Fail, Author: "example.org", Policy: p, Record: &dmarc.Record{}}
}

// kept is what DMARC is of example.org when DNS fails after the record was read; tempError
// when it fails before.
func kept() dmarc.Outcome {
	o := failed(dmarc.PolicyReject)
	o.Result, o.AlignedTempError = dmarc.TempError, true
	return o
}

func tempError() dmarc.Outcome {
	return dmarc.Outcome{Result: dmarc.TempError, Author: "example.org"}
}

// all carries everything out as strictly as can be.
var all = Policy{DMARCReject: Reject, DMARCQuarantine: Quarantine, CompauthFail: Reject, SpoofBlock: Reject, DNSFailure: TempFail}

const (
	tryLater     = " for example.org, try again later"
	rejected     = "reject 550 5.7.1 rejected by DMARC policy for example.org (reason 000)"
	quarantined  = "quarantine DMARC policy for example.org (reason 000)"
	unproven     = "reject 550 5.7.1 message from example.org is not authenticated (reason 001)"
	refused      = "reject 550 5.7.1 rejected by local policy for example.org (reason 002)"
	noSealer     = "tempfail 451 4.7.29 DNS failure while reading the key of a trusted ARC sealer" + tryLater
	noHosts      = "tempfail 451 4.7.25 DNS failure while reading PTR and MX names" + tryLater
	noPolicy     = "tempfail 451 4.7.5 DNS failure while reading the DMARC policy" + tryLater
	noSPF        = "tempfail 451 4.7.24 DNS failure while checking SPF" + tryLater
	noKey        = "tempfail 451 4.7.20 DNS failure while reading a DKIM key" + tryLater
	tooManyReply = "reject 550 5.7.1 rejected by DMARC policy for the From domains (reason 001)"
)

// decision checks one row: what a policy makes of a report.
func decision(t *testing.T, name string, p Policy, r Report, want string, changes ...func(*Report)) {
	t.Helper()
	for _, change := range changes {
		change(&r)
	}
	if got := words(p.decide(&r)); got != want {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
}

func TestDecideExplicit(t *testing.T) {
	reject, quarantine := judged(of(failed(dmarc.PolicyReject))), judged(of(failed(dmarc.PolicyQuarantine)))
	own := of(failed(dmarc.PolicyReject))
	own.Accepted = true
	sealer := func(r *Report) { r.SealerUnknown = true }
	spfText := func(r *Report) {
		r.SPF = spf.Outcome{Result: spf.Fail, Domain: "e.example", Explanation: "go\r\n250 ok é"}
	}
	decision(t, "nothing by default", Policy{}, reject, "accept")
	decision(t, "reject", all, reject, rejected)
	decision(t, "our own", all, judged(own), strings.Replace(rejected, "000", "010", 1))
	decision(t, "reject by quarantine", Policy{DMARCReject: Quarantine}, reject, quarantined)
	decision(t, "quarantine", all, quarantine, quarantined)
	decision(t, "quarantine is not p=r", Policy{DMARCReject: Reject}, quarantine, "accept")
	decision(t, "compauth_fail is not for it", Policy{CompauthFail: Reject}, reject, "accept")
	decision(t, "a sealer unknown", all, reject, noSealer, sealer)
	decision(t, "whatever dns_failure", Policy{DMARCReject: Reject}, reject, noSealer, sealer)
	decision(t, "sealer, quarantine", all, quarantine, quarantined, sealer)
	decision(t, "sealer, not acted upon", Policy{}, reject, "accept", sealer)
	decision(t, "hints have no say", all, reject, rejected, func(r *Report) { r.HintsUnknown = true })
	decision(t, "the admin's text", Policy{DMARCReject: Reject, RejectText: "call us"}, reject, rejected+": call us")
	decision(t, "the sender's SPF text", all, reject, rejected+" (e.example explains: go??250 ok ??)", spfText)
	decision(t, "the flag of quarantine", Policy{DMARCQuarantine: Quarantine, Flag: true}, quarantine, quarantined+" flagged")
}

func TestDecideImplicit(t *testing.T) {
	none, noRecord := judged(of(failed(dmarc.PolicyNone))), judged(of(dmarc.Outcome{Result: dmarc.None, Author: "example.org"}))
	own := compauth.Author{Domain: "example.org", Accepted: true, DMARC: dmarc.Outcome{Result: dmarc.None, Author: "example.org"}}
	aligned := judged(of(dmarc.Outcome{Result: dmarc.None, Author: "example.org", AlignedTempError: true}))
	hint := of(failed(dmarc.PolicyNone))
	hint.Neighbour = true
	unsigned := func(r *Report) {
		r.SPF, r.DKIM = spf.Outcome{Result: spf.SoftFail}, []dkim.Outcome{{Result: dkim.Fail}}
	}
	spfTemp := func(r *Report) { r.SPF.Result = spf.TempError }
	decision(t, "p=none", all, none, unproven)
	decision(t, "no record", all, noRecord, unproven)
	decision(t, "our own", all, judged(own), strings.Replace(unproven, "001", "601", 1))
	decision(t, "quarantine", Policy{CompauthFail: Quarantine}, none, "quarantine message from example.org is not authenticated (reason 001)")
	decision(t, "off", Policy{DMARCReject: Reject, DMARCQuarantine: Quarantine, SpoofBlock: Reject}, none, "accept")
	decision(t, "softpass", all, judged(hint), "accept")
	decision(t, "two methods failed", all, none, strings.Replace(unproven, "5.7.1", "5.7.26", 1), unsigned)
	decision(t, "one passed elsewhere", all, none, unproven, unsigned, func(r *Report) { r.DKIM = append(r.DKIM, dkim.Outcome{Result: dkim.Pass}) })
	decision(t, "hints unknown", all, none, noHosts, func(r *Report) { r.HintsUnknown = true })
	decision(t, "hints unknown, whatever dns_failure", Policy{CompauthFail: Reject}, none, noHosts, func(r *Report) { r.HintsUnknown = true })
	decision(t, "hints unknown, quarantine", Policy{CompauthFail: Quarantine}, none,
		"quarantine message from example.org is not authenticated (reason 001)", func(r *Report) { r.HintsUnknown = true })
	decision(t, "a sealer unknown", all, none, noSealer, func(r *Report) { r.SealerUnknown = true })
	decision(t, "SPF may be aligned", all, aligned, noSPF, spfTemp)
	decision(t, "SPF may be aligned, DNS passes", Policy{CompauthFail: Reject}, aligned, "accept", spfTemp)
	decision(t, "SPF may be aligned, off", Policy{DNSFailure: TempFail}, aligned, "accept", spfTemp)
}

// Whatever else is known, a DNS failure makes no 550.
func TestDecideDNS(t *testing.T) {
	relaxed, hint, vouched := of(tempError()), of(kept()), of(kept())
	relaxed.DMARC.SPFRelaxed, hint.PTROrg, vouched.Vouched = true, true, true
	demanding := of(kept())
	demanding.DMARC.DKIMRelaxed = true
	decision(t, "no record", all, judged(of(tempError())), noPolicy)
	decision(t, "no record, passes by default", Policy{DMARCReject: Reject, CompauthFail: Reject}, judged(of(tempError())), "accept")
	decision(t, "no record, but aligned", all, judged(relaxed), "accept")
	decision(t, "SPF", all, judged(of(kept())), noSPF, func(r *Report) { r.SPF.Result = spf.TempError })
	decision(t, "DKIM", all, judged(of(kept())), noKey, func(r *Report) { r.DKIM = []dkim.Outcome{{Result: dkim.TempError}} })
	decision(t, "passes by default", Policy{DMARCReject: Reject, CompauthFail: Reject}, judged(of(kept())), "accept")
	decision(t, "relaxed where strict is demanded", all, judged(demanding), noPolicy)
	decision(t, "a hint is not enough", all, judged(hint), noPolicy)
	decision(t, "a sealer is", all, judged(vouched), "accept")
}

func TestDecideOverrides(t *testing.T) {
	author := of(failed(dmarc.PolicyReject))
	vouched, quarantine, reported := author, of(failed(dmarc.PolicyQuarantine)), of(failed(dmarc.PolicyQuarantine))
	vouched.Vouched, quarantine.History, reported.ContactBounce = true, 702, true
	decision(t, "a trusted sealer", all, judged(vouched), "accept")
	decision(t, "a known bounce", all, judged(reported), "accept")
	decision(t, "history", all, judged(quarantine), "accept")
	author.History, author.ContactBounce = 702, true
	decision(t, "history does not override p=reject", all, judged(author), rejected)
	r := judged(author)
	r.Evidence.OverrideReject = true
	r.Verdict = compauth.Evaluate(&r.Evidence)
	decision(t, "history may", all, r, "accept")
	r = judged(author)
	r.Evidence.OwnBounce = true
	r.Verdict = compauth.Evaluate(&r.Evidence)
	decision(t, "our own bounce", all, r, "accept")
}

func TestDecideEntries(t *testing.T) {
	blocked := of(dmarc.Outcome{Result: dmarc.Pass, Author: "example.org"})
	blocked.Blocked = true
	other := of(dmarc.Outcome{Result: dmarc.Fail, Author: "other.example", Policy: dmarc.PolicyReject})
	block := func(i int) func(*Report) { return func(r *Report) { r.entries[i] = &spoof.Entry{Block: true} } }
	allow := func(i int) func(*Report) { return func(r *Report) { r.entries[i] = &spoof.Entry{} } }
	decision(t, "block", all, judged(blocked), refused, block(0))
	decision(t, "block by quarantine", Policy{SpoofBlock: Quarantine}, judged(blocked), "quarantine local policy for example.org (reason 002)", block(0))
	decision(t, "block, stamped only", Policy{DMARCReject: Reject, CompauthFail: Reject}, judged(blocked), "accept", block(0))
	decision(t, "block, whatever a sealer says", all, judged(blocked), refused, block(0), func(r *Report) { r.SealerUnknown = true })
	for name, o := range map[string]dmarc.Outcome{"000": failed(dmarc.PolicyReject), "001": failed(dmarc.PolicyNone), "112": tempError(), "temperror": kept()} {
		decision(t, "allow "+name, all, judged(of(o)), "accept", allow(0))
	}
	decision(t, "allow one, block the other", all, judged(other, blocked), refused, allow(0), block(1))
	decision(t, "allow one, the other fails", all, judged(of(failed(dmarc.PolicyNone)), other), strings.ReplaceAll(rejected, "example.org", "other.example"), allow(0))
}

func TestDecideAuthors(t *testing.T) {
	pass := of(dmarc.Outcome{Result: dmarc.Pass, Author: "good.example"})
	many := judged(pass, pass, pass, pass, pass)
	many.Evidence.TooMany = true
	many.Verdict = compauth.Evaluate(&many.Evidence)
	unread := judged()
	unread.Evidence.Unreadable = true
	unread.Verdict = compauth.Evaluate(&unread.Evidence)
	decision(t, "the one that fails", all, judged(pass, of(failed(dmarc.PolicyReject))), rejected)
	decision(t, "the strictest", Policy{DMARCReject: Quarantine, CompauthFail: Reject}, judged(of(failed(dmarc.PolicyReject)), of(dmarc.Outcome{Author: "example.org", Result: dmarc.None})), unproven)
	decision(t, "a failure hides behind no DNS", all, judged(of(tempError()), of(failed(dmarc.PolicyReject))), rejected)
	decision(t, "too many", all, many, tooManyReply)
	decision(t, "too many, by p=reject", Policy{DMARCReject: Reject}, many, tooManyReply)
	decision(t, "too many, by compauth_fail", Policy{CompauthFail: Quarantine}, many, "quarantine DMARC policy for the From domains (reason 001)")
	block := func(r *Report) {
		r.Evidence.Authors[4].Blocked, r.entries[4] = true, &spoof.Entry{Block: true}
		r.Verdict = compauth.Evaluate(&r.Evidence)
	}
	decision(t, "too many, by p=quarantine", Policy{DMARCQuarantine: Quarantine}, many, "quarantine DMARC policy for the From domains (reason 001)")
	decision(t, "too many, one is blocked", Policy{SpoofBlock: Reject}, many, strings.ReplaceAll(refused, "example.org", "good.example"), block)
	decision(t, "too many, a block is no milder", Policy{SpoofBlock: Quarantine, DMARCReject: Reject}, many, tooManyReply, block)
	decision(t, "unreadable", all, unread, "accept")
	lost := judged(pass, of(failed(dmarc.PolicyReject)))
	lost.Evidence.LostClient, lost.Evidence.Authors[0].Blocked, lost.entries[0] = true, true, &spoof.Entry{Block: true}
	lost.Verdict = compauth.Evaluate(&lost.Evidence)
	decision(t, "lost, one is blocked", all, lost, strings.ReplaceAll(refused, "example.org", "good.example"))
	decision(t, "lost, one is blocked, stamped only", Policy{DMARCReject: Reject, CompauthFail: Reject}, lost, "accept")
	for name, test := range map[string]struct {
		o    dmarc.Outcome
		want string
	}{"unreadable, p=reject": {failed(dmarc.PolicyReject), rejected}, "unreadable, p=none": {failed(dmarc.PolicyNone), unproven}, "unreadable, no record": {tempError(), "accept"}} {
		r := judged(of(test.o))
		r.Evidence.Unreadable = true
		r.Verdict = compauth.Evaluate(&r.Evidence)
		decision(t, name, all, r, test.want)
	}
	for name, e := range map[string]compauth.Evidence{"SMTP AUTH": {SMTPAuth: true}, "trusted": {TrustedNetwork: true}, "lost": {LostClient: true}} {
		r := judged(of(failed(dmarc.PolicyReject)))
		e.Authors = r.Evidence.Authors
		r.Evidence, r.Verdict = e, compauth.Evaluate(&e)
		decision(t, name, all, r, "accept")
	}
}

func words(d Disposition) string {
	text := d.Action.String()
	if d.Code != 0 {
		text += " " + map[int]string{550: "550", 451: "451"}[d.Code] + " " + d.Status
	}
	text = strings.TrimSpace(text + " " + d.Text)
	if d.Flag {
		text += " flagged"
	}
	return text
}

func TestReplyIsBounded(t *testing.T) {
	p := Policy{DMARCReject: Reject}
	r := judged(of(dmarc.Outcome{Result: dmarc.Fail, Policy: dmarc.PolicyReject, Author: strings.Repeat("a", 5000)}))
	if d := p.decide(&r); len(d.Text) != maxReply {
		t.Errorf("%d bytes", len(d.Text))
	}
}
