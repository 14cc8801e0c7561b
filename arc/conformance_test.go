package arc

import (
	"testing"

	"assay/auth/dns/dnstest"
	"assay/testdata/conformance"
)

// TestConformanceValidation runs the suite's validation tests.
func TestConformanceValidation(t *testing.T) {
	count := 0
	for _, s := range conformance.ARC(t, "arc-draft-validation-tests.yml") {
		r := dnstest.NewResolver(t, s.Zone())
		for _, test := range s.Tests {
			count++
			t.Run(test.Name, func(t *testing.T) {
				h, body := split(string(test.CRLF()))
				o := validate(&Validator{Resolver: r}, h, body)
				if o.Result != Result(test.Result()) {
					t.Errorf("%s (%s) %v, want %s", o.Result, o.Reason, o.Err, test.Result())
				}
				if (o.Reason != "") != (o.Result == Fail) || o.Temporary {
					t.Errorf("%+v", o)
				}
			})
		}
	}
	if count != 175 {
		t.Errorf("%d tests were run, the suite has 175", count)
	}
}
