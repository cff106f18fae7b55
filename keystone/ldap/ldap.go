// Package ldap is the LDAP client: it searches users and groups and verifies passwords with a bind. It never writes.
//
// What clients send reaches a search only escaped, a bind only with the DN that a search has found, and never with an
// empty password, which servers take for no wish to prove anything.
package ldap

import (
	"context"
	"crypto/tls"
	"strconv"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"

	"hypernova/keystone/ldapidentity"
	"hypernova/oslo/fault"
)

// Directory is a ldapidentity.Source.
type Directory struct {
	c     Config
	urls  []string
	tls   *tls.Config
	slots chan struct{} // as many as there may be connections

	mu     sync.Mutex
	idle   []pooled
	closed bool
}

var _ ldapidentity.Source = (*Directory)(nil)

// nested is the rule by which Active Directory follows groups in groups.
const nested = ":1.2.840.113556.1.4.1941:"

// kind is what users and groups are searched by.
type kind struct {
	what, tree, class, filter, id, name string
	attributes                          []string
}

func (d *Directory) users() kind {
	return kind{"user", d.c.UserTree, d.c.UserClass, d.c.UserFilter, d.c.UserID, d.c.UserName,
		present(d.c.UserID, d.c.UserName, d.c.UserMail, d.c.UserText, d.c.Enabled, d.c.UserProject)}
}

func (d *Directory) groups() kind {
	return kind{"group", d.c.GroupTree, d.c.GroupClass, d.c.GroupFilter, d.c.GroupID, d.c.GroupName,
		present(d.c.GroupID, d.c.GroupName, d.c.GroupText, d.c.Member)}
}

func present(names ...string) []string {
	var out []string
	for _, n := range names {
		if n != "" {
			out = append(out, n)
		}
	}
	return out
}

// equal is the filter attribute=value.
func equal(attribute, value string) string {
	return "(" + attribute + "=" + ldap.EscapeFilter(value) + ")"
}

// all is the filter of what is of the kind and fulfils more.
func (k kind) all(more ...string) string {
	f := "(&" + equal("objectClass", k.class) + "(" + k.id + "=*)"
	if k.filter != "" {
		if !strings.HasPrefix(k.filter, "(") {
			f += "(" + k.filter + ")"
		} else {
			f += k.filter
		}
	}
	return f + strings.Join(more, "") + ")"
}

// named is the filter of a listing, empty for all.
func (k kind) named(f ldapidentity.Filter) string {
	text := ldap.EscapeFilter(f.Text)
	switch {
	case f.Op == ldapidentity.Any || f.Text == "" && f.Op != ldapidentity.Is:
		return ""
	case f.Op == ldapidentity.Contains:
		text = "*" + text + "*"
	case f.Op == ldapidentity.Begins:
		text += "*"
	case f.Op == ldapidentity.Ends:
		text = "*" + text
	}
	return "(" + k.name + "=" + text + ")"
}

// search finds all entries below base.
func (d *Directory) search(ctx context.Context, k kind, base string, scope int, filter string) ([]*ldap.Entry, error) {
	deref := map[string]int{"searching": ldap.DerefInSearching, "finding": ldap.DerefFindingBaseObj,
		"always": ldap.DerefAlways}[d.c.Aliases]
	var out []*ldap.Entry
	err := d.do(ctx, func(c *ldap.Conn) error {
		req := ldap.NewSearchRequest(base, scope, deref, 0, int(d.c.Timeout.Seconds()), false, filter, k.attributes, nil)
		var res *ldap.SearchResult
		var err error
		if d.c.PageSize > 0 {
			res, err = c.SearchWithPaging(req, d.c.PageSize)
		} else {
			res, err = c.Search(req)
		}
		if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
			return nil
		}
		if err == nil {
			out = res.Entries
		}
		return err
	})
	if err != nil && fault.Of(err) == nil {
		err = d.away(err)
		if ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
			err = fault.Unavailablef(
				"The directory has more entries than it tells at once: [ldap] page_size must be set.").Because(err)
		}
	}
	return out, err
}

func (d *Directory) scope() int {
	if d.c.Scope == "sub" {
		return ldap.ScopeWholeSubtree
	}
	return ldap.ScopeSingleLevel
}

// one finds the entry with an attribute's value; fault.NotFound for none, and for several, which nobody can tell apart.
func (d *Directory) one(ctx context.Context, k kind, attribute, value string) (*ldap.Entry, error) {
	if value == "" {
		return nil, fault.NotFoundf("Could not find %s.", k.what)
	}
	es, err := d.search(ctx, k, k.tree, d.scope(), k.all(equal(attribute, value)))
	if err != nil {
		return nil, err
	}
	if len(es) != 1 {
		return nil, fault.NotFoundf("Could not find %s: %s.", k.what, value)
	}
	return es[0], nil
}

func (d *Directory) ignores(attribute string) bool {
	for _, i := range d.c.Ignore {
		if i == attribute {
			return true
		}
	}
	return false
}

func (d *Directory) user(e *ldap.Entry) ldapidentity.User {
	u := ldapidentity.User{ID: e.GetEqualFoldAttributeValue(d.c.UserID), Name: e.GetEqualFoldAttributeValue(d.c.UserName),
		Enabled: d.enabled(e)}
	for _, a := range []struct {
		name, attribute string
		to              *string
	}{{"email", d.c.UserMail, &u.Email}, {"description", d.c.UserText, &u.Description},
		{"default_project_id", d.c.UserProject, &u.DefaultProjectID}} {
		if a.attribute != "" && !d.ignores(a.name) {
			*a.to = e.GetEqualFoldAttributeValue(a.attribute)
		}
	}
	return u
}

// enabled tells whether an entry may log in.
func (d *Directory) enabled(e *ldap.Entry) bool {
	if d.ignores("enabled") {
		return true
	}
	text := e.GetEqualFoldAttributeValue(d.c.Enabled)
	if text == "" {
		text = d.c.EnabledElse
	}
	if d.c.EnabledMask != 0 {
		n, err := strconv.ParseInt(text, 10, 64)
		return err == nil && n&d.c.EnabledMask != d.c.EnabledMask
	}
	return strings.EqualFold(text, "true") != d.c.EnabledInvert
}

func (d *Directory) group(e *ldap.Entry) ldapidentity.Group {
	g := ldapidentity.Group{ID: e.GetEqualFoldAttributeValue(d.c.GroupID),
		Name: e.GetEqualFoldAttributeValue(d.c.GroupName)}
	if d.c.GroupText != "" {
		g.Description = e.GetEqualFoldAttributeValue(d.c.GroupText)
	}
	return g
}

func convert[T any](es []*ldap.Entry, f func(*ldap.Entry) T) []T {
	out := make([]T, 0, len(es))
	for _, e := range es {
		out = append(out, f(e))
	}
	return out
}

// User is ldapidentity.Source.
func (d *Directory) User(ctx context.Context, id string) (ldapidentity.User, error) {
	e, err := d.one(ctx, d.users(), d.c.UserID, id)
	if err != nil {
		return ldapidentity.User{}, err
	}
	return d.user(e), nil
}

// UserNamed is ldapidentity.Source.
func (d *Directory) UserNamed(ctx context.Context, name string) (ldapidentity.User, error) {
	e, err := d.one(ctx, d.users(), d.c.UserName, name)
	if err != nil {
		return ldapidentity.User{}, err
	}
	return d.user(e), nil
}

// Users is ldapidentity.Source.
func (d *Directory) Users(ctx context.Context, f ldapidentity.Filter) ([]ldapidentity.User, error) {
	k := d.users()
	es, err := d.search(ctx, k, k.tree, d.scope(), k.all(k.named(f)))
	return convert(es, d.user), err
}

// Check is ldapidentity.Source. For somebody who is not there it asks the server about a DN that nobody has, which
// takes as long.
func (d *Directory) Check(ctx context.Context, id, password string) error {
	if password == "" {
		return fault.New(fault.Unauthorized, "An empty password proves nothing.")
	}
	e, err := d.one(ctx, d.users(), d.c.UserID, id)
	if fault.Is(err, fault.NotFound) {
		if err := d.bind(ctx, "cn=nobody-"+ldap.EscapeDN(id)+","+d.c.UserTree, password); fault.Is(err, fault.Unavailable) {
			return err
		}
		return fault.New(fault.Unauthorized, "No such user.").Because(err)
	}
	if err != nil {
		return err
	}
	return d.bind(ctx, e.DN, password)
}

// Group is ldapidentity.Source.
func (d *Directory) Group(ctx context.Context, id string) (ldapidentity.Group, error) {
	e, err := d.one(ctx, d.groups(), d.c.GroupID, id)
	if err != nil {
		return ldapidentity.Group{}, err
	}
	return d.group(e), nil
}

// Groups is ldapidentity.Source.
func (d *Directory) Groups(ctx context.Context, f ldapidentity.Filter) ([]ldapidentity.Group, error) {
	k := d.groups()
	es, err := d.search(ctx, k, k.tree, d.scope(), k.all(k.named(f)))
	return convert(es, d.group), err
}

// GroupsOf is ldapidentity.Source.
func (d *Directory) GroupsOf(ctx context.Context, user string) ([]ldapidentity.Group, error) {
	e, err := d.one(ctx, d.users(), d.c.UserID, user)
	if err != nil {
		return nil, err
	}
	k := d.groups()
	es, err := d.search(ctx, k, k.tree, d.scope(), k.all(d.holds(e)))
	return convert(es, d.group), err
}

// holds is the filter of the groups that a user is in.
func (d *Directory) holds(user *ldap.Entry) string {
	switch {
	case d.c.MembersAreIDs:
		return equal(d.c.Member, user.GetEqualFoldAttributeValue(d.c.UserID))
	case d.c.Nesting:
		return equal(d.c.Member+nested, user.DN)
	}
	return equal(d.c.Member, user.DN)
}

// Members is ldapidentity.Source. Members that are no users, or not there any more, are passed over.
func (d *Directory) Members(ctx context.Context, group string) ([]ldapidentity.User, error) {
	e, err := d.one(ctx, d.groups(), d.c.GroupID, group)
	if err != nil {
		return nil, err
	}
	k := d.users()
	if d.c.Nesting && !d.c.MembersAreIDs {
		es, err := d.search(ctx, k, k.tree, d.scope(), k.all(equal("memberOf"+nested, e.DN)))
		return convert(es, d.user), err
	}
	out := []ldapidentity.User{}
	for _, m := range e.GetEqualFoldAttributeValues(d.c.Member) {
		var es []*ldap.Entry
		if d.c.MembersAreIDs {
			es, err = d.search(ctx, k, k.tree, d.scope(), k.all(equal(k.id, m)))
		} else if _, bad := ldap.ParseDN(m); bad == nil {
			es, err = d.search(ctx, k, m, ldap.ScopeBaseObject, k.all())
		}
		if err != nil {
			return nil, err
		}
		out = append(out, convert(es, d.user)...)
	}
	return out, nil
}
