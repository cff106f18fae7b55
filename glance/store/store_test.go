package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

var tables = dbtest.Migrations{Name: "glance", FS: store.Migrations()}

func TestStatements(t *testing.T) {
	t.Parallel()
	dbtest.Prepare(t, store.Statements(), tables)
}

func record(id string, at time.Time) store.Record {
	return store.Record{Image: glance.Image{ID: id, Name: "n-" + id, Owner: "p", Status: glance.Queued,
		Visibility: glance.Shared, Size: -1, VirtualSize: -1,
		Tags: []string{}, Properties: map[string]string{}, Created: at, Updated: at}}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
		r := record("a", at)
		r.Tags = []string{"x", "with \"quote\"", "new\nline", "ünï", ""}
		r.Properties = map[string]string{"hw:cpu": "a=b,c", "empty": "", "multi\nline": "v\n\"v\""}
		r.Store, r.Key, r.Worker, r.Protected, r.Hidden = "file", "k", "w", true, true
		write := func(fn func(tx *db.Tx) error) error { return d.Tx(t.Context(), fn) }
		if err := write(func(tx *db.Tx) error { return store.InsertImage(t.Context(), tx, r) }); err != nil {
			t.Fatal(err)
		}
		if err := write(func(tx *db.Tx) error { return store.InsertImage(t.Context(), tx, r) }); !fault.Is(err,
			fault.Conflict) {
			t.Errorf("same id again: %v", err)
		}
		got, err := store.Image(t.Context(), d, "a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Error(diff)
		}
		for _, c := range []struct {
			name string
			cond db.Cond
			want int
		}{
			{"tag", store.HasTag("with \"quote\""), 1},
			{"tag with newline", store.HasTag("new\nline"), 1},
			{"tag case counts", store.HasTag("X"), 0},
			{"part of a tag", store.HasTag("quote"), 0},
			{"property", store.HasProperty("hw:cpu", "a=b,c"), 1},
			{"empty property", store.HasProperty("empty", ""), 1},
			{"multi-line property", store.HasProperty("multi\nline", "v\n\"v\""), 1},
			{"other value", store.HasProperty("hw:cpu", "a=b"), 0},
		} {
			rows, err := store.Images(t.Context(), d, db.ListArgs{Where: []db.Cond{c.cond}})
			if err != nil || len(rows) != c.want {
				t.Errorf("%s: %d rows, %v", c.name, len(rows), err)
			}
		}
		got.Name = "changed"
		if err := write(func(tx *db.Tx) error { return store.UpdateImage(t.Context(), tx, got) }); err != nil {
			t.Error(err)
		}
		if err := write(func(tx *db.Tx) error { return store.UpdateImage(t.Context(), tx, got) }); !fault.Is(err,
			fault.Conflict) {
			t.Errorf("a second writer: %v", err)
		}
		got.Generation++
		if err := write(func(tx *db.Tx) error { return store.DeleteImage(t.Context(), tx, got) }); err != nil {
			t.Error(err)
		}
		if trash, err := store.Trash(t.Context(), d); err != nil || len(trash) != 1 ||
			trash[0] != (store.Piece{Store: "file", Key: "k"}) {
			t.Errorf("trash: %v, %v", trash, err)
		}
	}, tables)
}

func TestIndexesServeTheLists(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, tables)
	desc := func(columns ...string) []db.SortKey {
		var out []db.SortKey
		for _, c := range columns {
			out = append(out, db.SortKey{Column: c, Desc: true})
		}
		return out
	}
	for _, sort := range [][]db.SortKey{desc("created_at"), {{Column: "name"}}, {{Column: "name"}, {Column: "created_at"}},
		desc("name", "created_at"), desc("updated_at", "created_at"),
		desc("size", "created_at"), desc("status", "created_at")} {
		dbtest.WantIndex(t, d, store.List(), db.ListArgs{Sort: sort, Limit: 10})
	}
	for _, c := range []db.Cond{db.EqTo("owner", "p"), db.EqTo("visibility", glance.Community),
		db.EqTo("status", glance.Active)} {
		dbtest.WantIndex(t, d, store.List(), db.ListArgs{Where: []db.Cond{c}, Sort: desc("created_at"), Limit: 10})
	}
	dbtest.WantIndex(t, d, store.TaskList(), db.ListArgs{Sort: desc("created_at"), Limit: 10})
	dbtest.WantIndex(t, d, store.NamespaceList(), db.ListArgs{Sort: desc("created_at"), Limit: 10})
}
