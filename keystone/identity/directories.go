package identity

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"hypernova/keystone"
	"hypernova/keystone/ldapidentity"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// directories is the read-only directories of domains. Their users and groups cannot be changed here.
type directories struct{ users *ldapidentity.Service }

// writable is fault.Forbidden for a domain whose users and groups are in a directory.
func (d directories) writable(ctx context.Context, domain string) error {
	external, err := d.users.Serves(ctx, domain)
	if err == nil && external {
		err = ldapidentity.ReadOnly()
	}
	return err
}

// changeable is fault.Forbidden for a user or group (by kind) of a directory.
func (d directories) changeable(ctx context.Context, id, kind string) error {
	external, err := d.users.Has(ctx, id, kind)
	if err == nil && external {
		err = ldapidentity.ReadOnly()
	}
	return err
}

// sameBackend is fault.Forbidden for a membership in a directory's group, and for one of a directory's user in a group
// of the database.
func (d directories) sameBackend(ctx context.Context, group, user string) error {
	if err := d.changeable(ctx, group, keystone.OfGroup); err != nil {
		return err
	}
	external, err := d.users.Has(ctx, user, keystone.OfUser)
	if err == nil && external {
		err = fault.Forbiddenf("Group membership across backend boundaries is not allowed. "+
			"Group in question is %s, user is %s.", group, user)
	}
	return err
}

// EnsureRow inserts a row for a user of a directory, so that other rows can refer to it. It does nothing for other
// users. fault.NotFound for a user that the directory does not have.
func (d directories) EnsureRow(ctx context.Context, user string) error {
	return d.users.EnsureRow(ctx, user)
}

// query is the conditions of a list. A directory filters by domain and filter, the rest is done here.
type query struct {
	domain  string
	filter  ldapidentity.Filter
	enabled *bool
	names   []*regexp.Regexp // which directories do not support; all must match
}

// excludes reports whether a name does not match.
func (q query) excludes(name string) bool {
	return slices.ContainsFunc(q.names, func(x *regexp.Regexp) bool { return !x.MatchString(name) })
}

func queryOf(where []db.Cond) query {
	var q query
	for _, c := range where {
		switch {
		case c.Column == "domain_id" && c.Op == db.Eq && len(c.Values) == 1:
			q.domain, _ = c.Values[0].(string)
		case c.Column == "name" && (c.Op == db.Eq || c.Op == db.Like) && len(c.Values) == 1:
			text, _ := c.Values[0].(string)
			q.filter = nameFilter(c.Op, text)
		case c.Column == "name" && c.Op == db.Regexp && len(c.Values) == 1:
			text, _ := c.Values[0].(string)
			if x, err := regexp.Compile(text); err == nil {
				q.names = append(q.names, x)
			}
		case c.Column == "enabled" && c.Op == db.Eq && len(c.Values) == 1:
			if v, ok := c.Values[0].(bool); ok {
				q.enabled = &v
			}
		}
	}
	return q
}

// nameFilter converts a LIKE pattern to a filter of directories.
func nameFilter(op db.Op, text string) ldapidentity.Filter {
	if op == db.Eq {
		return ldapidentity.Filter{Op: ldapidentity.Is, Text: text}
	}
	body, front := strings.CutPrefix(text, "%")
	body, back := body, false
	if strings.HasSuffix(body, "%") && !strings.HasSuffix(body, `\%`) {
		body, back = strings.TrimSuffix(body, "%"), true
	}
	f := ldapidentity.Filter{Op: ldapidentity.Is, Text: strings.NewReplacer(`\\`, `\`, `\%`, `%`, `\_`, `_`).Replace(body)}
	switch {
	case front && back:
		f.Op = ldapidentity.Contains
	case front:
		f.Op = ldapidentity.Ends
	case back:
		f.Op = ldapidentity.Begins
	}
	return f
}

// listUsers returns one page of the users of a domain that has a directory; external is false for other domains.
func (d directories) listUsers(ctx context.Context, a db.ListArgs) (page []keystone.User, external bool, err error) {
	q := queryOf(a.Where)
	us, external, err := d.users.Users(ctx, q.domain, q.filter)
	if !external || err != nil {
		return nil, external, err
	}
	us = slices.DeleteFunc(us, func(u keystone.User) bool { return q.excludes(u.Name) })
	if q.enabled != nil {
		us = slices.DeleteFunc(us, func(u keystone.User) bool { return u.Enabled != *q.enabled })
	}
	us, err = pageOf(us, a, func(u keystone.User, column string) string {
		if column == "name" {
			return u.Name
		}
		return u.ID
	})
	return us, true, err
}

// listGroups is listUsers for groups.
func (d directories) listGroups(ctx context.Context, a db.ListArgs) (page []keystone.Group, external bool, err error) {
	q := queryOf(a.Where)
	gs, external, err := d.users.Groups(ctx, q.domain, q.filter)
	if !external || err != nil {
		return nil, external, err
	}
	gs = slices.DeleteFunc(gs, func(g keystone.Group) bool { return q.excludes(g.Name) })
	gs, err = pageOf(gs, a, func(g keystone.Group, column string) string {
		if column == "name" {
			return g.Name
		}
		return g.ID
	})
	return gs, true, err
}

// pageOf sorts a list and returns the page; fault.Invalid for a marker that is not in the list.
func pageOf[T any](all []T, a db.ListArgs, value func(T, string) string) ([]T, error) {
	slices.SortStableFunc(all, func(x, y T) int {
		for _, k := range a.Sort {
			c := cmp.Compare(value(x, k.Column), value(y, k.Column))
			if k.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return cmp.Compare(value(x, "id"), value(y, "id"))
	})
	if a.Marker != "" {
		at := slices.IndexFunc(all, func(x T) bool { return value(x, "id") == a.Marker })
		if at < 0 {
			return nil, fault.Invalidf("Marker %s is not in the list.", a.Marker)
		}
		all = all[at+1:]
	}
	if a.Limit > 0 && len(all) > a.Limit {
		all = all[:a.Limit]
	}
	return all, nil
}
