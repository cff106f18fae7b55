package api

import (
	"context"
	"encoding/json"
	"maps"
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

// valueReader reads one value of a filter; nil is a text. A value that cannot be read is a fault where neutron
// converts it, and matches nothing where neutron does not.
type valueReader = func(text string) (any, error)

// filters are the attributes that a list can be filtered and sorted by.
type filters map[string]valueReader

// with adds the attributes that every resource has.
func (f filters) with(more filters) filters {
	out := filters{"id": nil, "name": nil, "description": nil, "project_id": nil, "tenant_id": nil,
		"revision_number": number,
		"created_at":      nil, "updated_at": nil, "tags": nil, "tags-any": nil, "not-tags": nil, "not-tags-any": nil,
		"changed_since": nil}
	maps.Copy(out, more)
	return out
}

// guards are the rules of attributes that not everybody sees. A caller who may not see one can neither filter nor
// sort by it: it is answered as an unknown attribute.
type guards map[string]*policy.Rule

// listing is how a list may be asked for.
type listing struct {
	known  filters
	hidden guards
	// special answers filters that are not one column; handled is false for others.
	special func(ctx context.Context, name string, values []string) (cs []db.Cond, handled bool, err error)
}

// sortable reports whether a list may be sorted by an attribute. As in neutron nobody sorts by one that has a guard.
func (l listing) sortable(name string) bool {
	_, known := l.known[name]
	return known && l.hidden[name] == nil && !strings.Contains(name, "tags") && name != "changed_since"
}

// asked is a query as the store understands it.
type asked struct {
	db.ListArgs
	guarded []*policy.Rule // of the attributes that the query filters by; a resource that one of them hides does not match
}

// args turns a query into what the store lists by.
func (q *listQuery) args(ctx context.Context, r *api.Request, l listing) (asked, error) {
	a := asked{}
	if q.Limit < api.Unbounded { // without a limit there are no pages, and the marker has no effect
		a.Limit, a.Marker, a.Reverse = q.Limit, q.Marker, q.Reverse
	}
	if err := q.sort(r, l, &a.ListArgs); err != nil {
		return a, err
	}
	for _, name := range slices.Sorted(maps.Keys(q.Filters)) {
		values := q.Filters[name]
		if rule := l.hidden[name]; rule != nil {
			if !r.Allowed(rule, nil) {
				return a, noFilter(name)
			}
			a.guarded = append(a.guarded, rule)
		}
		if l.special != nil {
			cs, handled, err := l.special(ctx, name, values)
			if err != nil {
				return a, err
			}
			if handled {
				a.Where = append(a.Where, cs...)
				continue
			}
		}
		read, ok := l.known[name]
		if !ok {
			return a, noFilter(name)
		}
		c, err := condition(name, read, values)
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

func condition(name string, read valueReader, values []string) (db.Cond, error) {
	switch name {
	case "tags", "tags-any", "not-tags", "not-tags-any":
		return tagCondition(name, values), nil
	case "changed_since":
		return api.Filter{Column: "updated_at", Op: db.Ge, Value: instant}.Cond(name, values)
	case "created_at", "updated_at":
		return api.Filter{Column: name, Op: db.Eq, Value: instant}.Cond(name, values)
	}
	return api.Filter{Column: column(name), Op: db.In, Value: read}.Cond(name, values)
}

func truth(s string) (any, error) {
	if v, ok := api.Truth(s); ok {
		return v, nil
	}
	return nil, neutron.BadInput("'%s' cannot be converted to boolean", s)
}

func number(s string) (any, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, neutron.BadInput("'%s' is not an integer", s)
	}
	return n, nil
}

// nullableText reads the texts that mean null as such.
func nullableText(s string) (any, error) {
	if s == "" || s == "None" || s == "null" {
		return nil, nil
	}
	return s, nil
}

// hardware reads a MAC address in any of its spellings.
func hardware(s string) (any, error) { return ipam.SameMAC(s), nil }

// address reads an IP address in any of its spellings.
func address(s string) (any, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.String(), nil
	}
	return s, nil
}

// block reads a CIDR in any of its spellings.
func block(s string) (any, error) {
	p, err := ipam.ParseCIDR(s)
	if err != nil {
		return nil, neutron.BadInput("%s is not in a CIDR format", s)
	}
	return p.String(), nil
}

// protocol reads the protocol of a security group rule.
func protocol(s string) (any, error) { return orNull(secgroups.Protocol(s)) }

// remote reads the prefix of a security group rule.
func remote(s string) (any, error) { return orNull(secgroups.Prefix(s)) }

// orNull is a text, or null for the empty one.
func orNull(s string, err error) (any, error) {
	if err != nil || s != "" {
		return s, err
	}
	return nil, nil
}

// family reads IPv4 or IPv6, in any case.
func family(s string) (any, error) {
	n, err := secgroups.Ether(s)
	return "IPv" + strconv.Itoa(n), err
}

func instant(s string) (any, error) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(form, s); err == nil {
			return db.At(t.UTC()), nil
		}
	}
	return nil, neutron.BadInput("'%s' is not a valid time", s)
}

// tagCondition asks for all, any, not all or not any of tags. The column has a JSON list, so a tag is found in
// quotes.
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
