package history

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	pruneEvery = time.Hour
	pruneTime  = 30 * time.Second // of one step
	pruneMost  = 100              // statements of a step
)

var nodeTable = table{name: "assay_node", columns: []string{"node"}, keys: 1}

// prune deletes what is older than the retention, and the oldest rows of a table that has too
// many, every hour, or when much was written. Of several nodes one does so at a time.
func (s *Store) prune() error {
	now := s.now()
	if now.Before(s.pruneAt) && s.written < s.rows/20 {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, pruneTime)
	defer cancel()
	s.pruneAt, s.written = now.Add(pruneEvery), 0
	ours, err := mark(ctx, s.db, "prune", now.Unix()/60, dayOf(now))
	if err != nil || !ours {
		return err
	}
	rest := pruneMost
	for _, t := range []*table{&pairTable, &contactTable, &sightingTable, &useTable, &nodeTable} {
		if err := s.pruneTable(ctx, t, &rest); err != nil {
			return fmt.Errorf("history: deleting old rows: %w", err)
		}
	}
	if rest == 0 {
		s.pruneAt = now.Add(time.Minute)
	}
	return nil
}

// pruneTable takes the statements that it needs off rest.
func (s *Store) pruneTable(ctx context.Context, t *table, rest *int) error {
	cutoff := dayOf(s.now()) - int64(s.options.RetentionDays)
	for ; *rest > 0; *rest-- {
		n, err := s.deleteOldest(ctx, t, "day <= $1", cutoff, s.deleted)
		if err != nil {
			return err
		}
		if n < s.deleted {
			break
		}
	}
	var count int
	if err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+t.name).Scan(&count); err != nil {
		return err
	}
	for over := count - s.rows; over > 0 && *rest > 0; *rest-- {
		n, err := s.deleteOldest(ctx, t, "day >= $1", math.MinInt64, min(over, s.deleted))
		if err != nil || n == 0 {
			return err
		}
		over -= n
	}
	return nil
}

// deleteOldest deletes the oldest rows that a condition on $1 holds for, and tells how many.
func (s *Store) deleteOldest(ctx context.Context, t *table, where string, day int64, limit int) (int, error) {
	key := strings.Join(t.columns[:t.keys], ", ")
	result, err := s.db.ExecContext(ctx, fmt.Sprintf(
		"DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s ORDER BY day LIMIT $2)",
		t.name, key, key, t.name, where), day, limit)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}
