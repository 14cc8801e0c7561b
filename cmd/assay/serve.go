package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"assay/arc"
	"assay/auth"
	"assay/auth/dns"
	"assay/compauth/history"
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

SIGHUP and SIGUSR1 read the config, the trusted sealers and the spoofed senders again: what is bad is reported and
the old stays in force. The two lists are also read again when their file changes. SIGTERM and SIGINT stop accepting,
let the messages in flight end, for 30 seconds at most, write the history, and exit; a second one waits for neither.

What was seen is kept in the history (history.database), a file in the state folder without a config. Where that
can't be written the daemon says so and serves on.`,
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
	p       *program
	file    string  // of the config; "" without -c
	config  *Config // in force
	begun   *Config // in force at the start
	log     *slog.Logger
	server  *milter.Server
	metrics metricsListener
	dns     dns.Resolver

	verifier     *auth.Verifier   // in force
	sealers      *arc.SealersFile // as it was last read without a mistake
	sealersWatch watch
	spoofed      spoofedReader
	sealer       *arc.MessageSealer // nil: nothing is sealed

	history *history.Store     // in force; nil: none
	ending  chan struct{}      // closed when the daemon ends
	urgent  context.Context    // done when the daemon is to end at once
	hurry   context.CancelFunc // has it end so
	closing sync.WaitGroup     // histories that were in force before
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
	d := &daemon{p: p, file: file, config: config, begun: config, log: newLogger(p.stderr, config.LogFormat), sealers: new(arc.SealersFile)}
	if err := errors.Join(d.readSealers(), d.spoofed.read(config, d.log)); err != nil {
		return p.failConfig(err)
	}
	listeners, err := d.listen()
	if err != nil {
		return p.fail(exitUnavailable, "%v", err)
	}
	if err := d.metrics.listen(config); err != nil {
		closeAll(listeners)
		return p.fail(exitUnavailable, "%v", err)
	}
	if err := d.build(); err != nil {
		closeAll(listeners)
		d.metrics.close()
		return p.fail(exitData, "%v", err)
	}
	return d.run(ctx, listeners, signals)
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
	if d.sealer, err = newSealer(d.config); err != nil {
		return err
	}
	if err := dropPrivileges(d.config.User, d.log); err != nil {
		return err
	}
	d.history, d.ending = d.openHistory(d.config), make(chan struct{})
	d.urgent, d.hurry = context.WithCancel(context.Background())
	d.verifier = d.newVerifier()
	d.server = &milter.Server{
		Verifier:    d.verifier,
		OnError:     d.config.Policy.OnError,
		MaxSessions: d.config.Milter.MaxSessions,
		IdleTimeout: d.config.Milter.IdleTimeout,
		Observer:    d.metrics.observer(),
		Log:         d.log,
	}
	d.metrics.watch(d)
	return nil
}

// newVerifier checks messages as the config and the lists in force say.
func (d *daemon) newVerifier() *auth.Verifier {
	v := newVerifier(d.config, d.dns)
	v.Sealers = d.config.sealersWith(d.sealers)
	v.Sealer = d.sealer
	v.Spoofed = d.spoofed.list
	v.History, v.Remember = d.history, d.history != nil
	return v
}

// use puts a verifier in force for the messages that begin from now on.
func (d *daemon) use(v *auth.Verifier) {
	d.verifier = v
	d.server.SetVerifier(v)
}

// run serves until the end, handles the signals and watches the files.
func (d *daemon) run(ctx context.Context, listeners []net.Listener, signals <-chan os.Signal) int {
	for _, l := range listeners {
		d.log.Info("listening", "address", l.Addr().Network()+":"+l.Addr().String())
	}
	defer d.closeHistories()
	d.warn(ctx)
	defer d.metrics.close()
	go d.metrics.serve(d.log)
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(listeners...) }()
	looks := time.NewTicker(watchInterval)
	defer looks.Stop()
	for {
		select {
		case err := <-served:
			go d.hurryAt(signals)
			return d.p.fail(exitUnavailable, "%v", err)
		case <-ctx.Done():
			return d.stop(signals)
		case <-looks.C:
			d.look()
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

// warn says what looks wrong, though it can be served with.
func (d *daemon) warn(ctx context.Context) {
	if !strings.Contains(d.config.AuthServID, ".") {
		d.log.Warn("authserv_id is no full host name, other hosts may have the same: set it", "authserv_id", d.config.AuthServID)
	}
	for _, text := range d.config.exposed() {
		d.log.Warn(text)
	}
	d.checkSeal(ctx)
}

// checkSeal compares the key for sealing with the published one, in the background.
func (d *daemon) checkSeal(ctx context.Context) {
	s, resolver := d.sealer, d.dns
	if s == nil {
		return
	}
	go func() {
		if err := arc.CheckKey(ctx, resolver, s.Domain, s.Selector, s.Key.Public()); err != nil {
			d.log.Warn("others can't verify our ARC seals", "error", err.Error())
		}
	}()
}

// stop lets the messages in flight end; at a second signal neither they nor the history are waited for.
func (d *daemon) stop(signals <-chan os.Signal) int {
	go d.hurryAt(signals)
	ctx, cancel := context.WithTimeout(d.urgent, shutdownTimeout)
	defer cancel()
	if err := d.server.Shutdown(ctx); err != nil {
		d.log.Warn("stopped with messages in flight; the MTA applies its default action to them", "error", err.Error())
	}
	return exitOK
}

// hurryAt has the daemon end at once when a signal to stop comes.
func (d *daemon) hurryAt(signals <-chan os.Signal) {
	defer d.hurry()
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM || s == syscall.SIGINT {
				return
			}
		case <-d.urgent.Done():
			return
		}
	}
}

// reload reads the config and the lists again. Whatever is wrong with one of them is
// reported, and the old one stays in force.
func (d *daemon) reload() {
	d.reloadConfig()
	d.reloadSealers()
	d.reloadSpoofed()
}

// reloadSpoofed puts the spoofed senders that the file names now in force for the messages that
// begin from now on.
func (d *daemon) reloadSpoofed() {
	if d.spoofed.reload(d.config, d.log) {
		next := *d.verifier
		next.Spoofed = d.spoofed.list
		d.use(&next)
	}
}

// look reads the files again that have changed.
func (d *daemon) look() {
	if d.sealersWatch.due() {
		d.reloadSealers()
	}
	if d.spoofed.watch.due() {
		d.reloadSpoofed()
	}
}

func (d *daemon) reloadConfig() {
	config, err := d.p.loadConfig(cmp.Or(d.file, d.begun.file))
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
	resolver, err := d.dns, error(nil)
	if !reflect.DeepEqual(config.DNS, d.config.DNS) {
		resolver, err = newResolver(config)
	}
	sealer, sealErr := newSealer(config)
	if err := errors.Join(err, sealErr); err != nil {
		d.log.Error("config not reloaded, the old one stays in force", "error", err.Error())
		return
	}
	if keys := needRestart(d.begun, config); len(keys) > 0 {
		d.log.Warn("changes that take effect at the next start only", "keys", strings.Join(keys, ","))
	}
	d.reopenHistory(d.config, config)
	d.config, d.dns, d.sealer = config, resolver, sealer
	d.use(d.newVerifier())
	d.server.SetOnError(config.Policy.OnError)
	d.log.Info("config reloaded")
	d.checkSeal(context.Background()) // a question ends by itself
}

// needRestart names the keys that differ and that a running daemon can't change.
func needRestart(old, config *Config) []string {
	var keys []string
	for key, same := range map[string]bool{
		"milter.listen":       reflect.DeepEqual(old.Milter.Listen, config.Milter.Listen),
		"milter.socket_mode":  old.Milter.SocketMode == config.Milter.SocketMode,
		"milter.max_sessions": old.Milter.MaxSessions == config.Milter.MaxSessions,
		"milter.idle_timeout": old.Milter.IdleTimeout == config.Milter.IdleTimeout,
		"log_format":          old.LogFormat == config.LogFormat,
	} {
		if !same {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
