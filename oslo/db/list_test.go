package db_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

// crowd is many rows with ties and nulls in the columns that are sorted by.
func crowd() []toy {
	var all []toy
	for i := range 60 {
		r := toy{ID: fmt.Sprintf("id%02d", (i*37)%60), Name: fmt.Sprintf("n%d", i), Soft: i%3 == 0}
		if i%4 != 0 {
			size := int64(i % 5)
			r.Size = &size
		}
		if i%7 != 0 {
			price := float64(i%3) / 2
			r.Price = &price
		}
		all = append(all, r)
	}
	return all
}

// reference sorts as the list should, with NULL at the engine's end.
func reference(rows []toy, sort []db.SortKey, nullsLargest bool) []string {
	rows = slices.Clone(rows)
	null := func(a, b bool) int {
		v := 0
		if a != b {
			v = -1
			if b {
				v = 1
			}
			if nullsLargest {
				v = -v
			}
		}
		return v
	}
	desc := len(sort) > 0 && sort[len(sort)-1].Desc
	keys := append(slices.Clone(sort), db.SortKey{Column: "id", Desc: desc})
	slices.SortFunc(rows, func(a, b toy) int {
		for _, k := range keys {
			v := 0
			switch k.Column {
			case "size":
				if v = null(a.Size == nil, b.Size == nil); v == 0 && a.Size != nil {
					v = cmp.Compare(*a.Size, *b.Size)
				}
			case "price":
				if v = null(a.Price == nil, b.Price == nil); v == 0 && a.Price != nil {
					v = cmp.Compare(*a.Price, *b.Price)
				}
			case "id":
				v = cmp.Compare(a.ID, b.ID)
			}
			if k.Desc {
				v = -v
			}
			if v != 0 {
				return v
			}
		}
		return 0
	})
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestPagesAreWholeAndInOrder(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		rows := crowd()
		if err := insert.DoAll(t.Context(), d, rows); err != nil {
			t.Fatal(err)
		}
		for _, sort := range [][]db.SortKey{nil, {{Column: "size"}}, {{Column: "size", Desc: true}},
			{{Column: "size"}, {Column: "price", Desc: true}},
			{{Column: "price", Desc: true}, {Column: "size"}}, {{Column: "price"}, {Column: "size"}},
			{{Column: "id", Desc: true}}} {
			want := reference(rows, sort, d.Dialect().Caps().NullsLargest)
			for _, size := range []int{1, 7, 100} {
				var got []string
				a := db.ListArgs{Sort: sort, Limit: size}
				for {
					page, err := listing.Page(t.Context(), d, a)
					if err != nil {
						t.Fatalf("%v: %v", sort, err)
					}
					for _, r := range page {
						got = append(got, r.ID)
					}
					if len(page) < size {
						break
					}
					a.Marker = page[len(page)-1].ID
				}
				if !slices.Equal(got, want) {
					t.Errorf("sort %v by %d:\ngot  %v\nwant %v", sort, size, got, want)
				}
			}
			back, err := listing.Page(t.Context(), d, db.ListArgs{Sort: sort, Limit: 10, Marker: want[30], Reverse: true})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range back {
				got = append(got, r.ID)
			}
			if !slices.Equal(got, want[20:30]) {
				t.Errorf("backwards by %v:\ngot  %v\nwant %v", sort, got, want[20:30])
			}
		}
	}, tables)
}

// A row outside the scope is neither listed nor a marker: where it would stand says nothing.
func TestMarkersAreWithinTheScope(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		rows := []toy{{ID: "a", Name: "a", Soft: true}, {ID: "b", Name: "b"}, {ID: "c", Name: "c", Soft: true}}
		if err := insert.DoAll(t.Context(), d, rows); err != nil {
			t.Fatal(err)
		}
		ask := func(marker string, scope ...db.Cond) (ids string, err error) {
			page, err := listing.Page(t.Context(), d,
				db.ListArgs{Scope: scope, Where: []db.Cond{{Column: "name", Op: db.Ne, Values: []any{"z"}}},
					Sort: []db.SortKey{{Column: "name"}}, Marker: marker, Limit: 2})
			for _, r := range page {
				ids += r.ID
			}
			return ids, err
		}
		soft := db.EqTo("soft", true)
		for _, c := range []struct {
			marker string
			scope  []db.Cond
			want   string // empty: no such marker
		}{{"", nil, "ab"}, {"", []db.Cond{soft}, "ac"}, {"b", nil, "c"}, {"a", []db.Cond{soft}, "c"},
			{"b", []db.Cond{soft}, ""}, {"x", []db.Cond{soft}, ""}} {
			got, err := ask(c.marker, c.scope...)
			if f := fault.Of(err); got != c.want || (c.want == "") != (f != nil && f.Code == db.MarkerNotFound) {
				t.Errorf("marker %q, scope %v: got %q, %v, want %q", c.marker, c.scope, got, err, c.want)
			}
		}
	}, tables)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		rows := crowd()
		rows[0].Name, rows[1].Name = "100%_Sure", `back\slash`
		if err := insert.DoAll(t.Context(), d, rows); err != nil {
			t.Fatal(err)
		}
		size := func(r toy, f func(int64) bool) bool { return r.Size != nil && f(*r.Size) }
		for _, c := range []struct {
			name string
			cond db.Cond
			want func(toy) bool
		}{
			{"eq", db.EqTo("size", 3), func(r toy) bool { return size(r, func(n int64) bool { return n == 3 }) }},
			{"eq nil", db.EqTo("size", nil), func(r toy) bool { return r.Size == nil }},
			{"ne", db.Cond{Column: "size", Op: db.Ne, Values: []any{3}}, func(r toy) bool {
				return r.Size == nil || *r.Size != 3
			}},
			{"in", db.InList("size", []int{1, 2, 4}), func(r toy) bool {
				return size(r, func(n int64) bool { return n == 1 || n == 2 || n == 4 })
			}},
			{"in nothing", db.InList("size", []int{}), func(toy) bool { return false }},
			{"in with nil", db.InList("size", []any{1, nil}), func(r toy) bool { return r.Size == nil || *r.Size == 1 }},
			{"not in", db.Cond{Column: "size", Op: db.NotIn, Values: []any{1, 2}}, func(r toy) bool {
				return r.Size == nil || *r.Size > 2 || *r.Size == 0
			}},
			{"ge", db.Cond{Column: "size", Op: db.Ge, Values: []any{3}}, func(r toy) bool {
				return size(r, func(n int64) bool { return n >= 3 })
			}},
			{"bool", db.EqTo("soft", true), func(r toy) bool { return r.Soft }},
			{"contains", db.Contains("name", "%_s"), func(r toy) bool { return r.Name == "100%_Sure" }},
			{"contains backslash", db.Contains("name", `k\S`), func(r toy) bool { return r.Name == `back\slash` }},
			{"like", db.Cond{Column: "name", Op: db.Like, Values: []any{"N1_"}}, func(r toy) bool {
				return len(r.Name) == 3 && strings.HasPrefix(r.Name, "n1")
			}},
			{"plain regexp", db.Cond{Column: "name", Op: db.Regexp, Values: []any{"n1"}}, func(r toy) bool {
				return strings.Contains(r.Name, "n1")
			}},
			{"regexp", db.Cond{Column: "name", Op: db.Regexp, Values: []any{"^n[12]$|5"}}, func(r toy) bool {
				return regexp.MustCompile("^n[12]$|5").MatchString(r.Name)
			}},
			{"look-ahead", db.Cond{Column: "name", Op: db.Regexp, Values: []any{"^(?!n1)"}}, func(r toy) bool {
				return !strings.HasPrefix(r.Name, "n1")
			}},
			{"look-behind", db.Cond{Column: "name", Op: db.Regexp, Values: []any{"(?<=n)1"}}, func(r toy) bool {
				return strings.Contains(r.Name, "n1")
			}},
			{"any", db.Any(db.EqTo("size", 1), db.All(db.EqTo("soft", true), db.EqTo("size", nil))), func(r toy) bool {
				return size(r, func(n int64) bool { return n == 1 }) || r.Soft && r.Size == nil
			}},
			{"not", db.Not(db.EqTo("soft", true)), func(r toy) bool { return !r.Soft }},
		} {
			want := 0
			for _, r := range rows {
				if c.want(r) {
					want++
				}
			}
			got, err := listing.Page(t.Context(), d, db.ListArgs{Where: []db.Cond{c.cond}})
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			for _, r := range got {
				if !c.want(r) {
					t.Errorf("%s: answered %+v", c.name, r)
				}
			}
			n, err := listing.Count(t.Context(), d, []db.Cond{c.cond})
			if len(got) != want || err != nil || int(n) != want {
				t.Errorf("%s: got %d rows and count %d (%v), want %d", c.name, len(got), n, err, want)
			}
		}
	}, tables)
}

func TestListRefusesWhatWasNotDeclared(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, tables)
	evil := "id; DROP TABLE toys"
	if err := insert.Do(t.Context(), d, toy{ID: "long", Name: strings.Repeat("m", 60) + "!"}); err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]db.ListArgs{
		"filter":      {Where: []db.Cond{db.EqTo(evil, 1)}},
		"in a group":  {Where: []db.Cond{db.Any(db.EqTo(evil, 1))}},
		"sort":        {Sort: []db.SortKey{{Column: evil}}},
		"marker":      {Marker: "nowhere"},
		"limit":       {Limit: -1},
		"regexp":      {Where: []db.Cond{{Column: "name", Op: db.Regexp, Values: []any{"("}}}},
		"refers back": {Where: []db.Cond{{Column: "name", Op: db.Regexp, Values: []any{`(.)(?!x)\1`}}}},
		"takes long":  {Where: []db.Cond{{Column: "name", Op: db.Regexp, Values: []any{`^(?=(m+)+$)(?!m)`}}}},
		"no value":    {Where: []db.Cond{{Column: "name", Op: db.Eq}}},
		"many values": {Where: []db.Cond{{Column: "name", Op: db.Lt, Values: []any{1, 2}}}},
	} {
		if _, err := listing.Page(t.Context(), d, a); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestIndexServesSortedPages(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, tables)
	if err := insert.Do(t.Context(), d, toy{ID: "m", Name: "m"}); err != nil {
		t.Fatal(err)
	}
	dbtest.WantIndex(t, d, listing, db.ListArgs{Limit: 10, Marker: "m"})
	dbtest.WantIndex(t, d, listing, db.ListArgs{Limit: 10, Sort: []db.SortKey{{Column: "size", Desc: true}}})
	dbtest.WantIndex(t, d, listing, db.ListArgs{Limit: 10, Marker: "m", Sort: []db.SortKey{{Column: "name"}}})
}

func TestDiffShowsWhatChanged(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, tables)
	before := dbtest.Snapshot(t, d, "toys", "parts")
	if err := insert.Do(t.Context(), d, toy{ID: "a", Name: "a"}); err != nil {
		t.Fatal(err)
	}
	middle := dbtest.Snapshot(t, d, "toys", "parts")
	got := dbtest.Diff(before, middle)
	if !strings.HasPrefix(got, "+ toys ") || strings.Contains(got, "\n") {
		t.Errorf("got %q", got)
	}
	if _, err := grow.Do(t.Context(), d, 1, "a"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(dbtest.Diff(middle, dbtest.Snapshot(t, d, "toys", "parts")), "toys"); got != 2 {
		t.Errorf("an update is %d lines", got)
	}
}

func TestMoreFiltersThanAnyEngineTakesAreRefused(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		for n, good := range map[int]bool{400: true, 501: false, 20_000: false} {
			var all []db.Cond
			for i := range n {
				all = append(all, db.EqTo("name", fmt.Sprint(i)))
			}
			for how, where := range map[string][]db.Cond{"all": all, "any": {db.Any(all...)}} {
				if _, err := listing.Page(t.Context(), d, db.ListArgs{Where: where}); good && err != nil || !good &&
					!fault.Is(err, fault.Invalid) {
					t.Errorf("%s of %d: %v", how, n, err)
				}
			}
		}
	}, tables)
}
