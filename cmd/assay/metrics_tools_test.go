package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"assay/metrics"
)

const (
	rulesFile      = "../../packaging/prometheus/assay.rules.yml"
	rulesTestFile  = "../../packaging/prometheus/assay.rules.test.yml"
	dashboardFile  = "../../packaging/grafana/assay.json"
	metricsDocFile = "../../docs/metrics.md"
)

// promtool runs it and gives what it says.
func promtool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, "promtool"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestAlerts has Prometheus check the rules, and that each alert fires when it is to and not when it isn't.
func TestAlerts(t *testing.T) {
	promtool(t, "", "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
	promtool(t, "", "test", "rules", rulesTestFile)
	tests := string(readFixture(t, rulesTestFile))
	alerts := regexp.MustCompile(`(?m)^ *- alert: (.*)$`).FindAllStringSubmatch(string(readFixture(t, rulesFile)), -1)
	for _, alert := range alerts {
		for _, what := range []string{"fires", "does not fire"} {
			if !strings.Contains(tests, fmt.Sprintf("- name: %s %s\n", alert[1], what)) {
				t.Errorf("no test that %s %s", alert[1], what)
			}
		}
	}
	if len(alerts) < 10 {
		t.Errorf("only %d alerts", len(alerts))
	}
}

// A dashboard is what is read of one.
type dashboard struct {
	SchemaVersion int
	Panels        []struct {
		ID          int
		Type, Title string
		Description string
		Datasource  struct{ UID string }
		Targets     []struct {
			Expr       string
			Datasource struct{ UID string }
		}
	}
	Templating struct {
		List []struct {
			Name, Type string
			Definition string
		}
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(readFixture(t, dashboardFile)))
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

// queries are those of the dashboard, with variables as Grafana sets them.
func (d dashboard) queries() (queries []string) {
	replace := strings.NewReplacer("$__rate_interval", "1m", "$__range", "6h", "$job", ".+", "$instance", ".+")
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries = append(queries, replace.Replace(target.Expr))
		}
	}
	return queries
}

// TestDashboard holds that the dashboard is in order: each panel explains itself and asks the data source that
// is chosen above.
func TestDashboard(t *testing.T) {
	d, ids := readDashboard(t), map[int]bool{}
	if len(d.Templating.List) != 3 || d.Templating.List[0].Name != "datasource" || d.Templating.List[0].Type != "datasource" {
		t.Errorf("the variables are %+v", d.Templating.List)
	}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d %s is there twice or has no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %s lacks something", p.Title)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" || !strings.Contains(target.Expr, `{job=~"$job",instance=~"$instance"`) {
				t.Errorf("panel %s: %s", p.Title, target.Expr)
			}
		}
	}
	if len(ids) < 20 || d.SchemaVersion < 39 {
		t.Errorf("%d panels of schema %d", len(ids), d.SchemaVersion)
	}
}

// seriesNames matches the metrics in a text.
var seriesNames = regexp.MustCompile(`\b(assay|go|process)_[a-z_]+`)

// TestServeMetricsTools has Prometheus check what the daemon says and scrape it, and asks it all that the dashboard
// and the alerts ask.
func TestServeMetricsTools(t *testing.T) {
	t.Parallel()
	m := startMetrics(t, spoofZone, "history.database = \"sqlite:/proc/none/history.db\"\n")
	m.waitRemark("history: ")
	conn := m.dialFrom("192.0.2.1", "mail.example.org")
	sendWith(t, conn, "joe@good.example", "From", "ann@fabrikam.example")
	_, text := m.get("/metrics")
	if out := promtool(t, text, "check", "metrics"); out != "" {
		t.Errorf("promtool: %s", out)
	}
	asked := string(readFixture(t, rulesFile)) + strings.Join(readDashboard(t).queries(), "\n")
	for _, name := range seriesNames.FindAllString(asked, -1) {
		if !strings.Contains(text, "\n"+name+"{") && !strings.Contains(text, "\n"+name+" ") && !strings.Contains(text, "\n# TYPE "+name+" ") {
			t.Errorf("%s is asked for, and there is none", name)
		}
	}
	for _, d := range metrics.Descriptions() {
		if !strings.Contains(text, fmt.Sprintf("# HELP %s %s\n# TYPE %[1]s %[3]s\n", d.Name, d.Help, d.Type)) {
			t.Errorf("%s is documented, and there is none", d.Name)
		}
		if !strings.Contains(asked, d.Name) {
			t.Errorf("neither the dashboard nor an alert has %s", d.Name)
		}
	}
	prometheus := startPrometheus(t, m.url)
	for _, query := range append(readDashboard(t).queries(), alertQueries(t)...) {
		prometheus.query(query)
	}
	if n := prometheus.query(`assay_messages_total{compauth="fail",reason="001"} == 1`); n != 1 {
		t.Errorf("%d series of the message that was sent", n)
	}
	if n := prometheus.query("assay_build_info * on (job, instance) up"); n != 1 {
		t.Errorf("%d builds", n)
	}
}

// alertQueries are the expressions of the alerts, as one line each.
func alertQueries(t *testing.T) (queries []string) {
	t.Helper()
	for _, match := range regexp.MustCompile(`(?s)\n {8}expr: (.*?)\n {8}[a-z]`).FindAllStringSubmatch(string(readFixture(t, rulesFile)), -1) {
		queries = append(queries, strings.Join(strings.Fields(strings.TrimPrefix(match[1], ">-")), " "))
	}
	if len(queries) < 10 {
		t.Fatalf("only %d queries of alerts", len(queries))
	}
	return queries
}

// A prometheusServer is a running Prometheus.
type prometheusServer struct {
	t   *testing.T
	url string
}

// startPrometheus runs Prometheus with the rules until the end of the test, and waits until it has scraped twice.
func startPrometheus(t *testing.T, target string) prometheusServer {
	t.Helper()
	program, dir := tool(t, "prometheus"), t.TempDir()
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	writeFile(t, config, fmt.Sprintf("global: {scrape_interval: 200ms, evaluation_interval: 200ms}\nrule_files: [%q]\nscrape_configs:\n  - job_name: assay\n    static_configs: [{targets: [%q]}]\n",
		rules, strings.TrimPrefix(target, "http://")))
	address, log := freePort(t), &logBuffer{added: make(chan struct{})}
	cmd := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	log.wait(t, "Server is ready to receive web requests")
	p := prometheusServer{t, "http://" + address}
	until(t, "Prometheus to scrape", func() bool { return p.query("count_over_time(up[1m]) >= 2 and up == 1") == 1 })
	return p
}

// query asks by the HTTP API and gives how many series the answer has.
func (p prometheusServer) query(query string) int {
	p.t.Helper()
	response, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var answer struct {
		Status string
		Data   struct{ Result []any }
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		p.t.Errorf("%s: %v %s", query, err, body)
	}
	return len(answer.Data.Result)
}

const (
	metricsTableBegin = "<!-- metrics -->\n"
	metricsTableEnd   = "<!-- /metrics -->\n"
)

// TestReadmeMetrics compares the table of metrics in the documentation with the one in code.
func TestReadmeMetrics(t *testing.T) {
	data, err := os.ReadFile(metricsDocFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(data), metricsTableBegin)
	_, after, ends := strings.Cut(rest, metricsTableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no table between %s and %s", metricsDocFile, metricsTableBegin, metricsTableEnd)
	}
	golden(t, metricsDocFile, before+metricsTableBegin+metricsMarkdown()+metricsTableEnd+after)
	for _, alert := range regexp.MustCompile(`- alert: (.*)`).FindAllStringSubmatch(string(readFixture(t, rulesFile)), -1) {
		if !slices.ContainsFunc(strings.Split(after, "\n"), func(line string) bool { return strings.HasPrefix(line, "| `"+alert[1]+"` |") }) {
			t.Errorf("%s is not in %s", alert[1], metricsDocFile)
		}
	}
}

// metricsMarkdown writes the table of metrics.
func metricsMarkdown() string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, d := range metrics.Descriptions() {
		labels := ""
		for i, label := range d.Labels {
			if i > 0 {
				labels += ", "
			}
			labels += "`" + label + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Name, d.Type, labels, d.Help)
	}
	return b.String()
}
