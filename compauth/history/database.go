package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"
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

// open prepares a pool; that of PostgreSQL connects when it is used. The error wraps
// [fs.ErrNotExist] where a file is only to be read and is not there.
func (d database) open(readOnly bool) (*sql.DB, error) {
	if d.config != nil {
		return openPostgres(d.config)
	}
	if err := d.touch(readOnly); err != nil {
		return nil, err
	}
	options := url.Values{"_pragma": {"busy_timeout(" + busyTimeout + ")"}}
	if readOnly {
		options.Set("mode", "ro")
	} else {
		options.Set("mode", "rw")
		options.Set("_txlock", "immediate")
		options["_pragma"] = append(options["_pragma"], "auto_vacuum(INCREMENTAL)", "journal_mode(WAL)", "synchronous(NORMAL)")
	}
	name := url.URL{Scheme: "file", Path: d.path, RawQuery: options.Encode()}
	return sql.Open("sqlite", name.String())
}

// touch makes the file, for its owner alone: SQLite gives its other files the same mode.
func (d database) touch(readOnly bool) error {
	if readOnly {
		_, err := os.Stat(d.path)
		if errors.Is(err, fs.ErrNotExist) {
			return ErrNoHistory
		}
		return err
	}
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
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

// clean makes an error fit for a log: no driver is trusted to keep the password to itself.
func (d database) clean(err error) error {
	if err == nil || d.config == nil {
		return err
	}
	text := err.Error()
	if password := d.config.Password; password != "" {
		const hidden = "xxxxx"
		text = strings.NewReplacer(password, hidden, url.QueryEscape(password), hidden, url.PathEscape(password), hidden).Replace(text)
	}
	return &cleanError{oneLine(text), err}
}

// oneLine is a text, which PostgreSQL may have written, without what a log or a terminal takes for more.
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

// ErrNoHistory tells that nothing was ever kept in the database of a ReadOnly store.
var ErrNoHistory = fmt.Errorf("history: there is none yet; assay serve begins it: %w", fs.ErrNotExist)
