package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/testdata/milterclient"
)

// evilText is text that would be a series of its own, were it let out.
const evilText = "evil\"} 1\nevil_metric{x=\"y\"} 666\n#"

// Every message is in the counters, exactly, and no text of a sender is.
func TestServeMetrics(t *testing.T) {
	t.Parallel()
	m := startMetrics(t, spoofZone+"good.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc.good.example. TXT \"v=DMARC1; p=none\"\n1.2.0.192.in-addr.arpa. PTR mail.good.example.\nmail.good.example. A 192.0.2.1\n",
		"[policy]\ndmarc_reject = \"reject\"\n")
	stranger := m.dialFrom("192.0.2.1", "mail.good.example")
	sendWith(t, stranger, "joe@good.example", "From", "joe@good.example")
	sendWith(t, stranger, "joe@good.example", "From", "ann@fabrikam.example", "Subject", evilText)
	sendWith(t, stranger, "joe@good.example", "From", "ann@fabrikam.example", "Authentication-Results", "mx.example.test; dmarc=pass", "Authentication-Results", "other.test; dmarc=pass")
	sendWith(t, stranger, "joe@good.example", "From", "bob@contoso.example", "DKIM-Signature", "v=1; a=rsa-sha256; d=good.example; s=x; h=from; bh=eA==; b=eA==")
	if err := stranger.Begin(milterclient.Message{From: "joe@good.example"}); err != nil {
		t.Fatal(err)
	}
	if err := stranger.Abort(); err != nil {
		t.Fatal(err)
	}
	own := m.dialFrom("127.0.0.1", "localhost")
	sendWith(t, own, "me@example.test", "From", "me@example.test")
	odd := m.dialFrom("198.51.100.77", "\xff"+evilText)
	sendWith(t, odd, evilText, "From", evilText)

	m.wait("assay_messages_aborted_total", 1)
	m.expect(map[string]float64{
		`assay_messages_total{compauth="pass",reason="100"}`:       1,
		`assay_messages_total{compauth="fail",reason="001"}`:       2,
		`assay_messages_total{compauth="fail",reason="000"}`:       1,
		`assay_messages_total{compauth="none",reason="402"}`:       1,
		`assay_messages_total{compauth="none",reason="301"}`:       1,
		`assay_messages_exempt_total{exemption="trusted_network"}`: 1,
		`assay_messages_aborted_total`:                             1,
		`assay_results_total{method="spf",result="pass"}`:          4,
		`assay_results_total{method="spf",result="none"}`:          1,
		`assay_results_total{method="dkim",result="none"}`:         4,
		`assay_results_total{method="dkim",result="permerror"}`:    1,
		`assay_results_total{method="dmarc",result="pass"}`:        1,
		`assay_results_total{method="dmarc",result="none"}`:        2,
		`assay_results_total{method="dmarc",result="fail"}`:        1,
		`assay_results_total{method="dmarc",result="permerror"}`:   1,
		`assay_results_total{method="arc",result="none"}`:          5,
		`assay_results_total{method="iprev",result="pass"}`:        4,
		`assay_results_total{method="iprev",result="permerror"}`:   1,
		`assay_dkim_signatures_total{result="permerror"}`:          1,
		`assay_dispositions_total{disposition="accept"}`:           5,
		`assay_dispositions_total{disposition="reject"}`:           1,
		`assay_forged_fields_total`:                                1,
		`assay_sessions_total`:                                     3,
		`assay_message_answer_seconds_count`:                       6,
		`assay_message_evaluation_seconds_count`:                   6,
		`assay_last_reload_successful{part="config"}`:              1,
		`assay_last_reload_successful{part="spoofed_senders"}`:     1,
		`assay_last_reload_successful{part="trusted_sealers"}`:     1,
		`assay_ready`:        1,
		`assay_sessions`:     3,
		`assay_sessions_max`: 2000,
		`assay_history_up`:   1,
	}, "assay_messages_", "assay_results_", "assay_dkim_", "assay_dispositions_", "assay_forged_", "assay_arc_", "assay_sessions", "assay_panics_",
		"assay_message_answer_seconds_count", "assay_message_evaluation_seconds_count", "assay_last_reload_successful", "assay_ready", "assay_history_up")
	m.expectDNS()
	if _, text := m.get("/metrics"); strings.Contains(text, "evil") || strings.Contains(text, "good.example") {
		t.Errorf("text of a sender:\n%s", text)
	}
	m.wait("assay_history_waiting_records", 0)
	for _, conn := range []*milterclient.Conn{stranger, own, odd} {
		conn.Drop()
	}
	m.wait("assay_sessions", 0)
}

// What is reloaded shows, for better and for worse; counters go on over a new resolver and a new history.
func TestServeMetricsReload(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "trusted-sealers")
	m := startMetrics(t, spoofZone, fmt.Sprintf("arc.trusted_sealers_file = %q\n", list))
	sendWith(t, m.dialFrom("192.0.2.1", "mail.example.org"), "joe@good.example", "From", "ann@fabrikam.example")
	asked := m.values("assay_dns_questions_total")["assay_dns_questions_total"]
	if asked == 0 {
		t.Fatal("nothing was asked")
	}
	writeFile(t, list, "no domain\n")
	m.wait(`assay_last_reload_successful{part="config"}`, 1)
	m.waitRemark("trusted_sealers: not reloaded")
	m.expect(map[string]float64{
		`assay_last_reload_successful{part="config"}`: 1, `assay_last_reload_successful{part="spoofed_senders"}`: 1,
	}, "assay_last_reload_successful", "assay_trusted_sealers")
	writeFile(t, list, "a.example\nb.example\n")
	m.wait("assay_trusted_sealers", 2)
	m.wait(`assay_last_reload_successful{part="trusted_sealers"}`, 1)

	good, err := os.ReadFile(m.config)
	if err != nil {
		t.Fatal(err)
	}
	m.configure("x = 1\n" + string(good))
	m.signal(syscall.SIGHUP)
	m.waitRemark("config: not reloaded")
	m.configure(string(good) + "max_in_flight = 9\n[history]\ndatabase = \"sqlite:other.db\"\n")
	m.signal(syscall.SIGHUP)
	m.log.wait(t, "config reloaded")
	m.wait(`assay_last_reload_successful{part="config"}`, 1)
	if got := m.values("assay_dns_questions_total")["assay_dns_questions_total"]; got != asked {
		t.Errorf("%v questions with a new resolver, %v before", got, asked)
	}
	sendWith(t, m.dialFrom("192.0.2.1", "mail.example.org"), "joe@good.example", "From", "ann@fabrikam.example")
	m.expectQuestions()

	m.configure(strings.Replace(string(good), "metrics.listen = [", "metrics.listen = [\"inet:127.0.0.1:1\", ", 1))
	m.signal(syscall.SIGHUP)
	m.log.wait(t, "changes that take effect at the next start only\" keys=metrics.listen")
}

// A daemon that stops is not ready, while it is well and answers the message in flight.
func TestServeMetricsDraining(t *testing.T) {
	t.Parallel()
	m := startMetrics(t, "", "")
	conn := m.dialFrom("192.0.2.1", "mail.example.org")
	if err := conn.Begin(milterclient.Message{From: "joe@example.org"}); err != nil {
		t.Fatal(err)
	}
	until(t, "MAIL FROM to be read", func() bool { return m.asked("example.org") > 0 })
	m.signal(syscall.SIGTERM)
	if text := m.waitReady(http.StatusServiceUnavailable); !strings.HasPrefix(text, "not ready: connections of MTAs are not accepted") {
		t.Error(text)
	}
	if status, text := m.get("/healthz"); status != http.StatusOK || text != "ok\n" {
		t.Errorf("/healthz: %d %s", status, text)
	}
	m.expect(map[string]float64{"assay_sessions": 1, "assay_sessions_max": 2000, "assay_sessions_total": 1}, "assay_ready", "assay_sessions")
	conn.Drop()
	select {
	case <-m.ended:
	case <-time.After(time.Minute):
		t.Fatal("the daemon did not end")
	}
	if code := m.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// A history that is down shows, and the daemon is ready nevertheless.
func TestServeMetricsHistoryDown(t *testing.T) {
	t.Parallel()
	m := startMetrics(t, "", "history.database = \"sqlite:/proc/none/history.db\"\n")
	m.waitRemark("history: ")
	m.expect(map[string]float64{}, "assay_history_up")
	if at := m.values("assay_history_last_error")["assay_history_last_error_timestamp_seconds"]; time.Since(time.Unix(int64(at), 0)) > time.Hour {
		t.Errorf("the last error was at %v", at)
	}
}

// Metrics on a unix socket have the mode of the config. Clients that ask nothing, and those that ask much and read
// nothing, keep neither others nor mail.
func TestServeMetricsUnix(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "metrics.sock")
	p := newProcess(t, "inet:"+freePort(t), "", fmt.Sprintf("authserv_id = \"mx.example.test\"\nmetrics.listen = [%q]\n", "unix:"+path), "socket_mode = \"0600\"\n")
	p.log.wait(t, "serving metrics")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, request := range []string{"", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"} {
		for range 6 {
			slow, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer slow.Close()
			go io.WriteString(slow, strings.Repeat(request, 1000)) // until it is closed
		}
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /healthz HTTP/1.0\r\n\r\n")
	if answer, err := io.ReadAll(conn); err != nil || !bytes.HasSuffix(answer, []byte("\r\n\r\nok\n")) {
		t.Errorf("%q, %v", answer, err)
	}
	p.dial(t).send(t)
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// A listener that can't be had keeps the daemon from its start.
func TestServeMetricsInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, stderr := serveOnce(t, 0, fmt.Sprintf("metrics.listen = ['inet:%s']\n", l.Addr()))
	if want := fmt.Sprintf("assay: metrics: milter: listen inet:%s: already in use by another process: address already in use\n", l.Addr()); code != exitUnavailable || stderr != want {
		t.Errorf("exit code %d: %q, want %q", code, stderr, want)
	}
}

// TestConfigExposedMetrics holds that metrics that others can ask for are warned of.
func TestConfigExposedMetrics(t *testing.T) {
	for _, test := range []struct {
		listen string
		warned bool
	}{
		{"inet:127.0.0.1:9893", false},
		{"inet:localhost:9893", false},
		{"inet:127.9.9.9:9893", false},
		{"inet6:[::1]:9893", false},
		{"unix:/run/assay/metrics.sock", false},
		{"inet:0.0.0.0:9893", true},
		{"inet:192.0.2.1:9893", true},
		{"inet6:[::]:9893", true},
		{"inet6:[2001:db8::1]:9893", true},
		{"inet:mx.example.test:9893", true},
		{"inet:9893@localhost.example.test", true},
	} {
		p := newProgram(t)
		writeFile(t, p.configFile, fmt.Sprintf("metrics.listen = [%q]\n", test.listen))
		code, stdout, stderr := p.run(t, "config", "check")
		if code != exitOK || strings.Contains(stderr, "is no loopback address") != test.warned || stdout != p.configFile+": ok\n" {
			t.Errorf("%s: %d %q %q", test.listen, code, stdout, stderr)
		}
	}
}

// Lines that the log could not take are in the metrics.
func TestMetricsLostLines(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	w := startLog(full, "logfmt")
	m := &metricsListener{shown: shown{log: w}}
	if n := m.state().LostLines; n != 0 {
		t.Errorf("%d lines before there were any", n)
	}
	for range 3 {
		fmt.Fprintln(w, "a line")
	}
	w.close()
	if n := m.state().LostLines; n != 3 {
		t.Errorf("%d lines are lost, want 3", n)
	}
}
