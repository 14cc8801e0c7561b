package arc

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"assay/auth/dns/dnstest"
	"assay/testdata/dkimpy"
)

// dkimpyJob is what testdata/dkimpy.py reads.
type dkimpyJob struct {
	Key      string            `json:"key"`
	Records  map[string]string `json:"records"`
	Seal     []dkimpySeal      `json:"seal"`
	Validate [][]byte          `json:"validate"`
}

type dkimpySeal struct {
	Message  []byte `json:"message"`
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	ID       string `json:"id"`
	Times    int    `json:"times"`
}

type dkimpyResult struct {
	Sealed    [][]byte    `json:"sealed"`
	Validated [][2]string `json:"validated"` // cv and the reason
}

// askDkimpy lets dkimpy sign and verify with the keys of the tests.
func askDkimpy(t *testing.T, job dkimpyJob) dkimpyResult {
	t.Helper()
	job.Key = string(pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsa2048()),
	}))
	job.Records = map[string]string{
		"rsa._domainkey.list.example":    keyRecord(rsa2048()),
		"rsa._domainkey.gateway.example": keyRecord(rsa2048()),
	}
	var result dkimpyResult
	dkimpy.Run(t, "testdata/dkimpy.py", job, &result)
	return result
}

// dkimpyMessages have all that canonicalization treats.
var dkimpyMessages = map[string]string{
	"plain":        plainMessage,
	"no body":      "From: a@fabrikam.com\r\n\r\n",
	"blank lines":  "From: a@fabrikam.com\r\n\r\n\r\n\r\n\r\n",
	"spaces":       "From: a@fabrikam.com\r\nTo:  b \t c  \r\n\r\n x  y\t \tz \r\n\ta\r\n  \r\nb \r\n",
	"folds":        "From: a@fabrikam.com,\r\n  b@fabrikam.com,\r\n\tc@fabrikam.com\r\nTo:\r\n b\r\nSubject: \r\n\r\nx\r\n",
	"8-bit":        "From: \xc3\xbc <a@fabrikam.com>\r\nSubject: \xe2\x82\xac\r\n\r\n\xfc \xe2\x82\xac\x00\x01\r\n",
	"names":        "FROM:a@fabrikam.com\r\nto: x\r\nTo: y\r\nTO:z\r\nDKIM-Signature: x\r\ndkim-signature: y\r\nLIST-Id: a\r\n\r\nx\r\n",
	"long":         "From: a@fabrikam.com\r\nTo: " + strings.Repeat("x", 3000) + "\r\n\r\n" + strings.Repeat(strings.Repeat("line ", 300)+"\r\n", 300),
	"no last CRLF": "From: a@fabrikam.com\r\n\r\nx",
}

// TestDkimpyAccepts: dkimpy takes chains of 1, 2, 3 and 11 of our sets, and agrees
// where a message was changed. It knows RSA only.
func TestDkimpyAccepts(t *testing.T) {
	v := zoneValidator(t, "gateway.example")
	var job dkimpyJob
	var names []string
	add := func(name, raw string) {
		names = append(names, name)
		job.Validate = append(job.Validate, []byte(raw))
	}
	for name, raw := range dkimpyMessages {
		for n := 1; n <= 11; n++ {
			raw = seal(t, v, rsaSealer([]string{"list.example", "gateway.example"}[n%2]), raw)
			if n <= 3 || n == 11 {
				add(name, raw)
			}
		}
	}
	two := seal(t, v, rsaSealer("gateway.example"), seal(t, v, rsaSealer("list.example"), plainMessage))
	for _, r := range [][2]string{
		{"Hi.", "Ho."}, {"Hi. \r\n", "Hi.\r\n"}, {"lost  the", "lost the"}, {"lost  the", "lostthe"},
		{"From: Joe", "From: Jim"}, {"Subject:", "SUBJECT:"}, {"cv=none", "cv=pass"}, {"cv=pass", "cv=none"},
		{"ARC-Seal: i=2", "ARC-Seal: i=3"}, {"ARC-Seal: i=1", "X-Seal: i=1"}, {"spf=pass", "spf=fail"},
		{"fabrikam.com;\r\n dkim", "fabrikam.com; dkim"}, {"i=2; a=", "i=2;  a="}, {"Date:", "X: y\r\nDate:"},
		{"From: Joe", "From: Eve <eve@evil.test>\r\nFrom: Joe"}, {"bh=", "bh= "}, {" b=", " b=\r\n "},
	} {
		if strings.Count(two, r[0]) == 0 {
			t.Fatalf("%q is not in the message", r[0])
		}
		add(r[0]+" -> "+r[1], strings.Replace(two, r[0], r[1], 1))
	}
	passed := 0
	for i, got := range askDkimpy(t, job).Validated {
		o := validateRaw(v, string(job.Validate[i]))
		if string(o.Result) != got[0] {
			t.Errorf("%s: %s (%s), dkimpy %s (%s)", names[i], o.Result, o.Reason, got[0], got[1])
		}
		if o.Result == Pass {
			passed++
		}
	}
	if passed < 40 || passed > len(names)-8 {
		t.Errorf("%d of %d pass", passed, len(names))
	}
}

// TestDkimpySeals: we take chains by dkimpy, and go on with them.
func TestDkimpySeals(t *testing.T) {
	var job dkimpyJob
	var names []string
	for name, raw := range dkimpyMessages {
		for _, times := range []int{1, 3} {
			names = append(names, name)
			job.Seal = append(job.Seal, dkimpySeal{[]byte(raw), "list.example", "rsa", "list.example", times})
		}
	}
	v := &Validator{Resolver: dnstest.NewResolver(t, usualZone("gateway.example"))} // dkimpy has the real time
	for i, raw := range askDkimpy(t, job).Sealed {
		o := validateRaw(v, string(raw))
		if o.Result != Pass || o.Instance != job.Seal[i].Times || o.OldestPass != 0 {
			t.Errorf("%s: %s (%s), N=%d, oldest-pass %d", names[i], o.Result, o.Reason, o.Instance, o.OldestPass)
			continue
		}
		if ov := o.Override(trust(t, "list.example"), "fabrikam.com", fabrikamAlone); !ov.DMARC.Pass || ov.Instance != o.Instance {
			t.Errorf("%s: %+v", names[i], ov)
		}
		more := validateRaw(v, seal(t, v, rsaSealer("gateway.example"), string(raw)))
		if more.Result != Pass || more.Instance != o.Instance+1 {
			t.Errorf("%s and we: %s (%s)", names[i], more.Result, more.Reason)
		}
	}
}
