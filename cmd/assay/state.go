package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"assay/compauth/history"
)

// systemStateDir is where root keeps what is to be kept.
const systemStateDir = "/var/lib/assay"

// stateDir is the folder for what is kept: the config's, else what systemd made for the
// service, else root's or the user's own. It need not exist.
func (p *program) stateDir(c *Config) (string, error) {
	first, _, _ := strings.Cut(p.getenv("STATE_DIRECTORY"), ":")
	switch {
	case c.StateDir != "":
		return c.StateDir, nil
	case filepath.IsAbs(first):
		return filepath.Clean(first), nil
	case p.uid == 0:
		return systemStateDir, nil
	}
	if dir := p.getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // others are to be ignored
		return filepath.Join(dir, "assay"), nil
	}
	if home := p.getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "assay"), nil
	}
	return "", errors.New("neither $STATE_DIRECTORY, $XDG_STATE_HOME nor $HOME names a folder; write state_dir in the config")
}

// database is where the history is kept, a file with its whole path; "" for nowhere.
func (p *program) database(c *Config) (string, error) {
	file, isFile := history.SQLiteFile(c.History.Database)
	if !isFile || filepath.IsAbs(file) {
		return c.History.Database, nil
	}
	dir, err := p.stateDir(c)
	return "sqlite:" + filepath.Join(dir, file), err
}

// commandWait is how long a command waits for an answer of the history. It has not asked before,
// so that no answer is in memory.
const commandWait = 2 * time.Second

// openHistory opens the history that the config names, for a command: nothing is logged. It is nil
// where there is none. Where nothing is to be written, a history that is not there is not made.
func (p *program) openHistory(c *Config, readOnly bool) (*history.Store, error) {
	return p.openHistoryWith(c, history.Options{ReadOnly: readOnly, Wait: commandWait})
}

// openHistory opens the history for the daemon, which serves on without one: it is then nil.
func (d *daemon) openHistory(c *Config) *history.Store {
	store, err := d.p.openHistoryWith(c, history.Options{Log: d.log})
	if err != nil {
		d.log.Warn("served without a history", "error", err.Error())
		return nil
	}
	return store
}

// openHistoryWith completes the options and opens the history.
func (p *program) openHistoryWith(c *Config, o history.Options) (*history.Store, error) {
	database, err := p.database(c)
	if err != nil || database == "" {
		return nil, err
	}
	h := &c.History
	o.Database = database
	o.MinMessages, o.MinDays, o.MaxDomains, o.RetentionDays = h.MinMessages, h.MinDays, h.MaxDomains, h.RetentionDays
	return history.Open(o)
}

// historyTimeout is how long a history may take to write what is not yet written.
const historyTimeout = 5 * time.Second

// closeHistory writes what is not yet written.
func (d *daemon) closeHistory(store *history.Store) {
	ctx, cancel := context.WithTimeout(context.Background(), historyTimeout)
	defer cancel()
	if err := store.Close(ctx); err != nil {
		d.log.Warn("the last messages are not in the history", "error", err.Error())
	}
}

// reopenHistory opens the history anew if a new config says another place or other limits. The
// old one is closed once the messages in flight had the time to end that they are given.
func (d *daemon) reopenHistory(before, config *Config) {
	if config.StateDir == before.StateDir && config.History.store() == before.History.store() {
		return
	}
	old := d.history
	d.history = d.openHistory(config)
	d.closing.Go(func() {
		select {
		case <-time.After(before.Milter.MessageTimeout):
		case <-d.ending:
		}
		d.closeHistory(old)
	})
}

// store is what the store depends on.
func (h HistoryConfig) store() HistoryConfig {
	h.OverrideReject = false
	return h
}

// closeHistories closes the history in force, and those that were in force before.
func (d *daemon) closeHistories() {
	close(d.ending)
	d.closeHistory(d.history)
	d.closing.Wait()
}
