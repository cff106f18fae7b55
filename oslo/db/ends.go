package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// End says how the rows of a table end. Each store declares one for each of its tables, so that no table grows for ever unnoticed.
type End struct {
	Table string
	How   string // who ends its rows, and when
	Sweep *Sweep // deletes what is kept for a time after its end; nil: nothing is kept
}

// Gone is a row that was deleted.
type Gone struct {
	Table string         `json:"table"`
	Row   map[string]any `json:"row"` // by column; instants are microseconds since 1970
}

// Sweep deletes what ended before an instant. Its transaction takes at most about most rows, and answers what it deleted; nothing means
// that nothing is left.
type Sweep struct {
	Tx func(ctx context.Context, tx *Tx, before time.Time, most int) ([]Gone, error)
}

// Delete is a DELETE that answers the rows it deletes.
type Delete struct{ table, sql string }

// NewDelete registers "DELETE FROM table WHERE rest RETURNING *".
func NewDelete(s *Set, table, rest string) *Delete {
	return &Delete{table, s.add("DELETE FROM " + table + "\nWHERE " + rest + "\nRETURNING *")}
}

// Do deletes, and answers what it deleted.
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

// Before is a sweep of one statement, whose arguments are the instant and how many rows to delete at most.
func (d *Delete) Before() *Sweep {
	return &Sweep{func(ctx context.Context, tx *Tx, before time.Time, most int) ([]Gone, error) {
		return d.Do(ctx, tx, At(before), most)
	}}
}

// SweepArgs are how much is swept, and where it goes.
type SweepArgs struct {
	Before time.Time
	Batch  int           // rows of one transaction; 0: a number that keeps transactions short
	Most   int           // rows in all; 0: until nothing is left
	Pause  time.Duration // between transactions
	// Keep is given the rows before their deletion is durable, and must have them safe when it returns: what it was given may come again, never
	// less. nil: they are not kept.
	Keep func([]Gone) error
}

// sweepBatch is how many rows one transaction deletes: few enough that others hardly wait for it.
const sweepBatch = 200

// Sweep deletes what has ended, in short transactions, and counts by table. What was deleted before an error stays deleted.
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

// TableSize is a table with its size.
type TableSize struct {
	Name string
	Rows int64 // counted, or the engine's own estimate where counting would be long
}

// Tables lists the tables with their sizes, and the bytes of the whole database.
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

// Damage asks the engine what is wrong with the database itself: each text is one thing. SQLite reads the whole file; PostgreSQL is asked
// for rows of each table, because what only a whole reading finds is the server's own to find (pg_amcheck).
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
		if err := d.View(ctx, func(tx *Tx) error { _, err := tx.Maps(ctx, "SELECT * FROM "+t.Name+" LIMIT 1"); return err }); err != nil {
			if ctx.Err() != nil {
				return found, err
			}
			found = append(found, fmt.Sprintf("table %s cannot be read: %v", t.Name, err))
		}
	}
	return found, nil
}

// maps reads rows by column name.
func maps(rows *sql.Rows) (all []map[string]any, err error) {
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
