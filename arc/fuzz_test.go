package arc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

// fuzzHeader makes a header of any text: a line that begins with no blank is a field.
func fuzzHeader(text string) message.Header {
	var h message.Header
	for line := range strings.SplitSeq(text, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case len(h) > 0 && line != "" && (line[0] == ' ' || line[0] == '\t'):
			h[len(h)-1].Raw += "\r\n" + line
		case ok:
			h = append(h, message.NewField(name, value))
		}
	}
	return h
}

func addChains(f *testing.F) {
	v, raw := zoneValidator(f), plainMessage
	for range 4 { // Ed25519: all processes of the fuzzer have the same key
		header, _, _ := strings.Cut(raw, "\r\n\r\n")
		f.Add(header)
		raw = seal(f, v, edSealer("list.example"), raw)
	}
	f.Add("ARC-Seal: i=1; cv=none\r\nARC-Seal: i=2; cv=fail\r\nARC-Seal: i=51")
	f.Add("arc-seal : i = 01 ;h=;\r\nARC-Message-Signature:i=1;h=arc-seal\r\nARC-Authentication-Results: (x) i (y) = (z) 1 ; none")
	f.Add("ARC-Authentication-Results: i=2147483648; x\r\nARC-Message-Signature: i=0\r\nARC-Seal:")
}

// FuzzCollect reads the sets of any header: what it keeps is bounded and belongs where
// it is.
func FuzzCollect(f *testing.F) {
	addChains(f)
	f.Fuzz(func(t *testing.T, text string) {
		h := fuzzHeader(text)
		c := collect(h, 0)
		if c.newest < 0 || c.newest > MaxSets || c.sets[0] != nil || c.fields > maxFields+1 {
			t.Fatalf("N=%d, %d fields", c.newest, c.fields)
		}
		for i, l := range c.sets {
			if l == nil {
				continue
			}
			if l.Instance != i || i > c.newest || !l.hasAAR && l.ams == nil && l.as == nil {
				t.Errorf("set %d: %+v", i, l.Set)
			}
			if l.as != nil && h[l.as.index] != l.AS || l.ams != nil && h[l.ams.index] != l.AMS {
				t.Errorf("set %d has other fields", i)
			}
		}
		if v := c.check(MaxSets); v == nil && c.newest > 0 && c.fields != 3*c.newest {
			t.Errorf("%d fields in %d sets", c.fields, c.newest)
		}
	})
}

// FuzzValidate validates any header: a chain passes only if it is complete, and nothing
// is asked twice.
func FuzzValidate(f *testing.F) {
	addChains(f)
	zone := usualZone()
	_, body := split(plainMessage)
	f.Fuzz(func(t *testing.T, text string) {
		r := dnstest.NewResolver(t, zone)
		v := validator(r)
		o := validate(v, fuzzHeader(text), body)
		checkOutcome(t, o)
		asked := map[string]bool{}
		for _, q := range r.Asked() {
			if asked[q.Name] {
				t.Errorf("asked twice: %s", q.Name)
			}
			asked[q.Name] = true
		}
		if len(asked) > 2*MaxSets {
			t.Errorf("%d questions", len(asked))
		}
	})
}

func checkOutcome(t *testing.T, o Outcome) {
	t.Helper()
	if o.Instance < 0 || o.Instance > MaxSets || len(o.Sets) > o.Instance || (o.Reason != "") != (o.Result == Fail) {
		t.Fatalf("%+v", o)
	}
	comment := o.Comment(o.Override(NewSealers(Sealer{Domain: "list.example"}), "fabrikam.com", fabrikamAlone))
	for _, c := range comment {
		if c < ' ' || c > '~' || strings.ContainsRune(`;()\"`, c) {
			t.Errorf("comment %q", comment)
		}
	}
	if o.Result != Pass {
		return
	}
	if len(o.Sets) != o.Instance || o.OldestPass < 0 || o.OldestPass > o.Instance {
		t.Errorf("%+v", o)
	}
	for i, s := range o.Sets {
		if s.Instance != i+1 || s.Seal.Result != Pass {
			t.Errorf("set %d of a chain that passes: %+v", i+1, s)
		}
	}
}

// FuzzOverride takes any text for the results of a trusted sealer: what the comment shows
// of it is a domain, which nothing else follows.
func FuzzOverride(f *testing.F) {
	for _, aar := range []string{microsoftAAR, googleAAR, "x; none", `x; dkim=pass header.d="a] b"; dmarc=pass header.from=fabrikam.com`,
		"x; spf=pass smtp.mailfrom=\"a\\\"@fabrikam.com\"", "x; dmarc=pass header.from=bücher.example"} {
		f.Add(aar, "fabrikam.com")
	}
	f.Add("x; dmarc=pass header.from=fabrikam.com", "")
	sealers := NewSealers(Sealer{Domain: "list.example"})
	f.Fuzz(func(t *testing.T, aar, author string) {
		o := Outcome{Result: Pass, Instance: 1, Sets: []Set{{Instance: 1, SignsFrom: true}}}
		o.Sets[0].Seal.Domain, o.Sets[0].Message.Domain = "list.example", "list.example"
		o.Sets[0].Results, o.Sets[0].ResultsErr = authres.Parse(aar)
		ov := o.Override(sealers, author, func(domain string) bool { return domain == author })
		want := "i=1 oda=0 ltdi=1"
		if author == "" {
			want = "i=1 oda=0 ltdi=0"
		}
		if ov.ODA {
			want = "i=1 oda=1 ltdi=1"
			for _, c := range []struct {
				method string
				claim  Claim
			}{{"spf", ov.SPF}, {"dkim", ov.DKIM}, {"dmarc", ov.DMARC}} {
				want += expected(t, c.method, c.claim, author)
			}
		}
		if got := o.Comment(ov); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func expected(t *testing.T, method string, c Claim, author string) string {
	t.Helper()
	ascii, err := message.ToASCII(c.Domain)
	switch {
	case !c.Present:
		return ""
	case c.Property == "" && !c.Pass:
		return " " + method + "=[1,0]"
	case err != nil || ascii != c.Domain || c.Pass && c.Domain != author:
		t.Errorf("%+v", c)
	}
	return fmt.Sprintf(" %s=[1,%d,%s=%s]", method, bit(c.Pass), c.Property, c.Domain)
}

// FuzzSeal seals any header with any results: if it can be sealed, the chain passes.
func FuzzSeal(f *testing.F) {
	f.Add("From: a@fabrikam.com\r\nTo: b", "body\r\n", "x; spf=pass smtp.mailfrom=a")
	f.Add("From : a\r\nfrom:b\r\nList-Id:\t\r\n x\r\nSubject:\r\n\t\r\n x", "", "x")
	f.Add("List-;d=x: a\r\nList-\xff: b\r\nARC-Seal: i=1; cv=fail", "", "x")
	v := zoneValidator(f)
	f.Fuzz(func(t *testing.T, header, body, results string) {
		h := fuzzHeader(header)
		o := validate(v, h, body)
		r, _ := authres.Parse(results)
		set, err := edSealer("list.example").Seal(h, o, relaxedHash(body), r)
		if err != nil {
			for _, f := range h { // there is no other reason
				if strings.ContainsAny(strings.ReplaceAll(strings.ReplaceAll(f.Raw, "\r\n ", ""), "\r\n\t", ""), "\r\n") {
					return
				}
			}
			if !errors.Is(err, ErrNoMoreSets) {
				t.Error(err)
			}
			return
		}
		sealed := validate(v, append(set.Fields(), h...), body)
		checkOutcome(t, sealed)
		if sealed.Instance != o.Instance+1 || (sealed.Result == Pass) != (o.Result != Fail) {
			t.Errorf("%s (%s) of %s, N=%d", sealed.Result, sealed.Reason, o.Result, sealed.Instance)
		}
	})
}

// FuzzParseKey reads any key file.
func FuzzParseKey(f *testing.F) {
	f.Add([]byte(shortRSA))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := parseKey(text)
		if (key == nil) == (err == nil) {
			t.Errorf("%v, %v", key, err)
		}
		if err != nil {
			return
		}
		if _, err := dkim.SigningAlgorithm(key.Public()); err != nil {
			t.Error(err)
		}
	})
}
