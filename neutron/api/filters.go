package api

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/neutron/secgroups"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
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
	hardware // a MAC in any of its spellings
	address  // an IP address in any of its spellings
	block    // a CIDR in any of its spellings
	proto    // a protocol as security group rules keep it
	family   // IPv4 or IPv6, whatever the case
	remote   // a prefix as security group rules keep it
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

// guards are the rules of attributes that not everybody sees. Who may not see one can neither filter nor sort by it: it
// is as if there were no such attribute.
type guards map[string]*policy.Rule

// listing is how one list may be asked for.
type listing struct {
	known  filters
	hidden guards
	// special answers filters that are no plain column; handled false leaves them.
	special func(name string, values []string) (cs []db.Cond, handled bool, err error)
}

// sortable reports whether a list may be sorted by an attribute. Nobody sorts by attributes that are hidden from some,
// as in neutron.
func (l listing) sortable(name string) bool {
	_, known := l.known[name]
	return known && l.hidden[name] == nil && !strings.Contains(name, "tags") && name != "changed_since"
}

// asked is a query as the store understands it.
type asked struct {
	db.ListArgs
	guarded []*policy.Rule // of the hidden attributes that the query filters by: only things whose attribute the caller sees can match
}

// args turns a query into what the store lists by.
func (q *listQuery) args(r *api.Request, l listing) (asked, error) {
	a := asked{}
	if q.Limit < unbounded { // without a limit there are no pages, and the marker says nothing
		a.Limit, a.Marker, a.Reverse = q.Limit, q.Marker, q.Reverse
	}
	if err := q.sort(r, l, &a.ListArgs); err != nil {
		return a, err
	}
	names := make([]string, 0, len(q.Filters))
	for name := range q.Filters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := q.Filters[name]
		if rule := l.hidden[name]; rule != nil {
			if !r.Allowed(rule, nil) {
				return a, noFilter(name)
			}
			a.guarded = append(a.guarded, rule)
		}
		if l.special != nil {
			cs, handled, err := l.special(name, values)
			if err != nil {
				return a, err
			}
			if handled {
				a.Where = append(a.Where, cs...)
				continue
			}
		}
		k, ok := l.known[name]
		if !ok {
			return a, noFilter(name)
		}
		c, err := condition(name, k, values)
		if err != nil {
			return a, err
		}
		a.Where = append(a.Where, c)
	}
	return a, nil
}

func noFilter(name string) error {
	return fault.Invalidf("['%s'] is invalid attribute for filtering", name)
}

// sort reads the order that is asked for: as many directions as keys.
func (q *listQuery) sort(r *api.Request, l listing, a *db.ListArgs) error {
	// Services of the release before this one name keys alone.
	if q.Sort == "" && len(q.SortKeys) != len(q.SortDirs) && !(len(q.SortDirs) == 0 && r.Allowed(ruleService, nil)) {
		return fault.Invalidf("The number of sort_keys and sort_dirs must be same")
	}
	for _, name := range q.SortKeys {
		if !l.sortable(name) {
			return noSort(name)
		}
	}
	for _, dir := range q.SortDirs {
		if dir != "asc" && dir != "desc" {
			return fault.Invalidf("['%s'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'", dir)
		}
	}
	order, err := q.Order(false)
	if err != nil {
		return err
	}
	for _, k := range order {
		switch {
		case !l.sortable(k.Name):
			return noSort(k.Name)
		case k.Name != "id":
			a.Sort = append(a.Sort, db.SortKey{Column: column(k.Name), Desc: k.Desc})
		case k.Desc:
			a.Sort = append(a.Sort, db.SortKey{Column: "id", Desc: true})
		}
	}
	return nil
}

func noSort(name string) error {
	return fault.Invalidf("['%s'] is invalid attribute for sort_keys", name)
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

// value reads one value of a filter. What cannot be read is refused where neutron converts it, and matches nothing
// where it does not.
func value(name string, k kind, s string) (any, error) {
	switch k {
	case truth:
		switch strings.ToLower(strings.TrimSpace(s)) {
		case "true", "1", "t", "y", "yes", "on":
			return true, nil
		case "false", "0", "f", "n", "no", "off":
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
	case hardware:
		return ipam.SameMAC(s), nil
	case address:
		if ip, err := netip.ParseAddr(s); err == nil {
			return ip.String(), nil
		}
	case block:
		p, err := ipam.ParseCIDR(s)
		if err != nil {
			return nil, neutron.BadInput("%s is not in a CIDR format", s)
		}
		return p.String(), nil
	case proto:
		p, err := secgroups.Protocol(s)
		if err != nil || p != "" {
			return p, err
		}
		return nil, nil
	case family:
		n, err := secgroups.Ether(s)
		return "IPv" + strconv.Itoa(n), err
	case remote:
		p, err := secgroups.Prefix(s)
		if err != nil || p != "" {
			return p, err
		}
		return nil, nil
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

// seen are the items that the list's rule shows to the caller, and whose attributes that he filters by he sees. Lists
// never refuse: who may see nothing gets an empty one.
func seen[N any](r *api.Request, items []N, rule *policy.Rule, guarded []*policy.Rule, target func(N) policy.Target) []N {
	return slices.DeleteFunc(items, func(n N) bool {
		t := target(n)
		return !r.Allowed(rule, t) || slices.ContainsFunc(guarded, func(g *policy.Rule) bool { return !r.Allowed(g, t) })
	})
}

// page is what was read of a list, and where its neighbours begin. Each page but a short one has a neighbour on both
// sides; a short one has one where it came from. Of an empty page the neighbour has no marker: it is the list's end.
func page[N, V any](q *listQuery, items []N, id func(N) string, view func(N) V) api.Page[V] {
	p := api.Page[V]{Items: views(items, view)}
	if q.Limit >= unbounded {
		return p
	}
	short := len(items) < q.Limit
	p.NextBare, p.PrevBare = !short || q.Reverse, !short || !q.Reverse
	if len(items) == 0 {
		return p
	}
	if p.NextBare {
		p.Next = id(items[len(items)-1])
	}
	if p.PrevBare {
		p.Prev = id(items[0])
	}
	return p
}

// unplaced is the error of a list: a marker that the caller does not see is a thing that is not there.
func unplaced(err error, what, marker string) error {
	if f := fault.Of(err); f != nil && f.Code == db.MarkerNotFound {
		return neutron.Missing(what, marker)
	}
	return err
}
