package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"assay/auth/message"
	"assay/testdata/milterclient"
)

// A metricsProcess is a daemon that serves metrics.
type metricsProcess struct {
	*process
	url string // with no path
}

// startMetrics runs assay serve with metrics on a port of its own.
func startMetrics(t *testing.T, zone, config string) metricsProcess {
	t.Helper()
	address := freePort(t)
	p := startProcess(t, zone, fmt.Sprintf("authserv_id = \"mx.example.test\"\nmetrics.listen = [\"inet:%s\"]\n%s", address, config))
	p.log.wait(t, "msg=\"serving metrics\" address=tcp:"+address)
	m := metricsProcess{p, "http://" + address}
	m.waitReady(http.StatusOK)
	return m
}

// get gives the status and the body of an answer.
func (m metricsProcess) get(path string) (int, string) {
	m.t.Helper()
	response, err := http.Get(m.url + path)
	if err != nil {
		m.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// waitReady waits until /readyz has a status, and gives the text.
func (m metricsProcess) waitReady(status int) string {
	m.t.Helper()
	var text string
	until(m.t, "/readyz", func() bool {
		var got int
		got, text = m.get("/readyz")
		return got == status
	})
	return text
}

// values are the series of /metrics that begin with one of the prefixes and are not zero.
func (m metricsProcess) values(prefixes ...string) map[string]float64 {
	m.t.Helper()
	status, text := m.get("/metrics")
	if status != http.StatusOK {
		m.t.Fatalf("/metrics: %d %s", status, text)
	}
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[0] == '#' || !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(line, p) }) {
			continue
		}
		value, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			m.t.Fatal(err)
		}
		if value != 0 {
			values[line[:i]] = value
		}
	}
	return values
}

// wait waits until a series has a value.
func (m metricsProcess) wait(series string, value float64) {
	m.t.Helper()
	until(m.t, fmt.Sprint(series, " to be ", value), func() bool { return m.values(series)[series] == value })
}

// expect compares the series that begin with one of the prefixes.
func (m metricsProcess) expect(want map[string]float64, prefixes ...string) {
	m.t.Helper()
	got := m.values(prefixes...)
	for _, series := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[series]; !ok {
			m.t.Errorf("%s is %v, want 0", series, got[series])
		}
	}
	for _, series := range slices.Sorted(maps.Keys(want)) {
		if got[series] != want[series] {
			m.t.Errorf("%s is %v, want %v", series, got[series], want[series])
		}
	}
}

// dialFrom is one session of a client with this address.
func (m metricsProcess) dialFrom(address, helo string) *milterclient.Conn {
	m.t.Helper()
	conn, err := milterclient.Dial("tcp", strings.TrimPrefix(m.listen, "inet:"), milterclient.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { conn.Drop() })
	if _, err := conn.Connect(milterclient.Client{Addr: netip.MustParseAddr(address), Helo: helo}); err != nil {
		m.t.Fatal(err)
	}
	return conn
}

// sendWith sends a message with these fields.
func sendWith(t *testing.T, conn *milterclient.Conn, from string, fields ...string) {
	t.Helper()
	var header message.Header
	for i := 0; i < len(fields); i += 2 {
		header = append(header, message.NewField(fields[i], " "+fields[i+1]))
	}
	if _, err := conn.Send(milterclient.Message{From: from, Header: header}); err != nil {
		t.Fatal(err)
	}
}

// expectDNS compares the counters of DNS with what the server was asked.
func (m metricsProcess) expectDNS() {
	m.t.Helper()
	values := m.values("assay_dns_")
	asked := float64(len(m.dns.Queries()))
	for _, series := range []string{"assay_dns_questions_total", "assay_dns_queries_total", "assay_dns_question_seconds_count", `assay_dns_cache_lookups_total{result="miss"}`} {
		if values[series] != asked || asked == 0 {
			m.t.Errorf("%s is %v, the server was asked %v times", series, values[series], asked)
		}
	}
	if values[`assay_dns_cache_lookups_total{result="hit"}`] == 0 || values["assay_dns_cache_entries"] == 0 || values["assay_dns_cache_bytes"] == 0 {
		m.t.Errorf("the cache: %v", values)
	}
	for _, series := range []string{"assay_dns_errors_total", "assay_dns_timeouts_total", "assay_dns_ignored_packets_total"} {
		if values[series] != 0 {
			m.t.Errorf("%s is %v", series, values[series])
		}
	}
}

// waitRemark waits until /readyz remarks something, and the daemon is ready nevertheless.
func (m metricsProcess) waitRemark(text string) {
	m.t.Helper()
	until(m.t, text, func() bool {
		status, got := m.get("/readyz")
		if status != http.StatusOK {
			m.t.Fatalf("/readyz: %d %s", status, got)
		}
		return strings.HasPrefix(got, "ready\n"+text)
	})
}

// expectQuestions compares the questions with what the server was asked.
func (m metricsProcess) expectQuestions() {
	m.t.Helper()
	asked := float64(len(m.dns.Queries()))
	for _, series := range []string{"assay_dns_questions_total", "assay_dns_question_seconds_count"} {
		if got := m.values(series)[series]; got != asked {
			m.t.Errorf("%s is %v, the server was asked %v times", series, got, asked)
		}
	}
}
