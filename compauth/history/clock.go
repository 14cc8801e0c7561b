package history

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strconv"
	"time"
)

const (
	jumpDays  = 7                  // that a clock may be from the last deletion
	holdAhead = 24 * time.Hour     // of uptime, that a clock has to stay where it jumped to
	holdBack  = 7 * 24 * time.Hour // likewise where it jumped back: deleting is in no hurry then
)

// metaPruned is the row of assay_meta with the last day on which rows were deleted by age.
const metaPruned = "pruned"

// A jump is a clock that is far from the last deletion.
type jump struct {
	from, to int64         // days
	since    time.Duration // uptime
}

// trusts tells whether rows may be deleted by age: a clock that is wrong must not cost them all. One that
// jumped has to go on from there for a day, and if another node still deletes at the old time, it is
// not believed at all.
func (s *Store) trusts(ctx context.Context, today int64) (bool, error) {
	last, known, err := readPruned(ctx, s.db)
	if err != nil {
		return false, err
	}
	if known && far(last, today) && !s.holds(last, today) {
		return false, nil
	}
	s.jump = nil
	if known && last == today {
		return true, nil
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO assay_meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, metaPruned, strconv.FormatInt(today, 10))
	return err == nil, err
}

// readPruned gives the day of metaPruned; not known in a new database. One that is damaged is
// far from every clock.
func readPruned(ctx context.Context, q querier) (day int64, known bool, err error) {
	var text string
	err = q.QueryRowContext(ctx, `SELECT value FROM assay_meta WHERE name = $1`, metaPruned).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	day, _ = strconv.ParseInt(text, 10, 32)
	return day, err == nil, err
}

// far tells whether two days are further apart than those of a clock that goes on.
func far(a, b int64) bool { return a-b > jumpDays || b-a > jumpDays }

// holds tells whether the clock has been where it jumped to for long enough.
func (s *Store) holds(last, today int64) bool {
	now := s.uptime()
	if s.jump == nil && today > last {
		s.log.Warn("the clock is far ahead of what the history saw last; until it has stayed there for a day nothing is deleted by age",
			slog.String("last", dateOf(last)), slog.String("now", dateOf(today)))
	}
	if s.jump == nil || s.jump.from != last || far(s.jump.to, today) {
		s.jump = &jump{from: last, to: today, since: now}
		return false
	}
	if today < last {
		return now-s.jump.since >= holdBack
	}
	return now-s.jump.since >= holdAhead
}

// dateOf is a day as a log has it.
func dateOf(day int64) string {
	return time.Unix(day*24*60*60, 0).UTC().Format(time.DateOnly)
}
