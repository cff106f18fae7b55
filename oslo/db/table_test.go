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
		page, err := dollsListed.Page(ctx, d, db.ListArgs{Where: []db.Cond{db.EqTo("uuid", "2")},
			Sort: []db.SortKey{{Column: "created_at"}}})
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

// pairs are toys with a key of two columns; some of them is without their notes.
type pair struct {
	Name  string `db:"name" list:"name,label"`
	Soft  bool   `db:"soft"`
	ID    string `db:"id,once"`
	Size  *int64 `db:"size"`
	Notes string `db:"notes"`
}

type bare struct {
	ID   string `db:"id"`
	Name string `db:"name"`
}

var (
	pairs     = db.NewTable[pair](stmts, "toys", "name", "soft")
	savePair  = pairs.Update("", "size", "notes")
	dropPair  = pairs.Delete("")
	bares     = db.NewPart[bare](stmts, "toys", "id")
	allBares  = bares.Query("ORDER BY name")
	putDoll   = dolls.Upsert("size", "notes")
	nameBares = bares.Update("")
)

func TestATableWithAKeyOfTwoColumnsAndAPartOfOne(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		one, two := int64(1), int64(2)
		ann, bob := pair{"ann", true, "1", &one, "[]"}, pair{"bob", false, "2", &one, "[]"}
		if err := pairs.InsertAll(ctx, d, []pair{ann, bob}); err != nil {
			t.Fatal(err)
		}
		if did, err := pairs.Absent(ctx, d, ann); did || err != nil {
			t.Errorf("a second ann is inserted: %v, %v", did, err)
		}
		for soft, want := range map[bool]int64{false: 0, true: 1} {
			if n, err := savePair.Do(ctx, d, pair{Name: "ann", Soft: soft, Size: &two, Notes: "[]"}); n != want || err != nil {
				t.Errorf("update of ann, soft %v: %d rows, %v; want %d", soft, n, err, want)
			}
		}
		if got, err := pairs.Get(ctx, d, "ann", true); err != nil || *got.Size != 2 || got.ID != "1" {
			t.Errorf("ann: %+v, %v", got, err)
		}
		if _, err := pairs.Get(ctx, d, "ann", false); !fault.Is(err, fault.NotFound) {
			t.Errorf("ann who is not soft: got %v, want NotFound", err)
		}
		if n, err := nameBares.Do(ctx, d, bare{"2", "bea"}); n != 1 || err != nil {
			t.Errorf("rename: %d rows, %v", n, err)
		}
		got, err := allBares.All(ctx, d)
		if diff := cmp.Diff([]bare{{"1", "ann"}, {"2", "bea"}}, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		for _, size := range []int64{5, 6} { // inserted, then updated
			if err := putDoll.Do(ctx, d, doll{ID: "9", Name: "zoe", Size: &size, Made: db.At(time.Unix(1, 0))}); err != nil {
				t.Fatal(err)
			}
			if zoe, err := dolls.Get(ctx, d, "9"); err != nil || *zoe.Size != size {
				t.Errorf("zoe: %+v, %v", zoe, err)
			}
		}
		for _, want := range []int64{1, 0} {
			if n, err := dropPair.Do(ctx, d, "ann", true); n != want || err != nil {
				t.Errorf("delete: %d rows, %v; want %d", n, err, want)
			}
		}
		want := map[string]string{"name": "name NOT NULL", "label": "name NOT NULL"}
		if diff := cmp.Diff(want, pairs.ListColumns("")); diff != "" {
			t.Error(diff)
		}
	}, tables)
}

func TestListColumnsSayWhatIsNeverNull(t *testing.T) {
	t.Parallel()
	want := map[string]string{"uuid": "t.id NOT NULL", "name": "t.name NOT NULL", "size": "t.size",
		"created_at": "t.made NOT NULL"}
	if diff := cmp.Diff(want, dolls.ListColumns("t")); diff != "" {
		t.Error(diff)
	}
}
