package dmarc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/spf"
)

// spfOutcome reads "pass example.com"; "helo pass example.com" is of the HELO identity.
func spfOutcome(text string) spf.Outcome {
	o := spf.Outcome{Result: spf.None, Identity: spf.MailFrom}
	words := strings.Fields(text)
	if len(words) == 3 {
		o.Identity, words = spf.Helo, words[1:]
	}
	if len(words) == 2 {
		o.Result, o.Domain = spf.Result(words[0]), words[1]
	}
	return o
}

// dkimOutcomes reads "pass example.com, testing pass example.org".
func dkimOutcomes(text string) []dkim.Outcome {
	var outcomes []dkim.Outcome
	for part := range strings.SplitSeq(text, ",") {
		var o dkim.Outcome
		words := strings.Fields(part)
		if len(words) == 3 {
			o.Testing, words = true, words[1:]
		}
		if len(words) == 2 {
			o.Result, o.Domain = dkim.Result(words[0]), words[1]
			outcomes = append(outcomes, o)
		}
	}
	return outcomes
}

// summary writes the parts of an outcome that the tables compare.
func summary(o Outcome) string {
	s := fmt.Sprintf("%s org=%s at=%s %s/%s", o.Result, o.OrgDomain, o.RecordAt, o.Published, o.Policy)
	for _, flag := range []struct {
		name string
		set  bool
	}{
		{"spf", o.SPFAligned}, {"spf~", o.SPFRelaxed}, {"dkim", o.DKIMAligned}, {"dkim~", o.DKIMRelaxed},
		{"psl", o.PublicSuffixList}, {"nx", o.NonExistent}, {"temp", o.AlignedTempError},
	} {
		if flag.set {
			s += " " + flag.name
		}
	}
	return s
}

const (
	reject  = "v=DMARC1; p=reject"
	bankPSD = "v=DMARC1; p=reject; sp=quarantine; np=none; psd=y"
)

// evaluations is one case per line of the RFC's text.
var evaluations = []struct {
	name, zone, author, spf, dkim string
	fail                          string // names whose lookups fail
	want                          string
}{
	// Section 5.3.5, 4.4.1, 4.4.2.
	{"nothing passes", txt("example.com", reject), "example.com", "", "", "",
		"fail org=example.com at=example.com reject/reject"},
	{"SPF passes, identical", txt("example.com", reject), "example.com", "pass example.com", "", "",
		"pass org=example.com at=example.com reject/reject spf spf~"},
	{"DKIM passes, identical", txt("example.com", reject), "example.com", "", "pass example.com", "",
		"pass org=example.com at=example.com reject/reject dkim dkim~"},
	{"any of several signatures", txt("example.com", reject), "example.com", "fail example.com", "fail example.com, pass example.net, pass a.example.com", "",
		"pass org=example.com at=example.com reject/reject dkim dkim~"},
	{"the first of several signatures", txt("example.com", reject), "example.com", "", "pass example.com, pass example.net", "",
		"pass org=example.com at=example.com reject/reject dkim dkim~"},
	{"other results don't count", txt("example.com", reject), "example.com", "softfail example.com",
		"neutral example.com, policy example.com, permerror example.com, none example.com, fail example.com", "",
		"fail org=example.com at=example.com reject/reject"},
	{"SPF neutral", txt("example.com", reject), "example.com", "neutral example.com", "", "", "fail org=example.com at=example.com reject/reject"},
	{"the HELO identity does not count", txt("example.com", reject), "example.com", "helo pass example.com", "", "",
		"fail org=example.com at=example.com reject/reject"},
	{"a key under test counts as no signature", txt("example.com", reject), "example.com", "", "testing pass example.com", "",
		"fail org=example.com at=example.com reject/reject"},
	{"letter case and final dots", txt("example.com", reject), "Example.COM.", "pass EXAMPLE.com.", "pass MAIL.example.com.", "",
		"pass org=example.com at=example.com reject/reject spf spf~ dkim dkim~"},
	{"U-labels", txt("xn--bcher-kva.example", reject), "bücher.example", "pass Bücher.example", "", "",
		"pass org=xn--bcher-kva.example at=xn--bcher-kva.example reject/reject spf spf~"},
	{"the suffix needs the dot", txt("example.com", reject), "example.com", "pass badexample.com", "pass notexample.com", "",
		"fail org=example.com at=example.com reject/reject"},
	{"an identifier that is no domain", txt("example.com", reject), "example.com", "pass a b.example.com", "pass .example.com", "",
		"fail org=example.com at=example.com reject/reject"},

	// Table 1 of section 4.4.
	{"table 1 relaxed", txt("example.com", reject), "news.example.com", "pass foo.example.com", "", "",
		"pass org=example.com at=example.com reject/reject spf spf~"},
	{"table 1 strict", txt("news.example.com", reject+"; aspf=s; adkim=s", "example.com", reject), "news.example.com", "pass news.example.com", "pass example.com", "",
		"pass org=example.com at=news.example.com reject/reject spf spf~ dkim~"},
	{"table 1 none", txt("example.com", reject), "news.example.com", "pass foo.example.net", "", "",
		"fail org=example.com at=example.com reject/reject"},
	{"strict SPF, relaxed fact", txt("example.com", reject+"; aspf=s"), "example.com", "pass a.example.com", "", "",
		"fail org=example.com at=example.com reject/reject spf~"},
	{"strict SPF, relaxed DKIM", txt("example.com", reject+"; aspf=s"), "example.com", "pass a.example.com", "pass a.example.com", "",
		"pass org=example.com at=example.com reject/reject spf~ dkim dkim~"},

	// Appendix B.1: d= and MAIL FROM equal, parent, unrelated.
	{"B.1 equal", txt("example.com", reject), "example.com", "pass example.com", "pass example.com", "",
		"pass org=example.com at=example.com reject/reject spf spf~ dkim dkim~"},
	{"B.1 parent", txt("example.com", reject), "child.example.com", "pass example.com", "pass example.com", "",
		"pass org=example.com at=example.com reject/reject spf spf~ dkim dkim~"},
	{"B.1 unrelated", txt("example.com", reject), "child.example.com", "pass example.net", "pass example.net", "",
		"fail org=example.com at=example.com reject/reject"},

	// Appendix B.4.
	{"B.4.1", txt("example.com", reject, "signing.example.com", u), "example.com", "pass example.com", "pass signing.example.com", "",
		"pass org=example.com at=example.com reject/reject spf spf~ dkim dkim~"},
	{"B.4.2", txt("example.com", reject, "signing.example.com", u), "a.b.c.d.e.f.g.h.i.j.k.example.com", "pass example.com", "pass signing.example.com", "",
		"pass org=example.com at=example.com reject/reject spf spf~ dkim dkim~"},
	{"B.4.3", txt("bank.example", bankPSD, "giant.bank.example", reject), "giant.bank.example", "pass mail.giant.bank.example", "pass mail.mega.bank.example", "",
		"pass org=giant.bank.example at=giant.bank.example reject/reject spf spf~"},
	{"a bank without a record", txt("bank.example", bankPSD) + "mega.bank.example. A 192.0.2.1\n", "mega.bank.example", "pass mail.giant.bank.example", "", "",
		"fail org=mega.bank.example at=bank.example quarantine/quarantine"},
	{"a bank that does not exist", txt("bank.example", bankPSD), "fake.bank.example", "pass mail.giant.bank.example", "", "",
		"fail org=fake.bank.example at=bank.example none/none nx"},
	{"the bank's suffix itself", txt("bank.example", bankPSD), "bank.example", "pass mail.giant.bank.example", "", "",
		"fail org=bank.example at=bank.example reject/reject"},
	{"section 11.8", txt("mail.example.com", n, "example.com", reject), "evil.example.com", "", "pass mail.example.com", "",
		"fail org=example.com at=example.com reject/reject"},

	// Section 4.10.1: whose record, and which tag of it.
	{"the author's own record", txt("a.example.com", "v=DMARC1; p=none; sp=reject; np=reject", "example.com", reject), "a.example.com", "", "", "",
		"fail org=example.com at=a.example.com none/none"},
	{"sp", txt("example.com", "v=DMARC1; p=none; sp=reject"), "a.example.com", "", "", "", "fail org=example.com at=example.com reject/reject"},
	{"sp does not apply to the domain itself", txt("example.com", "v=DMARC1; p=none; sp=reject"), "example.com", "", "", "", "fail org=example.com at=example.com none/none"},
	{"p without sp", txt("example.com", reject), "a.example.com", "", "", "", "fail org=example.com at=example.com reject/reject"},
	{"np, absent domain", txt("example.com", "v=DMARC1; p=none; np=reject"), "a.example.com", "", "", "", "fail org=example.com at=example.com reject/reject nx"},
	{"np, domain with another type", txt("example.com", "v=DMARC1; p=none; np=reject") + "a.example.com. TXT x\n", "a.example.com", "", "", "",
		"fail org=example.com at=example.com none/none"},
	{"np, empty non-terminal", txt("example.com", "v=DMARC1; p=none; np=reject") + "x.a.example.com. TXT x\n", "a.example.com", "", "", "",
		"fail org=example.com at=example.com none/none"},
	{"np, a name below _dmarc", txt("example.com", "v=DMARC1; p=none; np=reject") + "_dmarc.a.example.com. TXT x\n", "a.example.com", "", "", "",
		"fail org=example.com at=example.com none/none"},
	{"np, sp for one that exists", txt("example.com", "v=DMARC1; p=none; sp=quarantine; np=reject") + "a.example.com. A 192.0.2.1\n", "a.example.com", "", "", "",
		"fail org=example.com at=example.com quarantine/quarantine"},
	{"np absent, sp", txt("example.com", "v=DMARC1; p=none; sp=quarantine"), "a.example.com", "", "", "", "fail org=example.com at=example.com quarantine/quarantine"},
	{"a record between is not applied", txt("b.example.com", reject, "example.com", u), "a.b.example.com", "", "", "", "fail org=example.com at=example.com none/none"},
	{"a psd's policy is not for an organization with a record", txt("example", bankPSD, "a.example", "v=DMARC1; p=none"), "b.a.example", "", "", "",
		"fail org=a.example at=a.example none/none"},

	// Section 4.7: t.
	{"t=y, reject", txt("example.com", reject+"; t=y"), "example.com", "", "", "", "fail org=example.com at=example.com reject/quarantine"},
	{"t=y, quarantine", txt("example.com", "v=DMARC1; p=quarantine; t=y"), "example.com", "", "", "", "fail org=example.com at=example.com quarantine/none"},
	{"t=y, none", txt("example.com", "v=DMARC1; p=none; t=y"), "example.com", "", "", "", "fail org=example.com at=example.com none/none"},
	{"t=y, sp", txt("example.com", "v=DMARC1; p=none; sp=reject; t=y"), "a.example.com", "", "", "", "fail org=example.com at=example.com reject/quarantine"},

	// No record: none, and the best guess.
	{"no record", "", "example.com", "", "", "", "none org=example.com at= / psl"},
	{"best guess, identical", "", "example.com", "pass example.com", "", "", "none org=example.com at= / spf spf~ psl"},
	{"best guess, relaxed", "", "a.example.co.uk", "pass b.example.co.uk", "pass example.co.uk", "", "none org=example.co.uk at= / spf spf~ dkim dkim~ psl"},
	{"no guess over a public suffix", "", "a.co.uk", "pass b.co.uk", "pass co.uk", "", "none org=a.co.uk at= / psl"},
	{"no guess for a public suffix", "", "co.uk", "pass b.co.uk", "", "", "none org=co.uk at= / psl"},
	{"no guess over a private suffix", "", "a.github.io", "pass b.github.io", "", "", "none org=a.github.io at= / psl"},
	{"no guess with a domain that has a record", txt("mail.example.com", u), "example.com", "pass mail.example.com", "", "", "none org=example.com at= / psl"},
	{"an author below a domain with a record: that of the walk", txt("a.example.com", u), "b.a.example.com", "pass c.example.com", "pass a.example.com", "",
		"pass org=a.example.com at=a.example.com none/none dkim dkim~"},
	{"several records", txt("example.com", reject, "example.com", u), "example.com", "pass example.com", "", "", "none org=example.com at= / spf spf~ psl"},
	{"several records, another above", txt("a.example.com", reject, "a.example.com", u, "example.com", reject), "a.example.com", "", "", "",
		"fail org=example.com at=example.com reject/reject"},
	{"no policy, no rua", txt("example.com", "v=DMARC1; p=x"), "example.com", "pass a.example.com", "", "", "none org=example.com at= / spf spf~"},
	{"no policy, no rua, a record above", txt("a.example.com", "v=DMARC1", "example.com", reject), "a.example.com", "", "", "", "none org=example.com at= /"},
	{"no policy, rua", txt("example.com", "v=DMARC1; p=x; rua=mailto:a@b.example"), "example.com", "", "", "", "fail org=example.com at=example.com none/none"},
	{"single label", txt("localhost", reject), "localhost", "", "pass localhost", "", "pass org=localhost at=localhost reject/reject dkim dkim~"},

	// No domain: never a pass.
	{"no author", "", "", "pass example.com", "", "", "permerror org= at= /"},
	{"address literal", "", "[192.0.2.1]", "pass 192.0.2.1", "pass [192.0.2.1]", "", "permerror org= at= /"},
	{"IPv4 address", "", "192.0.2.1", "pass 192.0.2.1", "", "", "permerror org= at= /"},
	{"no name", "", "a b.example", "pass a b.example", "", "", "permerror org= at= /"},

	// Section 5.3.6: DNS failure.
	{"the author's record fails", txt("example.com", reject), "example.com", "", "", "_dmarc.example.com", "temperror org=example.com at= / psl"},
	{"the author's record fails, identical", txt("example.com", reject), "example.com", "pass example.com", "", "_dmarc.example.com",
		"temperror org=example.com at= / spf spf~ psl"},
	{"the author's record fails, relaxed stays open", txt("example.com", reject), "a.example.com", "pass b.example.com", "", "_dmarc.a.example.com",
		"temperror org=example.com at= /"},
	{"the organization's record fails", txt("example.com", reject), "a.example.com", "", "", "_dmarc.example.com", "temperror org=example.com at= / psl"},
	{"a name above fails, own record, nothing passes", txt("example.com", reject), "example.com", "", "", "_dmarc.com",
		"fail org=example.com at=example.com reject/reject"},
	{"a name above fails, own record, identical", txt("example.com", reject), "example.com", "pass example.com", "", "_dmarc.com",
		"pass org=example.com at=example.com reject/reject spf spf~"},
	{"a name above fails, both below one record", txt("example.com", reject), "example.com", "pass a.example.com", "", "_dmarc.com",
		"pass org=example.com at=example.com reject/reject spf spf~"},
	{"a name above fails, and could join them", txt("example.com", reject), "example.com", "pass other.com", "", "_dmarc.com",
		"temperror org=example.com at=example.com reject/reject"},
	{"a name above fails, and can't join them", txt("example.com", reject), "example.com", "pass other.net", "", "_dmarc.com _dmarc.net",
		"fail org=example.com at=example.com reject/reject"},
	{"a name above psd=n fails", txt("example.com", reject+"; psd=n"), "a.example.com", "pass b.example.com", "", "_dmarc.com",
		"pass org=example.com at=example.com reject/reject spf spf~"},
	{"an unrelated identifier fails", txt("example.com", reject), "example.com", "pass other.com", "", "_dmarc.other.com",
		"fail org=example.com at=example.com reject/reject"},
	{"an identifier below fails: open", txt("example.com", reject), "example.com", "pass a.example.com", "", "_dmarc.a.example.com",
		"temperror org=example.com at=example.com reject/reject"},
	{"an identifier fails, below a name that is not asked for", txt("a.b.2.3.4.5.6.7.h", reject, "2.3.4.5.6.7.h", y), "a.b.2.3.4.5.6.7.h", "pass c.b.2.3.4.5.6.7.h", "",
		"_dmarc.c.b.2.3.4.5.6.7.h", "temperror org=b.2.3.4.5.6.7.h at=a.b.2.3.4.5.6.7.h reject/reject"},
	{"an identifier fails, another is aligned", txt("example.com", reject), "example.com", "pass a.example.com", "pass example.com", "_dmarc.a.example.com",
		"pass org=example.com at=example.com reject/reject dkim dkim~"},
	{"an identifier fails, strict", txt("example.com", reject+"; aspf=s"), "example.com", "pass a.example.com", "", "_dmarc.a.example.com",
		"fail org=example.com at=example.com reject/reject"},
	{"an identifier fails, no record", "", "example.com", "pass a.example.com", "", "_dmarc.a.example.com", "none org=example.com at= / psl"},
	{"SPF temperror, aligned", txt("example.com", reject), "example.com", "temperror a.example.com", "fail example.com", "",
		"temperror org=example.com at=example.com reject/reject temp"},
	{"DKIM temperror, aligned", txt("example.com", reject), "example.com", "fail example.com", "temperror example.com", "",
		"temperror org=example.com at=example.com reject/reject temp"},
	{"temperror, not aligned", txt("example.com", reject), "example.com", "temperror example.net", "temperror example.org", "",
		"fail org=example.com at=example.com reject/reject"},
	{"temperror, not aligned in strict mode", txt("example.com", reject+"; adkim=s"), "example.com", "", "temperror a.example.com", "",
		"fail org=example.com at=example.com reject/reject"},
	{"temperror, but another is aligned", txt("example.com", reject), "example.com", "pass example.com", "temperror example.com", "",
		"pass org=example.com at=example.com reject/reject spf spf~ temp"},
	{"temperror, no record", "", "example.com", "temperror example.com", "", "", "none org=example.com at= / psl temp"},
	{"existence fails, nothing passes", txt("example.com", "v=DMARC1; p=none; sp=quarantine; np=reject"), "a.example.com", "", "", "a.example.com",
		"temperror org=example.com at=example.com quarantine/quarantine"},
	{"existence fails, np is milder", txt("example.com", "v=DMARC1; p=reject; np=none"), "a.example.com", "pass example.com", "", "a.example.com",
		"pass org=example.com at=example.com none/none spf spf~"},
	{"existence is not asked for", txt("example.com", reject), "a.example.com", "", "", "a.example.com", "fail org=example.com at=example.com reject/reject"},
}

func TestEvaluate(t *testing.T) {
	for _, tt := range evaluations {
		t.Run(tt.name, func(t *testing.T) {
			r := dnstest.NewResolver(t, tt.zone)
			for name := range strings.FieldsSeq(tt.fail) {
				r.Fail(name)
			}
			o := (&Evaluator{Resolver: r}).Evaluate(t.Context(), tt.author, spfOutcome(tt.spf), dkimOutcomes(tt.dkim))
			if got := summary(o); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
			if (o.Err != nil) != (o.Result == TempError || o.Result == PermError) {
				t.Errorf("%s, error %v", o.Result, o.Err)
			}
			if (o.Record != nil) != (o.RecordAt != "") {
				t.Errorf("record %v at %q", o.Record, o.RecordAt)
			}
			checkUnique(t, r.Asked())
		})
	}
}

// TestBeginEqualsEvaluate gets the same outcomes when all is asked in advance and
// several authors share an evaluation.
func TestBeginEqualsEvaluate(t *testing.T) {
	for _, tt := range evaluations {
		r := dnstest.NewResolver(t, tt.zone)
		for name := range strings.FieldsSeq(tt.fail) {
			r.Fail(name)
		}
		s, d := spfOutcome(tt.spf), dkimOutcomes(tt.dkim)
		identifiers := []string{s.Domain}
		for _, o := range d {
			identifiers = append(identifiers, o.Domain, o.Domain)
		}
		v := (&Evaluator{Resolver: r}).Begin(t.Context(), []string{tt.author, "other.example", tt.author}, identifiers)
		v.Evaluate("other.example", s, d)
		for range 2 {
			if got := summary(v.Evaluate(tt.author, s, d)); got != tt.want {
				t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
			}
		}
		v.Cancel()
		v.Cancel()
		checkUnique(t, r.Asked())
	}
}

func TestIssues(t *testing.T) {
	r := dnstest.NewResolver(t, txt("a.example.com", u, "a.example.com", reject, "example.com", reject+"; pct=10; adkim=x"))
	o := (&Evaluator{Resolver: r}).Evaluate(t.Context(), "a.example.com", spf.Outcome{}, nil)
	want := []string{
		"_dmarc.a.example.com: 2 DMARC records, all ignored",
		"_dmarc.example.com: pct is obsolete and ignored",
		"_dmarc.example.com: adkim=x is not valid",
	}
	if !slices.Equal(o.Issues, want) {
		t.Errorf("%q", o.Issues)
	}
}

func TestWorst(t *testing.T) {
	fail := func(p Policy) Outcome { return Outcome{Result: Fail, Policy: p} }
	order := []Outcome{
		{Result: Pass}, {Result: None}, {Result: TempError, Policy: PolicyReject}, {Result: PermError},
		fail(PolicyNone), fail(PolicyQuarantine), fail(PolicyReject),
	}
	for i, milder := range order {
		for j, worse := range order[i:] {
			for _, o := range []Outcome{Worst([]Outcome{milder, worse}), Worst([]Outcome{worse, milder})} {
				if o.Result != worse.Result || o.Policy != worse.Policy {
					t.Errorf("%d %d: %+v", i, i+j, o)
				}
			}
		}
	}
	if o := Worst([]Outcome{{Result: Fail, Author: "a"}, {Result: Fail, Author: "b"}}); o.Author != "a" {
		t.Errorf("of equal ones: %+v", o)
	}
	if o := Worst(nil); o.Result != PermError || o.Err == nil {
		t.Errorf("none: %+v", o)
	}
}

func FuzzEvaluate(f *testing.F) {
	f.Add("example.com", "a.example.com", "b.example.com", "v=DMARC1; p=reject", "v=DMARC1; p=none; psd=n", "_dmarc.com")
	f.Add("a.b.example", "b.example", "example", "v=DMARC1; p=reject; psd=y", "", "")
	f.Add("bücher.example", "192.0.2.1", "..", "v=DMARC1", "v=DMARC1; np=reject; p=none", "_dmarc.example")
	f.Fuzz(func(t *testing.T, author, mailFrom, signer, text1, text2, fail string) {
		r := &answerer{t1: text1, t2: text2, fail: fail}
		if normal, ok := normalize(author); ok {
			r.at1, r.at2 = "_dmarc."+normal, "_dmarc."+parentOf(normal)
		}
		s := spf.Outcome{Result: spf.Pass, Identity: spf.MailFrom, Domain: mailFrom}
		d := []dkim.Outcome{{Result: dkim.Pass, Domain: signer}, {Result: dkim.TempError, Domain: mailFrom}}
		o := (&Evaluator{Resolver: r}).Evaluate(context.Background(), author, s, d)
		if o.SPFAligned && !o.SPFRelaxed || o.DKIMAligned && !o.DKIMRelaxed {
			t.Errorf("strict without relaxed: %+v", o)
		}
		if o.Result == Pass && (o.Record == nil || !o.SPFAligned && !o.DKIMAligned) || o.Result == Fail && (o.SPFAligned || o.DKIMAligned) {
			t.Errorf("%+v", o)
		}
		if (o.Result == Pass || o.Result == Fail) && o.Policy.strictness() > o.Published.strictness() {
			t.Errorf("policy %s of %s", o.Policy, o.Published)
		}
	})
}

// An answerer has two texts at two names, and one name that fails.
type answerer struct{ at1, t1, at2, t2, fail string }

func (a *answerer) Resolve(_ context.Context, q dns.Question) (dns.Answer, error) {
	switch {
	case q.Name == a.fail:
		return dns.Answer{}, dnstest.ErrFail
	case q.Type == dns.TypeTXT && q.Name == a.at1:
		return dns.Answer{Texts: []string{a.t1}}, nil
	case q.Type == dns.TypeTXT && q.Name == a.at2:
		return dns.Answer{Texts: []string{"v=spf1", a.t2}}, nil
	}
	return dns.Answer{NXDomain: true, TTL: time.Hour}, nil
}

// BenchmarkEvaluate is a usual message with warm DNS: an author domain, SPF and
// two signatures, one of a third party.
func BenchmarkEvaluate(b *testing.B) {
	e := &Evaluator{Resolver: &answerer{at1: "_dmarc.example.com", t1: reject + "; rua=mailto:dmarc@example.com"}}
	s, d := spfOutcome("pass bounce.example.com"), dkimOutcomes("pass example.com, pass esp.net")
	authors, identifiers := []string{"news.example.com"}, []string{"bounce.example.com", "example.com", "esp.net"}
	b.ReportAllocs()
	for b.Loop() {
		v := e.Begin(context.Background(), authors, identifiers)
		if o := v.Evaluate("news.example.com", s, d); o.Result != Pass {
			b.Fatalf("%+v", o)
		}
		v.Cancel()
	}
}

// BenchmarkWarm is the usual message, as most are, of which a cache has all answers.
func BenchmarkWarm(b *testing.B) {
	origin := &answerer{at1: "_dmarc.example.com", t1: reject + "; rua=mailto:dmarc@example.com"}
	e := &Evaluator{Resolver: &dns.Counting{Resolver: &dns.Cache{Resolver: origin, MinTTL: time.Hour}}}
	s, d := spfOutcome("pass example.com"), dkimOutcomes("pass example.com, pass esp.net")
	authors, identifiers := []string{"example.com"}, []string{"example.com", "esp.net", "example.com"}
	b.ReportAllocs()
	for b.Loop() {
		v := e.Begin(context.Background(), authors, nil)
		v.Expect(identifiers)
		if o := v.Evaluate("example.com", s, d); o.Result != Pass {
			b.Fatalf("%+v", o)
		}
		v.Cancel()
	}
}
