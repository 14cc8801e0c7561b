package main

import (
	"log/slog"
	"net"

	"assay/milter"
)

// A metricsListener serves the metrics over HTTP where the config says so. The zero value serves none.
type metricsListener struct {
	listeners []net.Listener
}

// listen opens the listeners of the config, before privileges are dropped.
func (m *metricsListener) listen(c *Config) error { return nil }

// observer is what the server tells of its messages; nil when nobody wants to know.
func (m *metricsListener) observer() milter.Observer { return nil }

// watch has the metrics show a daemon, which is complete by now.
func (m *metricsListener) watch(d *daemon) {}

// serve answers requests until close.
func (m *metricsListener) serve(log *slog.Logger) {}

// close ends serve.
func (m *metricsListener) close() { closeAll(m.listeners) }
