package api

import (
	"reflect"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Unbounded is the Config.MaxLimit of a service whose lists are whole unless the client asks for pages.
const Unbounded = 1 << 30

// Window is the page of a list that a request asks for. Paging and PageQuery hold one, which the kit fills in before
// the handler runs.
type Window struct {
	// Limit is the most rows that the page holds; 0: no bound.
	Limit int

	style   LinkStyle
	empty   bool // compute answers limit=0 with an empty list
	reverse bool // page_reverse
}

// Paging is embedded in the query struct of a list that has pages, but no order of the client's choice. An mv tag on
// the embedded field says since when; in older versions Limit is 0.
type Paging struct {
	Asked  opt.Of[int] `wire:"limit" is:"min=0"`
	Marker string      `wire:"marker"`
	Window
}

// PageQuery is embedded in the query struct of a list that has pages and is sorted as the client asks.
type PageQuery struct {
	Asked    opt.Of[int] `wire:"limit" is:"intish"`
	Marker   string      `wire:"marker"`
	SortKeys []string    `wire:"sort_key"`
	SortDirs []string    `wire:"sort_dir"`
	Sort     string      `wire:"sort"`
	Reverse  bool        `wire:"page_reverse" is:"boolish"`
	Window
}

// SortKey is one key of an order.
type SortKey struct {
	Name string
	Desc bool
}

// Order pairs sort keys with directions: sort_key and sort_dir as repeated parameters, or the form
// sort=name:asc,size. A direction that is missing is that of the key before; desc is that of the first key.
func (q PageQuery) Order(desc bool) ([]SortKey, error) {
	keys, dirs := q.SortKeys, q.SortDirs
	if q.Sort != "" && len(keys) == 0 {
		keys, dirs = splitSort(q.Sort, desc)
	}
	if len(dirs) > len(keys) && len(keys) > 0 {
		return nil, fault.Invalidf("There are more sort directions than sort keys.")
	}
	var out []SortKey
	last := desc
	for i, k := range keys {
		if i < len(dirs) {
			switch dirs[i] {
			case "asc":
				last = false
			case "desc":
				last = true
			default:
				return nil, fault.Invalidf("Unknown sort direction %s, must be asc or desc.", quoted(dirs[i]))
			}
		}
		out = append(out, SortKey{Name: k, Desc: last})
	}
	return out, nil
}

// OrderBy is Order for the database. check returns an error for a key that the list cannot be sorted by; nil allows
// all.
func (q PageQuery) OrderBy(desc bool, check func(key string) error) ([]db.SortKey, error) {
	keys, err := q.Order(desc)
	if err != nil {
		return nil, err
	}
	var out []db.SortKey
	for _, k := range keys {
		if check != nil {
			if err := check(k.Name); err != nil {
				return nil, err
			}
		}
		out = append(out, db.SortKey{Column: k.Name, Desc: k.Desc})
	}
	return out, nil
}

func splitSort(s string, desc bool) (keys, dirs []string) {
	def := "asc"
	if desc {
		def = "desc"
	}
	for _, part := range splitComma(s) {
		key, dir, ok := cutLast(part, ':')
		if !ok {
			dir = def
		}
		keys, dirs = append(keys, key), append(dirs, dir)
	}
	return keys, dirs
}

// lookahead reports the services that learn by reading one row more whether another page follows: identity and
// images. Compute and networking link a next page from every page that is full.
func (w Window) lookahead() bool { return w.style == LinksObject || w.style == LinksFlat }

// Rows is how many rows to read for the page; 0: all.
func (w Window) Rows() int {
	if w.Limit > 0 && w.lookahead() || w.style == LinksFlat {
		return w.Limit + 1
	}
	return w.Limit
}

// Empty reports that the client asked for a page of no row.
func (w Window) Empty() bool { return w.empty }

// PageOf makes the page of a list from the rows that were read for it: at most w.Rows() of them, from the request's
// marker on. marker is the value that a client sends to go on behind a row.
func PageOf[T, V any](w Window, rows []T, marker func(T) string, view func(T) V) Page[V] {
	var p Page[V]
	switch {
	case w.empty:
		rows = nil
	case w.lookahead():
		if len(rows) > w.Limit {
			if rows = rows[:w.Limit]; len(rows) > 0 {
				p.Next = marker(rows[len(rows)-1])
			}
		}
	case w.style == LinksBoth:
		if w.Limit >= Unbounded {
			break
		}
		// Each page but a short one has a neighbour on both sides. A short one has one where it came from. Of an empty page
		// the neighbour has no marker: it is the list's end.
		short := len(rows) < w.Limit
		p.NextBare, p.PrevBare = !short || w.reverse, !short || !w.reverse
		if p.NextBare && len(rows) > 0 {
			p.Next = marker(rows[len(rows)-1])
		}
		if p.PrevBare && len(rows) > 0 {
			p.Prev = marker(rows[0])
		}
	case w.Limit > 0 && len(rows) >= w.Limit:
		p.Next = marker(rows[len(rows)-1])
	}
	p.Items = make([]V, len(rows))
	for i, row := range rows {
		p.Items[i] = view(row)
	}
	return p
}

// paged finds the Paging or PageQuery in a query struct; nil, if it has none.
func paged(v reflect.Value) (*Window, opt.Of[int]) {
	switch v.Type() {
	case pageQueryType:
		q := v.Addr().Interface().(*PageQuery)
		q.reverse = q.Reverse
		return &q.Window, q.Asked
	case pagingType:
		q := v.Addr().Interface().(*Paging)
		return &q.Window, q.Asked
	}
	if v.Kind() != reflect.Struct {
		return nil, opt.Of[int]{}
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous {
			if w, asked := paged(v.Field(i)); w != nil {
				return w, asked
			}
		}
	}
	return nil, opt.Of[int]{}
}

// settle computes a page's limit. versioned is false in versions in which the list has no pages.
func (c *Config) settle(w *Window, asked opt.Of[int], versioned bool) error {
	w.style = c.Links
	if !versioned {
		return nil
	}
	w.Limit = c.DefaultLimit
	if !asked.Has() {
		return nil
	}
	n := asked.Value
	switch {
	case n < 0:
		return fault.Invalidf("Invalid input for query parameters limit. Value: %d. It must not be negative.", n)
	case n == 0 && c.Links == LinksFlat:
		w.Limit = 0
	case n == 0 || n > c.MaxLimit:
		w.Limit = c.MaxLimit
		w.empty = n == 0 && c.Links == LinksList
	default:
		w.Limit = n
	}
	return nil
}
