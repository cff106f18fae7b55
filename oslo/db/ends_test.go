package db_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

type oldRow struct {
	ID   string  `db:"id"`
	Note string  `db:"note"`
	End  db.Time `db:"ended_at"`
}

// aging is a table whose rows have ended at some time or not.
func aging() (dbtest.Migrations, *db.Insert[oldRow], *db.Sweep) {
	set := db.NewSet("aging")
	files := fstest.MapFS{"1_old.sql": {
		Data: []byte("-- +goose Up\nCREATE TABLE old (id TEXT PRIMARY KEY, note TEXT NOT NULL, ended_at BIGINT);")}}
	sweep := db.NewDelete(set, "old", "id IN (SELECT id FROM old WHERE ended_at < ? ORDER BY id LIMIT ?)").Before()
	return dbtest.Migrations{Name: "aging", FS: files}, db.NewInsert[oldRow](set, "old"), sweep
}

func TestASweepDeletesWhatHasEndedInBatchesAndKeepsItFirst(t *testing.T) {
	t.Parallel()
	tables, insert, sweep := aging()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx, then := t.Context(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		rows := []oldRow{{"a", "x", db.At(then)}, {"b", "y", db.At(then)}, {"c", "z", db.At(then)}, {"living", "", db.Time{}},
			{"fresh", "", db.At(then.Add(time.Hour))}}
		if err := insert.DoAll(ctx, d, rows); err != nil {
			t.Fatal(err)
		}
		before := then.Add(time.Minute)
		refuse := errors.New("the disk is full")
		if n, err := d.Sweep(ctx, sweep, db.SweepArgs{Before: before, Keep: func([]db.Gone) error {
			return refuse
		}}); !errors.Is(err, refuse) || len(n) > 0 {
			t.Errorf("a sweep whose rows cannot be kept: %v, %v", n, err)
		}
		var kept [][]db.Gone
		keep := func(g []db.Gone) error { kept = append(kept, g); return nil }
		if n, err := d.Sweep(ctx, sweep, db.SweepArgs{Before: before, Most: 1, Keep: keep}); err != nil || n["old"] != 1 {
			t.Errorf("a sweep of one row: %v, %v", n, err)
		}
		n, err := d.Sweep(ctx, sweep, db.SweepArgs{Before: before, Batch: 1, Keep: keep})
		if err != nil || n["old"] != 2 || len(kept) != 3 {
			t.Errorf("the rest: %v in %d batches, %v", n, len(kept), err)
		}
		want := db.Gone{Table: "old", Row: map[string]any{"id": "a", "note": "x", "ended_at": then.UnixMicro()}}
		if !slices.ContainsFunc(kept[0], func(g db.Gone) bool { return reflect.DeepEqual(g, want) }) {
			t.Errorf("kept %v, want %v", kept[0], want)
		}
		if rest := dbtest.Snapshot(t, d, "old")["old"]; len(rest) != 2 {
			t.Errorf("left are %v", rest)
		}
		ts, bytes, err := d.Tables(ctx)
		i := slices.IndexFunc(ts, func(t db.TableSize) bool { return t.Name == "old" })
		if err != nil || i < 0 || ts[i].Rows != 2 || bytes <= 0 {
			t.Errorf("tables %v of %d bytes, %v", ts, bytes, err)
		}
		if broken, err := d.Damage(ctx); err != nil || len(broken) > 0 {
			t.Errorf("a sound database is broken: %v, %v", broken, err)
		}
	}, tables)
}
