// Package db is SQL with typed, registered, portable statements. (CONTRACT SKELETON: owner replaces bodies, keeps signatures.)
package db

import (
	"context"
	"io/fs"
	"time"
)

// DB is one service's database: a writer and readers.
type DB struct{}

// Querier is a *DB (each statement on its own) or a *Tx.
type Querier interface{ querier() }

// Tx is one transaction.
type Tx struct{}

func (*DB) querier() {}
func (*Tx) querier() {}

// Dialect is one SQL engine; implementations live in oslo/db/sqlite and oslo/db/postgres.
type Dialect interface {
	Name() string /* Open, Rebind, Classify, Caps: owner's */
}

// Open opens url with the dialect of its scheme ("sqlite:///path", "sqlite://" or "sqlite:///:memory:" for memory, "postgresql://…").
func Open(ctx context.Context, url string, dialects ...Dialect) (*DB, error) { panic("x") }
func (d *DB) Close() error                                                   { panic("x") }

// Migrate applies the numbered *.sql files (goose format, forward only, portable) of fsys. name keys the version table, so that
// several rooms (nova, tasks) can keep their migrations in one database.
func (d *DB) Migrate(ctx context.Context, name string, fsys fs.FS) error { panic("x") }

// Tx runs fn in a write transaction (BEGIN IMMEDIATE on SQLite); retried as a whole when the engine asks for it
// (busy, serialization), so fn must have no effects outside. View is a read-only snapshot.
func (d *DB) Tx(ctx context.Context, fn func(*Tx) error) error   { panic("x") }
func (d *DB) View(ctx context.Context, fn func(*Tx) error) error { panic("x") }

// AfterCommit runs fn once the transaction is durable (wake a worker, send a hint).
func (t *Tx) AfterCommit(fn func()) { panic("x") }

// Set is a room's registry of statements: `var stmts = db.NewSet("nova")`; dbtest.Prepare(t, set, migrations…) prepares all on every dialect.
type Set struct{}

func NewSet(name string) *Set { panic("x") }

// Query is a SELECT (or … RETURNING) whose rows scan into R, a struct with `db:"column"` tags, or a single scalar. ? placeholders.
type Query[R any] struct{}

func NewQuery[R any](s *Set, sql string) *Query[R] { panic("x") }

// One answers fault.NotFound when there is no row.
func (q *Query[R]) One(ctx context.Context, on Querier, args ...any) (R, error)   { panic("x") }
func (q *Query[R]) All(ctx context.Context, on Querier, args ...any) ([]R, error) { panic("x") }

// Exec is a statement without rows; Do returns the number of rows affected. A unique violation is fault.Conflict with errors.Is(err, ErrDuplicate).
type Exec struct{}

func NewExec(s *Set, sql string) *Exec                                         { panic("x") }
func (e *Exec) Do(ctx context.Context, on Querier, args ...any) (int64, error) { panic("x") }

// Insert is "INSERT INTO table (all db-tagged columns of R)". DoAll writes many rows in few statements.
type Insert[R any] struct{}

func NewInsert[R any](s *Set, table string) *Insert[R]                     { panic("x") }
func (i *Insert[R]) Do(ctx context.Context, on Querier, row R) error       { panic("x") }
func (i *Insert[R]) DoAll(ctx context.Context, on Querier, rows []R) error { panic("x") }

// ListQuery is a filtered, sorted, keyset-paged SELECT over declared columns.
// sql is "SELECT … FROM … [JOIN …]" without WHERE; columns maps API names to SQL expressions.
type ListQuery[R any] struct{}

func NewList[R any](s *Set, sql string, columns map[string]string, idColumn string) *ListQuery[R] {
	panic("x")
}

// Page reads at most a.Limit rows after a.Marker (an id); a Marker that matches no row is fault.Invalid.
func (l *ListQuery[R]) Page(ctx context.Context, on Querier, a ListArgs) ([]R, error) { panic("x") }
func (l *ListQuery[R]) Count(ctx context.Context, on Querier, where []Cond) (int64, error) {
	panic("x")
}

type ListArgs struct {
	Where   []Cond
	Sort    []SortKey // the id column is always appended as the tie-break
	Marker  string
	Limit   int
	Reverse bool // page_reverse
}
type SortKey struct {
	Column string
	Desc   bool
}
type Cond struct {
	Column string
	Op     Op
	Values []any
} // Column is a declared API name; Or-groups: Any
type Op int

const (
	Eq Op = iota
	Ne
	In
	NotIn
	Lt
	Le
	Gt
	Ge
	Like
	IsNull
	NotNull
	Regexp
)

// EqTo etc. are shorthands.
func EqTo(col string, v any) Cond { return Cond{col, Eq, []any{v}} }
func InList[T any](col string, vs []T) Cond {
	c := Cond{Column: col, Op: In}
	for _, v := range vs {
		c.Values = append(c.Values, v)
	}
	return c
}

// Time is a UTC instant kept as BIGINT microseconds; the zero Time is NULL.
type Time struct{ time.Time }

// JSON keeps a T as TEXT.
type JSON[T any] struct{ V T }

// NullString etc.: use *string / *int64 fields for nullable columns.

// ErrDuplicate marks unique violations.
var ErrDuplicate error
