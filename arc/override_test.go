package arc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/message"
)

// setOfResults is a set whose signatures are by these domains and whose AAR says this.
func setOfResults(t testing.TB, instance int, as, ams, aar string) Set {
	t.Helper()
	s := Set{Instance: instance, SignsFrom: true}
	s.Seal.Domain, s.Message.Domain = as, ams
	s.Results, s.ResultsErr = authres.Parse(aar)
	return s
}

// fabrikamAlone aligns fabrikam.com and what is below it.
func fabrikamAlone(domain string) bool {
	return domain == "fabrikam.com" || strings.HasSuffix(domain, ".fabrikam.com")
}

// The dialects of the two large sealers.
const (
	microsoftAAR = ` mx.microsoft.com 1; spf=pass (sender ip is 10.2.3.4)` + "\r\n" +
		` smtp.rcpttodomain=contoso.com smtp.mailfrom=fabrikam.com; dmarc=pass (p=reject` + "\r\n" +
		` sp=reject pct=100) action=none header.from=fabrikam.com; dkim=pass` + "\r\n" +
		` (signature was verified) header.d=fabrikam.com; arc=none (0)`
	googleAAR = ` mx.google.com;` + "\r\n" +
		`       dkim=pass header.i=@fabrikam.com header.s=20230601 header.b="ab+c/1";` + "\r\n" +
		`       spf=pass (google.com: domain of joe@fabrikam.com designates 10.2.3.4 as permitted sender) smtp.mailfrom=joe@fabrikam.com;` + "\r\n" +
		`       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=fabrikam.com;` + "\r\n" +
		`       dara=pass header.i=@gmail.com`
)

// TestClaims: what one AAR of a trusted sealer says, for the author fabrikam.com.
func TestClaims(t *testing.T) {
	const none = "i=1 oda=0 ltdi=1"
	tests := map[string]struct{ aar, want string }{
		"microsoft": {microsoftAAR, "i=1 oda=1 ltdi=1 spf=[1,1,smtp.mailfrom=fabrikam.com] dkim=[1,1,header.d=fabrikam.com] dmarc=[1,1,header.from=fabrikam.com]"},
		"google":    {googleAAR, "i=1 oda=1 ltdi=1 spf=[1,1,smtp.mailfrom=fabrikam.com] dkim=[1,1,header.i=fabrikam.com] dmarc=[1,1,header.from=fabrikam.com]"},
		"dmarc alone": {"x; dmarc=pass header.from=fabrikam.com",
			"i=1 oda=1 ltdi=1 dmarc=[1,1,header.from=fabrikam.com]"},
		"dmarc of another author":  {"x; dmarc=pass header.from=contoso.com", none},
		"dmarc of a subdomain":     {"x; dmarc=pass header.from=mail.fabrikam.com", none},
		"dmarc of the end":         {"x; dmarc=pass header.from=notfabrikam.com", none},
		"dmarc without a domain":   {"x; dmarc=pass", none},
		"dmarc by another ptype":   {"x; dmarc=pass smtp.from=fabrikam.com", none},
		"dmarc fail":               {"x; dmarc=fail header.from=fabrikam.com", none},
		"dmarc bestguesspass":      {"x; dmarc=bestguesspass header.from=fabrikam.com", none},
		"dmarc with an address":    {"x; dmarc=pass header.from=joe@fabrikam.com", "i=1 oda=1 ltdi=1 dmarc=[1,1,header.from=fabrikam.com]"},
		"dmarc in capitals":        {"x; DMARC=PASS Header.From=FABRIKAM.COM.", "i=1 oda=1 ltdi=1 dmarc=[1,1,header.from=fabrikam.com]"},
		"dmarc of several authors": {"x; dmarc=fail header.from=contoso.com; dmarc=pass header.from=fabrikam.com", "i=1 oda=1 ltdi=1 dmarc=[1,1,header.from=fabrikam.com]"},
		"two domains in one":       {"x; dmarc=pass header.from=contoso.com header.from=fabrikam.com", none},
		"the same twice":           {"x; dmarc=pass header.from=fabrikam.com header.from=fabrikam.com", "i=1 oda=1 ltdi=1 dmarc=[1,1,header.from=fabrikam.com]"},
		"spf aligned": {"x; spf=pass smtp.mailfrom=bounces@mail.fabrikam.com; dmarc=fail header.from=fabrikam.com",
			"i=1 oda=1 ltdi=1 spf=[1,1,smtp.mailfrom=mail.fabrikam.com] dmarc=[1,0,header.from=fabrikam.com]"},
		"spf not aligned":      {"x; spf=pass smtp.mailfrom=joe@contoso.com", none},
		"spf softfail":         {"x; spf=softfail smtp.mailfrom=joe@fabrikam.com", none},
		"spf helo":             {"x; spf=pass smtp.helo=fabrikam.com", none},
		"spf quoted":           {`x; spf=pass smtp.mailfrom="joe doe"@fabrikam.com`, none},
		"spf quoted as whole":  {`x; spf=pass smtp.mailfrom="\"a@fabrikam.com\"@evil.test"`, none},
		"spf two at":           {"x; spf=pass smtp.mailfrom=a@fabrikam.com@evil.test", none},
		"spf two at, reversed": {"x; spf=pass smtp.mailfrom=a@evil.test@fabrikam.com", none},
		"dkim d": {"x; spf=fail smtp.mailfrom=list.example; dkim=pass header.d=mail.fabrikam.com header.i=@x.example",
			"i=1 oda=1 ltdi=1 spf=[1,0,smtp.mailfrom=list.example] dkim=[1,1,header.d=mail.fabrikam.com]"},
		"dkim d before i":           {"x; dkim=pass header.d=x.example header.i=@fabrikam.com", none},
		"dkim i":                    {"x; dkim=pass header.i=joe@fabrikam.com", "i=1 oda=1 ltdi=1 dkim=[1,1,header.i=fabrikam.com]"},
		"dkim fail":                 {"x; dkim=fail header.d=fabrikam.com", none},
		"dkim second of two":        {"x; dkim=pass header.d=x.example; dkim=pass header.d=fabrikam.com", "i=1 oda=1 ltdi=1 dkim=[1,1,header.d=fabrikam.com]"},
		"dkim hostile":              {`x; dkim=pass header.d="fabrikam.com] oda=1"; dmarc=pass header.from=fabrikam.com`, "i=1 oda=1 ltdi=1 dkim=[1,0] dmarc=[1,1,header.from=fabrikam.com]"},
		"dkim without a domain":     {"x; dkim=pass; dmarc=pass header.from=fabrikam.com", "i=1 oda=1 ltdi=1 dkim=[1,0] dmarc=[1,1,header.from=fabrikam.com]"},
		"in a comment":              {"x; dmarc=fail (dmarc=pass header.from=fabrikam.com)", none},
		"in a quoted string":        {`x; spf=pass smtp.mailfrom="x; dmarc=pass header.from=fabrikam.com"`, none},
		"not to be read as a whole": {"x; dmarc=pass header.from=fabrikam.com; spf", none},
		"none":                      {"x; none", none},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := Outcome{Result: Pass, Instance: 1, Sets: []Set{setOfResults(t, 1, "list.example", "list.example", test.aar)}}
			if got := o.Comment(o.Override(trust(t, "list.example"), "fabrikam.com", fabrikamAlone)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// TestOverride: how far down the trusted sealers are asked.
func TestOverride(t *testing.T) {
	const dmarcPass, dmarcFail = "dmarc=pass header.from=fabrikam.com", "dmarc=fail header.from=fabrikam.com"
	const vouches, silent = "x; " + dmarcPass, "x; " + dmarcFail
	set := setOfResults
	tests := map[string]struct {
		sets []Set
		want string
	}{
		"as in the design": {
			[]Set{set(t, 1, "a.example", "a.example", microsoftAAR), set(t, 2, "a.example", "a.example", silent)},
			"i=2 oda=1 ltdi=2 spf=[1,1,smtp.mailfrom=fabrikam.com] dkim=[1,1,header.d=fabrikam.com] dmarc=[1,1,header.from=fabrikam.com]",
		},
		"the newest vouches": {
			[]Set{set(t, 1, "evil.test", "evil.test", vouches), set(t, 2, "a.example", "b.example", vouches)},
			"i=2 oda=1 ltdi=2 dmarc=[2,1,header.from=fabrikam.com]",
		},
		"the newest is not trusted": {
			[]Set{set(t, 1, "a.example", "a.example", vouches), set(t, 2, "evil.test", "evil.test", vouches)},
			"i=2 oda=0 ltdi=0",
		},
		"one in between is not trusted": {
			[]Set{set(t, 1, "a.example", "a.example", vouches), set(t, 2, "evil.test", "evil.test", silent), set(t, 3, "a.example", "a.example", silent)},
			"i=3 oda=0 ltdi=3",
		},
		"the seal alone is trusted": {[]Set{set(t, 1, "a.example", "evil.test", vouches)}, "i=1 oda=0 ltdi=0"},
		"the AMS alone is trusted":  {[]Set{set(t, 1, "evil.test", "a.example", vouches)}, "i=1 oda=0 ltdi=0"},
		"an AMS without a domain":   {[]Set{set(t, 1, "a.example", "", vouches), set(t, 2, "a.example", "a.example", silent)}, "i=2 oda=0 ltdi=2"},
		"a subdomain":               {[]Set{set(t, 1, "x.a.example", "a.example", vouches)}, "i=1 oda=0 ltdi=0"},
		"subdomains trusted":        {[]Set{set(t, 1, "x.c.example", "y.c.example", vouches)}, "i=1 oda=1 ltdi=1 dmarc=[1,1,header.from=fabrikam.com]"},
		"contradiction":             {[]Set{set(t, 1, "a.example", "a.example", "x; "+dmarcFail+"; "+dmarcPass)}, "i=1 oda=0 ltdi=1"},
		"contradiction behind":      {[]Set{set(t, 1, "a.example", "a.example", "x; "+dmarcPass+"; "+dmarcFail)}, "i=1 oda=0 ltdi=1"},
		"spf contradiction":         {[]Set{set(t, 1, "a.example", "a.example", "x; spf=pass smtp.mailfrom=fabrikam.com; spf=fail smtp.mailfrom=fabrikam.com")}, "i=1 oda=0 ltdi=1"},
		"two signatures":            {[]Set{set(t, 1, "a.example", "a.example", "x; dkim=fail header.d=fabrikam.com; dkim=pass header.d=fabrikam.com")}, "i=1 oda=1 ltdi=1 dkim=[1,1,header.d=fabrikam.com]"},
		"nobody vouches":            {[]Set{set(t, 1, "a.example", "a.example", silent), set(t, 2, "b.example", "b.example", silent)}, "i=2 oda=0 ltdi=2"},
	}
	sealers := trust(t, "a.example", "B.example", ".c.example")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := Outcome{Result: Pass, Instance: len(test.sets), Sets: test.sets}
			if got := o.Comment(o.Override(sealers, "fabrikam.com", fabrikamAlone)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			if ov := o.Override(nil, "fabrikam.com", fabrikamAlone); ov != (Override{}) {
				t.Errorf("nil sealers: %+v", ov)
			}
			if ov := o.Override(sealers, "", func(string) bool { return true }); ov != (Override{}) {
				t.Errorf("no author: %+v", ov)
			}
			o.Result, o.Reason = Fail, "ARC-Seal 1: signature did not verify"
			if ov := o.Override(sealers, "fabrikam.com", fabrikamAlone); ov != (Override{}) {
				t.Errorf("failed chain: %+v", ov)
			}
		})
	}
	if ov := (Outcome{Result: None}).Override(sealers, "fabrikam.com", fabrikamAlone); ov != (Override{}) {
		t.Errorf("no chain: %+v", ov)
	}
}

// TestOverrideNeedsFrom: a chain whose newest ARC-Message-Signature leaves a From field
// open says nothing about the author.
func TestOverrideNeedsFrom(t *testing.T) {
	v := zoneValidator(t)
	sealers := trust(t, "list.example")
	for name, test := range map[string]struct {
		headers []string
		on      string // what is put on top afterwards
		want    bool
	}{
		"signed":       {[]string{"From", "To"}, "", true},
		"not signed":   {[]string{"To"}, "", false},
		"second added": {[]string{"From"}, "From: eve@fabrikam.com\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := rsaSealer("list.example")
			s.Headers, s.Oversign = test.headers, []string{}
			o := validateRaw(v, test.on+seal(t, v, s, plainMessage))
			if o.Result != Pass {
				t.Fatalf("%s (%s)", o.Result, o.Reason)
			}
			if ov := o.Override(sealers, "fabrikam.com", fabrikamAlone); ov.ODA != test.want {
				t.Errorf("%+v", ov)
			}
		})
	}
}

// TestOverrideOfMessage goes the whole way: validated, sealed, changed, sealed again.
func TestOverrideOfMessage(t *testing.T) {
	v := zoneValidator(t, "gateway.example")
	raw := seal(t, v, rsaSealer("gateway.example"), plainMessage)
	o := validateRaw(v, raw)
	raw = sealOutcome(t, edSealer("list.example"), strings.Replace(raw, "Subject:", "Subject: [list]", 1),
		authres.Results{AuthServID: "list.example", Results: []authres.Result{{Method: "dmarc", Value: "fail"}}},
		func(message.Header, string) Outcome { return o })
	o = validateRaw(v, raw)
	const want = "i=2 oda=1 ltdi=2 spf=[1,1,smtp.mailfrom=fabrikam.com]" +
		" dkim=[1,1,header.d=fabrikam.com] dmarc=[1,1,header.from=fabrikam.com]"
	ov := o.Override(trust(t, "gateway.example", "list.example"), "fabrikam.com", fabrikamAlone)
	if got := o.Comment(ov); got != want || o.OldestPass != 2 {
		t.Errorf("%s, want %s; oldest-pass %d", got, want, o.OldestPass)
	}
	if ov.Instance != 1 || ov.Newest != 2 || !ov.ODA {
		t.Errorf("%+v", ov)
	}
	if got := o.Comment(o.Override(trust(t, "gateway.example"), "fabrikam.com", fabrikamAlone)); got != "i=2 oda=0 ltdi=0" {
		t.Error(got)
	}
}

// TestUnreadableResults: an AAR that can't be read is no failure, but vouches for nobody.
func TestUnreadableResults(t *testing.T) {
	o := Outcome{Result: Pass, Instance: 1, Sets: []Set{
		setOfResults(t, 1, "list.example", "list.example", "x; dmarc=pass header.from=fabrikam.com"),
	}}
	o.Sets[0].ResultsErr = errors.New("some of it could not be read")
	if ov := o.Override(trust(t, "list.example"), "fabrikam.com", fabrikamAlone); ov.ODA || ov.Newest != 1 {
		t.Errorf("%+v", ov)
	}
}

// TestClaimed: the domains that Override will ask about, and no more, however many a
// message names.
func TestClaimed(t *testing.T) {
	v := zoneValidator(t, "a.example")
	results := func(text string) authres.Results {
		r, err := authres.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	add := func(raw, domain string, r authres.Results) string {
		return sealOutcome(t, rsaSealer(domain), raw, r, func(h message.Header, body string) Outcome { return validate(v, h, body) })
	}
	flood := "x"
	for i := range 250 {
		flood += fmt.Sprintf("; dkim=pass header.d=d%d.example", i)
	}
	first := add(plainMessage, "list.example", results("x; spf=pass smtp.mailfrom=c@c.example; dkim=fail header.d=no.example; dmarc=pass header.from=no.example"))
	two := add(first, "a.example", results("x; dkim=pass header.i=@b.example; dkim=pass header.d=c.example; spf=softfail smtp.mailfrom=no.example"))
	many := add(two, "list.example", results(flood))
	tests := map[string]struct {
		raw     string
		trusted []string
		want    string
	}{
		"both":          {two, []string{"a.example", "list.example"}, "b.example c.example"},
		"the newest":    {two, []string{"a.example"}, "b.example c.example"},
		"the oldest":    {two, []string{"list.example"}, ""},
		"one set":       {first, []string{"list.example"}, "c.example"},
		"nobody":        {two, nil, ""},
		"no chain":      {plainMessage, []string{"a.example"}, ""},
		"broken":        {strings.Replace(two, "cv=none", "cv=pass", 1), []string{"a.example"}, ""},
		"a lot of them": {many, []string{"a.example", "list.example"}, "20 domains"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, _ := split(test.raw)
			n := v.Begin(t.Context(), h, &dkim.BodyHashes{})
			defer n.Cancel()
			claimed := n.Claimed(trust(t, test.trusted...))
			got := strings.Join(claimed, " ")
			if len(claimed) > 3 {
				got = fmt.Sprintf("%d domains", len(claimed))
			}
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			if n.Cancel(); n.Claimed(trust(t, test.trusted...)) != nil {
				t.Error("domains after Cancel")
			}
		})
	}
}
