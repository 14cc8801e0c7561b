package metrics

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/compauth/history"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// ask gives the status and the body of an answer.
func ask(t *testing.T, h http.Handler, method, target string) (int, string) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.URL.Opaque = target // as it is
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestHandler(t *testing.T) {
	h := New(Build{Version: "v1.2.3"}, func() State { return State{Accepting: true} }).Handler(quiet())
	for _, test := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/", 200, `<a href="/metrics">`},
		{"GET", "/metrics", 200, "assay_ready 1\n"},
		{"GET", "/metrics", 200, `assay_build_info{goversion="",revision="",version="v1.2.3"} 1`},
		{"GET", "/metrics?x=1", 200, "\nassay_ready 1\n"},
		{"HEAD", "/metrics", 200, ""},
		{"GET", "/healthz", 200, "ok\n"},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/readyz", 200, "ready\n"},
		{"POST", "/metrics", 405, "only GET and HEAD are answered\n"},
		{"DELETE", "/", 405, "only"},
		{"CONNECT", "/healthz", 405, "only"},
		{"GET", "/metrics/", 404, "there is /metrics, /healthz and /readyz\n"},
		{"GET", "//metrics", 404, "there is"},
		{"GET", "/debug/pprof/", 404, "there is"},
		{"GET", "/../etc/passwd", 404, "there is"},
		{"GET", "/<script>", 404, "there is"},
	} {
		status, body := ask(t, h, test.method, test.target)
		if status != test.status || !strings.Contains(body, test.body) || test.method == "HEAD" && body != "" || strings.Contains(body, "script>") {
			t.Errorf("%s %s: %d %q", test.method, test.target, status, body)
		}
	}
}

func TestReady(t *testing.T) {
	for name, test := range map[string]struct {
		state  State
		status int
		body   string
	}{
		"well":     {State{Accepting: true, Sessions: 1, MaxSessions: 2, History: &history.Stats{Up: true}}, 200, "ready\n"},
		"starting": {State{}, 503, "not ready: connections of MTAs are not accepted, assay starts or stops\n"},
		"history": {State{Accepting: true, History: &history.Stats{}}, 200,
			"ready\nhistory: the database is down or refuses what is written; mail goes on without it, the log says why\n"},
		"full": {State{Accepting: true, Sessions: 2, MaxSessions: 2}, 200,
			"ready\nsessions: all 2 are in use, further ones wait (milter.max_sessions)\n"},
		"reloads": {State{Accepting: true, Reloads: [Parts]Reload{Config: {Failed: true}, SpoofedSenders: {Failed: true}}}, 200,
			"ready\nconfig: not reloaded, what was read before is in force; the log says why\nspoofed_senders: not reloaded, what was read before is in force; the log says why\n"},
	} {
		h := New(Build{}, func() State { return test.state }).Handler(quiet())
		if status, body := ask(t, h, "GET", "/readyz"); status != test.status || body != test.body {
			t.Errorf("%s: %d %q", name, status, body)
		}
	}
}

// The metrics of the State, and which of them are absent when.
func TestState(t *testing.T) {
	now := time.Unix(1_700_000_000, 500_000_000)
	s := State{
		Accepting: true, Sessions: 3, MaxSessions: 2000, Accepted: 7, Panics: 1, MessageTimeout: 25 * time.Second,
		History: &history.Stats{Up: true, Waiting: 4, Dropped: 5, LastError: now}, TrustedSealers: 8, SpoofedSenders: 9,
		Reloads: [Parts]Reload{TrustedSealers: {Failed: true, Good: now}}, LostLines: 6,
	}
	s.DNS.Questions, s.DNS.Errors, s.DNS.Queries, s.DNS.TCP, s.DNS.Timeouts, s.DNS.Ignored = 11, 12, 13, 14, 15, 16
	s.Cache.Hits, s.Cache.Shared, s.Cache.Misses, s.Cache.Entries, s.Cache.Bytes = 21, 22, 23, 24, 25
	m := New(Build{}, func() State { return s })
	for series, want := range map[string]float64{
		"assay_ready": 1, "assay_sessions": 3, "assay_sessions_max": 2000, "assay_sessions_total": 7, "assay_panics_total": 1,
		"assay_message_timeout_seconds": 25, "assay_history_up": 1, "assay_history_waiting_records": 4,
		"assay_history_dropped_records_total": 5, "assay_history_last_error_timestamp_seconds": 1_700_000_000.5,
		"assay_trusted_sealers": 8, "assay_spoofed_senders": 9, "assay_log_lines_lost_total": 6,
		`assay_last_reload_successful{part="config"}`: 1, `assay_last_reload_successful{part="trusted_sealers"}`: 0,
		`assay_last_reload_success_timestamp_seconds{part="trusted_sealers"}`: 1_700_000_000.5,
		"assay_dns_questions_total": 11, "assay_dns_errors_total": 12, "assay_dns_queries_total": 13,
		"assay_dns_tcp_fallbacks_total": 14, "assay_dns_timeouts_total": 15, "assay_dns_ignored_packets_total": 16,
		`assay_dns_cache_lookups_total{result="hit"}`: 21, `assay_dns_cache_lookups_total{result="shared"}`: 22,
		`assay_dns_cache_lookups_total{result="miss"}`: 23, "assay_dns_cache_entries": 24, "assay_dns_cache_bytes": 25,
	} {
		if got, ok := scrape(t, m, "assay_")[series]; !ok || got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	s.History = nil
	for series := range scrape(t, m, "assay_history") {
		t.Errorf("%s without a history", series)
	}
	s.History = &history.Stats{}
	values := scrape(t, m, "assay_")
	if _, ok := values["assay_history_last_error_timestamp_seconds"]; ok || values["assay_history_up"] != 0 {
		t.Error("a history that never worked")
	}
	if _, ok := values[`assay_last_reload_success_timestamp_seconds{part="config"}`]; ok {
		t.Error("a time that is not known")
	}
}

// Requests at the same time as messages, for the race detector; counters don't go back.
func TestConcurrent(t *testing.T) {
	m := newTest()
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for range 200 {
				m.Checked(verified(), time.Millisecond)
				m.Question(time.Millisecond, nil)
			}
		})
	}
	const series = `assay_messages_total{compauth="pass",reason="100"}`
	last := 0.0
	for range 20 {
		n := scrape(t, m, "assay_messages_total")[series]
		if n < last {
			t.Fatalf("%v after %v", n, last)
		}
		last = n
	}
	running.Wait()
	if n := scrape(t, m, "assay_messages_total")[series]; n != 800 {
		t.Errorf("%v messages", n)
	}
}

// serve serves on a port of its own, and gives the listener and how many connections it has.
func serve(t *testing.T) (l net.Listener, conns func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, bounded := NewServer(newTest().Handler(quiet()), quiet()), Limit(l).(*limited)
	served := make(chan error)
	go func() { served <- server.Serve(bounded) }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return l, func() int {
		bounded.mu.Lock()
		defer bounded.mu.Unlock()
		return len(bounded.conns)
	}
}

const answered = "HTTP/1.1 200 OK\r\n"

// However many connections others keep open, whoever asks is answered: the one that waited longest is closed.
func TestLimit(t *testing.T) {
	l, conns := serve(t)
	var open []net.Conn
	for i := range maxConns {
		c := dial(t, l)
		if line := get(t, c); line != answered {
			t.Fatalf("connection %d: %q", i, line)
		}
		open = append(open, c)
	}
	if line := get(t, open[0]); line != answered { // it is the second one now that waited longest
		t.Errorf("the first again: %q", line)
	}
	for i := range 10 {
		if line := get(t, dial(t, l)); line != answered {
			t.Errorf("one more, %d: %q", i, line)
		}
	}
	if line := get(t, open[1]); line != "" {
		t.Errorf("what waited longest: %q", line)
	}
	if line := get(t, open[0]); line != answered {
		t.Errorf("what asked last: %q", line)
	}
	if n := conns(); n > maxConns {
		t.Errorf("%d connections", n)
	}
}

// Those that never ask, ask slowly, or never read the answer are in nobody's way, and neither are those that are gone.
func TestLimitHostile(t *testing.T) {
	l, conns := serve(t)
	for range 3 {
		for i := range maxConns {
			c := dial(t, l)
			switch i % 4 {
			case 0:
				fmt.Fprint(c, "GET /metrics HTTP/1.1\r\n")
			case 1:
				fmt.Fprint(c, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 100))
			case 2:
				c.Close()
			}
		}
		c := dial(t, l)
		fmt.Fprint(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
		if line, _ := bufio.NewReader(c).ReadString('\n'); line != answered {
			t.Errorf("%q", line)
		}
	}
	if n := conns(); n > maxConns {
		t.Errorf("%d connections", n)
	}
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// get asks on a connection and gives the first line of the answer; "" when the connection is closed.
func get(t *testing.T, c net.Conn) string {
	t.Helper()
	fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") // one that is closed may have no room for it
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line
}

// A request with more header than there is room for is refused.
func TestLongRequest(t *testing.T) {
	l, _ := serve(t)
	c := dial(t, l)
	go fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("x", 64<<10))
	if line, _ := bufio.NewReader(c).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 431 ") {
		t.Errorf("%q", line)
	}
}
