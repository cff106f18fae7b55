package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// End declares how the rows of a table are deleted. Each store declares one for each of its tables, so that no table
// grows without bound.
type End struct {
	Table string
	How   string // what deletes its rows, and when
	Sweep *Sweep // deletes rows that are retained for a time; nil: none are
}

// Gone is a deleted row.
type Gone struct {
	Table string         `json:"table"`
	Row   map[string]any `json:"row"` // by column; instants are microseconds since 1970
}

// Sweep deletes rows that ended before an instant. One transaction deletes about most rows and returns them; none means
// that nothing is left.
type Sweep struct {
	Tx func(ctx context.Context, tx *Tx, before time.Time, most int) ([]Gone, error)
}

// Delete is a DELETE that returns the deleted rows.
type Delete struct{ table, sql string }

// NewDelete registers "DELETE FROM table WHERE rest RETURNING *".
func NewDelete(s *Set, table, rest string) *Delete {
	return &Delete{table, s.add("DELETE FROM " + table + "\nWHERE " + rest + "\nRETURNING *")}
}

// Do executes the DELETE and returns the deleted rows.
func (d *Delete) Do(ctx context.Context, on Querier, args ...any) (all []Gone, err error) {
	values, err := bind(args)
	if err != nil {
		return nil, err
	}
	err = run(ctx, on, d.sql, func(c Conn, text string) error {
		rows, err := c.Query(ctx, text, values)
		if err != nil {
			return err
		}
		maps, err := maps(rows)
		for _, m := range maps {
			all = append(all, Gone{d.table, m})
		}
		return errors.Join(err, rows.Close())
	})
	return all, err
}

// Before returns a Sweep of one statement. Its arguments are the instant and the largest number of rows.
func (d *Delete) Before() *Sweep {
	return &Sweep{func(ctx context.Context, tx *Tx, before time.Time, most int) ([]Gone, error) {
		return d.Do(ctx, tx, At(before), most)
	}}
}

// SweepArgs are the limits and the destination of a sweep.
type SweepArgs struct {
	Before time.Time
	Batch  int           // rows of one transaction; 0: a default that keeps transactions short
	Most   int           // total number of rows; 0: no limit
	Pause  time.Duration // pause between transactions
	// Keep receives the rows before their deletion is durable. It must have stored them when it returns. It may receive a
	// row twice, and never misses one. nil: the rows are not kept.
	Keep func([]Gone) error
}

// sweepBatch is the default number of rows of one transaction, small enough that other writers hardly wait.
const sweepBatch = 200

// Sweep deletes ended rows in short transactions and returns their number by table. Rows deleted before an error stay
// deleted.
func (d *DB) Sweep(ctx context.Context, s *Sweep, a SweepArgs) (map[string]int, error) {
	counts, total := map[string]int{}, 0
	if a.Batch <= 0 {
		a.Batch = sweepBatch
	}
	for a.Most == 0 || total < a.Most {
		size := a.Batch
		if a.Most > 0 {
			size = min(size, a.Most-total)
		}
		var gone []Gone
		err := d.Tx(ctx, func(tx *Tx) (err error) {
			gone, err = s.Tx(ctx, tx, a.Before, size)
			if err == nil && a.Keep != nil && len(gone) > 0 {
				err = a.Keep(gone)
			}
			return err
		})
		if err != nil || len(gone) == 0 {
			return counts, err
		}
		for _, g := range gone {
			counts[g.Table]++
		}
		total += len(gone)
		if err := wait(ctx, a.Pause); err != nil {
			return counts, err
		}
	}
	return counts, nil
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TableSize is the size of a table.
type TableSize struct {
	Name string
	Rows int64 // counted, or the engine's estimate if counting would take long
}

// Tables lists the tables with their sizes, and the size of the whole database in bytes.
func (d *DB) Tables(ctx context.Context) (ts []TableSize, bytes int64, err error) {
	err = d.View(ctx, func(tx *Tx) error {
		ts = ts[:0]
		rows, err := tx.Maps(ctx, d.dialect.Caps().Tables)
		if err != nil {
			return err
		}
		for _, r := range rows {
			t := TableSize{Name: fmt.Sprint(r["name"]), Rows: whole(r["n"])}
			if bytes = whole(r["bytes"]); t.Rows < 0 {
				n, err := tx.Maps(ctx, "SELECT COUNT(*) AS n FROM "+t.Name)
				if err != nil {
					return err
				}
				t.Rows = whole(n[0]["n"])
			}
			ts = append(ts, t)
		}
		return nil
	})
	return ts, bytes, err
}

func whole(v any) int64 {
	n, _ := v.(int64)
	return n
}

// Damage asks the engine for damage of the database. Each text is one finding. SQLite reads the whole file. On
// PostgreSQL it reads a row of each table; complete checks are the server's (pg_amcheck).
func (d *DB) Damage(ctx context.Context) (found []string, err error) {
	for _, text := range d.dialect.Caps().Damage {
		err := d.View(ctx, func(tx *Tx) error {
			rows, err := tx.Maps(ctx, text)
			for _, r := range rows {
				for _, v := range r {
					if s := fmt.Sprint(v); s != "ok" {
						found = append(found, s)
					}
				}
			}
			return err
		})
		if err != nil {
			return found, err
		}
	}
	ts, _, err := d.Tables(ctx)
	if err != nil {
		return found, err
	}
	for _, t := range ts {
		if err := d.View(ctx, func(tx *Tx) error {
			_, err := tx.Maps(ctx, "SELECT * FROM "+t.Name+" LIMIT 1")
			return err
		}); err != nil {
			if ctx.Err() != nil {
				return found, err
			}
			found = append(found, fmt.Sprintf("table %s cannot be read: %v", t.Name, err))
		}
	}
	return found, nil
}

// maps reads rows by column name.
func maps(rows Rows) (all []map[string]any, err error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		m := make(map[string]any, len(names))
		for i, n := range names {
			if b, ok := values[i].([]byte); ok {
				values[i] = string(b)
			}
			m[n] = values[i]
		}
		all = append(all, m)
	}
	return all, rows.Err()
}
