package identity

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"hypernova/keystone"
	"hypernova/keystone/directory"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// writable refuses to make something in a domain whose users are in a directory.
func (s *Service) writable(ctx context.Context, domain string) error {
	theirs, err := s.directory.Serves(ctx, domain)
	if err == nil && theirs {
		err = directory.ReadOnly()
	}
	return err
}

// ours refuses to change what is in a directory.
func (s *Service) ours(ctx context.Context, id, kind string) error {
	theirs, err := s.directory.Has(ctx, id, kind)
	if err == nil && theirs {
		err = directory.ReadOnly()
	}
	return err
}

// oursBoth refuses memberships that a directory would have to keep, or that would cross from one place to another.
func (s *Service) oursBoth(ctx context.Context, group, user string) error {
	if err := s.ours(ctx, group, keystone.OfGroup); err != nil {
		return err
	}
	theirs, err := s.directory.Has(ctx, user, keystone.OfUser)
	if err == nil && theirs {
		err = fault.Forbiddenf("Group membership across backend boundaries is not allowed. Group in question is %s, user is %s.", group, user)
	}
	return err
}

// Settle makes sure that what belongs to a user can hang on them: one from a directory has a row here from then on. fault.NotFound for a
// user that their directory does not have.
func (s *Service) Settle(ctx context.Context, user string) error {
	return s.directory.Settle(ctx, user)
}

// asked is what of a listing a directory can be asked for; the rest is done here.
type asked struct {
	domain  string
	filter  directory.Filter
	enabled *bool
	names   []*regexp.Regexp // of which directories know nothing; all must match
}

// other tells a name that the listing does not ask for.
func (a asked) other(name string) bool {
	return slices.ContainsFunc(a.names, func(x *regexp.Regexp) bool { return !x.MatchString(name) })
}

func askedOf(where []db.Cond) asked {
	var a asked
	for _, c := range where {
		switch {
		case c.Column == "domain_id" && c.Op == db.Eq && len(c.Values) == 1:
			a.domain, _ = c.Values[0].(string)
		case c.Column == "name" && (c.Op == db.Eq || c.Op == db.Like) && len(c.Values) == 1:
			text, _ := c.Values[0].(string)
			a.filter = nameFilter(c.Op, text)
		case c.Column == "name" && c.Op == db.Regexp && len(c.Values) == 1:
			text, _ := c.Values[0].(string)
			if x, err := regexp.Compile(text); err == nil {
				a.names = append(a.names, x)
			}
		case c.Column == "enabled" && c.Op == db.Eq && len(c.Values) == 1:
			if v, ok := c.Values[0].(bool); ok {
				a.enabled = &v
			}
		}
	}
	return a
}

// nameFilter turns a pattern back into what a directory understands.
func nameFilter(op db.Op, text string) directory.Filter {
	if op == db.Eq {
		return directory.Filter{Op: directory.Is, Text: text}
	}
	body, front := strings.CutPrefix(text, "%")
	body, back := body, false
	if strings.HasSuffix(body, "%") && !strings.HasSuffix(body, `\%`) {
		body, back = strings.TrimSuffix(body, "%"), true
	}
	f := directory.Filter{Op: directory.Is, Text: strings.NewReplacer(`\\`, `\`, `\%`, `%`, `\_`, `_`).Replace(body)}
	switch {
	case front && back:
		f.Op = directory.Contains
	case front:
		f.Op = directory.Ends
	case back:
		f.Op = directory.Begins
	}
	return f
}

// usersElsewhere lists the users of a domain that keeps them in a directory.
func (s *Service) usersElsewhere(ctx context.Context, a db.ListArgs) ([]keystone.User, bool, error) {
	q := askedOf(a.Where)
	us, theirs, err := s.directory.Users(ctx, q.domain, q.filter)
	if !theirs || err != nil {
		return nil, theirs, err
	}
	us = slices.DeleteFunc(us, func(u keystone.User) bool { return q.other(u.Name) })
	if q.enabled != nil {
		us = slices.DeleteFunc(us, func(u keystone.User) bool { return u.Enabled != *q.enabled })
	}
	us, err = cut(us, a, func(u keystone.User, column string) string {
		if column == "name" {
			return u.Name
		}
		return u.ID
	})
	return us, true, err
}

func (s *Service) groupsElsewhere(ctx context.Context, a db.ListArgs) ([]keystone.Group, bool, error) {
	q := askedOf(a.Where)
	gs, theirs, err := s.directory.Groups(ctx, q.domain, q.filter)
	if !theirs || err != nil {
		return nil, theirs, err
	}
	gs = slices.DeleteFunc(gs, func(g keystone.Group) bool { return q.other(g.Name) })
	gs, err = cut(gs, a, func(g keystone.Group, column string) string {
		if column == "name" {
			return g.Name
		}
		return g.ID
	})
	return gs, true, err
}

// cut sorts a list and takes the page that is asked for; fault.Invalid for a marker that is not in it.
func cut[T any](all []T, a db.ListArgs, value func(T, string) string) ([]T, error) {
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
