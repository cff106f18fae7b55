package db

import (
	"context"
	"errors"
)

// Lone runs each statement on its own, as a *DB does, and cheaper: where transactions write beside each other the statement is not
// serializable. It is atomic; the rows it writes are those that its WHERE holds for at the instant it writes them; but what it reads
// of other rows may be out of date by then. That is enough for a statement whose guard is in the row it writes, and never makes a rival
// repeat itself. On a database with one writer nothing differs.
type Lone struct{ db *DB }

// Lone is for statements that guard themselves.
func (d *DB) Lone() Lone { return Lone{d} }

func (l Lone) run(ctx context.Context, sql string, f func(c Conn, sql string) error) error {
	d := l.db
	if !d.dialect.Caps().Rivals { // elsewhere it would not wait for itself, and to ask costs as much as to write
		if _, nested := d.inTx.Load(goroutine()); nested {
			return errNested
		}
	}
	text := d.rebind(sql)
	var none error // no row, which undoes nothing
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
