package images

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Query selects images. Filters are by the API's names; a name that is not an attribute of images is a property.
type Query struct {
	Filters      map[string]string
	Tags         []string // an image must have all of them
	MemberStatus string   // of images that are shared with the caller; default accepted
	Sort         []db.SortKey
	Marker       string
	Limit        int
}

// List returns a page of the images that the caller may see. Community images of other projects are listed only with a
// filter on visibility. fault.Invalid for a bad filter, sort key or marker.
func (s *Records) List(ctx context.Context, q Query) ([]Image, error) {
	where, err := conditions(q)
	if err != nil {
		return nil, err
	}
	reach, shared, err := reach(ctx, s.db, q)
	if err != nil {
		return nil, err
	}
	if q.Marker != "" {
		if _, err := get(ctx, s.db, q.Marker); err != nil {
			return nil, fault.Body(err)
		}
	}
	sort := q.Sort
	if len(sort) == 0 {
		sort = []db.SortKey{{Column: "created_at", Desc: true}}
	}
	if !slices.ContainsFunc(sort, func(k db.SortKey) bool { return k.Column == "created_at" || k.Column == "id" }) {
		sort = append(slices.Clone(sort), db.SortKey{Column: "created_at", Desc: sort[len(sort)-1].Desc})
	}
	rs, err := store.Images(ctx, s.db, db.ListArgs{Where: append(where, reach...), Sort: sort, Marker: q.Marker,
		Limit: q.Limit})
	if err != nil {
		return nil, err
	}
	project := projectOf(ctx)
	out := make([]Image, len(rs))
	for i, r := range rs {
		member := ""
		if r.Owner != project && slices.Contains(shared, r.ID) {
			member = project
		}
		out[i] = view(r, member)
	}
	return out, nil
}

// reach returns the conditions for what the caller may see, and the ids of images shared with the caller's project.
func reach(ctx context.Context, on db.Querier, q Query) ([]db.Cond, []string, error) {
	c := auth.From(ctx)
	project := projectOf(ctx)
	status := q.MemberStatus
	if status == "" {
		status = glance.Accepted
	}
	var shared []string
	if project != "" {
		var err error
		if shared, err = store.SharedWith(ctx, on, project, status); err != nil {
			return nil, nil, err
		}
	}
	var where []db.Cond
	if !c.Admin() {
		or := []db.Cond{db.InList("visibility", []string{glance.Public, glance.Community})}
		if project != "" {
			or = append(or, db.EqTo("owner", project))
		}
		if len(shared) > 0 {
			or = append(or, db.All(db.EqTo("visibility", glance.Shared), db.InList("id", shared)))
		}
		where = append(where, db.Any(or...))
	}
	switch v := q.Filters["visibility"]; v {
	case "":
		quiet := []db.Cond{{Column: "visibility", Op: db.Ne, Values: []any{glance.Community}}}
		if project != "" {
			quiet = append(quiet, db.EqTo("owner", project))
		}
		where = append(where, db.Any(quiet...))
	case "all":
	case glance.Public, glance.Private, glance.Shared, glance.Community:
		where = append(where, db.EqTo("visibility", v))
	default:
		return nil, nil, fault.Invalidf("Invalid visibility value: %s", v)
	}
	return where, shared, nil
}

// conditions translates filters to conditions of the list.
func conditions(q Query) ([]db.Cond, error) {
	var where []db.Cond
	if _, ok := q.Filters["os_hidden"]; !ok {
		where = append(where, db.EqTo("os_hidden", false))
	}
	for name, value := range q.Filters {
		c, err := condition(name, value)
		if err != nil {
			return nil, err
		}
		where = append(where, c...)
	}
	for _, t := range q.Tags {
		where = append(where, store.HasTag(t))
	}
	return where, nil
}

// OfProperty reports whether a filter name is a property, because it is not an attribute of images.
func OfProperty(filter string) bool {
	switch filter {
	case "visibility", "changes-since", "os_hidden", "protected", "created_at", "updated_at", "name", "id", "status",
		"container_format", "disk_format", "owner", "checksum", "os_hash_value", "os_hash_algo",
		"size", "virtual_size", "min_ram", "min_disk", "size_min", "size_max", "virtual_size_min", "virtual_size_max",
		"min_ram_min", "min_ram_max", "min_disk_min", "min_disk_max":
		return false
	}
	return true
}

func condition(name, value string) ([]db.Cond, error) {
	if OfProperty(name) {
		return []db.Cond{store.HasProperty(name, value)}, nil
	}
	switch name {
	case "visibility":
		return nil, nil // see reach
	case "changes-since":
		return nil, fault.Invalidf("The \"changes-since\" filter is no longer available on v2.")
	case "os_hidden", "protected":
		if v := strings.ToLower(value); v == "true" || v == "false" {
			return []db.Cond{db.EqTo(name, v == "true")}, nil
		}
		return nil, fault.Invalidf("Invalid value '%s' for '%s' filter. Valid values are 'true' or 'false'.", value, name)
	case "created_at", "updated_at":
		return instants(name, value)
	case "name", "id", "status", "container_format", "disk_format":
		return texts(name, value)
	case "owner", "checksum", "os_hash_value", "os_hash_algo":
		return []db.Cond{db.EqTo(name, value)}, nil
	case "size", "virtual_size", "min_ram", "min_disk":
		return numbers(name, db.Eq, value)
	}
	for suffix, op := range map[string]db.Op{"_min": db.Ge, "_max": db.Le} {
		if of, ok := strings.CutSuffix(name, suffix); ok && slices.Contains([]string{"size", "virtual_size", "min_ram",
			"min_disk"}, of) {
			return numbers(of, op, value)
		}
	}
	return nil, fault.Invalidf("Unable to filter by %s.", name)
}

func numbers(name string, op db.Op, value string) ([]db.Cond, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return nil, fault.Invalidf("Unable to filter on a range with a non-numeric value.")
	}
	// An unknown size is stored as -1 and matches no range.
	return []db.Cond{{Column: name, Op: op, Values: []any{n}}, {Column: name, Op: db.Ge, Values: []any{int64(0)}}}, nil
}

// operator splits a value such as "gte:2026-01-01". Without an operator it is "eq". A colon after any other word is
// part of the value.
func operator(value string, known ...string) (op, rest string, err error) {
	op, rest, ok := strings.Cut(value, ":")
	switch {
	case ok && slices.Contains(known, op):
		return op, rest, nil
	case ok && slices.Contains([]string{"in", "eq", "neq", "gt", "gte", "lt", "lte"}, op):
		return "", "", fault.Invalidf("Unable to filter by unknown operator '%s'.", op)
	}
	return "eq", value, nil
}

func instants(name, value string) ([]db.Cond, error) {
	op, text, err := operator(value, "eq", "neq", "gt", "gte", "lt", "lte")
	if err != nil {
		return nil, err
	}
	t, ok := instant(text)
	if !ok {
		return nil, fault.Invalidf("Bad \"%s\" query filter format. Use ISO 8601 DateTime notation.", name)
	}
	// Clients see whole seconds, so they compare whole seconds.
	second := t.Truncate(time.Second)
	next := second.Add(time.Second)
	cond := func(op db.Op, t time.Time) db.Cond { return db.Cond{Column: name, Op: op, Values: []any{t}} }
	switch op {
	case "gt":
		return []db.Cond{cond(db.Ge, next)}, nil
	case "gte":
		return []db.Cond{cond(db.Ge, second)}, nil
	case "lt":
		return []db.Cond{cond(db.Lt, second)}, nil
	case "lte":
		return []db.Cond{cond(db.Lt, next)}, nil
	case "neq":
		return []db.Cond{db.Any(cond(db.Lt, second), cond(db.Ge, next))}, nil
	}
	return []db.Cond{cond(db.Ge, second), cond(db.Lt, next)}, nil
}

func instant(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05-0700", "2006-01-02T15:04",
		"2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func texts(name, value string) ([]db.Cond, error) {
	op, text, err := operator(value, "in", "eq")
	if err != nil {
		return nil, err
	}
	if op == "eq" {
		return []db.Cond{db.EqTo(name, text)}, nil
	}
	vs, err := quotedList(text)
	if err != nil {
		return nil, err
	}
	return []db.Cond{db.InList(name, vs)}, nil
}

var (
	listItem = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"(?:,|$)|([^",]*)(?:,|$)`)
	escaped  = regexp.MustCompile(`\\(.)`)
)

// quotedList splits a,"b,c" at commas outside quotes.
func quotedList(s string) ([]string, error) {
	var out []string
	for from := 0; from <= len(s); {
		m := listItem.FindStringSubmatchIndex(s[from:])
		if m == nil || m[0] != 0 {
			return nil, fault.Invalidf("Invalid filter value %s. The quote is not closed, or stands inside a value.", s)
		}
		if m[2] >= 0 {
			out = append(out, escaped.ReplaceAllString(s[from+m[2]:from+m[3]], "$1"))
		} else {
			out = append(out, s[from+m[4]:from+m[5]])
		}
		if m[1] == 0 || from+m[1] == len(s) && s[len(s)-1] != ',' {
			break
		}
		from += m[1]
	}
	return out, nil
}
