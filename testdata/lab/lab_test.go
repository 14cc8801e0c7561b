package lab_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/testdata/lab"
)

func TestSign(t *testing.T) {
	rsaKey, err := lab.NewRSA("example.org", "s1", 1024)
	if err != nil {
		t.Fatal(err)
	}
	edKey, err := lab.NewEd25519("example.org", "s2")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []*lab.Key{rsaKey, edKey} {
		record, err := key.Record()
		if err != nil {
			t.Fatal(err)
		}
		zone := dnstest.NewResolver(t, record)
		lookup := func(name string) ([]string, error) {
			a, err := zone.Resolve(t.Context(), dns.Question{Name: name, Type: dns.TypeTXT})
			return a.Texts, err
		}
		for _, c := range []string{"simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"} {
			msg, err := key.Sign([]byte("From: Joe <joe@example.org>\r\nSubject: a  fold\r\n here\r\n\r\nText with  spaces \r\n\r\n\r\n"), c)
			if err != nil {
				t.Fatal(err)
			}
			found, err := dkim.VerifyWithOptions(bytes.NewReader(msg), &dkim.VerifyOptions{LookupTXT: lookup})
			if err != nil || len(found) != 1 || found[0].Err != nil {
				t.Errorf("%s %s: %+v, %v", key.Selector, c, found, err)
			}
			if !strings.Contains(string(msg), "c="+c+";") {
				t.Errorf("%s: %.300s", c, msg)
			}
		}
	}
}

func TestStrings(t *testing.T) {
	for text, want := range map[string]string{
		"":                       `""`,
		`a"b\`:                   `"a\"b\\"`,
		strings.Repeat("x", 256): `"` + strings.Repeat("x", 255) + `" "x"`,
	} {
		if got := lab.Strings(text); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
