package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
)

const (
	connectTimeout = 5 * time.Second
	busyTimeout    = "1000" // milliseconds that SQLite waits for another's lock
	maxPath        = 4096   // bytes
)

var errDatabase = errors.New("is neither sqlite:FILE nor a postgres:// URL; write one of them, or \"\" for no history")

// CheckDatabase tells what is wrong with Options.Database, where the path may be relative: the
// error goes on after the name of an option. It does not hold the text, which may have a password in it.
func CheckDatabase(database string) error {
	if database == "" {
		return nil
	}
	_, err := parseDatabase(database)
	return err
}

// SQLiteFile is the FILE of sqlite:FILE.
func SQLiteFile(database string) (file string, ok bool) {
	return strings.CutPrefix(database, "sqlite:")
}

// A database is where the history is kept: a file of SQLite, or PostgreSQL.
type database struct {
	path   string          // of SQLite
	config *pgx.ConnConfig // of PostgreSQL
}

func parseDatabase(text string) (database, error) {
	if path, ok := SQLiteFile(text); ok {
		if path == "" || len(path) > maxPath || strings.ContainsRune(path, 0) || strings.HasSuffix(path, "/") {
			return database{}, errors.New("names no file; write one such as sqlite:history.db")
		}
		return database{path: path}, nil
	}
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return database{}, errDatabase
	}
	// The errors of net/url and pgx quote the text.
	u, err := url.Parse(text)
	if err != nil || u.Host == "" && len(u.Path) < 2 && u.RawQuery == "" {
		return database{}, errDatabase
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return database{}, errors.New("is no valid URL of a PostgreSQL database; write one such as postgres://USER:PASSWORD@HOST/DATABASE")
	}
	config.ConnectTimeout = connectTimeout
	return database{config: config}, nil
}

// A mode is how a database is opened.
type mode int

const (
	modeWrite mode = iota
	modeRead
	modeStill // a file that does not change
)

// open prepares a pool; that of PostgreSQL connects when it is used. The error wraps
// [fs.ErrNotExist] where a file is only to be read and is not there.
func (d database) open(m mode) (*sql.DB, error) {
	if d.config != nil {
		return openPostgres(d.config)
	}
	if err := d.touch(m != modeWrite); err != nil {
		return nil, err
	}
	options := url.Values{"_pragma": {"busy_timeout(" + busyTimeout + ")"}, "mode": {"ro"}}
	switch m {
	case modeStill:
		options.Set("immutable", "1")
	case modeWrite:
		options.Set("mode", "rw")
		options.Set("_txlock", "immediate")
		options["_pragma"] = append(options["_pragma"], "auto_vacuum(INCREMENTAL)", "journal_mode(WAL)", "synchronous(NORMAL)")
	}
	name := url.URL{Scheme: "file", Path: d.path, RawQuery: options.Encode()}
	return sql.Open("sqlite", name.String())
}

// hasTables tells whether a history was ever made in the database.
func (d database) hasTables(ctx context.Context, db *sql.DB) (bool, error) {
	query := `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'assay_version'`
	if d.config != nil {
		query = `SELECT CASE WHEN to_regclass('assay_version') IS NULL THEN 0 ELSE 1 END`
	}
	var n int
	err := db.QueryRowContext(ctx, query).Scan(&n)
	return n > 0, err
}

// The locks of PostgreSQL that nodes take in turn: "assay", and a number.
const (
	migrateLock int64 = 0x617373617900 + iota
	pruneLock
)

// lock keeps other nodes from migrating until tx ends. A transaction of SQLite is alone anyway.
func (d database) lock(ctx context.Context, tx *sql.Tx) error {
	if d.config == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, migrateLock)
	return err
}

// tryLock keeps other nodes from pruning until tx ends; false when another one does so now.
func (d database) tryLock(ctx context.Context, tx *sql.Tx) (ours bool, err error) {
	if d.config == nil {
		return true, nil
	}
	err = tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, pruneLock).Scan(&ours)
	return ours, err
}

// vacuum gives some of the room of deleted rows back to the file system. PostgreSQL does so itself.
func (d database) vacuum(ctx context.Context, db *sql.DB) error {
	if d.config != nil {
		return nil
	}
	_, err := db.ExecContext(ctx, `PRAGMA incremental_vacuum(1000)`) // pages of 4 KB
	return err
}

// identity is the file of SQLite, to tell whether another one has its name; nil where there is none.
func (d database) identity() os.FileInfo {
	if d.config != nil {
		return nil
	}
	info, err := os.Stat(d.path)
	if err != nil {
		return nil
	}
	return info
}

// place is where the history is kept, for an error.
func (d database) place() string {
	if d.config != nil {
		return d.config.Host + "/" + d.config.Database
	}
	return d.path
}

// noHistory is [ErrNoHistory] with the place.
func (d database) noHistory() error {
	return &cleanError{"history: there is none yet in " + d.place() + "; assay serve begins it", ErrNoHistory}
}

// clean makes an error fit for a log: no driver is trusted to keep the password to itself.
func (d database) clean(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if d.config != nil && d.config.Password != "" {
		const hidden = "xxxxx"
		password := d.config.Password
		text = strings.NewReplacer(password, hidden, url.QueryEscape(password), hidden, url.PathEscape(password), hidden).Replace(text)
	}
	return &cleanError{oneLine(text), err}
}

// oneLine is a text, which PostgreSQL may have written or a path be part of, without what a log or a
// terminal takes for more.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return r == ' ' || unicode.IsControl(r) }), " ")
}

// A cleanError is an error with another text.
type cleanError struct {
	text string
	err  error
}

func (e *cleanError) Error() string { return e.text }
func (e *cleanError) Unwrap() error { return e.err }

// ErrNoHistory tells that nothing was ever kept in the database of a ReadOnly store. Errors that wrap it
// name the file, or the host and the database.
var ErrNoHistory = fmt.Errorf("history: there is none yet; assay serve begins it: %w", fs.ErrNotExist)
