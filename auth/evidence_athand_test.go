package auth

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// Where the cache has all answers the hints are there when the search begins; else they are searched for while
// the body comes. Both find the same, and count the same questions.
func TestHintsAtHand(t *testing.T) {
	for name, test := range map[string]struct {
		zone   string
		atHand bool // once all is in the cache
	}{
		"every hint":         {hintZone, false}, // whose name the PTR name is takes a tree walk
		"nothing but MX":     {strings.ReplaceAll(hintZone, "mail.example.org", "mail.other.example"), true},
		"MX host and client": {strings.ReplaceAll(hintZone, "mx2.mail.example", "mx2.host.example"), false}, // likewise
		"an enforced policy": {hintZone + "_dmarc.example.org. IN TXT \"v=DMARC1; p=reject\"\n", true},
	} {
		resolver := dnstest.NewResolver(t, ". IN SOA ns.example. admin.example. 1 7200 900 1209600 300\n"+test.zone)
		v := testVerifier(&dns.Cache{Resolver: resolver, MinTTL: time.Hour})
		v.Implicit = true
		var first *Report
		for warm := range 2 {
			session, check := begin(t, v, strangerEnvelope, fromJoe)
			if atHand := check.early.done == nil; atHand != (warm == 1 && test.atHand) {
				t.Errorf("%s: warm %d, at hand %v", name, warm, atHand)
			}
			r := check.Finish()
			session.Close()
			if first == nil {
				first = r
			}
			if !reflect.DeepEqual(r.Evidence, first.Evidence) || r.Verdict != first.Verdict || r.HintsUnknown != first.HintsUnknown {
				t.Errorf("%s: %+v, then %+v", name, first.Evidence, r.Evidence)
			}
			if r.Queries+r.Hits != first.Queries+first.Hits || warm == 1 && r.Queries != 0 {
				t.Errorf("%s: %d queries and %d hits, then %d and %d", name, first.Queries, first.Hits, r.Queries, r.Hits)
			}
		}
	}
}
