package metrics

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes bounds the answers to /metrics that are made at a time; further ones wait.
const maxScrapes = 4

// A handler answers the requests.
type handler struct {
	state  func() State
	scrape http.Handler
	making chan struct{} // holds a token for each answer to /metrics that is being made
}

// Handler answers GET and HEAD for /metrics, /healthz, /readyz and a page with links to them. What goes
// wrong is logged.
func (m *Metrics) Handler(log *slog.Logger) http.Handler {
	return &handler{
		state: m.state,
		scrape: promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}),
		making: make(chan struct{}, maxScrapes),
	}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		plain(w, http.StatusMethodNotAllowed, "only GET and HEAD are answered\n")
		return
	}
	switch r.URL.Path {
	case "/metrics":
		h.metrics(w, r)
	case "/healthz":
		plain(w, http.StatusOK, "ok\n")
	case "/readyz":
		h.ready(w)
	case "/":
		index(w)
	default:
		plain(w, http.StatusNotFound, "there is /metrics, /healthz and /readyz\n")
	}
}

// metrics makes the whole answer before it writes any of it, so that whoever does not read keeps nobody waiting.
func (h *handler) metrics(w http.ResponseWriter, r *http.Request) {
	select {
	case h.making <- struct{}{}:
	case <-r.Context().Done(): // the client is gone
		return
	}
	whole := answer{ResponseWriter: w, status: http.StatusOK}
	func() {
		defer func() { <-h.making }()
		h.scrape.ServeHTTP(&whole, r)
	}()
	w.WriteHeader(whole.status)
	_, _ = w.Write(whole.body.Bytes()) // the client may be gone
}

// An answer is kept, but for its header.
type answer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// plain writes a reply; HEAD gets no body from net/http.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the client may be gone
}

// index is a page for people.
func index(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	_, _ = io.WriteString(w, `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>assay</title></head><body><h1>assay</h1><ul>
<li><a href="/metrics">metrics</a> for Prometheus</li>
<li><a href="/healthz">healthz</a>: the process serves</li>
<li><a href="/readyz">readyz</a>: it takes mail, and what isn't well</li>
</ul></body></html>
`)
}

// ready says whether mail is taken. What mail does not wait for makes it no less ready.
func (h *handler) ready(w http.ResponseWriter) {
	s := h.state()
	status, first := http.StatusOK, "ready\n"
	if !s.Accepting {
		status, first = http.StatusServiceUnavailable, "not ready: connections of MTAs are not accepted, assay starts or stops\n"
	}
	plain(w, status, first+s.remarks())
}

// remarks say what isn't well, a line for each.
func (s *State) remarks() string {
	var b strings.Builder
	if s.MaxSessions > 0 && s.Sessions >= s.MaxSessions {
		fmt.Fprintf(&b, "sessions: all %d are in use, further ones wait (milter.max_sessions)\n", s.MaxSessions)
	}
	if s.History != nil && !s.History.Up {
		b.WriteString("history: the database is down or refuses what is written; mail goes on without it, the log says why\n")
	}
	for i, r := range s.Reloads {
		if r.Failed {
			fmt.Fprintf(&b, "%s: not reloaded, what was read before is in force; the log says why\n", Part(i))
		}
	}
	return b.String()
}
