// Package ldapidentity is a read-only identity backend for domains whose users and groups are in LDAP.
//
// Somebody from a directory has a public id here that is made of the domain and the directory's own id, so that it is
// the same in every deployment; directory_ids leads back. A user who has logged in also gets a row among the
// users, so that what belongs to users can hang on it; what counts of them is still what the directory says.
//
// Invariant: what a directory says is trusted for Fresh at most; a directory that does not answer is
// fault.Unavailable, never "nobody".
package ldapidentity

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Fresh is how long an answer of a directory is remembered.
const Fresh = 15 * time.Second

// User is a user as a directory has them. ID is the directory's own.
type User struct {
	ID, Name, Email, Description, DefaultProjectID string
	Enabled                                        bool
}

// Group is a group as a directory has it.
type Group struct{ ID, Name, Description string }

// Filter narrows a listing by name; the zero Filter matches all. Case does not count.
type Filter struct {
	Op   Op
	Text string
}

// Op is how a name is compared.
type Op int

// Ways to compare names.
const (
	Any Op = iota
	Is
	Contains
	Begins
	Ends
)

// Source is one directory. Its methods block at most for its timeout. They return fault.NotFound for a missing entry,
// and fault.Unavailable if the directory does not answer. They may be called concurrently.
type Source interface {
	User(ctx context.Context, id string) (User, error)
	UserNamed(ctx context.Context, name string) (User, error)
	Users(ctx context.Context, f Filter) ([]User, error)
	// Check is nil when the password is the user's, fault.Unauthorized when not; an empty one never is.
	Check(ctx context.Context, id, password string) error
	Group(ctx context.Context, id string) (Group, error)
	Groups(ctx context.Context, f Filter) ([]Group, error)
	GroupsOf(ctx context.Context, user string) ([]Group, error)
	Members(ctx context.Context, group string) ([]User, error)
	// Close ends its connections; it waits for nobody.
	Close()
}

// Sources finds the directory of a domain; nil where its users are in the database.
type Sources interface {
	Source(ctx context.Context, domain keystone.Project) (Source, error)
}

// Service answers about users and groups of all directories by their public ids. A nil Service knows nobody.
type Service struct {
	db      *db.DB
	sources Sources
	now     clock.Now

	users  *lru.Cache[string, seen[keystone.User]]
	groups *lru.Cache[string, seen[[]keystone.Group]]
	known  *lru.Cache[string, struct{}] // public ids that have their row
}

type seen[T any] struct {
	v  T
	at time.Time
}

// rememberMax bounds each of the caches.
const rememberMax = 20_000

// New makes the service.
func New(d *db.DB, s Sources, now clock.Now) *Service {
	return &Service{db: d, sources: s, now: now, users: cache[seen[keystone.User]](),
		groups: cache[seen[[]keystone.Group]](), known: cache[struct{}]()}
}

// cache returns an empty cache of values by public id. The least recently used leave first.
func cache[V any]() *lru.Cache[string, V] {
	c, err := lru.New[string, V](rememberMax)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return c
}

// ReadOnly is what every attempt to write to a directory gets.
func ReadOnly() error { return fault.Forbiddenf("LDAP does not support write operations") }

// source is the directory of a domain, nil for none.
func (s *Service) source(ctx context.Context, domain string) (Source, error) {
	if s == nil || domain == "" {
		return nil, nil
	}
	d, err := store.Project(ctx, s.db, domain)
	if err != nil || !d.IsDomain {
		if fault.Is(err, fault.NotFound) {
			err = nil
		}
		return nil, err
	}
	return s.sources.Source(ctx, d)
}

// Serves reports whether a domain's users are in a directory.
func (s *Service) Serves(ctx context.Context, domain string) (bool, error) {
	src, err := s.source(ctx, domain)
	return src != nil, err
}

// found is what a public id leads to.
type found struct {
	store.DirectoryID
	src Source
}

// find leads from a public id to a directory; src is nil where the id is none, or its domain has no directory any more.
func (s *Service) find(ctx context.Context, id, kind string) (found, error) {
	if s == nil || len(id) != keystone.PublicIDLength {
		return found{}, nil
	}
	d, err := store.LocalID(ctx, s.db, id)
	if fault.Is(err, fault.NotFound) || err == nil && d.Kind != kind {
		return found{}, nil
	}
	if err != nil {
		return found{}, err
	}
	src, err := s.source(ctx, d.Domain)
	return found{d, src}, err
}

// Has reports whether a public id stands for a user (or group, by kind) of a directory.
func (s *Service) Has(ctx context.Context, id, kind string) (bool, error) {
	f, err := s.find(ctx, id, kind)
	return f.src != nil, err
}

// publish gives what a directory knows by a local id its public one.
func (s *Service) publish(ctx context.Context, domain, kind, local string) (string, error) {
	d := store.DirectoryID{Public: store.PublicID(domain, kind, local), Domain: domain, Kind: kind, Local: local}
	if s.known.Contains(d.Public) {
		return d.Public, nil
	}
	_, err := store.LocalID(ctx, s.db, d.Public)
	if fault.Is(err, fault.NotFound) {
		err = store.KeepLocalID(ctx, s.db, d)
	}
	if err != nil {
		return "", err
	}
	s.known.Add(d.Public, struct{}{})
	return d.Public, nil
}

func (s *Service) user(ctx context.Context, domain string, u User) (keystone.User, error) {
	id, err := s.publish(ctx, domain, keystone.OfUser, u.ID)
	if err != nil {
		return keystone.User{}, err
	}
	out := keystone.User{
		ID:               id,
		Name:             u.Name,
		DomainID:         domain,
		Description:      u.Description,
		DefaultProjectID: u.DefaultProjectID,
		Enabled:          u.Enabled,
	}
	if u.Email != "" {
		mail, err := json.Marshal(u.Email)
		if err != nil {
			return out, err
		}
		out.Extra = keystone.Extra{"email": mail}
	}
	s.remember(out)
	return out, nil
}

func (s *Service) remember(u keystone.User) {
	s.users.Add(u.ID, seen[keystone.User]{u, s.now()})
}

func (s *Service) group(ctx context.Context, domain string, g Group) (keystone.Group, error) {
	id, err := s.publish(ctx, domain, keystone.OfGroup, g.ID)
	return keystone.Group{ID: id, Name: g.Name, DomainID: domain, Description: g.Description}, err
}

// User finds a user by public id; theirs is false for an id that no directory has.
func (s *Service) User(ctx context.Context, id string) (u keystone.User, theirs bool, err error) {
	f, err := s.find(ctx, id, keystone.OfUser)
	if err != nil || f.src == nil {
		return u, false, err
	}
	have, ok := s.users.Get(id)
	if ok && s.now().Sub(have.at) < Fresh {
		return have.v, true, nil
	}
	raw, err := f.src.User(ctx, f.Local)
	if err != nil {
		return u, true, store.Missing(err, "user", id)
	}
	u, err = s.user(ctx, f.Domain, raw)
	return u, true, err
}

// UserNamed finds a user by domain and name.
func (s *Service) UserNamed(ctx context.Context, domain, name string) (u keystone.User, theirs bool, err error) {
	src, err := s.source(ctx, domain)
	if err != nil || src == nil {
		return u, false, err
	}
	raw, err := src.UserNamed(ctx, name)
	if err != nil {
		return u, true, store.Missing(err, "user", name)
	}
	u, err = s.user(ctx, domain, raw)
	return u, true, err
}

// Check proves a user by password and keeps a row for them.
func (s *Service) Check(ctx context.Context, u keystone.User, password string) error {
	f, err := s.find(ctx, u.ID, keystone.OfUser)
	if err != nil {
		return err
	}
	if f.src == nil {
		return fault.NotFoundf("Could not find user: %s.", u.ID)
	}
	if err := f.src.Check(ctx, f.Local, password); err != nil {
		return err
	}
	return s.shadow(ctx, u)
}

// Refuse takes as long as Check does with a wrong password, for a user that the domain's directory does not have.
func (s *Service) Refuse(ctx context.Context, domain, password string) error {
	src, err := s.source(ctx, domain)
	if err != nil || src == nil {
		return err
	}
	return src.Check(ctx, ids.Hex(), password)
}

// EnsureRow inserts a row for a user of a directory, so that other rows can refer to it. It does nothing for other ids.
func (s *Service) EnsureRow(ctx context.Context, id string) error {
	u, theirs, err := s.User(ctx, id)
	if err != nil || !theirs {
		return err
	}
	if _, _, err := store.User(ctx, s.db, id); !fault.Is(err, fault.NotFound) {
		return err
	}
	return s.shadow(ctx, u)
}

// shadow keeps the row of somebody who has logged in.
func (s *Service) shadow(ctx context.Context, u keystone.User) error {
	have, _, err := store.User(ctx, s.db, u.ID)
	if err == nil && (have.Name == u.Name || strings.HasPrefix(have.Name, u.Name+"-")) &&
		s.now().Sub(have.LastActive) < 24*time.Hour {
		return nil
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		row := keystone.User{ID: u.ID, Name: u.Name, DomainID: u.DomainID, Enabled: true, Options: have.Options}
		if other, _, err := store.UserNamed(ctx, tx, u.DomainID, u.Name); err == nil && other.ID != u.ID {
			row.Name += "-" + u.ID[:8] // somebody had the name in the database before the domain had a directory
		} else if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		_, _, err := store.User(ctx, tx, u.ID)
		switch {
		case fault.Is(err, fault.NotFound):
			return store.InsertUser(ctx, tx, row, "", s.now())
		case err != nil:
			return err
		}
		if err := store.UpdateUser(ctx, tx, row); err != nil {
			return err
		}
		return store.Seen(ctx, tx, u.ID, s.now())
	})
}

// Users lists a domain's users by name.
func (s *Service) Users(
	ctx context.Context,
	domain string,
	filter Filter,
) (us []keystone.User, theirs bool, err error) {
	src, err := s.source(ctx, domain)
	if err != nil || src == nil {
		return nil, false, err
	}
	raw, err := src.Users(ctx, filter)
	if err != nil {
		return nil, true, err
	}
	us, err = s.all(ctx, domain, raw)
	return us, true, err
}

func (s *Service) all(ctx context.Context, domain string, raw []User) ([]keystone.User, error) {
	out := make([]keystone.User, 0, len(raw))
	for _, r := range raw {
		u, err := s.user(ctx, domain, r)
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

// Group finds a group by public id.
func (s *Service) Group(ctx context.Context, id string) (g keystone.Group, theirs bool, err error) {
	f, err := s.find(ctx, id, keystone.OfGroup)
	if err != nil || f.src == nil {
		return g, false, err
	}
	raw, err := f.src.Group(ctx, f.Local)
	if err != nil {
		return g, true, store.Missing(err, "group", id)
	}
	g, err = s.group(ctx, f.Domain, raw)
	return g, true, err
}

// Groups lists a domain's groups by name.
func (s *Service) Groups(
	ctx context.Context,
	domain string,
	filter Filter,
) (gs []keystone.Group, theirs bool, err error) {
	src, err := s.source(ctx, domain)
	if err != nil || src == nil {
		return nil, false, err
	}
	raw, err := src.Groups(ctx, filter)
	if err != nil {
		return nil, true, err
	}
	gs, err = s.allGroups(ctx, domain, raw)
	return gs, true, err
}

func (s *Service) allGroups(ctx context.Context, domain string, raw []Group) ([]keystone.Group, error) {
	out := make([]keystone.Group, 0, len(raw))
	for _, r := range raw {
		g, err := s.group(ctx, domain, r)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

// GroupsOf are the groups that a directory puts a user in; none for a user of no directory.
func (s *Service) GroupsOf(ctx context.Context, user string) ([]keystone.Group, error) {
	f, err := s.find(ctx, user, keystone.OfUser)
	if err != nil || f.src == nil {
		return nil, err
	}
	have, ok := s.groups.Get(user)
	if ok && s.now().Sub(have.at) < Fresh {
		return have.v, nil
	}
	raw, err := f.src.GroupsOf(ctx, f.Local)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out, err := s.allGroups(ctx, f.Domain, raw)
	if err != nil {
		return nil, err
	}
	s.groups.Add(user, seen[[]keystone.Group]{out, s.now()})
	return out, nil
}

// Members are the users of a group.
func (s *Service) Members(ctx context.Context, group string) (us []keystone.User, theirs bool, err error) {
	f, err := s.find(ctx, group, keystone.OfGroup)
	if err != nil || f.src == nil {
		return nil, false, err
	}
	raw, err := f.src.Members(ctx, f.Local)
	if err != nil {
		return nil, true, store.Missing(err, "group", group)
	}
	us, err = s.all(ctx, f.Domain, raw)
	return us, true, err
}
