package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	pruneEvery = time.Hour
	pruneTime  = 10 * time.Second // of all statements between two writes
	pruneMost  = 20               // statements more than what was written since the last ones asks for
)

var nodeTable = table{name: "assay_node", columns: []string{"node"}, keys: 1}

// prune deletes what is older than the retention, and rows of a table that has too many, every
// hour, or when much was written. What it does not come to is left for after the next write.
func (s *Store) prune() error {
	now := s.now()
	if s.stopping() || now.Before(s.pruneAt) && s.written < s.rows/20 {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, pruneTime)
	defer cancel()
	rest := pruneMost + s.written/s.deleted // keeps up with what is written
	s.written = 0
	for _, t := range []*table{&pairTable, &contactTable, &sightingTable, &useTable, &nodeTable} {
		if err := s.pruneTable(ctx, t, &rest); err != nil && ctx.Err() == nil {
			return fmt.Errorf("history: deleting old rows: %w", err)
		}
	}
	if err := s.source.vacuum(ctx, s.db); err != nil && ctx.Err() == nil {
		return fmt.Errorf("history: making the file smaller: %w", err)
	}
	if rest > 0 && ctx.Err() == nil {
		s.pruneAt = now.Add(pruneEvery)
	}
	return nil
}

// pruneTable takes the statements that it needs off rest.
func (s *Store) pruneTable(ctx context.Context, t *table, rest *int) error {
	if _, err := s.deleteOldest(ctx, t, fmt.Sprintf("day <= %d", dayOf(s.now())-int64(s.options.RetentionDays)), -1, rest); err != nil {
		return err
	}
	var count int
	if err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+t.name).Scan(&count); err != nil {
		return err
	}
	over := count - s.rows
	conditions := []string{"1 = 1"}
	if t == &pairTable { // anybody can make any number of pairs without a good message
		conditions = []string{"good = 0", "1 = 1"}
	}
	for _, where := range conditions {
		if over <= 0 {
			break
		}
		n, err := s.deleteOldest(ctx, t, where, over, rest)
		if err != nil {
			return err
		}
		over -= n
	}
	return nil
}

// deleteOldest deletes rows that a condition holds for, the oldest first, and tells how many: most, or all
// when that is negative, as far as the statements in rest go.
func (s *Store) deleteOldest(ctx context.Context, t *table, where string, most int, rest *int) (deleted int, err error) {
	key := strings.Join(t.columns[:t.keys], ", ")
	query := fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s ORDER BY day LIMIT $1)", t.name, key, key, t.name, where)
	for ; *rest > 0 && deleted != most && !s.stopping(); *rest-- {
		limit := s.deleted
		if most >= 0 {
			limit = min(limit, most-deleted)
		}
		n, err := s.deleteSome(ctx, query, limit)
		deleted += n
		if err != nil || n < limit {
			return deleted, err
		}
	}
	return deleted, nil
}

// deleteSome deletes nothing while another node does.
func (s *Store) deleteSome(ctx context.Context, query string, limit int) (n int, err error) {
	err = inTx(ctx, s.db, func(tx *sql.Tx) error {
		if ours, err := s.source.tryLock(ctx, tx); err != nil || !ours {
			return err
		}
		result, err := tx.ExecContext(ctx, query, limit)
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		n = int(rows)
		return err
	})
	if errors.Is(err, sql.ErrTxDone) { // ctx ended it
		err = ctx.Err()
	}
	return n, err
}
