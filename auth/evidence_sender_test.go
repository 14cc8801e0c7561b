package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/iprev"
	"assay/auth/message"
	"assay/compauth/spoof"
)

func passing(domains ...string) []dkim.Outcome {
	var outcomes []dkim.Outcome
	for _, domain := range domains {
		outcomes = append(outcomes, dkim.Outcome{Result: dkim.Pass, Domain: domain})
	}
	return outcomes
}

func TestInfrastructure(t *testing.T) {
	client := Envelope{IP: netip.MustParseAddr("198.51.100.7")}
	authored := []dmarc.Outcome{{OrgDomain: "example.org"}}
	named := iprev.Outcome{Confirmed: []string{"b.z.example.net", "a.esp.co.uk"}, Names: []string{"mail.example.org"}}
	test := passing("test.example")
	test[0].Testing = true
	for name, test := range map[string]struct {
		r    Report
		want string
	}{
		"nothing":                       {Report{}, ""},
		"the network":                   {Report{Envelope: client}, "198.51.100.0/24"},
		"of IPv6":                       {Report{Envelope: Envelope{IP: netip.MustParseAddr("2001:db8::1:2")}}, "2001:db8::/64"},
		"the first PTR organization":    {Report{Envelope: client, IPRev: named}, "esp.co.uk"},
		"a name made from the address":  {Report{Envelope: client, IPRev: iprev.Outcome{IP: client.IP, Confirmed: []string{"198-51-100-7.isp.example"}}}, "198.51.100.0/24"},
		"a public suffix is none":       {Report{Envelope: client, IPRev: iprev.Outcome{Confirmed: []string{"co.uk"}}}, "198.51.100.0/24"},
		"not confirmed":                 {Report{Envelope: client, IPRev: iprev.Outcome{Names: []string{"a.example"}}}, "198.51.100.0/24"},
		"a signature":                   {Report{Envelope: client, IPRev: named, DKIM: passing("a.example", "b.example")}, "a.example"},
		"the author's signature":        {Report{DKIM: passing("esp.example", "news.example.org"), Authored: authored}, "news.example.org"},
		"no author, no organization":    {Report{DKIM: passing("esp.example"), Authored: []dmarc.Outcome{{}}}, "esp.example"},
		"a name that ends alike":        {Report{DKIM: passing("esp.example", "myexample.org"), Authored: authored}, "esp.example"},
		"a key in testing":              {Report{Envelope: client, DKIM: test}, "198.51.100.0/24"},
		"a signature that fails":        {Report{Envelope: client, DKIM: []dkim.Outcome{{Result: dkim.Fail, Domain: "a.example"}}}, "198.51.100.0/24"},
		"a signature, client unknown":   {Report{DKIM: passing("a.example")}, "a.example"},
		"two by one domain":             {Report{DKIM: passing("a.example", "a.example")}, "a.example"},
		"a mapped address is IPv4":      {Report{Envelope: Envelope{IP: netip.MustParseAddr("::ffff:198.51.100.7")}}, "198.51.100.0/24"},
		"of several authors, any one's": {Report{DKIM: passing("esp.example", "x.example.org"), Authored: append([]dmarc.Outcome{{OrgDomain: "other.example"}}, authored...)}, "x.example.org"},
	} {
		if got := test.r.infrastructure(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestPair(t *testing.T) {
	r := Report{
		Envelope: strangerEnvelope,
		Authors:  message.AuthorsOf(fromJoe),
		Authored: []dmarc.Outcome{{OrgDomain: "example.org"}},
		DKIM:     passing("esp.example", "example.org", "esp.example", "a.shared.example", "unknown.example.org", "sendgrid.net", "other.example"),
		IPRev:    iprev.Outcome{IP: strangerEnvelope.IP, Confirmed: []string{"c6336407.a.example", "a.shared.example", "mail.clients.your-server.de", "out.esp.example"}},
	}
	v := Verifier{SharedMX: []string{"shared.example"}}
	got := fmt.Sprint(v.pair(&r, 0, func(domain string) (bool, error) {
		if domain == "unknown.example.org" {
			return false, errors.New("no answer")
		}
		return domain == "example.org", nil
	}))
	want := "{example.org esp.example [esp.example other.example] invalid Prefix joe@example.org [ann@example.test]}"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestEntryOfMailboxes has several mailboxes of one From domain: a program may show any of them.
func TestEntryOfMailboxes(t *testing.T) {
	file, err := spoof.ParseFile("block ceo@example.org * external\nallow ann@example.org * external\nallow bob@example.org * external\n", "list")
	if err != nil {
		t.Fatal(err)
	}
	v := Verifier{Spoofed: file.List()}
	for from, want := range map[string]string{
		"ann@example.org":                                   "allow",
		"joe@example.org":                                   "",
		"ann@example.org, bob@example.org":                  "allow",
		"ann@example.org, joe@example.org":                  "",
		"joe@example.org, ann@example.org":                  "",
		"ann@example.org, bob@example.org, joe@example.org": "",
		"ceo@example.org, ann@example.org":                  "block",
		"ann@example.org, ceo@example.org":                  "block",
		"joe@example.org, ann@example.org, ceo@example.org": "block",
	} {
		r := Report{Authors: message.AuthorsOf(message.Header{message.NewField("From", " "+from)})}
		got := ""
		if entry := v.entry(&r, 0); entry != nil {
			got = entryWord(entry.Block)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", from, got, want)
		}
	}
}
