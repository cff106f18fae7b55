package db

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// Dialect is one SQL engine; implementations live in oslo/db/sqlite and oslo/db/postgres.
type Dialect interface {
	Name() string
	// Schemes are the URL schemes it opens.
	Schemes() []string
	// Open opens the database of url, and creates it where that is the engine's habit.
	Open(ctx context.Context, url string) (Engine, error)
	// Rebind turns "?" placeholders into the engine's own.
	Rebind(sql string) string
	// Classify says what kind of trouble an error of the engine is, looking through wrappers.
	Classify(err error) Class
	// Explain says in a few words, for an operator, why the database cannot be used, and what cures it.
	Explain(err error) (why, cure string)
	// Caps are the differences that the statement builder must know.
	Caps() Caps
}

// Engine is an open database. Its functions hand out connections; a connection ends with the function.
type Engine interface {
	// Write runs fn in one serializable transaction, once; nil means it is durable. An error of fn rolls back.
	Write(ctx context.Context, fn func(Conn) error) error
	// View runs fn on a read-only snapshot.
	View(ctx context.Context, fn func(Conn) error) error
	// Read runs one reading statement.
	Read(ctx context.Context, fn func(Conn) error) error
	// Lone runs one statement that writes; nil means it is durable. Its commit costs no round trip of its own where the engine can spare it.
	Lone(ctx context.Context, fn func(Conn) error) error
	// Migrate runs fn while nobody else of this process writes.
	Migrate(ctx context.Context, fn func(*sql.DB) error) error
	Close() error
}

// Conn runs statements in the engine's own placeholders.
type Conn interface {
	Query(ctx context.Context, sql string, args []any) (*sql.Rows, error)
	Exec(ctx context.Context, sql string, args []any) (sql.Result, error)
	// Check prepares a statement and forgets it.
	Check(ctx context.Context, sql string) error
}

// Class is what an engine's error means to the caller.
type Class int

const (
	ClassOther       Class = iota
	ClassDuplicate         // a unique constraint
	ClassReference         // a foreign key
	ClassRetry             // run the whole transaction again
	ClassUnavailable       // disk full, file locked, server gone: it may be cured without us
	ClassRefused           // foreign or damaged file, wrong credentials, no such database: waiting cures nothing
	ClassInvalid           // a value the engine cannot use, as a bad regular expression
)

// Caps are the differences between engines that show in the SQL of lists.
type Caps struct {
	NullsLargest bool   // where NULL sorts
	Like         string // the operator that ignores case
	Regexp       string // the operator that finds a regular expression anywhere
	Position     string // a function (text, part): where the part begins, 0 if it does not occur
	MaxParams    int    // most placeholders in one statement
	Now          string // the query for the server's clock in microseconds; empty: the server is this process
	Rivals       bool   // transactions write beside each other, so that what one of them read may cost it a repetition
	Goose        goose.Dialect
	Tables       string   // the query for all tables: name, n (rows; -1: not known without counting), bytes (of the whole database)
	Damage       []string // queries whose every value but "ok" tells of damage
}
