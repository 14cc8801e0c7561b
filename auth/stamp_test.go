package auth

import (
	"testing"

	"assay/auth/authres"
	"assay/auth/dkim"
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
