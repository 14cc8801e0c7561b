package auth

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/compauth"
	"assay/compauth/spoof"
	"assay/testdata/lab"
)

// The message of these tests is from joe@example.org, sent by a stranger, eve@esp.example.
var strangerEnvelope = Envelope{
	IP: netip.MustParseAddr("198.51.100.7"), Helo: "out.esp.example", MailFrom: "eve@esp.example", Rcpt: []string{"ann@example.test"},
}

// ptr makes the client's address have this name, and the name the address.
func ptr(name string) string {
	return "7.100.51.198.in-addr.arpa. IN PTR " + name + ".\n" + name + ". IN A 198.51.100.7\n"
}

const (
	pNone       = "_dmarc.example.org. IN TXT \"v=DMARC1; p=none\"\n"
	pStrict     = "_dmarc.example.org. IN TXT \"v=DMARC1; p=none; aspf=s; adkim=s\"\n"
	pReject     = "_dmarc.example.org. IN TXT \"v=DMARC1; p=reject\"\n"
	pQuarantine = "_dmarc.example.org. IN TXT \"v=DMARC1; p=quarantine\"\n"
	exists      = "example.org. IN A 203.0.113.1\n"
)

func mx(host string) string { return "example.org. IN MX 10 " + host + ".\n" }

// A situation is a message and what there is to know about it.
type situation struct {
	name, zone string
	fail       string // a name that DNS has no answer for
	header     message.Header
	body       string
	change     func(*Verifier, *Envelope)
	finished   func(*Check)
	want       string // result and reason
}

func (s situation) check(t *testing.T) (*Report, *dnstest.Resolver) {
	t.Helper()
	resolver := dnstest.NewResolver(t, s.zone)
	if s.fail != "" {
		resolver.Fail(s.fail)
	}
	v, env := testVerifier(resolver), strangerEnvelope
	v.Implicit = true
	if s.change != nil {
		s.change(v, &env)
	}
	if s.header == nil {
		s.header = fromJoe
	}
	session, check := begin(t, v, env, s.header)
	defer session.Close()
	_, _ = check.Write([]byte(s.body)) // never fails
	r := check.Finish()
	if s.finished != nil {
		s.finished(check)
	}
	if session.iprev != nil {
		session.iprev.wait() // of an exempt message nobody else does
	}
	return r, resolver
}

func mailFrom(address string) func(*Verifier, *Envelope) {
	return func(_ *Verifier, env *Envelope) { env.MailFrom = address }
}

func ours(v *Verifier, _ *Envelope) { v.Accepted = []string{"other.test", "example.org"} }

func listed(t *testing.T, lines string) func(*Verifier, *Envelope) {
	t.Helper()
	file, err := spoof.ParseFile(lines, "spoofed-senders")
	if err != nil {
		t.Fatal(err)
	}
	return func(v *Verifier, _ *Envelope) { v.Spoofed = file.List() }
}

const spfPass = "example.org. IN TXT \"v=spf1 ip4:198.51.100.7 -all\"\nsub.example.org. IN TXT \"v=spf1 ip4:198.51.100.7 -all\"\n"

func situations(t *testing.T) []situation {
	return slices.Concat(policySituations(), reverseSituations(), mxSituations(), addressSituations(), fromSituations(), localSituations(t))
}

// policySituations are about what DMARC and SPF say by themselves.
func policySituations() []situation {
	return []situation{
		{name: "nothing", want: "fail 001"},
		{name: "nothing, our own", change: ours, want: "fail 601"},
		{name: "a name that ends alike is not ours", change: func(v *Verifier, _ *Envelope) { v.Accepted = []string{"ple.org"} }, want: "fail 001"},
		{name: "p=none", zone: pNone, want: "fail 001"},
		{name: "p=reject", zone: pReject, want: "fail 000"},
		{name: "p=quarantine, our own", zone: pQuarantine, change: ours, want: "fail 010"},

		{name: "DMARC", zone: pReject + spfPass, change: mailFrom("joe@example.org"), want: "pass 100"},
		{name: "no record", zone: spfPass, change: mailFrom("joe@sub.example.org"), want: "pass 109"},
		{name: "no record, another's SPF", zone: "esp.example. IN TXT \"v=spf1 ip4:198.51.100.7\"\n", want: "fail 001"},
		{name: "strict SPF", zone: pStrict + spfPass, change: mailFrom("joe@sub.example.org"), want: "pass 102"},
		{name: "strict SPF, enforced", zone: strings.Replace(pStrict, "none", "quarantine", 1) + spfPass, change: mailFrom("joe@sub.example.org"), want: "fail 000"},
		{name: "no DMARC answer", fail: "_dmarc.example.org", want: "pass 112"},
		{name: "no DMARC answer, aligned", zone: spfPass, fail: "_dmarc.example.org", change: mailFrom("joe@example.org"), want: "pass 111"},
	}
}

// reverseSituations are about the reverse name of the client.
func reverseSituations() []situation {
	return []situation{
		{name: "PTR within", zone: ptr("a.mail.example.org"), want: "pass 103"},
		{name: "PTR is F", zone: pNone + ptr("example.org"), want: "pass 103"},
		{name: "PTR within, enforced", zone: pReject + ptr("mail.example.org"), want: "fail 000"},
		{name: "PTR ends alike", zone: ptr("mail.not-example.org"), want: "fail 001"},
		{name: "PTR within, but SPF forbids", zone: ptr("mail.example.org") + "example.org. IN TXT \"v=spf1 -all\"\n", change: mailFrom("joe@example.org"), want: "fail 001"},
		{name: "SPF of another forbids", zone: ptr("mail.example.org") + "esp.example. IN TXT \"v=spf1 -all\"\n", want: "pass 103"},
		{name: "PTR organization", zone: ptr("mail.example.org"), header: testHeader("From: joe@news.example.org"), want: "pass 104"},
		{name: "PTR organization by the tree", zone: ptr("a.b.example.org") + "_dmarc.b.example.org. IN TXT \"v=DMARC1; p=none; psd=n\"\n",
			header: testHeader("From: joe@news.example.org"), want: "fail 001"},
		{name: "PTR not confirmed", zone: "7.100.51.198.in-addr.arpa. IN PTR mail.example.org.\nmail.example.org. A 198.51.100.8\n" + mx("mx.elsewhere.example"), want: "softpass 202"},

		{name: "generic PTR within", zone: ptr("7.100.51.198.dsl.example.org"), want: "fail 001"},
		{name: "generic PTR of the organization", zone: ptr("host-198-51-100-7.example.org"), header: testHeader("From: joe@news.example.org"), want: "fail 001"},
		{name: "generic PTR not confirmed", zone: "7.100.51.198.in-addr.arpa. IN PTR c6336407.example.org.\n" + mx("mx.elsewhere.example"), want: "fail 001"},
		{name: "one of two is generic", zone: ptr("c6336407.example.org") + ptr("mail.example.org"), want: "pass 103"},
		{name: "generic MX is PTR", zone: exists + mx("ip-198-51-100-7.host.example") + ptr("ip-198-51-100-7.host.example"), want: "softpass 201"},
		{name: "MX organization of a generic PTR", zone: exists + mx("in.host.example") + ptr("ip-198-51-100-7.host.example"), want: "fail 001"},
	}
}

// mxSituations are about the MX hosts of the From domain.
func mxSituations() []situation {
	return []situation{
		{name: "MX is PTR", zone: exists + mx("mx.host.example") + ptr("mx.host.example"), want: "pass 116"},
		{name: "MX organization", zone: exists + mx("in.host.example") + ptr("out.host.example"), want: "pass 116"},
		{name: "another organization", zone: exists + mx("in.host.example") + ptr("out.other.example"), want: "fail 001"},
		{name: "a public suffix is none", zone: exists + mx("mx.a.co.uk") + ptr("mx.b.co.uk"), want: "fail 001"},
		{name: "shared MX", zone: exists + mx("alt1.aspmx.l.google.com") + ptr("mail-x.google.com"), want: "fail 001"},
		{name: "shared MX, the very host", zone: exists + mx("alt1.aspmx.l.google.com") + ptr("alt1.aspmx.l.google.com"), want: "pass 116"},
		{name: "shared MX of the config", zone: exists + mx("in.host.example") + ptr("out.host.example"),
			change: func(v *Verifier, _ *Envelope) { v.SharedMX = []string{"host.example"} }, want: "fail 001"},
		{name: "PTR of a shared organization", zone: exists + ptr("mail.example.org"),
			change: func(v *Verifier, _ *Envelope) { v.SharedMX = []string{"example.org"} }, want: "fail 001"},
		{name: "PTR of a shared organization, the very name", zone: exists + ptr("example.org"),
			change: func(v *Verifier, _ *Envelope) { v.SharedMX = []string{"example.org"} }, want: "pass 103"},
		{name: "MX with an enforced policy", zone: pReject + mx("mx.host.example") + ptr("mx.host.example"), want: "fail 000"},
		{name: "null MX", zone: exists + "example.org. IN MX 0 .\n" + ptr("mx.host.example"), want: "fail 001"},
	}
}

// addressSituations are about addresses in the network of the client.
func addressSituations() []situation {
	return []situation{
		{name: "address of F", zone: "example.org. IN A 198.51.100.200\n", want: "softpass 201"},
		{name: "address of F, though null MX", zone: "example.org. IN A 198.51.100.200\nexample.org. IN MX 0 .\n", want: "softpass 201"},
		{name: "address of an MX host", zone: exists + mx("a.example") + mx("b.example") + "b.example. IN A 198.51.100.200\n", want: "softpass 201"},
		{name: "address of a shared one", zone: exists + mx("alt1.aspmx.l.google.com") + "alt1.aspmx.l.google.com. IN A 198.51.100.200\n", want: "fail 001"},
		{name: "address of one that the config shares", zone: exists + mx("a.example") + "a.example. IN A 198.51.100.200\n",
			change: func(v *Verifier, _ *Envelope) { v.SharedMX = []string{"a.example"} }, want: "fail 001"},
		{name: "the next network", zone: "example.org. IN A 198.51.101.7\n" + mx("a.example") + "a.example. IN A 198.51.99.7\n", want: "fail 001"},
		{name: "neighbour and PTR", zone: "example.org. IN A 198.51.100.200\n" + ptr("mail.example.org"), want: "pass 103"},
		{name: "IPv6", zone: "example.org. IN AAAA 2001:db8:0:1::9\n",
			change: func(_ *Verifier, env *Envelope) { env.IP = netip.MustParseAddr("2001:db8:0:1:ffff::7") }, want: "softpass 201"},
		{name: "IPv6, the next network", zone: "example.org. IN AAAA 2001:db8:0:2::9\nexample.org. IN A 198.51.100.8\n",
			change: func(_ *Verifier, env *Envelope) { env.IP = netip.MustParseAddr("2001:db8:0:1:ffff::7") }, want: "fail 001"},
		{name: "no address", zone: "example.org. IN A 198.51.100.200\n" + ptr("mail.example.org"), change: func(_ *Verifier, env *Envelope) { env.IP = netip.Addr{} }, want: "fail 001"},
	}
}

// fromSituations are about the From field.
func fromSituations() []situation {
	return []situation{
		{name: "implicit = false", zone: ptr("mail.example.org"), change: func(v *Verifier, _ *Envelope) { v.Implicit = false }, want: "fail 001"},
		{name: "no From", header: testHeader("Subject: x"), want: "none 301"},
		{name: "unreadable, nothing", header: testHeader("From: <joe@example.org"), zone: ptr("mail.example.org"), want: "fail 001"},
		{name: "unreadable, our own", header: testHeader("From: <joe@example.org"), zone: ptr("mail.example.org"), change: ours, want: "fail 601"},
		{name: "unreadable, authenticated", header: testHeader("From: <joe@example.org"), zone: pReject + spfPass, change: mailFrom("joe@example.org"), want: "none 301"},
		{name: "unreadable, no DNS", header: testHeader("From: <joe@example.org"), fail: "_dmarc.example.org", want: "none 301"},
		{name: "unreadable, nothing found", header: testHeader("From: nobody"), want: "none 301"},
		{name: "unreadable, enforced", header: testHeader("From: <a@x.example> <joe@example.org>"), zone: pReject + ptr("mail.example.org"), want: "fail 000"},
		{name: "six domains", header: testHeader("From: a@a.example, b@b.example, c@c.example, d@d.example, e@e.example, f@f.example"), want: "fail 001"},
		{name: "more than are read", header: testHeader("From: " + strings.Repeat("x@y.example, ", 101) + "a@a.example, b@b.example, c@c.example, d@d.example, e@e.example"), want: "fail 001"},
		{name: "two, one passes", header: testHeader("From: joe@example.org, eve@esp.example"), zone: "esp.example. IN TXT \"v=spf1 ip4:198.51.100.7\"\n", want: "fail 001"},
		{name: "two, both pass", header: testHeader("From: joe@example.org, eve@esp.example"), zone: ptr("mail.example.org") + "esp.example. IN TXT \"v=spf1 ip4:198.51.100.7\"\n", want: "pass 103"},
	}
}

// localSituations are about what the receiver has listed, and about senders of its own.
func localSituations(t *testing.T) []situation {
	return []situation{
		{name: "blocked", zone: pReject + spfPass + ptr("mail.example.org"), change: func(v *Verifier, env *Envelope) {
			mailFrom("joe@example.org")(v, env)
			listed(t, "block example.org 198.51.100.0/24 external\n")(v, env)
		}, want: "fail 002"},
		{name: "blocked by a generic name", zone: ptr("c6336407.esp.example"), change: listed(t, "block example.org esp.example external\n"), want: "fail 002"},
		{name: "blocked, lost", change: func(v *Verifier, env *Envelope) {
			v.Relays = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}
			listed(t, "block example.org * external\n")(v, env)
		}, want: "fail 002"},
		{name: "blocked by its name", zone: ptr("out.esp.example"), change: listed(t, "block example.org esp.example external\n"), want: "fail 002"},
		{name: "the name is not confirmed", zone: "7.100.51.198.in-addr.arpa. IN PTR out.esp.example.\n", change: listed(t, "block example.org esp.example external\n"), want: "fail 001"},
		{name: "blocked for others only", change: func(v *Verifier, env *Envelope) {
			ours(v, env)
			listed(t, "block example.org * external\n")(v, env)
		}, want: "fail 601"},
		{name: "allowed", zone: pReject, change: listed(t, "allow example.org * external\n"), want: "fail 000"},
		{name: "the author of two is blocked", header: testHeader("From: joe@example.org, eve@esp.example"), zone: pReject + spfPass + "esp.example. IN TXT \"v=spf1 ip4:198.51.100.7\"\n",
			change: listed(t, "block esp.example * external\n"), want: "fail 002"},

		{name: "SMTP AUTH", zone: pReject, change: func(_ *Verifier, env *Envelope) { env.AuthUser = "joe" }, want: "none 401"},
		{name: "trusted", zone: pReject, change: func(v *Verifier, _ *Envelope) { v.Trusted = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")} }, want: "none 402"},
		{name: "lost", zone: pReject, change: func(v *Verifier, _ *Envelope) { v.Relays = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")} }, want: "none 905"},
	}
}

func TestVerdicts(t *testing.T) {
	for _, s := range situations(t) {
		r, _ := s.check(t)
		if got := string(r.Verdict.Result) + " " + r.Verdict.Reason.String(); got != s.want {
			t.Errorf("%s: %s, want %s; %+v", s.name, got, s.want, r.Evidence)
		}
	}
}

// What the implicit rules need is asked only when one of them could decide.
func TestNoNeedlessQuestions(t *testing.T) {
	needed := map[compauth.Reason]bool{1: true, 601: true, 104: true, 116: true, 201: true, 202: true}
	for _, s := range situations(t) {
		r, asked := s.check(t)
		change := s.change
		s.change = func(v *Verifier, env *Envelope) {
			if change != nil {
				change(v, env)
			}
			v.Implicit = false
		}
		_, before := s.check(t)
		same := slices.Equal(questions(asked), questions(before))
		if !needed[r.Verdict.Reason] && !same {
			t.Errorf("%s: asked %v, without implicit rules %v", s.name, questions(asked), questions(before))
		}
		if same && slices.Contains([]compauth.Reason{104, 116, 201, 202}, r.Verdict.Reason) {
			t.Errorf("%s: nothing was asked for it", s.name)
		}
	}
}

// questions lists what was asked, sorted.
func questions(r *dnstest.Resolver) []string {
	var list []string
	for _, q := range r.Asked() {
		list = append(list, q.String())
	}
	slices.Sort(list)
	return list
}

// signedBy is the situation with a signature of a domain on its message.
func signedBy(t *testing.T, s situation, domain string) situation {
	t.Helper()
	key, err := lab.NewEd25519(domain, "sel")
	if err != nil {
		t.Fatal(err)
	}
	record, err := key.Record()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := key.Sign([]byte("From: joe@example.org\r\nSubject: Lunch\r\n\r\nShall we?\r\n"), "relaxed/relaxed")
	if err != nil {
		t.Fatal(err)
	}
	s.header, s.body = readSigned(string(signed))
	s.zone += record + "\n"
	return s
}
