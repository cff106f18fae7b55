package db

import (
	"context"
	"errors"
)

// Maps answers rows by column name, for tools that do not know the tables. Services declare a Query.
func (t *Tx) Maps(ctx context.Context, text string) (all []map[string]any, err error) {
	err = run(ctx, t, text, func(c Conn, text string) (err error) {
		rows, err := c.Query(ctx, text, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		names, err := rows.Columns()
		if err != nil {
			return err
		}
		for rows.Next() {
			values, into := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return err
			}
			m := make(map[string]any, len(names))
			for i, n := range names {
				m[n] = values[i]
			}
			all = append(all, m)
		}
		return rows.Err()
	})
	return all, err
}
