package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxSightings bounds what Sightings gives.
const maxSightings = 100_000

// Sightings lists what was seen since a time, by whole days: a day's count is given when its last
// message came since then. The most frequent come first, of those the last seen; at most 100,000 rows, and more
// tells that there are others. It waits for the database until ctx is done. The error is [ErrNoHistory]
// when nothing was ever kept in the database.
func (s *Store) Sightings(ctx context.Context, since time.Time) (list []Sighting, more bool, err error) {
	const query = `SELECT domain, infra, internal, reason, result, implicit, implicit_result, policy, entry, action,
			CAST(SUM(n) AS BIGINT), MAX(seen)
		FROM assay_sighting WHERE day >= $1 AND seen >= $2
		GROUP BY domain, infra, internal, reason, result, implicit, implicit_result, policy, entry, action
		ORDER BY 11 DESC, 12 DESC, domain, infra LIMIT $3`
	l, err := s.open(ctx)
	if l == nil || err != nil {
		return nil, false, err
	}
	err = s.each(ctx, l, func(rows *sql.Rows) error {
		if len(list) == s.sightings {
			more = true
			return nil
		}
		v, err := scanSighting(rows)
		list = append(list, v)
		return err
	}, query, dayOf(since), since.Unix(), s.sightings+1)
	return list, more, err
}

func scanSighting(rows *sql.Rows) (Sighting, error) {
	var v Sighting
	var internal, seen int64
	err := rows.Scan(&v.Domain, &v.Infrastructure, &internal, &v.Reason, &v.Result, &v.Implicit, &v.ImplicitResult,
		&v.Policy, &v.Entry, &v.Action, &v.Count, &seen)
	v.Internal, v.LastSeen = internal != 0, time.Unix(seen, 0).UTC()
	return v, err
}

// LastUsed tells when each of some entries of the spoofed-senders list was used last, by Entry
// as in Message, within the retention; those that were not are missing. It waits for the database until ctx is
// done; the error is as that of Sightings.
func (s *Store) LastUsed(ctx context.Context, entries []string) (map[string]time.Time, error) {
	stored, h, err := s.uses(ctx)
	used := make(map[string]time.Time)
	for _, entry := range entries {
		if t, ok := stored[h.entry(entry)]; ok {
			used[entry] = t
		}
	}
	return used, err
}

// uses are the last times by what is stored of the entries.
func (s *Store) uses(ctx context.Context) (used map[string]time.Time, h hasher, err error) {
	l, err := s.open(ctx)
	if l == nil || err != nil {
		return nil, h, err
	}
	used = make(map[string]time.Time)
	err = s.each(ctx, l, func(rows *sql.Rows) error {
		var entry string
		var seen int64
		err := rows.Scan(&entry, &seen)
		used[entry] = time.Unix(seen, 0).UTC()
		return err
	}, `SELECT entry, seen FROM assay_use`)
	return used, l.hasher, err
}

// Err tells why the history is left out at the moment, in one line for a user, without a password; nil when the
// database answers, and for a history that knows nothing. It does not wait: before the first attempt to connect
// is over it tells so.
func (s *Store) Err() error {
	if !s.lives() || s.link.Load() != nil {
		return nil
	}
	select {
	case <-s.opened:
		return downError(s.failure())
	default:
		return errSlow
	}
}

// open waits for the first attempt to connect, and gives the link. It is nil for a history
// that knows nothing.
func (s *Store) open(ctx context.Context) (*link, error) {
	if !s.lives() {
		return nil, nil
	}
	select {
	case <-s.opened:
	case <-ctx.Done():
		return nil, fmt.Errorf("history: %w", ctx.Err())
	}
	if l := s.link.Load(); l != nil {
		return l, nil
	}
	return nil, downError(s.failure())
}

// each calls f for every row of a query.
func (s *Store) each(ctx context.Context, l *link, f func(*sql.Rows) error, query string, args ...any) error {
	if err := eachRow(ctx, l.db, f, query, args...); err != nil {
		return fmt.Errorf("history: %w", s.source.clean(err))
	}
	return nil
}

func eachRow(ctx context.Context, db *sql.DB, f func(*sql.Rows) error, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// downError says why there is no link: what is said by this package stands for itself.
func downError(err error) error {
	switch {
	case err == nil: // a reader has just lost it
		return errors.New("history: the database is down")
	case strings.HasPrefix(err.Error(), "history: "):
		return err
	}
	return fmt.Errorf("history: the database is down: %w", err)
}
