// Package dbtest provides test helpers for SQL: it runs a test on every dialect, prepares all statements, and compares
// query plans and rows.
package dbtest

import (
	"context"
	"io/fs"
	"strings"
	"testing"

	"hypernova/oslo/db"
	"hypernova/oslo/db/postgres"
	"hypernova/oslo/db/sqlite"
)

// Migrations are the tables of one room.
type Migrations struct {
	Name string
	FS   fs.FS
}

// Memory opens an empty SQLite database in memory with the given tables; it is closed with the test.
func Memory(t testing.TB, ms ...Migrations) *db.DB {
	t.Helper()
	return Open(t, "sqlite://", ms...)
}

// Open opens url with the given tables; it is closed with the test.
func Open(t testing.TB, url string, ms ...Migrations) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, sqlite.Dialect(), postgres.Dialect())
	if err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for _, m := range ms {
		if err := d.Migrate(t.Context(), m.Name, m.FS); err != nil {
			t.Fatalf("migrate %s: %v", m.Name, err)
		}
	}
	return d
}

// Run runs body on an empty database of each dialect, in parallel. Where PostgreSQL's programs are not installed that
// part is skipped and says so.
func Run(t *testing.T, body func(t *testing.T, d *db.DB), ms ...Migrations) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		body(t, Memory(t, ms...))
	})
	t.Run("postgresql", func(t *testing.T) {
		t.Parallel()
		body(t, Open(t, Postgres(t), ms...))
	})
}

// Prepare prepares every statement of the set against the given tables on each dialect.
func Prepare(t *testing.T, set *db.Set, ms ...Migrations) {
	t.Helper()
	Run(t, func(t *testing.T, d *db.DB) {
		for _, text := range set.Statements() {
			if err := d.Check(t.Context(), text); err != nil {
				t.Errorf("%s: %v\n%s", set.Name(), err, text)
			}
		}
	}, ms...)
}

type planRow struct {
	ID     int64  `db:"id"`
	Parent int64  `db:"parent"`
	Unused int64  `db:"notused"`
	Detail string `db:"detail"`
}

// Lister is a db.ListQuery of any row type.
type Lister interface {
	Text(ctx context.Context, on db.Querier, a db.ListArgs) (string, []any, error)
}

// Plan is how SQLite would run the list, a line per step.
func Plan(t testing.TB, d *db.DB, l Lister, a db.ListArgs) []string {
	t.Helper()
	text, args, err := l.Text(t.Context(), d, a)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	return PlanSQL(t, d, text, args...)
}

// PlanSQL is how SQLite would run a statement, a line per step.
func PlanSQL(t testing.TB, d *db.DB, text string, args ...any) []string {
	t.Helper()
	rows, err := db.NewQuery[planRow](db.NewSet("plan"), "EXPLAIN QUERY PLAN "+text).All(t.Context(), d, args...)
	if err != nil {
		t.Fatalf("explain: %v\n%s", err, text)
	}
	var lines []string
	for _, r := range rows {
		lines = append(lines, r.Detail)
	}
	return lines
}

// WantIndex fails the test unless an index serves the list: nothing is scanned without one and nothing is sorted aside.
func WantIndex(t testing.TB, d *db.DB, l Lister, a db.ListArgs) {
	t.Helper()
	for _, line := range Plan(t, d, l, a) {
		scan := strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "USING INDEX") &&
			!strings.Contains(line, "USING COVERING INDEX")
		if scan || strings.Contains(line, "TEMP B-TREE") {
			t.Errorf("no index serves the list: %s", line)
		}
	}
}
