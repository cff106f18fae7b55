package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"time"
)

// lend makes a connection usable by a library that needs database/sql, one statement at a time. Closing the result does
// not close the connection.
func lend(c *conn) *sql.DB {
	d := sql.OpenDB(lender{c})
	d.SetMaxOpenConns(1)
	return d
}

type lender struct{ c *conn }

func (l lender) Connect(context.Context) (driver.Conn, error) { return lent(l), nil }
func (l lender) Driver() driver.Driver                        { return l }

// Open is not used: a lender makes its connections with Connect.
func (l lender) Open(string) (driver.Conn, error) { return lent(l), nil }

// lent is the connection in the hands of database/sql.
type lent struct{ c *conn }

func (l lent) Close() error { return nil }

// Begin is needed by the interface only: BeginTx is called instead.
func (l lent) Begin() (driver.Tx, error) { return nil, driver.ErrSkip }

func (l lent) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	free := context.WithoutCancel(ctx) // the end of the caller must not leave the transaction open
	return lentTx{func(text string) error { return l.c.do(free, text) }}, l.c.do(ctx, "BEGIN IMMEDIATE")
}

type lentTx struct{ do func(text string) error }

func (t lentTx) Commit() error   { return t.do("COMMIT") }
func (t lentTx) Rollback() error { return t.do("ROLLBACK") }

// Prepare is needed by the interface only: the methods below run statements without it.
func (l lent) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("sqlite: statements of migrations are not prepared")
}

func (l lent) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := l.c.transient(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	n, err := l.c.exec(ctx, s, plain(args))
	return driver.RowsAffected(n), err
}

func (l lent) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := l.c.transient(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	if err := s.bind(plain(args)); err != nil {
		s.done()
		return nil, err
	}
	s.busy = true
	return &lentRows{rows{c: l.c, s: s, ctx: ctx, unwatch: l.c.watch(ctx)}}, nil
}

func plain(args []driver.NamedValue) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a.Value
	}
	return out
}

type lentRows struct{ rows }

func (r *lentRows) Columns() []string { return r.s.names }

// Next reads a row. The migration library keeps instants in a column called tstamp, which are text here.
func (r *lentRows) Next(into []driver.Value) error {
	if !r.rows.Next() {
		if r.err != nil {
			return r.err
		}
		return io.EOF
	}
	for i := range into {
		into[i] = r.value(i)
		if text, ok := into[i].(string); ok && r.s.names[i] == "tstamp" {
			t, err := time.Parse(time.DateTime, text)
			if err != nil {
				return err
			}
			into[i] = t
		}
	}
	return nil
}
