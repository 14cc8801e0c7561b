package main

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	"assay/arc"
	"assay/metrics"
)

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
	good := d.spoofed.reload(d.config, d.log)
	d.metrics.reloaded(metrics.SpoofedSenders, good)
	if good {
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

// errEmptied refuses a file that an editor or a full disk has left empty: the defaults refuse nothing.
var errEmptied = errors.New("the file sets nothing any more; if that is meant, restart")

// listEmptied is what is wrong with a list that was left empty in the same way.
const listEmptied = "has become empty, 0 bytes; restore it, or write a line with a # into it if no entry is meant"

func (d *daemon) reloadConfig() {
	config, err := d.p.loadConfig(cmp.Or(d.file, d.begun.file))
	if err == nil && len(config.lines) == 0 && len(d.config.lines) > 0 {
		err = errEmptied
	}
	if err != nil {
		d.metrics.reloaded(metrics.Config, false)
		if text := d.account.unreadable(cmp.Or(d.file, d.begun.file)); text != "" {
			err = errors.New(text)
		}
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
		resolver, err = d.newResolver(config)
	}
	sealer, sealErr := d.nextSealer(config)
	if err := errors.Join(err, sealErr); err != nil {
		d.metrics.reloaded(metrics.Config, false)
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
	d.metrics.reloaded(metrics.Config, true)
	d.log.Info("config reloaded")
	d.checkSeal(context.Background()) // a question ends by itself
}

// nextSealer seals as a new config says. Where the daemon may no longer read the key that it read as root, and
// nothing else of the sealing changed, it goes on with that.
func (d *daemon) nextSealer(config *Config) (*arc.MessageSealer, error) {
	sealer, err := newSealer(config)
	text := d.account.unreadable(config.ARC.KeyFile)
	switch {
	case err == nil || text == "":
		return sealer, err
	case d.sealer != nil && config.ARC.KeyFile == d.config.ARC.KeyFile && config.ARC.Domain == d.config.ARC.Domain && config.ARC.Selector == d.config.ARC.Selector:
		d.log.Warn("the key for sealing is not read again, the one that was read as root stays in force", "error", text)
		return d.sealer, nil
	}
	return nil, errors.New(text)
}

// needRestart names the keys that differ and that a running daemon can't change.
func needRestart(old, config *Config) []string {
	var keys []string
	for key, same := range map[string]bool{
		"milter.listen":       reflect.DeepEqual(old.Milter.Listen, config.Milter.Listen),
		"milter.socket_mode":  old.Milter.SocketMode == config.Milter.SocketMode,
		"milter.max_sessions": old.Milter.MaxSessions == config.Milter.MaxSessions,
		"milter.idle_timeout": old.Milter.IdleTimeout == config.Milter.IdleTimeout,
		"metrics.listen":      reflect.DeepEqual(old.Metrics.Listen, config.Metrics.Listen),
		"user":                old.User == config.User,
		"log_format":          old.LogFormat == config.LogFormat,
	} {
		if !same {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
