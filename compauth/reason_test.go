package compauth

import (
	"slices"
	"strings"
	"testing"
)

// documented is the list of codes of the documentation.
var documented = strings.Fields("000 001 002 010 1xx 100 101 102 103 104 108 109 111 112 115 116 130 " +
	"2xx 201 202 3xx 301 4xx 401 402 501 502 6xx 601 7xx 701 702 703 704 9xx 905")

func TestExplanations(t *testing.T) {
	var got []string
	for _, row := range Explanations() {
		got = append(got, row.Code)
		checkText(t, row.Code+" meaning", row.Meaning)
		checkText(t, row.Code+" advice", row.Advice)
		if !slices.Contains([]Result{Pass, SoftPass, None, Fail}, row.Result) {
			t.Errorf("%s: result %q", row.Code, row.Result)
		}
		if strings.HasSuffix(row.Meaning, ".") || !strings.HasSuffix(row.Advice, ".") {
			t.Errorf("%s: %q, %q: a meaning has no full stop, advice has one", row.Code, row.Meaning, row.Advice)
		}
		if again, ok := ExplainCode(row.Code); !ok || again != row {
			t.Errorf("%s reads %+v", row.Code, again)
		}
		if row.Result == Fail && row.Fix == 0 {
			t.Errorf("%s: nobody can do anything", row.Code)
		}
	}
	if !slices.Equal(got, documented) {
		t.Errorf("got\n%s\nwant\n%s", got, documented)
	}
}

func checkText(t *testing.T, what, text string) {
	t.Helper()
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%s: %q", what, text)
	}
}

// Every code that a rule gives is documented with its result.
func TestRulesAreExplained(t *testing.T) {
	for _, r := range Rules() {
		if r.Result == "" {
			continue
		}
		if row, ok := r.Reason.Explain(); !ok || row.Result != r.Result {
			t.Errorf("rule %s: %s is documented as %+v", r.Number, r.Reason, row)
		}
	}
}

func TestExplainCode(t *testing.T) {
	for code, want := range map[string]string{
		"001": "001", "704": "704", "199": "1xx", "700": "7xx", "906": "9xx", "1xx": "1xx", "6xx": "6xx",
		"003": "", "503": "", "5xx": "", "0xx": "", "8xx": "", "800": "",
		"": "", "1": "", "01": "", "1000": "", "1x": "", "1x0": "", "1xX": "", "xxx": "", "+10": "", "1 0": "", "１": "",
	} {
		if row, ok := ExplainCode(code); row.Code != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", code, row.Code, ok, want)
		}
	}
	if row, ok := Reason(1000).Explain(); ok {
		t.Errorf("1000: %+v", row)
	}
}

func TestParties(t *testing.T) {
	for p, want := range map[Parties]string{
		0: "nobody", Sender: "sender", Sender | Intermediary: "sender or intermediary", Receiver: "receiver",
		Sender | Intermediary | Receiver: "sender or intermediary or receiver",
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestReasonString(t *testing.T) {
	for r, want := range map[Reason]string{0: "000", 1: "001", 10: "010", 601: "601"} {
		if got := r.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
