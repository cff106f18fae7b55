package db

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"

	"hypernova/oslo/fault"
)

// Set is a package's registry of statements: `var stmts = db.NewSet("nova")`. dbtest.Prepare prepares all of them on
// every dialect.
type Set struct {
	name  string
	sqls  []string
	lists []examiner
}

// NewSet makes an empty registry. Statements are added while packages are initialized, never later.
func NewSet(name string) *Set { return &Set{name: name} }

// Name returns the registry's name.
func (s *Set) Name() string { return s.name }

// Statements returns the registered texts in the order of their declaration. A list query is included once, without
// filters.
func (s *Set) Statements() []string { return append([]string(nil), s.sqls...) }

func (s *Set) add(sql string) string {
	s.sqls = append(s.sqls, sql)
	return sql
}

// Check lets the engine prepare a statement without running it.
func (d *DB) Check(ctx context.Context, text string) error {
	text = d.rebind(text)
	return d.engine.Read(ctx, func(c Conn) error { return c.Check(ctx, text) })
}

var errNoRows = errors.New("db: no row")

// Query is a SELECT (or … RETURNING) with "?" placeholders. Its rows scan into R, a struct with `db:"column"` tags or a
// single scalar.
type Query[R any] struct {
	sql  string
	plan atomic.Pointer[plan]
}

// NewQuery registers a statement that returns rows.
func NewQuery[R any](s *Set, sql string) *Query[R] { return &Query[R]{sql: s.add(sql)} }

// One returns the first row. fault.NotFound if there is none.
func (q *Query[R]) One(ctx context.Context, on Querier, args ...any) (R, error) {
	var r R
	err := q.each(ctx, on, args, func(rows Rows, p *plan) error {
		if !rows.Next() {
			if err := rows.Err(); err != nil {
				return err
			}
			return errNoRows
		}
		if err := p.scan(rows, reflect.ValueOf(&r).Elem()); err != nil {
			return q.unreadable(rows, err)
		}
		return nil
	})
	if errors.Is(err, errNoRows) {
		return r, fault.NotFoundf("It does not exist.").Because(errNoRows)
	}
	return r, err
}

// All returns every row, possibly none.
func (q *Query[R]) All(ctx context.Context, on Querier, args ...any) ([]R, error) {
	var all []R
	err := q.each(ctx, on, args, func(rows Rows, p *plan) error {
		var err error
		all, err = collect(rows, p, all[:0], 0, func(err error) error { return q.unreadable(rows, err) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// unreadable adds the table and id of the current row to the error, if the statement reads one table with an id.
func (q *Query[R]) unreadable(rows Rows, err error) error {
	u, err := spoilt(rows, tableOf(q.sql), "id", err)
	if err == nil {
		return u
	}
	return err
}

func (q *Query[R]) each(ctx context.Context, on Querier, args []any, f func(Rows, *plan) error) error {
	return query(ctx, on, q.sql, args, reflect.TypeFor[R](), &q.plan, f)
}

// query runs one SELECT and calls f to read its rows. known caches the plan of this text.
func query(ctx context.Context, on Querier, text string, args []any, t reflect.Type, known *atomic.Pointer[plan],
	f func(Rows, *plan) error) error {
	values, err := bind(args)
	if err != nil {
		return err
	}
	return run(ctx, on, text, func(c Conn, text string) (err error) {
		rows, err := c.Query(ctx, text, values)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		p := known.Load()
		if p == nil {
			names, err := rows.Columns()
			if err != nil {
				return err
			}
			if p, err = planFor(t, names); err != nil {
				return fmt.Errorf("db: %w in %s", err, text)
			}
			known.Store(p)
		}
		return f(rows, p)
	})
}

// Exec is a statement without result rows. A unique violation is fault.Conflict with errors.Is(err, ErrDuplicate).
type Exec struct{ sql string }

// NewExec registers a statement without result rows.
func NewExec(s *Set, sql string) *Exec { return &Exec{s.add(sql)} }

// Do runs the statement and returns the number of affected rows. 0 shows that a guard in its WHERE failed.
func (e *Exec) Do(ctx context.Context, on Querier, args ...any) (int64, error) {
	return exec(ctx, on, e.sql, args)
}

func exec(ctx context.Context, on Querier, text string, args []any) (n int64, err error) {
	values, err := bind(args)
	if err != nil {
		return 0, err
	}
	err = run(ctx, on, text, func(c Conn, text string) error {
		n, err = c.Exec(ctx, text, values)
		return err
	})
	return n, err
}

// Insert is "INSERT INTO table (all db-tagged columns of R)". DoAll inserts many rows in few statements.
type Insert[R any] struct {
	table  string
	fields []field
	head   string // up to and including VALUES
	tuple  string // (?, ?)
}

// insertParams bounds the placeholders of one statement of DoAll; more are not faster.
const insertParams = 1000

// NewInsert registers the INSERT of a row type. It panics if the row type has no tagged fields.
func NewInsert[R any](s *Set, table string) *Insert[R] {
	i := &Insert[R]{table: table, fields: fieldsOf(reflect.TypeFor[R]())}
	if len(i.fields) == 0 {
		panic(fmt.Sprintf("db: %T has no db-tagged fields", *new(R)))
	}
	names := make([]string, len(i.fields))
	for n, f := range i.fields {
		names[n] = f.name
	}
	i.head = "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ")\nVALUES "
	i.tuple = "(?" + strings.Repeat(", ?", len(names)-1) + ")"
	s.add(i.head + i.tuple)
	return i
}

// Do inserts one row.
func (i *Insert[R]) Do(ctx context.Context, on Querier, row R) error {
	_, err := exec(ctx, on, i.head+i.tuple, i.values(nil, row))
	return err
}

// Absent inserts the row unless it violates a unique constraint, and reports whether it did. The transaction can
// continue.
func (i *Insert[R]) Absent(ctx context.Context, on Querier, row R) (bool, error) {
	n, err := exec(ctx, on, i.head+i.tuple+"\nON CONFLICT DO NOTHING", i.values(nil, row))
	return n > 0, err
}

// DoAll inserts the rows; on a *DB all or none.
func (i *Insert[R]) DoAll(ctx context.Context, on Querier, rows []R) error {
	if len(rows) == 0 {
		return nil
	}
	size := max(1, insertParams/len(i.fields))
	if d, ok := on.querier().(*DB); ok && len(rows) > size {
		return d.Tx(ctx, func(t *Tx) error { return i.DoAll(ctx, t, rows) })
	}
	for len(rows) > 0 {
		n := min(size, len(rows))
		args := make([]any, 0, n*len(i.fields))
		for _, r := range rows[:n] {
			args = i.values(args, r)
		}
		if _, err := exec(ctx, on, i.head+i.tuple+strings.Repeat(", "+i.tuple, n-1), args); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (i *Insert[R]) values(args []any, row R) []any {
	v := reflect.ValueOf(&row).Elem()
	for _, f := range i.fields {
		args = append(args, v.FieldByIndex(f.index).Interface())
	}
	return args
}
