package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

Started as root, it becomes the user of the config once its sockets are bound and its keys are read. It takes
the sockets that systemd passes on in place of binding the same ones, and tells systemd how it is.

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

	account  *account    // whom it became; nil: nobody else
	manager  *manager    // is told how the daemon is
	checking atomic.Bool // for a sign of life to the manager
}

// serve runs the milter until ctx ends or a signal stops it.
func (p *program) serve(ctx context.Context, file string) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	syscall.Umask(0o077) // what others may use gets its mode by name

	config, err := p.loadConfig(file)
	if err != nil {
		return p.failConfig(err)
	}
	p, endLog := p.withLog(config.LogFormat)
	defer endLog()
	defer p.makeHeapRoom()()
	d := &daemon{p: p, file: file, config: config, begun: config, log: newLogger(p.stderr, config.LogFormat), sealers: new(arc.SealersFile)}
	d.manager = newManager(p.getenv, d.log)
	if err := errors.Join(d.readSealers(), d.spoofed.read(config, d.log)); err != nil {
		return p.failConfig(err)
	}
	if d.account, err = p.account(config); err != nil {
		return p.failConfig(err)
	}
	listeners, err := d.listen()
	if err != nil {
		return p.fail(exitUnavailable, "%v", err)
	}
	if err := d.metrics.listen(d); err != nil {
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
	c := d.config
	if err := d.account.makeSocketFolders(slices.Concat(c.Milter.Listen, c.Metrics.Listen)); err != nil {
		return nil, fmt.Errorf("the folder of a socket: %w", err)
	}
	return milter.ListenAll(c.Milter.Listen, c.Milter.SocketMode)
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close() // nothing was accepted yet
	}
}

// build makes the server from the config.
func (d *daemon) build() error {
	var err error
	if d.dns, err = d.newResolver(d.config); err != nil {
		return err
	}
	if d.sealer, err = newSealer(d.config); err != nil {
		return err
	}
	if err := d.takeOver(); err != nil {
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

// newVerifier checks messages as the config and the lists in force say. As long as DNS is asked in the same way, what
// bounds the questions of all sessions, and what was parsed of the answers, goes on.
func (d *daemon) newVerifier() *auth.Verifier {
	v := newVerifier(d.config, d.dns)
	if old := d.verifier; old != nil && old.Resolver == d.dns {
		v.Room, v.SPF.Records, v.DKIM.Keys, v.ARC.Keys.Cache = old.Room, old.SPF.Records, old.DKIM.Keys, old.ARC.Keys.Cache
	}
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
	d.metrics.watch(d)
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
	d.manager.ready(d.status())
	return d.loop(ctx, served, signals)
}

// loop does what is to be done while the server serves, until the end.
func (d *daemon) loop(ctx context.Context, served <-chan error, signals <-chan os.Signal) int {
	looks, beats, statuses := time.NewTicker(watchInterval), d.manager.beats(), d.manager.statuses()
	for _, ticker := range []*time.Ticker{looks, beats, statuses} {
		defer ticker.Stop()
	}
	for {
		select {
		case err := <-served:
			d.manager.tell("STOPPING=1")
			go d.hurryAt(signals)
			return d.p.fail(exitUnavailable, "%v", err)
		case <-ctx.Done():
			return d.stop(signals)
		case <-looks.C:
			d.look()
		case <-beats.C:
			d.beat()
		case <-statuses.C:
			d.manager.show(d.status())
		case s := <-signals:
			if s == syscall.SIGHUP || s == syscall.SIGUSR1 {
				d.manager.reloading()
				d.reload()
				d.manager.ready(d.status())
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
	d.warnOfRights()
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
	d.manager.tell("STOPPING=1")
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
