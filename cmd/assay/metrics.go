package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"assay/auth/dns"
	"assay/compauth/history"
	"assay/metrics"
	"assay/milter"
)

// A metricsListener serves the metrics over HTTP where the config says so. The zero value serves none.
type metricsListener struct {
	listeners []net.Listener
	server    *http.Server     // nil: nothing is served
	metrics   *metrics.Metrics // nil likewise

	mu      sync.Mutex
	shown   shown
	retired totals // by what was shown before
	reloads [metrics.Parts]metrics.Reload
}

// What is shown of a daemon. The zero value is one that is not yet complete.
type shown struct {
	server                         *milter.Server // nil of the zero value
	dns                            dns.Resolver
	history                        *history.Store
	wantsHistory                   bool
	maxSessions                    int
	messageTimeout                 time.Duration
	log                            *logWriter // nil: nothing can be lost
	trustedSealers, spoofedSenders int
}

// listen opens the listeners of the config, before privileges are dropped.
func (m *metricsListener) listen(d *daemon) error {
	for _, a := range d.config.Metrics.Listen {
		more, err := milter.Listen(a, d.config.Milter.SocketMode)
		if err != nil {
			m.close()
			return fmt.Errorf("metrics: %w", err)
		}
		m.listeners = append(m.listeners, more...)
	}
	if len(m.listeners) > 0 {
		m.metrics = metrics.New(buildOf(d.p.buildInfo()), m.state)
		m.server = metrics.NewServer(m.metrics.Handler(d.log), d.log)
	}
	return nil
}

// observer is what the server tells of its messages; nil when nobody wants to know.
func (m *metricsListener) observer() milter.Observer {
	if m.metrics == nil {
		return nil
	}
	return m.metrics
}

// newResolver makes the resolver of a config; the metrics are told of its questions.
func (d *daemon) newResolver(c *Config) (dns.Resolver, error) {
	r, err := newResolver(c)
	if _, client := partsOf(r); client != nil && d.metrics.metrics != nil {
		client.Observe = d.metrics.metrics.Question
	}
	return r, err
}

// partsOf are the parts of what newResolver makes; nil of another.
func partsOf(r dns.Resolver) (*dns.Cache, *dns.Client) {
	cache, _ := r.(*dns.Cache)
	if cache == nil {
		return nil, nil
	}
	client, _ := cache.Resolver.(*dns.Client)
	return cache, client
}

// watch has the metrics show a daemon, which is complete by now. It is called again after each change.
func (m *metricsListener) watch(d *daemon) {
	next := shown{
		server: d.server, dns: d.dns, history: d.history,
		wantsHistory:   d.config.History.Database != "",
		maxSessions:    d.begun.Milter.MaxSessions,
		messageTimeout: d.config.Milter.MessageTimeout,
		trustedSealers: d.verifier.Sealers.Len(),
		spoofedSenders: d.verifier.Spoofed.Len(),
	}
	next.log, _ = d.p.stderr.(*logWriter)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown.server == nil {
		for i := range m.reloads {
			m.reloads[i].Good = time.Now()
		}
	}
	if next.dns != m.shown.dns {
		m.retired.addDNS(m.shown.dns)
	}
	if next.history != m.shown.history {
		m.retired.dropped += m.shown.history.Stats().Dropped
	}
	m.shown = next
}

// reloaded notes that a part was read again, and whether it was good.
func (m *metricsListener) reloaded(p metrics.Part, good bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reloads[p].Failed = !good
	if good {
		m.reloads[p].Good = time.Now()
	}
}

// state is what is known now.
func (m *metricsListener) state() metrics.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := metrics.State{
		MaxSessions:    m.shown.maxSessions,
		MessageTimeout: m.shown.messageTimeout,
		TrustedSealers: m.shown.trustedSealers,
		SpoofedSenders: m.shown.spoofedSenders,
		Reloads:        m.reloads,
	}
	if server := m.shown.server; server != nil {
		s.Accepting, s.Sessions, s.Accepted, s.Panics = server.Accepting(), server.Sessions(), server.Accepted(), server.Panics()
	}
	if log := m.shown.log; log != nil {
		s.LostLines = log.lostLines()
	}
	counts := m.retired
	counts.addDNS(m.shown.dns)
	s.DNS, s.Cache = counts.client, counts.cache
	if m.shown.wantsHistory {
		stats := m.shown.history.Stats()
		stats.Dropped += m.retired.dropped
		s.History = &stats
	}
	return s
}

// serve answers requests until close.
func (m *metricsListener) serve(log *slog.Logger) {
	var serving sync.WaitGroup
	for _, l := range m.listeners {
		address := l.Addr().Network() + ":" + l.Addr().String()
		log.Info("serving metrics", "address", address)
		serving.Go(func() {
			if err := m.server.Serve(metrics.Limit(l)); !errors.Is(err, http.ErrServerClosed) {
				log.Error("metrics are served no more", "address", address, "error", err.Error())
			}
		})
	}
	serving.Wait()
}

// close ends serve.
func (m *metricsListener) close() {
	if m.server != nil {
		_ = m.server.Close() // the answers under way are of no use any more
	}
	closeAll(m.listeners)
}

// totals are what resolvers and histories counted: a reload may replace them, and a counter must
// not go back.
type totals struct {
	client  dns.ClientStats
	cache   dns.CacheStats // its Entries and Bytes are of the last one
	dropped uint64
}

func (c *totals) addDNS(r dns.Resolver) {
	cache, client := partsOf(r)
	if cache == nil || client == nil {
		return
	}
	q, a := client.Stats(), cache.Stats()
	c.client.Questions += q.Questions
	c.client.Errors += q.Errors
	c.client.Queries += q.Queries
	c.client.TCP += q.TCP
	c.client.Timeouts += q.Timeouts
	c.client.Ignored += q.Ignored
	c.client.Latency += q.Latency
	c.cache.Hits += a.Hits
	c.cache.Shared += a.Shared
	c.cache.Misses += a.Misses
	c.cache.Panics += a.Panics
	c.cache.Entries, c.cache.Bytes = a.Entries, a.Bytes
}

// buildOf is what the binary tells of itself.
func buildOf(info *debug.BuildInfo, ok bool) metrics.Build {
	if !ok {
		return metrics.Build{}
	}
	b := metrics.Build{Version: info.Main.Version, Go: info.GoVersion}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	if version, commit, _, ok := released(release); ok {
		b.Version, b.Revision = version, commit
	}
	return b
}

// exposedMetrics warns of metrics that others than this host can ask for.
func (c *Config) exposedMetrics() (warnings []string) {
	for _, a := range c.Metrics.Listen {
		if a.Network != "unix" && !isLoopback(a.Address) {
			warnings = append(warnings, fmt.Sprintf("metrics.listen: %s is no loopback address, whoever reaches it sees the metrics: there is no password", a))
		}
	}
	return warnings
}

// isLoopback tells whether HOST:PORT is for this host alone.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
