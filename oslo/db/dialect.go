package db

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// Dialect is one SQL engine; implementations live in oslo/db/sqlite and oslo/db/postgres.
type Dialect interface {
	Name() string
	// Schemes lists its URL schemes.
	Schemes() []string
	// Open opens the database of url. SQLite creates a missing one.
	Open(ctx context.Context, url string) (Engine, error)
	// Rebind replaces "?" placeholders by the engine's own.
	Rebind(sql string) string
	// Classify returns the class of an engine error, looking through wrappers.
	Classify(err error) Class
	// Explain returns, for an operator, why the database is unavailable and what to do.
	Explain(err error) (why, cure string)
	// Caps returns the differences that the statement builder needs.
	Caps() Caps
}

// Engine is an open database. It lends connections to functions; a connection is valid until its function returns.
type Engine interface {
	// Write runs fn once in a serializable transaction. nil means that it is durable. An error of fn rolls it back.
	Write(ctx context.Context, fn func(Conn) error) error
	// View runs fn in a read-only snapshot.
	View(ctx context.Context, fn func(Conn) error) error
	// Read runs one reading statement.
	Read(ctx context.Context, fn func(Conn) error) error
	// Lone runs one writing statement. nil means that it is durable. If the engine can, it commits without a further round
	// trip.
	Lone(ctx context.Context, fn func(Conn) error) error
	// Migrate runs fn while no other goroutine of this process writes.
	Migrate(ctx context.Context, fn func(*sql.DB) error) error
	Close() error
}

// Conn runs statements with the engine's own placeholders.
type Conn interface {
	Query(ctx context.Context, sql string, args []any) (Rows, error)
	// Exec returns the number of affected rows.
	Exec(ctx context.Context, sql string, args []any) (int64, error)
	// Check prepares a statement and discards it.
	Check(ctx context.Context, sql string) error
}

// Rows are the rows of a statement, with the methods of *sql.Rows and their meaning.
type Rows interface {
	Columns() ([]string, error)
	Next() bool
	Scan(into ...any) error
	Err() error
	Close() error
}

// Class is the class of an engine error.
type Class int

const (
	ClassOther       Class = iota
	ClassDuplicate         // unique violation
	ClassReference         // foreign key violation
	ClassRetry             // the whole transaction must run again
	ClassUnavailable       // disk full, file locked, server gone: it may be cured without us
	ClassRefused           // foreign or damaged file, wrong credentials, no such database: waiting cures nothing
	ClassInvalid           // a value the engine cannot use, as a bad regular expression
)

// Caps are the differences between engines that matter for the SQL of lists.
type Caps struct {
	NullsLargest bool   // NULL sorts last in ascending order
	Like         string // operator that matches a pattern and ignores case
	Regexp       string // operator that matches a regular expression anywhere
	Position     string // function (text, part): position of the part, 0 if it does not occur
	MaxParams    int    // largest number of placeholders in one statement
	Now          string // query for the server's clock in microseconds; empty: the engine runs in this process
	Rivals       bool   // concurrent writers: a transaction may have to run again because of another one's writes
	Goose        goose.Dialect
	// query for all tables: name, n (rows; -1: unknown without counting), bytes (of the whole database)
	Tables string
	Damage []string // queries whose every result except "ok" reports damage
}
