package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"assay/auth/authres"
	"assay/compauth"
)

// jsonOf explains one result, through all that is between the command line and the table.
func jsonOf(t *testing.T, r authres.Result) explainedResult {
	t.Helper()
	field := "Authentication-Results: " + authres.Results{AuthServID: "mx", Results: []authres.Result{r}}.Format(authres.Microsoft)
	var e explained
	if err := json.Unmarshal([]byte(explainText(t, field+"\r\n", "--json")), &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Fields) != 1 || len(e.Fields[0].Results) != 1 {
		t.Fatalf("%s is read as %+v", field, e)
	}
	return e.Fields[0].Results[0]
}

// Every row of the tables is reached from the field that it is about.
func TestExplainTables(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range meanings {
		got := jsonOf(t, authres.Result{Method: m.method, Value: m.value})
		who := identityOf(&authres.Result{Method: m.method}, "")
		if want := strings.ReplaceAll(m.means, "{who}", who); got.Means[0] != want || strings.Contains(want, "{") {
			t.Errorf("%s=%s: %q", m.method, m.value, got.Means)
		}
		checkAdvice(t, m.method+"="+m.value, got, m.fix, m.how)
		if key := m.method + "=" + m.value; seen[key] {
			t.Errorf("%s stands in the table twice", key)
		} else {
			seen[key] = true
		}
	}
	for _, table := range [][]remark{dkimRemarks[:], otherRemarks[:]} {
		for _, m := range table {
			got := jsonOf(t, resultFor(m))
			if !slices.Contains(got.Means, m.means) {
				t.Errorf("%s %s %q: %q", m.method, m.in, m.text, got.Means)
			}
			if m.how != "" {
				checkAdvice(t, m.method+" "+m.text, got, m.fix, m.how)
			} else if m.fix != byNobody {
				t.Errorf("%s %q names %s without advice", m.method, m.text, m.fix)
			}
			if m.text != strings.ToLower(m.text) {
				t.Errorf("%q is not in lower case", m.text)
			}
		}
	}
}

// resultFor is a result that a remark is about.
func resultFor(m remark) authres.Result {
	r := authres.Result{Method: m.method, Value: "fail"}
	switch name, property, ok := strings.Cut(m.in, "."); {
	case m.in == "":
		r.Comment = "before, " + strings.ToUpper(m.text) + " after"
	case m.method == "iprev":
		r.Properties = []authres.Property{{Type: name, Name: property, Value: "192.0.2.1", Comment: "a.example " + m.text}}
	case ok:
		r.Properties = []authres.Property{{Type: name, Name: property, Value: strings.ToUpper(m.text)}}
	default:
		r.Properties = []authres.Property{{Name: m.in, Value: m.text}}
	}
	return r
}

func checkAdvice(t *testing.T, what string, r explainedResult, fix compauth.Parties, how string) {
	t.Helper()
	if how == "" {
		if len(r.Advice) != 0 || fix != byNobody {
			t.Errorf("%s: fix %s: %+v", what, fix, r.Advice)
		}
		return
	}
	for _, a := range r.Advice {
		if a.How == how && strings.Join(a.Fix, " or ") == strings.Join(fix.Names(), " or ") {
			return
		}
	}
	t.Errorf("%s: %+v, want %s: %s", what, r.Advice, fix, how)
}

// Every result that assay itself writes is in the table, and Microsoft's.
func TestExplainKeywords(t *testing.T) {
	for method, values := range map[string]string{
		"spf":      "pass fail softfail neutral none temperror permerror",
		"dkim":     "pass fail neutral policy none temperror permerror",
		"dmarc":    "pass fail none temperror permerror bestguesspass",
		"arc":      "none pass fail",
		"iprev":    "pass fail temperror permerror",
		"auth":     "pass",
		"compauth": "pass softpass fail none",
	} {
		for value := range strings.FieldsSeq(values) {
			if _, ok := findMeaning(method, value); !ok {
				t.Errorf("%s=%s is not known", method, value)
			}
		}
	}
}

// What the seals claim, and what breaks a chain for everybody to see.
func TestExplainSets(t *testing.T) {
	const (
		results   = "ARC-Authentication-Results: i=1; a.example; none\n"
		signature = "ARC-Message-Signature: i=1; d=a.example\n"
		seal      = "ARC-Seal: i=1; cv=none; d=a.example\n"
	)
	for _, test := range []struct{ header, want string }{
		{results + signature + seal, "  i=1  sealed by a.example, as the first (cv=none)\n"},
		{signature + seal, "no ARC-Authentication-Results that can be read\n  The chain is broken: set 1 is not complete.\n"},
		{results + seal, "no ARC-Message-Signature that can be read\n  The chain is broken: set 1 is not complete.\n"},
		{results + signature, "  i=1  message signature of a.example; no ARC-Seal that can be read\n  The chain is broken: set 1 is not complete.\n"},
		{"ARC-Seal: d=b.example; i = 2 ;cv= pa\n ss\n", "  i=2  sealed by b.example, who found the chain intact (cv=pass); "},
		{"ARC-Seal: i=3; cv=fail; d=b.example\n", "who found the chain broken (cv=fail); "},
		{"ARC-Seal: i=3; d=b.example\n" + results, "  The chain is broken: it has 2 of 3 sets.\n"},
		{results + strings.ReplaceAll(signature, "a.ex", "b.ex") + seal, "(cv=none); message signature of b.example\n"},
	} {
		if got := explainText(t, test.header); !strings.Contains(got, test.want) {
			t.Errorf("%s\ngives\n%s\nwant\n%s", test.header, got, test.want)
		}
	}
}

// Every documented code is explained wherever it can stand.
func TestExplainReasons(t *testing.T) {
	for _, row := range compauth.Explanations() {
		_, stdout, _ := newProgram(t).run(t, "explain", "--reason", row.Code)
		flat := strings.Join(strings.Fields(stdout), " ")
		for _, want := range []string{"compauth=" + string(row.Result) + " reason=" + row.Code, row.Meaning, row.Advice} {
			if !strings.Contains(flat, want) {
				t.Errorf("%s: no %q in %s", row.Code, want, stdout)
			}
		}
		if strings.HasSuffix(row.Code, "xx") {
			continue
		}
		got := jsonOf(t, authres.Result{Method: "compauth", Value: string(row.Result), Reason: row.Code})
		if len(got.Means) != 2 || got.Means[1] != "Reason "+row.Code+": "+row.Meaning+"." {
			t.Errorf("%s: %q", row.Code, got.Means)
		}
		checkAdvice(t, row.Code, got, row.Fix, row.Advice)
	}
}

// What is not in the tables is named as such.
func TestExplainUnknown(t *testing.T) {
	for _, test := range []struct {
		result authres.Result
		want   string
	}{
		{authres.Result{Method: "bimi", Value: "pass"}, "The method bimi is not known to assay"},
		{authres.Result{Method: "dmarc", Value: "skipped"}, "The result skipped of DMARC (does SPF"},
		{authres.Result{Method: "compauth", Value: "pass", Reason: "199"}, "The code itself is not documented, only its family 1xx."},
		{authres.Result{Method: "compauth", Value: "pass", Reason: "800"}, "The reason code 800 is not documented."},
		{authres.Result{Method: "compauth", Value: "pass", Reason: "a b"}, `The reason code "a b" is not documented.`},
		{authres.Result{Method: "compauth", Value: "pass", Reason: "001"}, "By the documentation this code goes with compauth=fail: "},
	} {
		got := strings.Join(jsonOf(t, test.result).Means, " ")
		if !strings.Contains(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.result, got, test.want)
		}
	}
}

// Words are found as words.
func TestHolds(t *testing.T) {
	for _, test := range []struct {
		text, phrase string
		want         bool
	}{
		{"p=none sp=reject", "p=none", true},
		{"sp=none", "p=none", false},
		{"sp=none p=none", "p=none", true},
		{"p=nonesuch", "p=none", false},
		{"oda=10", "oda=1", false},
		{"too many names in h=", "too many names in h=", true},
		{"", "x", false},
	} {
		if got := holds(test.text, test.phrase); got != test.want {
			t.Errorf("%q in %q: %v", test.phrase, test.text, got)
		}
	}
}

// Every short reason that package dkim gives is explained.
func TestExplainDKIMReasons(t *testing.T) {
	reasons := dkimReasons(t)
	if len(reasons) < 40 {
		t.Errorf("only %d reasons were found", len(reasons))
	}
	for _, reason := range reasons {
		r := authres.Result{Method: "dkim", Value: "fail", Comment: reason}
		if len(remarksOn(&r)) == 0 {
			t.Errorf("nothing is said about dkim=fail (%s)", reason)
		}
	}
}

// dkimReasons reads the reasons from the source of package dkim, where each is the first
// argument of a function that makes a verdict.
func dkimReasons(t *testing.T) []string {
	files, err := filepath.Glob("../../auth/dkim/*.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := []string{"body hash did not verify", "signature did not verify"}
	verdict := regexp.MustCompile(`\b(?:permanent|policy|neutral|temporary)\("([^"]+)"`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range verdict.FindAllSubmatch(source, -1) {
			reasons = append(reasons, string(match[1]))
		}
	}
	return reasons
}
