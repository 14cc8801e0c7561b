package history

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

const chunkRows = 1024 // rows of a transaction

// Rows of a statement: a server is asked less often by more of them, and SQLite looks for a
// parameter among all of the statement.
const (
	groupServer = 128
	groupFile   = 8
)

// A table is one that rows are added to.
type table struct {
	name    string
	columns []string
	keys    int    // how many of the first columns are the primary key
	merge   string // what becomes of a row that is there
}

// The tables, in the order in which they are written: nodes that wait for each other's rows
// must do so in one order, and therefore the rows are sorted, too.
var (
	pairTable = table{"assay_pair", []string{"kind", "infra", "org", "day", "good", "failed", "other"}, 4,
		`good = assay_pair.good + excluded.good, failed = assay_pair.failed + excluded.failed, other = assay_pair.other + excluded.other`}
	contactTable = table{"assay_contact", []string{"parties", "day"}, 1,
		`day = ` + later("assay_contact", "day")}
	sightingTable = table{"assay_sighting", []string{"day", "domain", "infra", "internal", "reason", "result",
		"implicit", "implicit_result", "policy", "entry", "action", "n", "seen"}, 11,
		`n = assay_sighting.n + excluded.n, seen = ` + later("assay_sighting", "seen")}
	useTable = table{"assay_use", []string{"entry", "day", "seen"}, 1,
		`day = ` + later("assay_use", "day") + `, seen = ` + later("assay_use", "seen")}
)

// later is an expression for the greater one of what is there and what is added: the two
// databases have different functions for it.
func later(table, column string) string {
	return fmt.Sprintf("CASE WHEN excluded.%[2]s > %[1]s.%[2]s THEN excluded.%[2]s ELSE %[1]s.%[2]s END", table, column)
}

// insert is the statement that adds n rows.
func (t *table) insert(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", t.name, strings.Join(t.columns, ", "))
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		for j := range t.columns {
			fmt.Fprintf(&b, "%c$%d", "(,"[min(j, 1)], i*len(t.columns)+j+1)
		}
		b.WriteByte(')')
	}
	fmt.Fprintf(&b, " ON CONFLICT (%s) DO UPDATE SET %s", strings.Join(t.columns[:t.keys], ", "), t.merge)
	return b.String()
}

// A row is one row for a table. Addresses in it are hashed when it is written.
type row interface {
	table() *table
	values(h hasher) []any
}

type (
	pairRow struct {
		pairKey
		counts
	}
	contactRow struct {
		contactKey
		day int64
	}
	sightingRow struct {
		sightingKey
		seen
	}
	useRow struct {
		entry string
		last  int64
	}
)

func (pairRow) table() *table     { return &pairTable }
func (contactRow) table() *table  { return &contactTable }
func (sightingRow) table() *table { return &sightingTable }
func (useRow) table() *table      { return &useTable }

func (r pairRow) values(h hasher) []any {
	infra, org := r.stored(h)
	return []any{int64(r.kind), infra, org, r.day, r.good, r.failed, r.other}
}

// stored is the pair as the database has it: local parts never reach it.
func (k pairKey) stored(h hasher) (infra, org string) {
	if k.kind == kindAddress {
		return h.hash(usePair, k.org, k.infra, k.via), ""
	}
	return k.infra, k.org
}

func (r contactRow) values(h hasher) []any {
	return []any{h.hash(useContact, r.user, r.org), r.day}
}

func (r sightingRow) values(hasher) []any {
	internal := int64(0)
	if r.Internal {
		internal = 1
	}
	return []any{r.day, r.Domain, r.Infrastructure, internal, int64(r.Reason), string(r.Result),
		int64(r.Implicit), string(r.ImplicitResult), r.Policy, r.Entry, r.Action, r.n, r.last}
}

func (r useRow) values(h hasher) []any {
	return []any{h.entry(r.entry), r.last / (24 * 60 * 60), r.last}
}

// rows takes the batch apart, ordered by table.
func (b *batch) rows() []row {
	list := make([]row, 0, b.size())
	for k, c := range b.pairs {
		list = append(list, pairRow{k, c})
	}
	for k, day := range b.contacts {
		list = append(list, contactRow{k, day})
	}
	for k, s := range b.sightings {
		list = append(list, sightingRow{k, s})
	}
	for entry, last := range b.uses {
		list = append(list, useRow{entry, last})
	}
	return list
}

// A chunk is what is written in one transaction. It does not change from one attempt to the
// next, so that it can be known by its number.
type chunk struct {
	seq  int64
	rows []row
}

// write adds the rows of a chunk, unless an earlier attempt did though it seemed to fail.
func (c *chunk) write(ctx context.Context, l link, node string, today int64) error {
	return inTx(ctx, l.db, func(tx *sql.Tx) error {
		if isNew, err := mark(ctx, tx, node, c.seq, today); err != nil || !isNew {
			return err
		}
		for _, t := range []*table{&pairTable, &contactTable, &sightingTable, &useTable} {
			if err := t.write(ctx, tx, sorted(c.rows, t, l.hasher), l.group); err != nil {
				return err
			}
		}
		return nil
	})
}

// An execer is a *sql.DB or a *sql.Tx.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// mark notes that a node has come to seq, and tells whether that is new. Not whether it is greater: a
// clock that was ahead once must not end all marks that are times.
func mark(ctx context.Context, e execer, node string, seq, today int64) (bool, error) {
	result, err := e.ExecContext(ctx, `INSERT INTO assay_node (node, seq, day) VALUES ($1, $2, $3)
		ON CONFLICT (node) DO UPDATE SET seq = excluded.seq, day = excluded.day WHERE assay_node.seq <> excluded.seq`,
		node, seq, today)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// sorted is the values of those rows that belong to a table, by primary key.
func sorted(rows []row, t *table, h hasher) [][]any {
	var list [][]any
	for _, r := range rows {
		if r.table() == t {
			list = append(list, r.values(h))
		}
	}
	slices.SortFunc(list, func(a, b []any) int {
		for i := range t.keys {
			if c := compare(a[i], b[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	return list
}

// compare orders two values of one column.
func compare(a, b any) int {
	if a, ok := a.(int64); ok {
		return cmp.Compare(a, b.(int64))
	}
	return cmp.Compare(a.(string), b.(string))
}

// write adds rows in statements of 1, 2, 4, ... most rows: few texts, which the database can
// keep prepared.
func (t *table) write(ctx context.Context, tx *sql.Tx, rows [][]any, most int) error {
	for n := most; n > 0; n /= 2 {
		for len(rows) >= n {
			if _, err := tx.ExecContext(ctx, t.insert(n), slices.Concat(rows[:n]...)...); err != nil {
				return err
			}
			rows = rows[n:]
		}
	}
	return nil
}
