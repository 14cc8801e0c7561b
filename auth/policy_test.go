package auth

import (
	"strings"
	"testing"

	"assay/arc"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/message"
	"assay/auth/spf"
)

func TestDecide(t *testing.T) {
	all := Policy{DMARCReject: Reject, DMARCQuarantine: Quarantine, DNSFailure: TempFail}
	fail := dmarc.Outcome{Result: dmarc.Fail, Author: "example.org", Policy: dmarc.PolicyReject, Record: &dmarc.Record{}}
	quarantine, none, temp, unread := fail, fail, fail, fail
	quarantine.Policy, none.Policy = dmarc.PolicyQuarantine, dmarc.PolicyNone
	temp.Result, unread.Result, unread.Record = dmarc.TempError, dmarc.TempError, nil
	aligned := unread
	aligned.SPFRelaxed = true
	for name, test := range map[string]struct {
		policy Policy
		report Report
		want   string
	}{
		"nothing by default":     {Policy{}, Report{DMARC: fail}, "accept"},
		"reject":                 {all, Report{DMARC: fail}, "reject 550 5.7.1 rejected by DMARC policy for example.org"},
		"reject by quarantine":   {Policy{DMARCReject: Quarantine}, Report{DMARC: fail}, "quarantine DMARC policy for example.org: reject"},
		"quarantine":             {all, Report{DMARC: quarantine}, "quarantine DMARC policy for example.org: quarantine"},
		"quarantine is not p=r":  {Policy{DMARCReject: Reject}, Report{DMARC: quarantine}, "accept"},
		"too many From domains":  {all, Report{DMARC: *unreadable(message.Authors{List: make([]message.Author, 6)})}, "reject 550 5.7.1 rejected by DMARC policy for the From domains"},
		"unreadable From":        {all, Report{DMARC: *unreadable(message.Authors{Err: errTooManyAuthors})}, "accept"},
		"a trusted sealer":       {all, Report{DMARC: fail, Authored: []dmarc.Outcome{fail}, Override: arc.Override{ODA: true}}, "accept"},
		"a sealer unknown":       {all, Report{DMARC: fail, SealerUnknown: true}, "tempfail 451 4.7.29 DNS failure while reading the key of a trusted ARC sealer for example.org, try again later"},
		"whatever dns_failure":   {Policy{DMARCReject: Reject}, Report{DMARC: fail, SealerUnknown: true}, "tempfail 451 4.7.29 DNS failure while reading the key of a trusted ARC sealer for example.org, try again later"},
		"sealer, but p=none":     {all, Report{DMARC: none, SealerUnknown: true}, "accept"},
		"sealer, quarantine":     {all, Report{DMARC: quarantine, SealerUnknown: true}, "quarantine DMARC policy for example.org: quarantine"},
		"sealer, not acted upon": {Policy{}, Report{DMARC: fail, SealerUnknown: true}, "accept"},
		"p=none":                 {all, Report{DMARC: none}, "accept"},
		"no record for DNS":      {all, Report{DMARC: unread}, "tempfail 451 4.7.5 DNS failure while reading the DMARC policy for example.org, try again later"},
		"DNS, but aligned":       {all, Report{DMARC: aligned}, "accept"},
		"DNS passes by default":  {Policy{DMARCReject: Reject}, Report{DMARC: unread}, "accept"},
		"SPF for DNS":            {all, Report{DMARC: temp, SPF: spf.Outcome{Result: spf.TempError}}, "tempfail 451 4.7.24 DNS failure while checking SPF for example.org, try again later"},
		"DKIM for DNS":           {all, Report{DMARC: temp, DKIM: []dkim.Outcome{{Result: dkim.TempError}}}, "tempfail 451 4.7.20 DNS failure while reading a DKIM key for example.org, try again later"},
		"the admin's text":       {Policy{DMARCReject: Reject, RejectText: "call us"}, Report{DMARC: fail}, "reject 550 5.7.1 rejected by DMARC policy for example.org: call us"},
		"the sender's SPF text":  {all, Report{DMARC: fail, SPF: spf.Outcome{Result: spf.Fail, Domain: "e.example", Explanation: "go\r\n250 ok é"}}, "reject 550 5.7.1 rejected by DMARC policy for example.org (e.example explains: go??250 ok ??)"},
		"the flag of quarantine": {Policy{DMARCQuarantine: Quarantine, Flag: true}, Report{DMARC: quarantine}, "quarantine DMARC policy for example.org: quarantine flagged"},
	} {
		if got := words(test.policy.decide(&test.report)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
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
	r := Report{DMARC: dmarc.Outcome{Result: dmarc.Fail, Policy: dmarc.PolicyReject, Author: strings.Repeat("a", 5000)}}
	if d := p.decide(&r); len(d.Text) != maxReply {
		t.Errorf("%d bytes", len(d.Text))
	}
}
