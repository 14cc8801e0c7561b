package history

import (
	"context"
	"errors"
)

// lookup asks the database.
func (s *Store) lookup(l *link, q question) (bool, error) {
	if l == nil {
		return false, errors.New("history: the database is down")
	}
	ctx, cancel := context.WithTimeout(s.ctx, readTime)
	defer cancel()
	if q.kind == kindContact {
		return s.hasContact(ctx, l, q)
	}
	return s.qualifies(ctx, l, q)
}

func (s *Store) hasContact(ctx context.Context, l *link, q question) (bool, error) {
	var n int
	err := l.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM assay_contact WHERE parties = $1 AND day >= $2`,
		l.hash(useContact, q.infra, q.org), s.oldest()).Scan(&n)
	return n > 0, err
}

// qualifies tells whether a pair sent enough on enough days, nearly all of it good, and whether
// what sends is not shared.
func (s *Store) qualifies(ctx context.Context, l *link, q question) (bool, error) {
	infra, org := q.stored(l.hasher)
	today := dayOf(s.now())
	var c counts
	var days int
	err := l.db.QueryRowContext(ctx, `SELECT
			CAST(COALESCE(SUM(good), 0) AS BIGINT), CAST(COALESCE(SUM(failed), 0) AS BIGINT),
			COUNT(CASE WHEN good > 0 THEN 1 END)
		FROM assay_pair WHERE kind = $1 AND infra = $2 AND org = $3 AND day > $4 AND day <= $5`,
		int64(q.kind), infra, org, today-windowDays, today).Scan(&c.good, &c.failed, &days)
	if err != nil || !s.enough(c, days) || q.kind == kindAddress {
		return err == nil && s.enough(c, days), err
	}
	shared, err := s.shared(ctx, l, q, today)
	return err == nil && !shared, err
}

// enough tells whether the numbers of a pair do: of those messages that something more than a hint spoke for
// or against, 10 % may fail. What only a hint spoke for must not make up for failures.
func (s *Store) enough(c counts, days int) bool {
	return c.good >= int64(s.options.MinMessages) && days >= s.options.MinDays &&
		10*c.failed <= c.good+c.failed
}

// shared tells whether good mail for too many organizations comes from the infrastructure. It
// need not count them all.
func (s *Store) shared(ctx context.Context, l *link, q question, today int64) (bool, error) {
	var n int
	err := l.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM (
			SELECT DISTINCT org FROM assay_pair
			WHERE kind = $1 AND infra = $2 AND day > $3 AND day <= $4 AND good > 0 LIMIT $5) AS orgs`,
		int64(q.kind), q.infra, today-windowDays, today, s.options.MaxDomains+1).Scan(&n)
	return n > s.options.MaxDomains, err
}
