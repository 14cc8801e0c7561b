package history

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

// version is that of the schema: the number of migrations.
const version = len(migrations)

// migrations are the statements that lead from each version to the next. SQLite and PostgreSQL
// take them as they are. Days are counted since 1970-01-01 UTC, times in seconds since then.
// assay_node is who wrote what last, so that nothing is counted twice. Of pairs anybody can make many
// without a good message: such rows must not slow down the question whether an
// infrastructure is shared, nor the search for the oldest of them.
var migrations = [...][]string{
	{
		`CREATE TABLE assay_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)`,
		`CREATE TABLE assay_node (node TEXT PRIMARY KEY, seq BIGINT NOT NULL, day BIGINT NOT NULL)`,
		`CREATE TABLE assay_pair (
			kind INTEGER NOT NULL, infra TEXT NOT NULL, org TEXT NOT NULL, day BIGINT NOT NULL,
			good BIGINT NOT NULL, failed BIGINT NOT NULL, other BIGINT NOT NULL,
			PRIMARY KEY (kind, infra, org, day))`,
		`CREATE INDEX assay_pair_day ON assay_pair (kind, day)`,
		`CREATE INDEX assay_pair_good ON assay_pair (kind, infra, org, day) WHERE good > 0`,
		`CREATE INDEX assay_pair_worthless ON assay_pair (kind, day) WHERE good = 0`,
		`CREATE TABLE assay_contact (parties TEXT PRIMARY KEY, day BIGINT NOT NULL)`,
		`CREATE INDEX assay_contact_day ON assay_contact (day)`,
		`CREATE TABLE assay_sighting (
			day BIGINT NOT NULL, domain TEXT NOT NULL, infra TEXT NOT NULL, internal INTEGER NOT NULL,
			reason INTEGER NOT NULL, result TEXT NOT NULL,
			implicit INTEGER NOT NULL, implicit_result TEXT NOT NULL,
			policy TEXT NOT NULL, entry TEXT NOT NULL, action TEXT NOT NULL,
			n BIGINT NOT NULL, seen BIGINT NOT NULL,
			PRIMARY KEY (day, domain, infra, internal, reason, result, implicit, implicit_result, policy, entry, action))`,
		`CREATE TABLE assay_use (entry TEXT PRIMARY KEY, day BIGINT NOT NULL, seen BIGINT NOT NULL)`,
		`CREATE INDEX assay_use_day ON assay_use (day)`,
	},
}

// metaKey is the row of assay_meta with the key that addresses are hashed with, in hex.
const metaKey = "key"

var (
	errNewer  = errors.New("history: the database is of a newer version of assay")
	errSlow   = errors.New("history: the database has not answered yet")
	errClosed = errors.New("history: it is closed")
	errOlder  = errors.New("history: the database is of an older version; assay serve brings it up to date")
)

// prepare brings the database to this version and gives the key that is kept in it.
func (d database) prepare(ctx context.Context, db *sql.DB, readOnly bool) (hasher, error) {
	made, err := d.hasTables(ctx, db)
	if err != nil {
		return hasher{}, err
	}
	if !made && readOnly {
		return hasher{}, d.noHistory()
	}
	found := 0
	if made {
		if found, err = readVersion(ctx, db); err != nil {
			return hasher{}, err
		}
	}
	switch {
	case found > version:
		return hasher{}, errNewer
	case found < version && readOnly:
		return hasher{}, errOlder
	case found < version:
		if err := d.migrate(ctx, db); err != nil {
			return hasher{}, err
		}
	}
	return readKey(ctx, db)
}

// A querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readVersion(ctx context.Context, q querier) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, `SELECT version FROM assay_version WHERE id = 1`).Scan(&n)
	return n, err
}

func readKey(ctx context.Context, db *sql.DB) (hasher, error) {
	var text string
	if err := db.QueryRowContext(ctx, `SELECT value FROM assay_meta WHERE name = $1`, metaKey).Scan(&text); err != nil {
		return hasher{}, err
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != keySize {
		return hasher{}, errors.New("history: the key in the database is damaged")
	}
	return hasher{key: key}, nil
}

// migrate does what is missing in one transaction. Nodes that do so at once wait for each other,
// and find that it is done.
func (d database) migrate(ctx context.Context, db *sql.DB) error {
	return inTx(ctx, db, func(tx *sql.Tx) error {
		if err := d.lock(ctx, tx); err != nil {
			return err
		}
		for _, statement := range []string{
			`CREATE TABLE IF NOT EXISTS assay_version (id INTEGER PRIMARY KEY, version INTEGER NOT NULL)`,
			`INSERT INTO assay_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING`,
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		found, err := readVersion(ctx, tx)
		if err != nil || found == version {
			return err
		}
		if found > version {
			return errNewer
		}
		return migrateFrom(ctx, tx, found)
	})
}

func migrateFrom(ctx context.Context, tx *sql.Tx, found int) error {
	for i, statements := range migrations[found:] {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("history: migration %d: %w", found+i+1, err)
			}
		}
	}
	if err := makeKey(ctx, tx); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE assay_version SET version = $1 WHERE id = 1`, version)
	return err
}

// makeKey makes the key that the database keeps from then on.
func makeKey(ctx context.Context, tx *sql.Tx) error {
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	_, err := tx.ExecContext(ctx, `INSERT INTO assay_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`,
		metaKey, hex.EncodeToString(key))
	return err
}

// inTx commits what f did, or undoes it when f or the commit fails.
func inTx(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, undo(tx))
	}
	return tx.Commit()
}

// undo rolls back; that the transaction is over already is no error.
func undo(tx *sql.Tx) error {
	if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}
