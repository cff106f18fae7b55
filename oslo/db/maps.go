package db

import (
	"context"
	"errors"
)

// Maps returns rows by column name, for tools that do not know the tables. Services declare a Query.
func (t *Tx) Maps(ctx context.Context, text string) (all []map[string]any, err error) {
	err = run(ctx, t, text, func(c Conn, text string) (err error) {
		rows, err := c.Query(ctx, text, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		all, err = maps(rows)
		return err
	})
	return all, err
}
