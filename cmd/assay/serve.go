package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"assay/auth/dns"
	"assay/milter"
)

// shutdownTimeout is how long messages in flight may take after SIGTERM.
const shutdownTimeout = 30 * time.Second

func serveCommand() *command {
	return &command{
		name:     "serve",
		synopsis: "[-c FILE]",
		summary:  "run the milter in the foreground",
		about: `Without a config file the defaults hold: assay listens on inet:127.0.0.1:8893, asks the system's resolvers
and does nothing to mail but stamp it.

SIGHUP and SIGUSR1 read the config again: a bad one is reported and the old one stays in force. SIGTERM and SIGINT
stop accepting, let the messages in flight end, for 30 seconds at most, and exit; a second one exits at once.`,
		examples: []example{
			{"serve", "with " + defaultConfigFile + ", or the defaults"},
			{"serve -c ./assay.toml", "with a config of your own"},
		},
		prepare: func(set *flag.FlagSet) action {
			file := configFlag(set)
			return func(ctx context.Context, p *program, _ []string) int { return p.serve(ctx, *file) }
		},
	}
}

// A daemon is a running assay serve.
type daemon struct {
	p      *program
	file   string  // of the config; "" without -c
	config *Config // in force
	begun  *Config // in force at the start
	log    *slog.Logger
	server *milter.Server
	dns    dns.Resolver
}

// serve runs the milter until ctx ends or a signal stops it.
func (p *program) serve(ctx context.Context, file string) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	config, err := p.loadConfig(file)
	if err != nil {
		return p.failConfig(err)
	}
	d := &daemon{p: p, file: file, config: config, begun: config, log: newLogger(p.stderr, config.LogFormat)}
	listeners, err := d.listen()
	if err != nil {
		return p.fail(exitUnavailable, "%v", err)
	}
	if err := d.build(); err != nil {
		closeAll(listeners)
		return p.fail(exitData, "%v", err)
	}
	return d.run(ctx, listeners, signals)
}

// newLogger writes lines in one of the two formats. The go-milter library writes to
// the standard logger: its lines become ours.
func newLogger(w io.Writer, format string) *slog.Logger {
	var handler slog.Handler = slog.NewTextHandler(w, nil)
	if format == "json" {
		handler = slog.NewJSONHandler(w, nil)
	}
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(handler, slog.LevelWarn).Writer())
	return slog.New(handler)
}

// listen opens all listeners, or none.
func (d *daemon) listen() ([]net.Listener, error) {
	var listeners []net.Listener
	for _, a := range d.config.Milter.Listen {
		more, err := milter.Listen(a, d.config.Milter.SocketMode)
		if err != nil {
			closeAll(listeners)
			return nil, err
		}
		listeners = append(listeners, more...)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close() // nothing was accepted yet
	}
}

// build makes the server from the config.
func (d *daemon) build() error {
	var err error
	if d.dns, err = newResolver(d.config); err != nil {
		return err
	}
	d.server = &milter.Server{
		Verifier:    newVerifier(d.config, d.dns),
		OnError:     d.config.Policy.OnError,
		MaxSessions: d.config.Milter.MaxSessions,
		IdleTimeout: d.config.Milter.IdleTimeout,
		Log:         d.log,
	}
	return nil
}

// run serves until the end, and handles the signals.
func (d *daemon) run(ctx context.Context, listeners []net.Listener, signals <-chan os.Signal) int {
	for _, l := range listeners {
		d.log.Info("listening", "address", l.Addr().Network()+":"+l.Addr().String())
	}
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(listeners...) }()
	for {
		select {
		case err := <-served:
			return d.p.fail(exitUnavailable, "%v", err)
		case <-ctx.Done():
			return d.stop(signals)
		case s := <-signals:
			if s == syscall.SIGHUP || s == syscall.SIGUSR1 {
				d.reload()
				continue
			}
			d.log.Info("stopping", "signal", s.String(), "sessions", d.server.Sessions())
			return d.stop(signals)
		}
	}
}

// stop lets the messages in flight end; a second signal does not.
func (d *daemon) stop(signals <-chan os.Signal) int {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	go func() {
		for s := range signals {
			if s == syscall.SIGTERM || s == syscall.SIGINT {
				cancel()
			}
		}
	}()
	if err := d.server.Shutdown(ctx); err != nil {
		d.log.Warn("stopped with messages in flight; the MTA applies its default action to them", "error", err.Error())
	}
	return exitOK
}

// reload reads the config again. Whatever is wrong with it is reported, and the old
// one stays in force.
func (d *daemon) reload() {
	config, err := d.p.loadConfig(d.file)
	if err != nil {
		var mistakes ConfigErrors
		if !errors.As(err, &mistakes) {
			d.log.Error("config not reloaded, the old one stays in force", "error", err.Error())
		}
		for _, mistake := range mistakes {
			d.log.Error("config not reloaded, the old one stays in force", "error", mistake.Error())
		}
		return
	}
	d.apply(config)
}

// apply puts a new config in force for the messages that begin from now on. The
// cache of DNS answers goes on unless its own settings changed.
func (d *daemon) apply(config *Config) {
	if !reflect.DeepEqual(config.DNS, d.config.DNS) {
		resolver, err := newResolver(config)
		if err != nil {
			d.log.Error("config not reloaded, the old one stays in force", "error", err.Error())
			return
		}
		d.dns = resolver
	}
	if name := needsRestart(d.begun, config); name != "" {
		d.log.Warn("a change of this key takes effect at the next start only", "key", name)
	}
	d.config = config
	d.server.SetVerifier(newVerifier(config, d.dns))
	d.server.SetOnError(config.Policy.OnError)
	d.log.Info("config reloaded")
}

// needsRestart names a key that differs and that a running daemon can't change.
func needsRestart(old, config *Config) string {
	switch {
	case !reflect.DeepEqual(old.Milter.Listen, config.Milter.Listen):
		return "milter.listen"
	case old.Milter.SocketMode != config.Milter.SocketMode:
		return "milter.socket_mode"
	case old.Milter.MaxSessions != config.Milter.MaxSessions:
		return "milter.max_sessions"
	case old.Milter.IdleTimeout != config.Milter.IdleTimeout:
		return "milter.idle_timeout"
	case old.LogFormat != config.LogFormat:
		return "log_format"
	}
	return ""
}
