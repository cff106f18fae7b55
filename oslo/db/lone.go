package db

import (
	"context"
	"errors"
)

// Lone runs each statement in a transaction of its own, like a *DB, at lower cost. With concurrent writers (PostgreSQL)
// the statement is atomic but not serializable: it writes the rows that match its WHERE when it writes them, but other
// rows that it read may have changed. That suffices for a statement whose guard is in the row it writes, and causes no
// serialization failures. With one writer (SQLite) there is no difference.
type Lone struct{ db *DB }

// Lone returns a Querier for statements that guard themselves.
func (d *DB) Lone() Lone { return Lone{d} }

func (l Lone) run(ctx context.Context, sql string, f func(c Conn, sql string) error) error {
	d := l.db
	if strict() && !d.dialect.Caps().Rivals { // elsewhere it cannot deadlock, and the check costs as much as the write
		if _, nested := d.inTx.Load(goroutine()); nested {
			return errNested
		}
	}
	text := d.rebind(sql)
	var none error // no row; nothing to roll back
	err := d.again(ctx, func(n int) error {
		return d.laned(ctx, n, func() error {
			return d.engine.Lone(ctx, func(c Conn) error {
				err := f(c, text)
				if none = nil; errors.Is(err, errNoRows) {
					none, err = err, nil
				}
				return err
			})
		})
	})
	if err != nil {
		return err
	}
	return none
}
