package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

const (
	pruneEvery = time.Hour
	pruneTime  = 10 * time.Second // of all statements between two writes
	pruneMost  = 20               // statements more than what was written since the last ones asks for
)

var nodeTable = table{name: "assay_node", columns: []string{"node"}, keys: 1}

// A part is some rows with a bound of their own, so that what one kind of mail adds pushes out no other.
type part struct {
	*table
	name      string
	where     string // which rows of the table
	worthless string // which of them go first; "" for none
}

// parts are all rows, in the order in which they are looked at: those that one sender can make the most of
// come first. Anybody can make any number of pairs without a good message.
var parts = [...]part{
	pairPart("address pairs", kindAddress), pairPart("network pairs", kindNetwork),
	pairPart("DKIM pairs", kindDKIM), pairPart("PTR pairs", kindPTR),
	{table: &contactTable, name: "contacts", where: "1 = 1"}, {table: &sightingTable, name: "sightings", where: "1 = 1"},
	{table: &useTable, name: "entries", where: "1 = 1"}, {table: &nodeTable, name: "nodes", where: "1 = 1"},
}

func pairPart(name string, k kind) part {
	where := fmt.Sprintf("kind = %d", k)
	return part{&pairTable, name, where, where + " AND good = 0"}
}

// A pruning is one round of deletions.
type pruning struct {
	*Store
	today int64
	aged  bool // what is old may be deleted
	rest  int  // statements that it may still take
}

// prune deletes what is older than the retention, and rows of a part that has too many, every
// hour, or when much was written. What it does not come to is left for after the next write.
func (s *Store) prune() error {
	if s.stopping() || s.uptime() < s.pruneAt && s.written < s.rows/20 {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, pruneTime)
	defer cancel()
	p := pruning{Store: s, today: dayOf(s.now()), rest: pruneMost + s.written/s.deleted} // keeps up with what is written
	s.written = 0
	if err := p.all(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("history: deleting old rows: %w", err)
	}
	if err := s.source.vacuum(ctx, s.db); err != nil && ctx.Err() == nil {
		return fmt.Errorf("history: making the file smaller: %w", err)
	}
	if p.rest > 0 && ctx.Err() == nil {
		s.pruneAt = s.uptime() + pruneEvery
	}
	return nil
}

// all looks at all parts.
func (p *pruning) all(ctx context.Context) (err error) {
	if p.aged, err = p.trusts(ctx, p.today); err != nil {
		return err
	}
	for i := range parts {
		if err := p.part(ctx, &parts[i]); err != nil {
			return err
		}
	}
	return nil
}

// part deletes what a part has too much of.
func (p *pruning) part(ctx context.Context, t *part) error {
	if p.aged {
		if err := p.byAge(ctx, t); err != nil {
			return err
		}
	}
	var count int
	if err := p.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+t.table.name+" WHERE "+t.where).Scan(&count); err != nil {
		return err
	}
	if count <= p.rows-p.rows/10 {
		delete(p.crowded, t.name)
	}
	return p.bySize(ctx, t, count-p.rows)
}

// byAge deletes what is too old, and what a clock that was ahead left in the future.
func (p *pruning) byAge(ctx context.Context, t *part) error {
	for _, age := range []string{
		fmt.Sprintf("day <= %d", p.today-int64(p.options.RetentionDays)),
		fmt.Sprintf("day > %d", p.today+jumpDays),
	} {
		if _, err := p.deleteOldest(ctx, t.table, t.where+" AND "+age, -1); err != nil {
			return err
		}
	}
	return nil
}

// bySize deletes rows of a part that has so many too many.
func (p *pruning) bySize(ctx context.Context, t *part, over int) error {
	for _, where := range []string{t.worthless, t.where} {
		if where == "" || over <= 0 {
			continue
		}
		n, err := p.deleteOldest(ctx, t.table, where, over)
		if err != nil {
			return err
		}
		if n > 0 && p.aged { // what is too old is gone
			p.crowd(t)
		}
		over -= n
	}
	return nil
}

// crowd reports, once until there is room again, that a part is kept for less than the retention.
func (p *pruning) crowd(t *part) {
	if p.crowded[t.name] {
		return
	}
	p.crowded[t.name] = true
	p.log.Warn("the history is full; the oldest of it is deleted before its time",
		slog.String("kind", t.name), slog.Int("rows", p.rows), slog.Int("retention_days", p.options.RetentionDays))
}

// deleteOldest deletes rows that a condition holds for, the oldest first, and tells how many: most, or all
// when that is negative, as far as rest goes.
func (p *pruning) deleteOldest(ctx context.Context, t *table, where string, most int) (deleted int, err error) {
	key := strings.Join(t.columns[:t.keys], ", ")
	query := fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s ORDER BY day LIMIT $1)", t.name, key, key, t.name, where)
	for ; p.rest > 0 && deleted != most && !p.stopping(); p.rest-- {
		limit := p.deleted
		if most >= 0 {
			limit = min(limit, most-deleted)
		}
		n, err := p.deleteSome(ctx, query, limit)
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
