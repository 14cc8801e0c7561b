package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"assay/compauth/history"
)

// systemStateDir is where root keeps what is to be kept.
const systemStateDir = "/var/lib/assay"

// stateDir is the folder in which the daemon keeps what is to be kept. It need not exist.
func (p *program) stateDir(c *Config) (string, error) {
	if dir := p.fixedStateDir(c); dir != "" {
		return dir, nil
	}
	return p.userStateDir()
}

// foundStateDir is the folder in which a command looks for a file that the daemon keeps there. The
// daemon may be another user's: whoever has no such file looks into root's folder.
func (p *program) foundStateDir(c *Config, file string) (string, error) {
	if dir := p.fixedStateDir(c); dir != "" {
		return dir, nil
	}
	own, err := p.userStateDir()
	if (err != nil || !exists(filepath.Join(own, file))) && exists(p.systemState) {
		return p.systemState, nil
	}
	return own, err
}

// fixedStateDir is the config's folder, else what systemd made for the service, else root's if the
// user may write there; "" when only the user's own is left.
func (p *program) fixedStateDir(c *Config) string {
	first, _, _ := strings.Cut(p.getenv("STATE_DIRECTORY"), ":")
	switch {
	case c.StateDir != "":
		return c.StateDir
	case filepath.IsAbs(first):
		return filepath.Clean(first)
	case p.uid == 0 || p.mayWrite(p.systemState):
		return p.systemState
	}
	return ""
}

// userStateDir is the folder of a user who is not root.
func (p *program) userStateDir() (string, error) {
	if dir := p.getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // others are to be ignored
		return filepath.Join(dir, "assay"), nil
	}
	if home := p.getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "assay"), nil
	}
	return "", errors.New("neither $STATE_DIRECTORY, $XDG_STATE_HOME nor $HOME names a folder; write state_dir in the config")
}

// mayWrite tells whether this process may make files in a folder.
func mayWrite(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }

// exists tells whether there is a file, or may be one that can't be looked at.
func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// database is where the history is kept, a file with its whole path; "" for nowhere. A command that only
// reads looks where the daemon may keep it.
func (p *program) database(c *Config, readOnly bool) (string, error) {
	file, isFile := history.SQLiteFile(c.History.Database)
	if !isFile || filepath.IsAbs(file) {
		return c.History.Database, nil
	}
	dir, err := p.stateDir(c)
	if readOnly {
		dir, err = p.foundStateDir(c, file)
	}
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

// historyPlace is where a command looks for the history, without a password.
func (p *program) historyPlace(c *Config) string {
	database, err := p.database(c, true)
	if err != nil {
		return c.History.Database
	}
	if file, isFile := history.SQLiteFile(database); isFile {
		return file
	}
	return withoutPassword(database)
}

// historyFailure says why a command has no history, and where it looked, in one line for a user. The code
// is exitTemporary if another try may help.
func (p *program) historyFailure(c *Config, err error) (text string, code int) {
	place := printable(p.historyPlace(c))
	switch {
	case errors.Is(err, history.ErrNoHistory):
		return fmt.Sprintf("there is no history yet at %s; assay serve begins it", place), exitUnavailable
	case errors.Is(unix.Access(p.historyPlace(c), unix.R_OK), fs.ErrPermission):
		return fmt.Sprintf("%s: permission denied; run this as root, or as the user whose daemon it is", place), exitUnavailable
	}
	return fmt.Sprintf("%s (%s)", printable(err.Error()), place), exitTemporary
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
	database, err := p.database(c, o.ReadOnly)
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

// closeHistory writes what is not yet written, unless the daemon has to end at once.
func (d *daemon) closeHistory(store *history.Store) {
	ctx, cancel := context.WithTimeout(d.urgent, historyTimeout)
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
	defer d.hurry() // nothing is left that could be
	close(d.ending)
	d.closeHistory(d.history)
	d.closing.Wait()
}
