package dkim

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"assay/testdata/dkimpy"
)

// dkimpyJob is what testdata/dkimpy.py reads.
type dkimpyJob struct {
	Keys    map[string]string `json:"keys"`
	Records map[string]string `json:"records"`
	Sign    []dkimpySign      `json:"sign"`
	Verify  [][]byte          `json:"verify"`
}

type dkimpySign struct {
	Message   []byte   `json:"message"`
	Algorithm string   `json:"algorithm"`
	Selector  string   `json:"selector"`
	Domain    string   `json:"domain"`
	Canon     string   `json:"canon"`
	Names     []string `json:"names"`
}

type dkimpyResult struct {
	Signed   [][]byte `json:"signed"`
	Verified []bool   `json:"verified"`
}

// askDkimpy lets dkimpy sign and verify with the keys of the tests.
func askDkimpy(t *testing.T, job dkimpyJob) dkimpyResult {
	t.Helper()
	job.Keys = map[string]string{
		"rsa-sha256": string(pem.EncodeToMemory(&pem.Block{
			Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsa2048()),
		})),
		"ed25519-sha256": base64.StdEncoding.EncodeToString(edwards().Seed()),
	}
	job.Records = map[string]string{
		"s._domainkey.example.com":  rsaRecord(rsa2048()),
		"ed._domainkey.example.com": edRecord(),
	}
	var result dkimpyResult
	dkimpy.Run(t, "testdata/dkimpy.py", job, &result)
	return result
}

// dkimpyMessages have all that canonicalization treats.
var dkimpyMessages = map[string]string{
	"plain":        plainMessage,
	"no body":      "From: a@example.com\r\n\r\n",
	"blank lines":  "From: a@example.com\r\n\r\n\r\n\r\n\r\n",
	"blank at end": "From: a@example.com\r\n\r\nx\r\n\r\n \r\n\t\r\n\r\n",
	"blank within": "From: a@example.com\r\n\r\n\r\nx\r\n\r\n\r\ny\r\n",
	"spaces":       "From: a@example.com\r\nTo:  b \t c  \r\n\r\n x  y\t \tz \r\n\ta\r\n  \r\nb \r\n",
	"folds":        "From: a@example.com,\r\n  b@example.com,\r\n\tc@example.com\r\nTo:\r\n b\r\nSubject: \r\n\r\nx\r\n",
	"8-bit":        "From: \xc3\xbc <a@example.com>\r\nSubject: \xfc\xff\x80\r\nTo: \xe2\x82\xac\r\n\r\n\xfc \xe2\x82\xac\x00\x01\r\n",
	"names":        "FROM:a@example.com\r\nto: x\r\nTo: y\r\nTO:z\r\n\r\nx\r\n",
	"long":         "From: a@example.com\r\nTo: " + strings.Repeat("x", 3000) + "\r\n\r\n" + strings.Repeat(strings.Repeat("line ", 300)+"\r\n", 300),
	"no last CRLF": "From: a@example.com\r\n\r\nx",
}

// TestDkimpySigned: what dkimpy signs passes, for both algorithms, all
// canonicalizations and each message.
func TestDkimpySigned(t *testing.T) {
	var names []string
	var job dkimpyJob
	for name, raw := range dkimpyMessages {
		for _, canon := range []string{"simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"} {
			for algorithm, selector := range map[string]string{"rsa-sha256": "s", "ed25519-sha256": "ed"} {
				names = append(names, algorithm+" "+canon+" "+name)
				job.Sign = append(job.Sign, dkimpySign{
					[]byte(raw), algorithm, selector, "example.com", canon,
					[]string{"from", "to", "subject", "to", "to", "from"},
				})
			}
		}
	}
	signed := askDkimpy(t, job).Signed
	if len(signed) != len(names) {
		t.Fatalf("%d of %d messages signed", len(signed), len(names))
	}
	v := zoneVerifier(t, usualZone())
	for i, raw := range signed {
		o := run(v, string(raw))
		if len(o) != 1 || o[0].Result != Pass || !strings.HasPrefix(names[i], o[0].Algorithm+" "+o[0].Canonicalization) {
			t.Errorf("%s: %+v", names[i], o)
		}
	}
	twice := askDkimpy(t, dkimpyJob{Sign: []dkimpySign{
		{signed[0], "rsa-sha256", "s", "example.com", "relaxed/relaxed", []string{"from", "subject"}},
	}}).Signed
	if o := run(v, string(twice[0])); len(o) != 2 || o[0].Result != Pass || o[1].Result != Pass {
		t.Errorf("two signatures: %+v", o)
	}
}

// TestDkimpyAgrees changes signed messages: pass and fail are the same for both.
func TestDkimpyAgrees(t *testing.T) {
	replacements := [][2]string{
		{"", ""},
		{"Hi.", "Ho."},
		{"Hi. \r\n", "Hi.\r\n"},
		{"lost  the", "lost the"},
		{"lost  the", "lostthe"},
		{"Hi. \r\n\r\n", "Hi. \r\n"},
		{"\r\n\r\n\r\n", "\r\n"},
		{"yet?\r\n", "yet?\r\n \r\n"},
		{"Subject:  Is", "Subject: Is"},
		{"Subject:", "SUBJECT:"},
		{"dinner\r\n\tready", "dinner ready"},
		{"ready? \r\n", "ready?\r\n"},
		{"To:", "To: x\r\nTo:"},
		{"Date:", "X: unsigned\r\nDate:"},
		{"From: Joe", "From: Jim"},
		{"c=", "c= "},
		{"; d=", ";\r\n d="},
		{"bh=", "bh= "},
		{" b=", " b=\r\n "},
	}
	var job dkimpyJob
	var names []string
	for _, canon := range []string{"simple/simple", "relaxed/relaxed"} {
		tags := strings.Replace(usualTags, "relaxed/relaxed", canon, 1)
		signed := sign(rsa2048(), plainMessage, tags)
		for _, r := range replacements {
			changed := strings.Replace(signed, r[0], r[1], 1)
			if changed == signed && r[0] != "" {
				t.Fatalf("%q is not in the message", r[0])
			}
			job.Verify = append(job.Verify, []byte(changed))
			names = append(names, canon+" "+r[0]+" -> "+r[1])
		}
	}
	v := zoneVerifier(t, usualZone())
	passed := 0
	for i, want := range askDkimpy(t, job).Verified {
		o := run(v, string(job.Verify[i]))[0]
		if (o.Result == Pass) != want {
			t.Errorf("%q: %s (%s), dkimpy: %t", names[i], o.Result, o.Reason, want)
		}
		if want {
			passed++
		}
	}
	if passed < 10 || passed > len(names)-10 {
		t.Errorf("dkimpy passes %d of %d", passed, len(names))
	}
}
