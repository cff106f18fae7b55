package api

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// listQuery is the query of every list: paging, and filters by attribute.
type listQuery struct {
	api.PageQuery
	Filters map[string][]string `wire:"*"`
}

// kind is how the values of an attribute are read.
type kind int

const (
	text kind = iota
	truth
	number
	nullableText
)

// filters are the attributes that a list can be filtered and sorted by.
type filters map[string]kind

// meta are what every resource has.
func (f filters) with(more filters) filters {
	out := filters{"id": text, "name": text, "description": text, "project_id": text, "tenant_id": text, "revision_number": number, "created_at": text, "updated_at": text,
		"tags": text, "tags-any": text, "not-tags": text, "not-tags-any": text, "changed_since": text}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// args turns a query into what the store lists by. special answers filters that are no plain column; handled false leaves them.
func (q *listQuery) args(known filters, special func(name string, values []string) (cs []db.Cond, handled bool, err error)) (db.ListArgs, error) {
	a := db.ListArgs{Marker: q.Marker, Reverse: q.Reverse}
	if q.Asked.Has() && q.Asked.Value > 0 {
		a.Limit = q.Limit + 1 // one more tells whether there are more
	}
	order, err := q.Order(false)
	if err != nil {
		return a, err
	}
	for _, k := range order {
		if _, ok := known[k.Name]; !ok || strings.Contains(k.Name, "tags") || k.Name == "changed_since" {
			return a, fault.Invalidf("['%s'] is invalid attribute for sort_keys", k.Name)
		}
		if k.Name != "id" {
			a.Sort = append(a.Sort, db.SortKey{Column: column(k.Name), Desc: k.Desc})
		} else if k.Desc {
			a.Sort = append(a.Sort, db.SortKey{Column: "id", Desc: true})
		}
	}
	names := make([]string, 0, len(q.Filters))
	for name := range q.Filters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := q.Filters[name]
		if special != nil {
			cs, handled, err := special(name, values)
			if err != nil {
				return a, err
			}
			if handled {
				a.Where = append(a.Where, cs...)
				continue
			}
		}
		k, ok := known[name]
		if !ok {
			return a, fault.Invalidf("['%s'] is invalid attribute for filtering", name).Coded("InvalidInput")
		}
		c, err := condition(name, k, values)
		if err != nil {
			return a, err
		}
		a.Where = append(a.Where, c)
	}
	return a, nil
}

func column(name string) string {
	if name == "tenant_id" {
		return "project_id"
	}
	return name
}

func condition(name string, k kind, values []string) (db.Cond, error) {
	switch name {
	case "tags", "tags-any", "not-tags", "not-tags-any":
		return tagCondition(name, values), nil
	case "changed_since":
		return since(values[len(values)-1])
	case "created_at", "updated_at":
		t, err := parseTime(values[len(values)-1])
		return db.Cond{Column: name, Op: db.Eq, Values: []any{db.At(t)}}, err
	}
	c := db.Cond{Column: column(name), Op: db.In}
	for _, s := range values {
		v, err := value(name, k, s)
		if err != nil {
			return c, err
		}
		c.Values = append(c.Values, v)
	}
	return c, nil
}

func value(name string, k kind, s string) (any, error) {
	switch k {
	case truth:
		switch strings.ToLower(s) {
		case "true", "1", "t", "yes", "on":
			return true, nil
		case "false", "0", "f", "no", "off":
			return false, nil
		}
		return nil, neutron.BadInput("'%s' cannot be converted to boolean", s)
	case number:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, neutron.BadInput("'%s' is not an integer", s)
		}
		return n, nil
	case nullableText:
		if s == "" || s == "None" || s == "null" {
			return nil, nil
		}
	}
	return s, nil
}

func since(s string) (db.Cond, error) {
	t, err := parseTime(s)
	return db.Cond{Column: "updated_at", Op: db.Ge, Values: []any{db.At(t)}}, err
}

func parseTime(s string) (time.Time, error) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, neutron.BadInput("'%s' is not a valid time", s)
}

// tagCondition asks for all, any, not all or not any of tags. The column holds a JSON list, so a tag is found in its quotes.
func tagCondition(name string, values []string) db.Cond {
	var each []db.Cond
	for _, v := range values {
		for _, tag := range strings.Split(v, ",") {
			each = append(each, holds("tags", tag))
		}
	}
	switch name {
	case "tags":
		return db.All(each...)
	case "tags-any":
		return db.Any(each...)
	case "not-tags":
		return db.Not(db.All(each...))
	}
	return db.Not(db.Any(each...))
}

// holds asks for a text among those of a JSON list.
func holds(column, s string) db.Cond {
	b, _ := json.Marshal(s) // a string always encodes
	return db.Cond{Column: column, Op: db.Regexp, Values: []any{regexp.QuoteMeta(string(b))}}
}

func anyHolds(column string, values []string) db.Cond {
	var each []db.Cond
	for _, v := range values {
		each = append(each, holds(column, v))
	}
	return db.Any(each...)
}

// page cuts what was read to the page that was asked for, and says where its neighbours begin.
func page[N, V any](q *listQuery, items []N, id func(N) string, view func(N) V) api.Page[V] {
	more := q.Asked.Has() && q.Asked.Value > 0 && len(items) > q.Limit
	if more && q.Reverse {
		items = items[len(items)-q.Limit:]
	} else if more {
		items = items[:q.Limit]
	}
	p := api.Page[V]{Items: make([]V, len(items))}
	for i, n := range items {
		p.Items[i] = view(n)
	}
	if len(items) == 0 || !q.Asked.Has() {
		return p
	}
	first, last := id(items[0]), id(items[len(items)-1])
	if q.Reverse && q.Marker != "" || !q.Reverse && more {
		p.Next = last
	}
	if !q.Reverse && q.Marker != "" || q.Reverse && more {
		p.Prev = first
	}
	return p
}
