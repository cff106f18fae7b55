package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// conn is one connection with its prepared statements. It has one user at a time.
type conn struct {
	c     *sql.Conn
	stmts map[string]*sql.Stmt
}

// stmtsKept bounds the prepared statements of a connection: lists with filters have many texts.
const stmtsKept = 300

func pin(ctx context.Context, p *sql.DB) (*conn, error) {
	c, err := p.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, stmts: map[string]*sql.Stmt{}}, nil
}

// unpin gives the connection back to its pool.
func (c *conn) unpin() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	c.stmts = nil
	return errors.Join(append(errs, c.c.Close())...)
}

func (c *conn) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := c.stmts[text]; s != nil {
		return s, nil
	}
	if len(c.stmts) >= stmtsKept {
		for k, s := range c.stmts { // any one: what is used often comes back
			delete(c.stmts, k)
			if err := s.Close(); err != nil {
				return nil, err
			}
			break
		}
	}
	s, err := c.c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c.stmts[text] = s
	return s, nil
}

// Query runs a statement that answers rows.
func (c *conn) Query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	s, err := c.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// Exec runs a statement that answers none.
func (c *conn) Exec(ctx context.Context, text string, args []any) (sql.Result, error) {
	s, err := c.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (c *conn) do(ctx context.Context, text string) error {
	_, err := c.Exec(ctx, text, nil)
	return err
}

// touch reads the file once.
func (c *conn) touch(ctx context.Context) error {
	var n int
	return c.c.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master").Scan(&n)
}

// Check prepares a statement and forgets it.
func (c *conn) Check(ctx context.Context, text string) error {
	s, err := c.c.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	return s.Close()
}
