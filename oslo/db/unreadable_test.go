package db_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

type docRow struct {
	ID  string            `db:"id"`
	Doc db.JSON[[]string] `db:"doc"`
}

func TestAListLeavesOutARowThatCannotBeRead(t *testing.T) {
	t.Parallel()
	set := db.NewSet("docs")
	files := fstest.MapFS{"1_docs.sql": {
		Data: []byte("-- +goose Up\nCREATE TABLE docs (id TEXT PRIMARY KEY, doc TEXT NOT NULL);")}}
	list := db.NewList[docRow](set, "SELECT id, doc FROM docs", map[string]string{"id": "id NOT NULL"}, "id").
		Sound(func(r *docRow) error { _, err := first(r); return err })
	one := db.NewQuery[docRow](set, "SELECT id, doc FROM docs WHERE id = ?")
	put := db.NewExec(set, "INSERT INTO docs (id, doc) VALUES (?, ?)")
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		for _, r := range [][2]string{{"a", `["a"]`}, {"b", `{"torn`}, {"c", `["c"]`}, {"d", `[]`}, {"e", `["e"]`}} {
			if _, err := put.Do(ctx, d, r[0], r[1]); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			name string
			args db.ListArgs
			want string
		}{
			{"all", db.ListArgs{}, "a c d e"},
			{"a page stays as long as was asked for", db.ListArgs{Limit: 2}, "a c"},
			{"the next page", db.ListArgs{Limit: 2, Marker: "c"}, "d e"},
			{"backwards", db.ListArgs{Limit: 2, Reverse: true, Marker: "d"}, "a c"},
			{"after a row that cannot be read", db.ListArgs{Limit: 1, Marker: "b"}, "c"},
		} {
			rows, err := list.Page(ctx, d, tt.args)
			var got []string
			for _, r := range rows {
				got = append(got, r.ID)
			}
			if s := strings.Join(got, " "); err != nil || s != tt.want {
				t.Errorf("%s: got %q, %v, want %q", tt.name, s, err, tt.want)
			}
		}
		got, err := db.PageOf(ctx, list, d, db.ListArgs{Limit: 3}, first)
		if s := strings.Join(got, " "); err != nil || s != "a c e" {
			t.Errorf("read further: %q, %v", s, err)
		}
		var u *db.Unreadable
		if _, err := one.One(ctx, d, "b"); !errors.As(err, &u) || u.ID != "b" || u.Table != "docs" {
			t.Errorf("the row alone: %v", err)
		}
		found, err := set.Unreadable(ctx, d)
		if err != nil || len(found) != 2 || found[0].ID != "b" || found[1].ID != "d" {
			t.Errorf("found %v, %v", found, err)
		}
	}, dbtest.Migrations{Name: "docs", FS: files})
}

// first is what a document begins with.
func first(r *docRow) (string, error) {
	if len(r.Doc.V) == 0 {
		return "", errors.New("an empty document")
	}
	return r.Doc.V[0], nil
}
