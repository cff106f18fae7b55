package db_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

// doll is a row of toys, written as rooms write theirs.
type doll struct {
	ID    string            `db:"id" list:"uuid"`
	Name  string            `db:"name" list:"name"`
	Size  *int64            `db:"size" list:"size"`
	Soft  bool              `db:"soft"`
	Price *float64          `db:"price"`
	Made  db.Time           `db:"made,once,set" list:"created_at"`
	Notes db.JSON[[]string] `db:"notes"`
}

var (
	dolls       = db.NewTable[doll](stmts, "toys", "id")
	dollsBySoft = dolls.Query("soft = ? ORDER BY name")
	dollsListed = dolls.List()
	saveDoll    = dolls.Update("")
	renameDoll  = dolls.Update("name = ?", "name", "size = COALESCE(size, 0) + 1")
	dropDoll    = dolls.Delete("soft = ?")
)

func TestATableDerivesItsStatementsFromTags(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		ten, made := int64(10), db.At(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		ann := doll{ID: "1", Name: "ann", Size: &ten, Soft: true, Made: made, Notes: db.JSON[[]string]{V: []string{"old"}}}
		bob := doll{ID: "2", Name: "bob", Made: made}
		if err := errors.Join(dolls.Insert(ctx, d, ann), dolls.InsertAll(ctx, d, []doll{bob})); err != nil {
			t.Fatal(err)
		}
		if err := dolls.Insert(ctx, d, doll{ID: "3", Name: "ann"}); !errors.Is(err, db.ErrDuplicate) {
			t.Errorf("a second ann: got %v, want ErrDuplicate", err)
		}
		ann.Soft, ann.Made = false, db.At(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)) // the stamp is written once
		if n, err := saveDoll.Do(ctx, d, ann); n != 1 || err != nil {
			t.Fatalf("update: %d rows, %v", n, err)
		}
		ann.Made = made
		if got, err := dolls.Get(ctx, d, "1"); err != nil || cmp.Diff(ann, got) != "" {
			t.Errorf("%v\n%s", err, cmp.Diff(ann, got))
		}
		for _, guard := range []struct {
			name string
			want int64
		}{{"eve", 0}, {"ann", 1}} {
			if n, err := renameDoll.Do(ctx, d, doll{ID: "1", Name: "amy"}, guard.name); n != guard.want || err != nil {
				t.Errorf("rename if it is called %s: %d rows, %v; want %d", guard.name, n, err, guard.want)
			}
		}
		got, err := dolls.Get(ctx, d, "1")
		if err != nil || got.Name != "amy" || *got.Size != 11 {
			t.Errorf("renamed: %+v, %v", got, err)
		}
		if all, err := dollsBySoft.All(ctx, d, false); err != nil || len(all) != 2 || all[0].Name != "amy" {
			t.Errorf("not soft: %+v, %v", all, err)
		}
		page, err := dollsListed.Page(ctx, d, db.ListArgs{Where: []db.Cond{db.EqTo("uuid", "2")}, Sort: []db.SortKey{{Column: "created_at"}}})
		if err != nil || len(page) != 1 || page[0].Name != "bob" {
			t.Errorf("list: %+v, %v", page, err)
		}
		if _, err := dollsListed.Page(ctx, d, db.ListArgs{Sort: []db.SortKey{{Column: "price"}}}); err == nil {
			t.Error("a column without a list name can be sorted by")
		}
		if n, err := dropDoll.Do(ctx, d, "1", false); n != 1 || err != nil {
			t.Errorf("delete: %d, %v", n, err)
		}
		if _, err := dolls.Get(ctx, d, "1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("deleted: got %v, want NotFound", err)
		}
	}, tables)
}

func TestListColumnsSayWhatIsNeverNull(t *testing.T) {
	t.Parallel()
	want := map[string]string{"uuid": "t.id NOT NULL", "name": "t.name NOT NULL", "size": "t.size", "created_at": "t.made NOT NULL"}
	if diff := cmp.Diff(want, dolls.ListColumns("t")); diff != "" {
		t.Error(diff)
	}
}
