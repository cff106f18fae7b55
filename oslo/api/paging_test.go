package api

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/opt"
)

// TestPages asks for pages in each service's form; rows are what is there from the marker on, of which as many are
// read as the window wants.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		links   LinkStyle
		max     int
		asked   opt.Of[int]
		reverse bool
		rows    string
		want    string // items, next marker, previous marker
		bare    [2]bool
	}{
		{"compute, less than a page", LinksList, 9, opt.Some(3), false, "ab", "ab//", [2]bool{}},
		{"compute, a full page", LinksList, 9, opt.Some(2), false, "abc", "ab/b/", [2]bool{}},
		{"compute, none", LinksList, 9, opt.Some(0), false, "abc", "//", [2]bool{}},
		{"compute, the service's bound", LinksList, 2, opt.Some(5), false, "abc", "ab/b/", [2]bool{}},
		{"compute, nothing asked", LinksList, 2, opt.Of[int]{}, false, "a", "a//", [2]bool{}},
		{"identity, less than a page", LinksObject, 9, opt.Some(3), false, "ab", "ab//", [2]bool{}},
		{"identity, a page", LinksObject, 9, opt.Some(3), false, "abc", "abc//", [2]bool{}},
		{"identity, one more", LinksObject, 9, opt.Some(3), false, "abcd", "abc/c/", [2]bool{}},
		{"identity, zero is the bound", LinksObject, 2, opt.Some(0), false, "abc", "ab/b/", [2]bool{}},
		{"images, one more", LinksFlat, 9, opt.Some(1), false, "ab", "a/a/", [2]bool{}},
		{"images, none", LinksFlat, 9, opt.Some(0), false, "ab", "//", [2]bool{}},
		{"networks, without a limit", LinksBoth, Unbounded, opt.Of[int]{}, false, "ab", "ab//", [2]bool{}},
		{"networks, a full page", LinksBoth, Unbounded, opt.Some(2), false, "abc", "ab/b/a", [2]bool{true, true}},
		{"networks, the last page", LinksBoth, Unbounded, opt.Some(3), false, "ab", "ab//a", [2]bool{false, true}},
		{"networks, the first page backwards", LinksBoth, Unbounded, opt.Some(3), true, "ab", "ab/b/", [2]bool{true, false}},
		{"networks, behind the end", LinksBoth, Unbounded, opt.Some(3), false, "", "//", [2]bool{false, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Links: c.links, MaxLimit: c.max, DefaultLimit: c.max}
			w := Window{reverse: c.reverse}
			if err := cfg.settle(&w, c.asked, true); err != nil {
				t.Fatal(err)
			}
			rows := strings.Split(c.rows, "")
			if n := w.Rows(); n < len(rows) {
				rows = rows[:n]
			}
			p := PageOf(w, rows, func(s string) string { return s }, func(s string) string { return s })
			got := strings.Join(p.Items, "") + "/" + p.Next + "/" + p.Prev
			if got != c.want || p.NextBare != c.bare[0] || p.PrevBare != c.bare[1] {
				t.Errorf("got %s %v %v, want %s %v", got, p.NextBare, p.PrevBare, c.want, c.bare)
			}
		})
	}
	w, cfg := Window{}, Config{MaxLimit: 9, DefaultLimit: 9}
	if err := cfg.settle(&w, opt.Of[int]{}, false); err != nil || w.Rows() != 0 {
		t.Errorf("a list without pages in this version reads %d rows, %v", w.Rows(), err)
	}
	if err := cfg.settle(&w, opt.Some(-1), true); err == nil {
		t.Error("a negative limit is taken")
	}
}

type petQuery struct {
	Paging `mv:"2.5-"`
	Colour *string `wire:"colour" filter:"coat"`
	Big    *string `wire:"big" filter:"big,flag"`
}

type petView struct {
	Name string `wire:"name"`
}

// pets list their conditions before their rows.
var pets = Resource[None]{Name: "pet", Plural: "pets", Ops: Ops[None]{
	List("GET /pets", nil, func(_ None, _ context.Context, r *Request, q *petQuery) (Page[petView], error) {
		rows := []string{"a", "b", "c"}
		if i := slices.Index(rows, q.Marker); i >= 0 {
			rows = rows[i+1:]
		}
		if n := q.Rows(); n > 0 && n < len(rows) {
			rows = rows[:n]
		}
		p := PageOf(q.Window, rows, func(s string) string { return s }, func(s string) petView { return petView{s} })
		p.Extra = map[string]any{"where": fmt.Sprint(Where(r, q))}
		return p, nil
	}),
}}

// A list's handler finds its page and its conditions in its query struct.
func TestQueryOfAList(t *testing.T) {
	t.Parallel()
	h := Handler(Config{Name: "pets", Base: "/v2.1", Dialect: toy{}, Validator: auth.ValidatorFunc(validator),
		Links:    LinksList,
		Versions: &Versions{Service: "compute", Min: Version{2, 1}, Max: Version{2, 9}}}, Bind(None{}, pets)...)
	for _, c := range []struct{ version, path, want string }{
		{"2.9", "/v2.1/pets?limit=3", `{"pets":[{"name":"a"},{"name":"b"},{"name":"c"}],` +
			`"pets_links":[{"rel":"next","href":"http://example.com/v2.1/pets?limit=3&marker=c"}],"where":"[]"}`},
		{"2.9", "/v2.1/pets?limit=1&marker=a", `{"pets":[{"name":"b"}],` +
			`"pets_links":[{"rel":"next","href":"http://example.com/v2.1/pets?limit=1&marker=b"}],"where":"[]"}`},
		{"2.9", "/v2.1/pets?limit=0", `{"pets":[],"where":"[]"}`},
		{"2.4", "/v2.1/pets?limit=1", `{"pets":[{"name":"a"},{"name":"b"},{"name":"c"}],"where":"[]"}`},
		{"2.9", "/v2.1/pets?marker=c&colour=&big=no", `{"pets":[],"where":"[{coat 0 []} {big 0 [false]}]"}`},
		{"2.9", "/v2.1/pets?marker=c&colour=red&big=x", `{"pets":[],"where":"[{coat 0 [red]} {big 0 [true]}]"}`},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.Header.Set("X-Auth-Token", "alice")
		r.Header.Set("OpenStack-API-Version", "compute "+c.version)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if diff := cmp.Diff(c.want, w.Body.String()); diff != "" {
			t.Errorf("%s %s:\n%s", c.version, c.path, diff)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		filter Filter
		values []string
		want   string
	}{
		{"text, of several the last", Filter{Column: "c"}, []string{"x", "y"}, "y"},
		{"text, any of", Filter{Column: "c", Op: db.In}, []string{"x", "y"}, "x y"},
		{"integer", Filter{Column: "c", Value: IntegerOrNone}, []string{"7"}, "7"},
		{"no integer", Filter{Column: "c", Value: IntegerOrNone}, []string{"x"}, "never"},
		{"flag", Filter{Column: "c", Value: FlagValue}, []string{" On"}, "true"},
		{"no flag", Filter{Column: "c", Value: FlagValue}, []string{"2"},
			"Invalid input for query parameters p: '2' is not a boolean."},
		{"pattern", Filter{Column: "c", Value: PatternValue}, []string{"^a"}, "^a"},
		{"no pattern", Filter{Column: "c", Value: PatternValue}, []string{"("},
			"Invalid input for query parameters p: '(' is not a regular expression."},
		{"no time", Filter{Column: "c", Value: TimeValue}, []string{"x"},
			"Invalid input for query parameters p: 'x' is not a date-time."},
	} {
		cond, err := c.filter.Cond("p", c.values)
		var got []string
		for _, v := range cond.Values {
			switch v := v.(type) {
			case string:
				got = append(got, v)
			case int:
				got = append(got, strconv.Itoa(v))
			case bool:
				got = append(got, strconv.FormatBool(v))
			}
		}
		if Never(cond) {
			got = []string{"never"}
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}
