package metrics

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"assay/arc"
	"assay/auth"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/iprev"
	"assay/auth/spf"
	"assay/compauth"
)

// scrape asks for the metrics and gives the values of the series that begin with the prefix.
func scrape(t testing.TB, m *Metrics, prefix string) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(slog.New(slog.NewTextHandler(io.Discard, nil))).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	values := map[string]float64{}
	for line := range strings.Lines(w.Body.String()) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if series == strings.TrimSpace(line) {
			series, value, _ = strings.Cut(series, " ")
		} else {
			series += "}"
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil && strings.HasPrefix(series, prefix) {
			values[series] = n
		}
	}
	return values
}

func newTest() *Metrics { return New(Build{}, func() State { return State{} }) }

// counted gives the series of messages that are not zero, without histograms.
func counted(t testing.TB, m *Metrics) map[string]float64 {
	t.Helper()
	values := scrape(t, m, "assay_")
	maps.DeleteFunc(values, func(series string, n float64) bool {
		return n == 0 || !strings.Contains(series, "_total")
	})
	return values
}

// verified is the report of a message with two signatures.
func verified() *auth.Report {
	return &auth.Report{
		SPF:     spf.Outcome{Result: spf.SoftFail},
		DKIM:    []dkim.Outcome{{Result: dkim.Fail}, {Result: dkim.Pass}, {Result: dkim.Fail}},
		DMARC:   dmarc.Outcome{Result: dmarc.Pass},
		ARC:     arc.Outcome{Result: arc.None},
		IPRev:   iprev.Outcome{Result: iprev.PermError},
		Verdict: compauth.Verdict{Result: compauth.Pass, Reason: 100},
		Queries: 3, Duration: 40 * time.Millisecond,
	}
}

// messageTests say what is counted of a message.
var messageTests = map[string]struct {
	tell func(*Metrics)
	want string
}{
	"verified": {
		func(m *Metrics) { m.Checked(verified(), time.Millisecond) },
		`assay_dispositions_total{disposition="accept"} 1
assay_dkim_signatures_total{result="fail"} 2
assay_dkim_signatures_total{result="pass"} 1
assay_messages_total{compauth="pass",reason="100"} 1
assay_results_total{method="arc",result="none"} 1
assay_results_total{method="dkim",result="pass"} 1
assay_results_total{method="dmarc",result="pass"} 1
assay_results_total{method="iprev",result="permerror"} 1
assay_results_total{method="spf",result="softfail"} 1`},
	"unsigned, forged, rejected": {
		func(m *Metrics) {
			r := verified()
			r.DKIM, r.Forged = nil, 7
			r.Disposition.Action = auth.Reject
			r.Verdict = compauth.Verdict{Result: compauth.Fail, Reason: 1}
			m.Checked(r, time.Millisecond)
		},
		`assay_dispositions_total{disposition="reject"} 1
assay_forged_fields_total 7
assay_messages_total{compauth="fail",reason="001"} 1
assay_results_total{method="arc",result="none"} 1
assay_results_total{method="dkim",result="none"} 1
assay_results_total{method="dmarc",result="pass"} 1
assay_results_total{method="iprev",result="permerror"} 1
assay_results_total{method="spf",result="softfail"} 1`},
	"exempt": {
		func(m *Metrics) {
			for _, e := range []auth.Exemption{auth.SMTPAuth, auth.TrustedNetwork, auth.TrustedNetwork} {
				m.Checked(&auth.Report{Exempt: e, Verdict: compauth.Verdict{Result: compauth.None, Reason: 402}}, 0)
			}
		},
		`assay_dispositions_total{disposition="accept"} 3
assay_messages_exempt_total{exemption="smtp_auth"} 1
assay_messages_exempt_total{exemption="trusted_network"} 2
assay_messages_total{compauth="none",reason="402"} 3`},
	"past limits": {
		func(m *Metrics) {
			m.Checked(&auth.Report{
				Envelope: auth.Envelope{Excess: "more than 2000 header fields", MoreRcpt: true},
				SPF:      spf.Outcome{Result: spf.Pass}, IPRev: iprev.Outcome{Result: iprev.Pass},
				DKIM:    []dkim.Outcome{{Result: dkim.Policy}},
				Verdict: compauth.Verdict{Result: compauth.Fail, Reason: 1},
			}, 0)
		},
		`assay_dispositions_total{disposition="accept"} 1
assay_messages_past_limit_total{limit="header"} 1
assay_messages_past_limit_total{limit="recipients"} 1
assay_messages_total{compauth="fail",reason="001"} 1
assay_results_total{method="dkim",result="policy"} 1
assay_results_total{method="iprev",result="pass"} 1
assay_results_total{method="spf",result="pass"} 1`},
	"not sealed": {
		func(m *Metrics) {
			m.Checked(&auth.Report{Exempt: auth.SMTPAuth, SealErr: errors.New("no key")}, 0)
			m.Checked(&auth.Report{Exempt: auth.SMTPAuth, SealErr: fmt.Errorf("full: %w", arc.ErrNoMoreSets)}, 0)
		},
		`assay_arc_seal_errors_total 1
assay_dispositions_total{disposition="accept"} 2
assay_messages_exempt_total{exemption="smtp_auth"} 2
assay_messages_total{compauth="",reason="000"} 2`},
	"without a report": {
		func(m *Metrics) {
			m.Unchecked(auth.Disposition{Action: auth.TempFail})
			m.Aborted()
			m.Aborted()
		},
		`assay_dispositions_total{disposition="tempfail"} 1
assay_messages_aborted_total 2
assay_messages_unchecked_total 1`},
}

func TestMessages(t *testing.T) {
	for name, test := range messageTests {
		m := newTest()
		test.tell(m)
		var lines []string
		for series, n := range counted(t, m) {
			lines = append(lines, fmt.Sprint(series, " ", n))
		}
		slices.Sort(lines)
		if got := strings.Join(lines, "\n"); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

// Times and questions are where they belong.
func TestHistograms(t *testing.T) {
	m := newTest()
	m.Checked(verified(), 3*time.Millisecond)
	m.Question(2*time.Second, nil)
	for series, want := range map[string]float64{
		`assay_message_answer_seconds_bucket{le="0.0025"}`:    0,
		`assay_message_answer_seconds_bucket{le="0.005"}`:     1,
		`assay_message_answer_seconds_sum`:                    .003,
		`assay_message_evaluation_seconds_bucket{le="0.025"}`: 0,
		`assay_message_evaluation_seconds_bucket{le="0.05"}`:  1,
		`assay_message_dns_questions_bucket{le="2"}`:          0,
		`assay_message_dns_questions_bucket{le="5"}`:          1,
		`assay_dns_question_seconds_bucket{le="1"}`:           0,
		`assay_dns_question_seconds_bucket{le="2.5"}`:         1,
		`assay_dns_question_seconds_count`:                    1,
	} {
		if got, ok := scrape(t, m, "assay_")[series]; !ok || got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

// Nothing is allocated on the way of a message.
func TestAllocations(t *testing.T) {
	m, r := newTest(), verified()
	r.Envelope.Excess, r.Envelope.MoreRcpt, r.Forged, r.SealErr = "long", true, 3, errors.New("no key")
	exempt := &auth.Report{Exempt: auth.TrustedNetwork, Verdict: compauth.Verdict{Result: compauth.None, Reason: 402}}
	n := testing.AllocsPerRun(100, func() {
		m.Checked(r, time.Second)
		m.Checked(exempt, time.Second)
		m.Unchecked(auth.Disposition{})
		m.Aborted()
		m.Question(time.Second, nil)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Every verdict that the rules can give has a counter from the start, and so has every result of a method.
func TestCountersFromTheStart(t *testing.T) {
	values := scrape(t, newTest(), "assay_")
	verdicts := 0
	for series, n := range values {
		if strings.HasPrefix(series, "assay_messages_total{") {
			verdicts++
		}
		if n != 0 && strings.Contains(series, "_total") {
			t.Errorf("%s is %v", series, n)
		}
	}
	want := map[string]bool{}
	for _, row := range compauth.Explanations() {
		if !strings.HasSuffix(row.Code, "xx") {
			want[fmt.Sprintf(`assay_messages_total{compauth="%s",reason="%s"}`, row.Result, row.Code)] = true
		}
	}
	for _, rule := range compauth.Rules() {
		series := fmt.Sprintf(`assay_messages_total{compauth="%s",reason="%s"}`, rule.Result, rule.Reason)
		if _, ok := values[series]; !ok && rule.Result != "" && rule.Reason != 700 {
			t.Errorf("no %s", series)
		}
	}
	for _, code := range []string{"701", "702", "703", "704"} {
		if series := fmt.Sprintf(`assay_messages_total{compauth="pass",reason="%s"}`, code); !want[series] || values[series] != 0 {
			t.Errorf("no %s", series)
		}
	}
	if verdicts < 20 || verdicts > 60 {
		t.Errorf("%d verdicts", verdicts)
	}
}

// The table is complete and in the words of Prometheus.
func TestDescriptions(t *testing.T) {
	names := map[string]bool{}
	families, err := newTest().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, f := range families {
		types[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	for _, d := range Descriptions() {
		if names[d.Name] || !strings.HasPrefix(d.Name, "assay_") || d.Help == "" || strings.HasSuffix(d.Help, ".") || strings.ContainsAny(d.Help, "|\n`") {
			t.Errorf("%s is there twice or not documented", d.Name)
		}
		names[d.Name] = true
		if (d.Type == counter) != strings.HasSuffix(d.Name, "_total") || (d.Type == histogram) != (d.buckets != nil) {
			t.Errorf("%s: the name is not of a %s", d.Name, d.Type)
		}
		if got, ok := types[d.Name]; ok && got != d.Type {
			t.Errorf("%s is a %s", d.Name, got)
		}
	}
	for name := range types {
		if strings.HasPrefix(name, "assay_") && !names[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
	if len(types) < 50 {
		t.Errorf("only %d metrics were gathered", len(types))
	}
}
