package auth

import (
	"slices"
	"testing"

	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

func TestSignatureLength(t *testing.T) {
	for _, test := range []struct {
		signatures []string
		want       []int
	}{
		{[]string{"abcdefghijkl"}, []int{8}},
		{[]string{"abcdefghijkl", "bbcdefghijkl"}, []int{8, 8}},
		{[]string{"abcdefghijkl", "abcdefghijXl", "zbcdefghijXl"}, []int{11, 11, 8}},
		{[]string{"abc", "abcdefghijXl"}, []int{8, 8}},
		{[]string{"abcdefghijXl", "abcdefghijXl"}, []int{8, 8}},
	} {
		var outcomes []dkim.Outcome
		for _, b := range test.signatures {
			outcomes = append(outcomes, dkim.Outcome{Signature: b})
		}
		for i, o := range outcomes {
			if got := signatureLength(outcomes, o); got != test.want[i] {
				t.Errorf("%v: %d characters of signature %d, want %d", test.signatures, got, i, test.want[i])
			}
		}
	}
}

func TestRemoves(t *testing.T) {
	microsoft := Stamp{AuthServID: "mx.example.test", Styles: []authres.Style{authres.Microsoft}}
	plain := Stamp{AuthServID: "mx.example.test", TrustedIDs: []string{"inner.example.test", "mx.example.test"}}
	all := plain
	all.RemoveAll = true
	for _, test := range []struct {
		stamp Stamp
		value string
		want  bool
	}{
		{plain, " mx.example.test; none", true}, // trusted or not: ours go
		{plain, " other.example; none", false},
		{plain, " spf=pass smtp.mailfrom=example.org", false},
		{microsoft, " spf=pass smtp.mailfrom=example.org", true},
		{microsoft, " other.example; spf=pass", false},
		{microsoft, " x; dmarc=pass action=none header.from=victim.example;compauth=pass reason=100", true},
		{microsoft, ` "spf"=pass smtp.mailfrom=victim.example; dmarc=pass`, true},
		{microsoft, " spf:pass; dmarc=pass action=none", true},
		{microsoft, " (x)=spf=pass; dmarc=pass", true},
		{all, " other.example; spf=pass", true},
		{all, " inner.example.test; spf=pass", false},
		{all, " Inner.Example.test 1; spf=pass", false},
	} {
		if got := test.stamp.removes(test.value); got != test.want {
			t.Errorf("removes(%q) = %v", test.value, got)
		}
	}
}

// Deletions go from the highest index down: some MTAs renumber after each.
func TestDeletionsFromTheHighestIndex(t *testing.T) {
	h := testHeader(
		"Authentication-Results: mx.example.test; none",
		"Authentication-Results: other.example; none",
		"From: joe@example.org",
		"AUTHENTICATION-RESULTS: MX.example.test; none",
	)
	edits := Stamp{AuthServID: "mx.example.test"}.deletions(h)
	if len(edits) != 2 || edits[0].Index != 3 || edits[1].Index != 1 || !edits[0].Delete || !edits[1].Delete {
		t.Errorf("%+v", edits)
	}
}

// A name that an MTA left with white space before the colon is edited without it.
func TestDeletionOfOddName(t *testing.T) {
	h := message.Header{{Name: "Authentication-Results ", Raw: "Authentication-Results : mx.example.test; none"}}
	if edits := (Stamp{AuthServID: "mx.example.test"}).deletions(h); len(edits) != 1 || edits[0].Name != "Authentication-Results" {
		t.Errorf("%+v", edits)
	}
}

// Fields like ours that come with a message go when we write them.
func TestDeletionOfOtherFields(t *testing.T) {
	h := testHeader("Received-SPF: pass receiver=MX.example.test;", "X-Spam-Flag: NO", "Received-SPF: pass receiver=other.example;")
	if edits := (Stamp{AuthServID: "mx.example.test"}).deletions(h); len(edits) != 0 {
		t.Errorf("by default: %+v", edits)
	}
	edits := Stamp{AuthServID: "mx.example.test", ReceivedSPF: true, SpamFlag: true}.deletions(h)
	if len(edits) != 3 || edits[0].Index != 2 || edits[1].Name != "Received-SPF" || edits[1].Index != 1 || edits[2].Name != "X-Spam-Flag" {
		t.Errorf("%+v", edits)
	}
}

// The time that an MTA takes for deletions grows with their square: a message with
// more than a hundred forged fields is refused, nothing of it is edited.
func TestTooManyForgedFields(t *testing.T) {
	for n, want := range map[int]Action{maxForged: Accept, maxForged + 1: Reject} {
		h := slices.Clone(fromJoe)
		for range n {
			h = append(h, message.NewField("Authentication-Results", " mx.example.test; none"))
		}
		session, check := begin(t, testVerifier(dnstest.NewResolver(t, testZone)), testEnvelope, h)
		r := check.Finish()
		session.Close()
		if r.Disposition.Action != want || want == Accept && len(r.Edits) != n+1 || want == Reject && len(r.Edits) != 0 {
			t.Errorf("%d fields: %v, %d edits", n, r.Disposition.Action, len(r.Edits))
		}
	}
}

// A message with thousands of signatures gets a field of bounded size, with all
// that passed.
func TestManySignatures(t *testing.T) {
	outcomes := make([]dkim.Outcome, 5000)
	for i := range outcomes {
		outcomes[i] = dkim.Outcome{Result: dkim.Neutral, Reason: "syntax error"}
	}
	outcomes[4999] = dkim.Outcome{Result: dkim.Pass, Domain: "example.org"}
	results := dkimResults(outcomes)
	if len(results) != maxShown+2 || results[maxShown].Value != "pass" || results[maxShown+1].Comment != "4979 more signatures not shown" {
		t.Errorf("%d results, the last ones %+v", len(results), results[max(0, len(results)-2):])
	}
}
