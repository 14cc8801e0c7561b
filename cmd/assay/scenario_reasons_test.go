package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"assay/auth"
	"assay/auth/message"
	"assay/compauth"
)

// reachedRules are the rules that did something in a scenario.
type reachedRules struct {
	mu      sync.Mutex
	reports int
	numbers map[string]bool
}

// newReachedRules makes sure, when the test and all of its parts have ended, that every rule
// was reached; not where only some of the scenarios were run.
func newReachedRules(t *testing.T, scenarios int) *reachedRules {
	t.Helper()
	r := &reachedRules{numbers: map[string]bool{}}
	t.Cleanup(func() {
		for _, rule := range compauth.Rules() {
			if r.reports == scenarios && !r.numbers[rule.Number] {
				t.Errorf("no scenario in which rule %s matches: %s", rule.Number, rule.Doc)
			}
		}
	})
	return r
}

func (r *reachedRules) add(report *auth.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports++
	for _, step := range compauth.Trace(&report.Evidence, report.Verdict.Author) {
		if step.State == compauth.Decides || step.State == compauth.Leads {
			r.numbers[step.Rule.Number] = true
		}
	}
}

// givenReasons are the codes that a rule gives, in their order.
func givenReasons() []compauth.Reason {
	var reasons []compauth.Reason
	for _, rule := range compauth.Rules() {
		switch {
		case rule.Result == "":
		case rule.Reason == 700: // which pair of the history it is
			reasons = append(reasons, 701, 702, 703, 704)
		default:
			reasons = append(reasons, rule.Reason)
		}
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

// Every code that is documented is given by a rule, but for the one that the documentation
// says is not used here; and a rule gives no other.
func TestGivenReasons(t *testing.T) {
	var documented []string
	for _, row := range compauth.Explanations() {
		if row.Code != "115" && !strings.HasSuffix(row.Code, "xx") {
			documented = append(documented, row.Code)
		}
	}
	var given []string
	for _, reason := range givenReasons() {
		given = append(given, reason.String())
	}
	if !slices.Equal(given, documented) {
		t.Errorf("given %q, documented %q", given, documented)
	}
}

// For every code there are scenarios compauth-NNN-….txtar that end in it, and near misses
// compauth-NNN-not-….txtar that do not.
func TestScenarioReasons(t *testing.T) {
	for _, reason := range givenReasons() {
		t.Run(reason.String(), func(t *testing.T) {
			var hits, misses int
			for _, path := range scenarioPaths(t, "compauth-"+reason.String()+"-*") {
				near := strings.HasPrefix(filepath.Base(path), fmt.Sprintf("compauth-%s-not-", reason))
				if near {
					misses++
				} else {
					hits++
				}
				if got := wantsReason(t, path, reason); got == near {
					t.Errorf("%s: ends in %s: %t", path, reason, got)
				}
			}
			if hits == 0 || misses == 0 {
				t.Errorf("%d scenarios, %d near misses", hits, misses)
			}
		})
	}
}

// What is left out without the implicit rules has a near miss in which they are off.
func TestScenarioImplicit(t *testing.T) {
	for _, rule := range compauth.Rules() {
		if !rule.Implicit || rule.Result == "" {
			continue
		}
		reason := rule.Reason
		if reason == 700 {
			reason = 701
		}
		path := fmt.Sprintf("../../testdata/scenarios/compauth-%s-not-implicit.txtar", reason)
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "\nimplicit = false\n") {
			t.Errorf("rule %s: %s: no implicit = false (%v)", rule.Number, path, err)
		}
	}
}

func scenarioPaths(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/scenarios/" + pattern + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// wantsReason tells whether the field that a scenario wants has this reason.
func wantsReason(t *testing.T, path string, reason compauth.Reason) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, want, ok := strings.Cut(string(text), "\n-- want --\n")
	if !ok {
		t.Fatalf("%s: no want", path)
	}
	return strings.Contains(want, "reason="+reason.String())
}

// The examples that have to come out exactly, as the documentation of composite authentication
// has them.
func TestDocumentedExamples(t *testing.T) {
	for _, example := range []struct{ scenario, want string }{
		{"microsoft-nothing", "spf=none (sender IP is 10.2.3.4) smtp.mailfrom=fabrikam.com; dkim=none (message not signed) header.d=none; dmarc=none action=none header.from=fabrikam.com; compauth=fail reason=001"},
		{"microsoft-spf", "spf=pass (sender IP is 10.2.3.4) smtp.mailfrom=fabrikam.com; dkim=none (message not signed) header.d=none; dmarc=bestguesspass action=none header.from=fabrikam.com; compauth=pass reason=109"},
		{"microsoft-dkim", "spf=none (sender IP is 10.2.3.4) smtp.mailfrom=fabrikam.com; dkim=pass (signature was verified) header.d=outbound.fabrikam.com; dmarc=bestguesspass action=none header.from=fabrikam.com; compauth=pass reason=109"},
		{"microsoft-foreign", "spf=none (sender IP is 192.168.1.8) smtp.mailfrom=maliciousdomain.com; dkim=pass (signature was verified) header.d=maliciousdomain.com; dmarc=none action=none header.from=contoso.com; compauth=fail reason=001"},
		{"microsoft-forwarded", "spf=fail (sender IP is 10.10.10.10) smtp.mailfrom=contoso.com; dkim=fail (body hash did not verify) header.d=contoso.com; dmarc=fail action=none header.from=contoso.com; compauth=pass reason=130"},
	} {
		t.Run(example.scenario, func(t *testing.T) {
			edits := readScenario(t, "../../testdata/scenarios/"+example.scenario+".txtar").throughVerifier(t).Edits
			if len(edits) != 1 || edits[0].Name != "Authentication-Results" || edits[0].Delete {
				t.Fatalf("%+v", edits)
			}
			if got := message.Unfold(edits[0].Value); got != example.want {
				t.Errorf("got  %s\nwant %s", got, example.want)
			}
		})
	}
}
