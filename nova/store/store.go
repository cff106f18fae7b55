// Package store is the database access of compute. Its functions run on the querier that the caller gives, so that
// several can share one transaction. Those that stamp rows get the present time. No row type leaves the package.
package store

import (
	"context"
	"embed"
	"io/fs"
	"strings"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

var stmts = db.NewSet("nova")

// Statements returns the registered statements of this package.
func Statements() *db.Set { return stmts }

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the numbered migration files, for DB.Migrate and for tests that prepare statements.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return sub
}

var nextNumber = db.NewQuery[int64](stmts, `
INSERT INTO counters (name, value)
VALUES (?, ?)
ON CONFLICT (name) DO UPDATE
SET value = counters.value + 1
RETURNING value`)

// number returns the next of the small numbers that old API versions use as ids.
func number(ctx context.Context, tx *db.Tx, of string) (int64, error) {
	return nextNumber.One(ctx, tx, of, int64(1))
}

// values converts rows; without an error the result is never nil.
func values[R, V any](rows []R, err error, value func(*R) V) ([]V, error) {
	if err != nil {
		return nil, err
	}
	out := make([]V, len(rows))
	for i := range rows {
		out[i] = value(&rows[i])
	}
	return out, nil
}

// absent replaces the NotFound of a query by one that names what is missing.
func absent(err error, format string, args ...any) error {
	if fault.Is(err, fault.NotFound) {
		return fault.NotFoundf(format, args...)
	}
	return err
}

// changed is fault.NotFound for an UPDATE or DELETE by key that found no row.
func changed(n int64, err error, format string, args ...any) error {
	if err == nil && n == 0 {
		return fault.NotFoundf(format, args...)
	}
	return err
}

// joinTags writes a set of words as ",one,two,", so that a filter finds a whole word; no word has a comma.
func joinTags(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return "," + strings.Join(tags, ",") + ","
}

func splitTags(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.Trim(text, ","), ",")
}
