// Package store is the database access of compute. Functions take the querier they run on, so that a verb can do
// several in one transaction. No row type leaves the room.
package store

import (
	"context"
	"embed"
	"io/fs"

	"hypernova/oslo/clock"
	"hypernova/oslo/db"
)

var stmts = db.NewSet("nova")

// Statements are those of this room.
func Statements() *db.Set { return stmts }

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the numbered files of this room, for Migrate and for tests that prepare statements.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return sub
}

// Store reads and writes compute's database. Methods may be called concurrently.
type Store struct {
	DB     *db.DB
	now    clock.Now
	parsed *parsed
	beats  beats
}

// New makes the store of an open, migrated database. A nil now is the real clock.
func New(d *db.DB, now clock.Now) *Store {
	if now == nil {
		now = clock.Real
	}
	return &Store{DB: d, now: now, parsed: newParsed()}
}

// Now is the clock that rows are stamped with.
func (s *Store) Now() clock.Now { return s.now }

// Migrate brings the database to this version.
func (s *Store) Migrate(ctx context.Context) error { return s.DB.Migrate(ctx, "nova", Migrations()) }

// Tx runs fn in a write transaction; it may run more than once.
func (s *Store) Tx(ctx context.Context, fn func(*db.Tx) error) error { return s.DB.Tx(ctx, fn) }

var nextNumber = db.NewQuery[int64](stmts, `
INSERT INTO counters (name, value)
VALUES (?, ?)
ON CONFLICT (name) DO UPDATE
SET value = counters.value + 1
RETURNING value`)

// number counts up, for the small ids that old API versions show.
func (s *Store) number(ctx context.Context, tx *db.Tx, of string) (int64, error) {
	return nextNumber.One(ctx, tx, of, int64(1))
}
