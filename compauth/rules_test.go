package compauth

import (
	"slices"
	"strings"
	"testing"

	"assay/auth/dmarc"
)

// The makers of the tests' evidence.

func failing(policy dmarc.Policy) dmarc.Outcome {
	return dmarc.Outcome{Result: dmarc.Fail, Record: &dmarc.Record{}, Published: policy, Policy: policy}
}

func outcome(result dmarc.Result, changes ...func(*dmarc.Outcome)) dmarc.Outcome {
	o := dmarc.Outcome{Result: result}
	for _, change := range changes {
		change(&o)
	}
	return o
}

func spfRelaxed(o *dmarc.Outcome)  { o.SPFRelaxed = true }
func dkimRelaxed(o *dmarc.Outcome) { o.DKIMRelaxed = true }

func published(policy dmarc.Policy) func(*dmarc.Outcome) {
	return func(o *dmarc.Outcome) { o.Record, o.Published, o.Policy = &dmarc.Record{}, policy, policy }
}

// with is evidence about one From domain, with implicit authentication on.
func with(a Author, changes ...func(*Evidence)) Evidence {
	e := Evidence{Implicit: true, Authors: []Author{a}}
	for _, change := range changes {
		change(&e)
	}
	return e
}

func noImplicit(e *Evidence)     { e.Implicit = false }
func smtpAuth(e *Evidence)       { e.SMTPAuth = true }
func trusted(e *Evidence)        { e.TrustedNetwork = true }
func lost(e *Evidence)           { e.LostClient = true }
func unreadable(e *Evidence)     { e.Unreadable = true }
func tooMany(e *Evidence)        { e.TooMany = true }
func viaRelay(e *Evidence)       { e.ViaRelay = true }
func ownBounce(e *Evidence)      { e.OwnBounce = true }
func overrideReject(e *Evidence) { e.OverrideReject = true }

func and(a Author) func(*Evidence) {
	return func(e *Evidence) { e.Authors = append(e.Authors, a) }
}

var (
	reject     = failing(dmarc.PolicyReject)
	quarantine = failing(dmarc.PolicyQuarantine)
	monitor    = failing(dmarc.PolicyNone)
	noRecord   = dmarc.Outcome{Result: dmarc.None}
	passing    = outcome(dmarc.Pass, published(dmarc.PolicyReject), spfRelaxed)
	dnsFailure = dmarc.Outcome{Result: dmarc.TempError}
)

func strictDKIM() dmarc.Outcome { o := monitor; o.DKIMRelaxed = true; return o }
func strictSPF() dmarc.Outcome  { o := monitor; o.SPFRelaxed = true; return o }

// cases has for every rule evidence that ends in it, and near misses that end elsewhere.
var cases = []struct {
	name string
	e    Evidence
	rule string
	want string
}{
	{"SMTP AUTH", with(Author{DMARC: reject, Blocked: true}, smtpAuth, trusted), "1", "none 401"},
	{"trusted network", with(Author{DMARC: reject, Blocked: true}, trusted, lost), "2", "none 402"},
	{"client not recovered", with(Author{DMARC: reject, Accepted: true}, lost, tooMany), "3", "none 905"},
	{"client not recovered, blocked", with(Author{DMARC: reject}, lost, and(Author{DMARC: passing, Blocked: true})), "6", "fail 002"},
	{"client not recovered, unreadable", with(Author{DMARC: reject}, lost, unreadable), "3", "none 905"},
	{"the zero value", Evidence{}, "4", "none 301"},
	{"no From domain, but a bounce of ours", Evidence{OwnBounce: true, Implicit: true}, "4", "none 301"},
	{"unreadable From", with(Author{DMARC: passing}, unreadable), "4", "none 301"},
	{"unreadable From, a hint", with(Author{DMARC: noRecord, MX: true}, unreadable), "4", "none 301"},
	{"unreadable From, no DNS", with(Author{DMARC: dnsFailure}, unreadable), "4", "none 301"},
	{"unreadable From, enforced but vouched for", with(Author{DMARC: reject, Vouched: true}, unreadable), "4", "none 301"},
	{"unreadable From, enforced, bounce", with(Author{DMARC: reject}, unreadable, ownBounce), "4", "none 301"},
	{"unreadable From, enforced, history", with(Author{DMARC: quarantine, History: 701}, unreadable), "4", "none 301"},
	{"unreadable From, enforced, history without implicit", with(Author{DMARC: quarantine, History: 701}, unreadable, noImplicit), "17", "fail 000"},
	{"unreadable From without anything", with(Author{DMARC: noRecord}, unreadable), "27", "fail 001"},
	{"unreadable From, p=none", with(Author{DMARC: monitor}, unreadable), "27", "fail 001"},
	{"unreadable From, our own", with(Author{DMARC: monitor, Accepted: true}, unreadable), "26", "fail 601"},
	{"unreadable From, our own, enforced", with(Author{DMARC: reject, Accepted: true}, unreadable), "16", "fail 010"},
	{"unreadable From with a domain that is enforced", with(Author{DMARC: passing}, unreadable, and(Author{DMARC: reject})), "17", "fail 000"},
	{"unreadable From with a domain that is blocked", with(Author{DMARC: passing}, unreadable, and(Author{DMARC: passing, Blocked: true})), "6", "fail 002"},
	{"too many From domains", with(Author{DMARC: passing}, tooMany), "5", "fail 001"},
	{"too many From domains, one of them blocked", with(Author{DMARC: passing}, tooMany, unreadable, and(Author{DMARC: passing, Blocked: true})), "6", "fail 002"},
	{"too many From domains, none evaluated", Evidence{TooMany: true}, "5", "fail 001"},
	{"too many From domains, unreadable", with(Author{DMARC: passing}, tooMany, unreadable), "5", "fail 001"},

	{"blocked", with(Author{DMARC: passing, Blocked: true, Vouched: true}), "6", "fail 002"},
	{"DMARC passes", with(Author{DMARC: passing}), "7", "pass 100"},
	{"DMARC passes, SPF for another fails", with(Author{DMARC: passing, SPFFail: true}), "7", "pass 100"},
	{"best guess by SPF", with(Author{DMARC: outcome(dmarc.None, spfRelaxed)}), "8", "pass 109"},
	{"best guess by DKIM", with(Author{DMARC: outcome(dmarc.None, dkimRelaxed)}, noImplicit), "8", "pass 109"},
	{"no record and nothing aligned", with(Author{DMARC: noRecord}), "27", "fail 001"},
	{"temperror, SPF aligned", with(Author{DMARC: outcome(dmarc.TempError, spfRelaxed)}), "9", "pass 111"},
	{"permerror, DKIM aligned", with(Author{DMARC: outcome(dmarc.PermError, dkimRelaxed)}), "9", "pass 111"},
	{"temperror with p=none, aligned", with(Author{DMARC: outcome(dmarc.TempError, spfRelaxed, published(dmarc.PolicyNone))}), "9", "pass 111"},
	{"temperror with p=reject, aligned in relaxed mode only", with(Author{DMARC: outcome(dmarc.TempError, spfRelaxed, published(dmarc.PolicyReject))}), "27", "fail 001"},
	{"permerror, nothing aligned", with(Author{DMARC: outcome(dmarc.PermError)}), "27", "fail 001"},
	{"the record could not be read", with(Author{DMARC: dnsFailure}), "10", "pass 112"},
	{"the record could not be read, SPF fails", with(Author{DMARC: dnsFailure, SPFFail: true}), "10", "pass 112"},
	{"temperror of a key, the record is known", with(Author{DMARC: outcome(dmarc.TempError, published(dmarc.PolicyReject))}), "27", "fail 001"},
	{"temperror of a key, the record is known, our own", with(Author{DMARC: outcome(dmarc.TempError, published(dmarc.PolicyReject)), Accepted: true}), "26", "fail 601"},
	{"vouched for", with(Author{DMARC: reject, Vouched: true, Accepted: true}, noImplicit), "11", "pass 130"},
	{"bounce for a message of ours", with(Author{DMARC: reject, ContactBounce: true}, ownBounce, noImplicit), "12", "pass 502"},
	{"bounce for a message of ours from ourselves", with(Author{DMARC: reject, Accepted: true}, ownBounce), "16", "fail 010"},
	{"bounce of a contact", with(Author{DMARC: quarantine, ContactBounce: true}, noImplicit), "13", "pass 501"},
	{"bounce of a contact, no record", with(Author{DMARC: noRecord, ContactBounce: true}), "13", "pass 501"},
	{"bounce of a contact, p=reject", with(Author{DMARC: reject, ContactBounce: true}), "17", "fail 000"},
	{"bounce of a contact, p=reject that history may override", with(Author{DMARC: reject, ContactBounce: true}, overrideReject, noImplicit), "13", "pass 501"},
	{"bounce of a contact, p=reject, temperror", with(Author{DMARC: outcome(dmarc.TempError, published(dmarc.PolicyReject)), ContactBounce: true}), "27", "fail 001"},
	{"bounce of a contact who is ourselves", with(Author{DMARC: noRecord, ContactBounce: true, Accepted: true}, overrideReject), "26", "fail 601"},
	{"changed by the relay", with(Author{DMARC: reject, BodyOnly: true, Accepted: true}, viaRelay), "14", "pass 108"},
	{"changed by the relay, several From domains", with(Author{DMARC: reject, BodyOnly: true}, viaRelay, and(Author{DMARC: passing})), "17", "fail 000"},
	{"changed without a relay", with(Author{DMARC: reject, BodyOnly: true}), "17", "fail 000"},
	{"relay without a change", with(Author{DMARC: reject}, viaRelay), "17", "fail 000"},
	{"changed by the relay without implicit", with(Author{DMARC: reject, BodyOnly: true}, viaRelay, noImplicit), "17", "fail 000"},
	{"history against p=quarantine", with(Author{DMARC: quarantine, History: 703, Accepted: true}), "15", "pass 703"},
	{"history against p=reject", with(Author{DMARC: reject, History: 701}), "17", "fail 000"},
	{"history that may override p=reject", with(Author{DMARC: reject, History: 704}, overrideReject), "15", "pass 704"},
	{"history without implicit", with(Author{DMARC: quarantine, History: 703}, noImplicit, overrideReject), "17", "fail 000"},
	{"override without history", with(Author{DMARC: reject}, overrideReject), "17", "fail 000"},
	{"enforced, our own", with(Author{DMARC: reject, Accepted: true, PTRWithin: true, MX: true}), "16", "fail 010"},
	{"quarantine, our own", with(Author{DMARC: quarantine, Accepted: true}), "16", "fail 010"},
	{"enforced", with(Author{DMARC: reject, PTRWithin: true, PTROrg: true, MX: true, Neighbour: true, PTRUnconfirmed: true}), "17", "fail 000"},
	{"quarantine", with(Author{DMARC: quarantine}), "17", "fail 000"},
	{"quarantine with t=y", with(Author{DMARC: monitor}), "27", "fail 001"},
	{"strict, DKIM relaxed", with(Author{DMARC: strictDKIM(), SPFFail: true}), "18", "pass 101"},
	{"strict, SPF relaxed", with(Author{DMARC: strictSPF()}), "19", "pass 102"},
	{"strict without implicit", with(Author{DMARC: strictSPF()}, noImplicit), "27", "fail 001"},
	{"strict, enforced", with(Author{DMARC: outcome(dmarc.Fail, spfRelaxed, published(dmarc.PolicyReject))}), "17", "fail 000"},
	{"temperror, p=reject, all hints", with(Author{DMARC: outcome(dmarc.TempError, published(dmarc.PolicyReject)), PTRWithin: true, PTROrg: true, MX: true, History: 701, Neighbour: true}), "27", "fail 001"},
	{"temperror, p=quarantine, a hint", with(Author{DMARC: outcome(dmarc.TempError, published(dmarc.PolicyQuarantine)), Neighbour: true, Accepted: true}), "26", "fail 601"},
	{"temperror, p=none, a hint", with(Author{DMARC: outcome(dmarc.TempError, published(dmarc.PolicyNone)), Neighbour: true}), "25a", "softpass 201"},
	{"SPF fails, all hints", with(Author{DMARC: monitor, SPFFail: true, PTRWithin: true, PTROrg: true, MX: true, History: 701, Neighbour: true, PTRUnconfirmed: true}), "27", "fail 001"},
	{"SPF fails, all hints, our own", with(Author{DMARC: noRecord, SPFFail: true, Accepted: true, PTRWithin: true}), "26", "fail 601"},
	{"PTR name within", with(Author{DMARC: monitor, PTRWithin: true, PTROrg: true, MX: true}), "21", "pass 103"},
	{"PTR name of the organization", with(Author{DMARC: noRecord, PTROrg: true, MX: true}), "22", "pass 104"},
	{"MX", with(Author{DMARC: noRecord, MX: true, History: 701}), "23", "pass 116"},
	{"history 701", with(Author{DMARC: noRecord, History: 701, Neighbour: true}), "24", "pass 701"},
	{"history 702", with(Author{DMARC: monitor, History: 702, Accepted: true}), "24", "pass 702"},
	{"history of temperror", with(Author{DMARC: outcome(dmarc.TempError, published(dmarc.PolicyNone)), History: 702}), "24", "pass 702"},
	{"neighbour", with(Author{DMARC: noRecord, Neighbour: true, PTRUnconfirmed: true, Accepted: true}), "25a", "softpass 201"},
	{"PTR name not confirmed", with(Author{DMARC: noRecord, PTRUnconfirmed: true}), "25b", "softpass 202"},
	{"all hints without implicit", with(Author{DMARC: noRecord, PTRWithin: true, PTROrg: true, MX: true, History: 701, Neighbour: true, PTRUnconfirmed: true}, noImplicit), "27", "fail 001"},
	{"our own", with(Author{DMARC: noRecord, Accepted: true}), "26", "fail 601"},
	{"our own, p=none", with(Author{DMARC: monitor, Accepted: true}), "26", "fail 601"},
	{"relay and nothing", with(Author{DMARC: noRecord}, viaRelay), "27", "fail 001"},

	{"of two the one that fails", with(Author{DMARC: passing}, and(Author{DMARC: noRecord})), "27", "fail 001"},
	{"of two failures the earlier rule", with(Author{DMARC: noRecord}, and(Author{DMARC: reject})), "17", "fail 000"},
	{"of two failures the blocked one", with(Author{DMARC: reject}, and(Author{DMARC: passing, Blocked: true})), "6", "fail 002"},
	{"of two passes the later rule", with(Author{DMARC: noRecord, MX: true}, and(Author{DMARC: passing})), "23", "pass 116"},
	{"of a pass and a hint the hint", with(Author{DMARC: noRecord, Neighbour: true}, and(Author{DMARC: passing})), "25a", "softpass 201"},
	{"the first of equals", with(Author{DMARC: passing}, and(Author{DMARC: passing})), "7", "pass 100"},
}

func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			v := Evaluate(&test.e)
			if got := string(v.Result) + " " + v.Reason.String(); got != test.want || v.Rule().Number != test.rule {
				t.Errorf("rule %s: %s, want rule %s: %s", v.Rule().Number, got, test.rule, test.want)
			}
			if v.Rule().Message != (v.Author < 0) {
				t.Errorf("rule %s decided about From domain %d", v.Rule().Number, v.Author)
			}
			checkTrace(t, &test.e, v)
		})
		seen[test.rule] = true
	}
	for _, r := range Rules() {
		if !seen[r.Number] && r.Result != "" {
			t.Errorf("no case ends in rule %s", r.Number)
		}
	}
}

// The verdict names the From domain that decided.
func TestSeveralAuthorsDecide(t *testing.T) {
	e := with(Author{DMARC: passing}, and(Author{DMARC: reject}), and(Author{DMARC: noRecord}))
	if v := Evaluate(&e); v.Author != 1 {
		t.Errorf("From domain %d decides", v.Author)
	}
	for i, want := range []Reason{100, 0, 1} {
		if v := EvaluateAuthor(&e, i); v.Reason != want || v.Author != i {
			t.Errorf("From domain %d: %s of %d", i, v.Reason, v.Author)
		}
	}
}

// The order is the documentation's.
func TestRulesAreInOrder(t *testing.T) {
	want := strings.Fields("1:none/401 2:none/402 3:none/905 4:none/301 5:fail/001 6:fail/002 7:pass/100 8:pass/109 " +
		"9:pass/111 10:pass/112 11:pass/130 12:pass/502 13:pass/501 14:pass/108 15:pass/700 16:fail/010 17:fail/000 " +
		"18:pass/101 19:pass/102 20:/000 21:pass/103 22:pass/104 23:pass/116 24:pass/700 25a:softpass/201 " +
		"25b:softpass/202 26:fail/601 27:fail/001")
	var got []string
	for _, r := range Rules() {
		got = append(got, r.Number+":"+string(r.Result)+"/"+r.Reason.String())
		if r.Doc == "" || strings.HasSuffix(r.Doc, ".") {
			t.Errorf("rule %s: doc %q", r.Number, r.Doc)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Rules are copies: nobody can change the table.
func TestRulesAreCopies(t *testing.T) {
	Rules()[0] = Rule{}
	if rules[0].Number != "1" {
		t.Error("the table was changed")
	}
}

// The implicit rules are those that the documentation leaves out with implicit = false.
func TestImplicitRules(t *testing.T) {
	var got []string
	for _, r := range Rules() {
		if r.Implicit {
			got = append(got, r.Number)
		}
	}
	if want := strings.Fields("14 15 18 19 20 21 22 23 24 25a 25b"); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
