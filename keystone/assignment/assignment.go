// Package assignment implements the operations on roles, role assignments and implied roles.
package assignment

import (
	"context"
	"errors"
	"maps"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/ldapidentity"
	"hypernova/keystone/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Deps are what the operations use.
type Deps struct {
	DB        *db.DB
	Epochs    *store.Epochs
	Directory *ldapidentity.Service // nil: no domain has a directory
	Now       clock.Now
}

// Service is the operations. All are safe for concurrent use; each write is one transaction.
type Service struct {
	db        *db.DB
	epochs    *store.Epochs
	directory *ldapidentity.Service
	now       clock.Now
}

// New returns the operations over the identity database.
func New(d Deps) *Service {
	return &Service{db: d.DB, epochs: d.Epochs, directory: d.Directory, now: d.Now}
}

func (s *Service) write(ctx context.Context, fn func(tx *db.Tx) error) error {
	return s.epochs.Change(ctx, s.db, fn)
}

// Role finds a role; fault.NotFound.
func (s *Service) Role(ctx context.Context, id string) (keystone.Role, error) {
	r, err := store.Role(ctx, s.db, id)
	if fault.Is(err, fault.NotFound) {
		err = fault.NotFoundf("Could not find role: %s.", id).Because(err)
	}
	return r, err
}

// Roles lists one page; AllRoles all, by id.
func (s *Service) Roles(ctx context.Context, a db.ListArgs) ([]keystone.Role, error) {
	return store.Roles(ctx, s.db, a)
}

// AllRoles are all roles by id.
func (s *Service) AllRoles(ctx context.Context) (map[string]keystone.Role, error) {
	rs, err := store.AllRoles(ctx, s.db)
	return index(rs), err
}

func index(rs []keystone.Role) map[string]keystone.Role {
	m := make(map[string]keystone.Role, len(rs))
	for _, r := range rs {
		m[r.ID] = r
	}
	return m
}

// CreateRole makes a role; fault.Conflict for a taken name.
func (s *Service) CreateRole(ctx context.Context, r keystone.Role) (keystone.Role, error) {
	if r.ID == "" {
		r.ID = ids.Hex()
	}
	return r, s.db.Tx(ctx, func(tx *db.Tx) error {
		if r.DomainID != "" {
			if d, err := store.Project(ctx, tx, r.DomainID); err != nil || !d.IsDomain {
				return fault.Invalidf("Could not find domain: %s.", r.DomainID)
			}
		}
		return taken(store.InsertRole(ctx, tx, r), r.Name)
	})
}

func taken(err error, name string) error {
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflictf("Conflict occurred attempting to store role - Duplicate entry found with name %s.",
			name).Because(err)
	}
	return err
}

// UpdateRole changes a role as it stands when the change is made; change may run more than once. fault.Conflict for a
// taken name.
func (s *Service) UpdateRole(ctx context.Context, id string, change func(keystone.Role) (keystone.Role, error)) (
	keystone.Role, error) {
	var r keystone.Role
	err := s.write(ctx, func(tx *db.Tx) error {
		var err error
		if r, err = store.Role(ctx, tx, id); err != nil {
			return fault.NotFoundf("Could not find role: %s.", id).Because(err)
		}
		if r, err = change(r); err != nil {
			return err
		}
		return taken(store.UpdateRole(ctx, tx, r), r.Name)
	})
	return r, err
}

// DeleteRole removes a role with all its grants and implications.
func (s *Service) DeleteRole(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		err := store.DeleteRole(ctx, tx, id)
		if fault.Is(err, fault.NotFound) {
			err = fault.NotFoundf("Could not find role: %s.", id).Because(err)
		}
		return err
	})
}

// Implied are the roles that a role implies directly, by id.
func (s *Service) Implied(ctx context.Context) (map[string][]string, error) {
	return implied(ctx, s.db)
}

func implied(ctx context.Context, q db.Querier) (map[string][]string, error) {
	is, err := store.Implications(ctx, q)
	m := map[string][]string{}
	for _, i := range is {
		m[i.Prior] = append(m[i.Prior], i.Implied)
	}
	return m, err
}

// Imply makes one role imply another; idempotent. fault.Invalid for a role that would imply itself, over any way
// round, fault.Forbidden for a global role that would imply one of a domain.
func (s *Service) Imply(ctx context.Context, prior, other string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		m, err := implied(ctx, tx)
		if err != nil || slices.Contains(m[prior], other) {
			return err
		}
		roles, err := store.AllRoles(ctx, tx)
		if err != nil {
			return err
		}
		if byID := index(roles); byID[prior].DomainID == "" && byID[other].DomainID != "" {
			return fault.Forbiddenf("%s cannot be an implied role of a global one: it is specific to domain %s.", other,
				byID[other].DomainID)
		}
		if prior == other || slices.Contains(expand(m, []string{other}), prior) {
			return fault.Invalidf("Role %s cannot imply role %s: the latter implies the former.", prior, other)
		}
		return store.Imply(ctx, tx, store.Implication{Prior: prior, Implied: other})
	})
}

// Unimply takes an implication away; fault.NotFound when there is none.
func (s *Service) Unimply(ctx context.Context, prior, other string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		was, err := store.Unimply(ctx, tx, store.Implication{Prior: prior, Implied: other})
		if err == nil && !was {
			err = fault.NotFoundf("%s does not imply %s.", prior, other)
		}
		return err
	})
}

// Grant gives a role; idempotent. The caller has loaded role, actor and target. fault.Forbidden when a domain's role
// is granted on another domain's project.
func (s *Service) Grant(ctx context.Context, g keystone.Grant) error {
	return s.write(ctx, func(tx *db.Tx) error {
		r, err := store.Role(ctx, tx, g.RoleID)
		if err != nil {
			return err
		}
		if r.DomainID != "" && g.Target == keystone.OnProject {
			if p, err := store.Project(ctx, tx, g.TargetID); err == nil && p.DomainID != r.DomainID {
				return fault.Forbiddenf("A role of domain %s cannot be granted on a project of domain %s.", r.DomainID, p.DomainID)
			}
		}
		return store.InsertGrant(ctx, tx, g)
	})
}

// Revoke takes a grant away; fault.NotFound when there is none.
func (s *Service) Revoke(ctx context.Context, g keystone.Grant) error {
	return s.write(ctx, func(tx *db.Tx) error {
		was, err := store.DeleteGrant(ctx, tx, g)
		if err == nil && !was {
			err = noGrant(g)
		}
		return err
	})
}

// Check is nil when exactly this grant is there, fault.NotFound otherwise.
func (s *Service) Check(ctx context.Context, g keystone.Grant) error {
	there, err := store.Granted(ctx, s.db, g)
	if err == nil && !there {
		err = noGrant(g)
	}
	return err
}

func noGrant(g keystone.Grant) error {
	return fault.NotFoundf("Could not find role assignment with role: %s, %s: %s, %s: %s.", g.RoleID, g.Actor, g.ActorID,
		g.Target, g.TargetID)
}

// expand adds to the role ids all that they imply.
func expand(implied map[string][]string, roles []string) []string {
	seen := map[string]bool{}
	var out []string
	for queue := slices.Clone(roles); len(queue) > 0; queue = queue[1:] {
		if id := queue[0]; !seen[id] {
			seen[id] = true
			out = append(out, id)
			queue = append(queue, implied[id]...)
		}
	}
	return out
}

// reach tells on which projects and domains a grant holds.
type reach struct {
	q       db.Querier
	parents map[string]keystone.Project
}

// above are the projects and the domain over a project, nearest first.
func (r *reach) above(ctx context.Context, id string) ([]string, error) {
	var out []string
	for {
		p, ok := r.parents[id]
		if !ok {
			var err error
			if p, err = store.Project(ctx, r.q, id); err != nil {
				return nil, err
			}
			r.parents[id] = p
		}
		if p.ParentID == "" {
			return out, nil
		}
		out = append(out, p.ParentID)
		id = p.ParentID
	}
}

// grantsFor are the grants of a user and of all groups the user is in: this cloud's, a directory's, those that an
// identity provider has put the user in for a while, and those that are named.
func (s *Service) grantsFor(ctx context.Context, user string, groups []string) ([]keystone.Grant, error) {
	grants, err := store.GrantsFor(ctx, s.db, user)
	if err != nil {
		return nil, err
	}
	more, err := store.ExpiringGrants(ctx, s.db, user, s.now())
	if err != nil {
		return nil, err
	}
	grants = append(grants, more...)
	theirs, err := s.directory.GroupsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	groups = slices.Clone(groups)
	for _, g := range theirs {
		groups = append(groups, g.ID)
	}
	for _, g := range groups {
		more, err := store.GroupGrants(ctx, s.db, g)
		if err != nil {
			return nil, err
		}
		grants = append(grants, more...)
	}
	return grants, nil
}

// Effective are the roles a user holds on a target, through groups (those named besides the ones the user is in),
// inheritance and implication, ordered by name. Domain-specific roles count only by what they imply.
func (s *Service) Effective(ctx context.Context, user, target, targetID string, groups ...string) ([]keystone.Role,
	error) {
	grants, err := s.grantsFor(ctx, user, groups)
	if err != nil {
		return nil, err
	}
	var above []string
	if target == keystone.OnProject && slices.ContainsFunc(grants, func(g keystone.Grant) bool { return g.Inherited }) {
		r := reach{q: s.db, parents: map[string]keystone.Project{}}
		if above, err = r.above(ctx, targetID); err != nil {
			return nil, err
		}
	}
	var held []string
	for _, g := range grants {
		if !g.Inherited && g.Target == target && g.TargetID == targetID || g.Inherited && slices.Contains(above, g.TargetID) {
			held = append(held, g.RoleID)
		}
	}
	if len(held) == 0 {
		return nil, nil
	}
	m, err := implied(ctx, s.db)
	if err != nil {
		return nil, err
	}
	all, err := s.AllRoles(ctx)
	if err != nil {
		return nil, err
	}
	var out []keystone.Role
	for _, id := range expand(m, held) {
		if r, ok := all[id]; ok && r.DomainID == "" {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b keystone.Role) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out, nil
}

// Scopes are the ids of the projects, or domains, that a user, also by the groups named, holds any role on.
func (s *Service) Scopes(ctx context.Context, user, target string, groups ...string) ([]string, error) {
	grants, err := s.grantsFor(ctx, user, groups)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, g := range grants {
		switch {
		case !g.Inherited && g.Target == target:
			found[g.TargetID] = true
		case g.Inherited && target == keystone.OnProject:
			below, err := s.below(ctx, g.TargetID)
			if err != nil {
				return nil, err
			}
			for _, id := range below {
				found[id] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

func (s *Service) below(ctx context.Context, id string) ([]string, error) {
	var out []string
	for queue := []string{id}; len(queue) > 0; queue = queue[1:] {
		kids, err := store.Children(ctx, s.db, queue[0])
		if err != nil {
			return nil, err
		}
		for _, k := range kids {
			out = append(out, k.ID)
			queue = append(queue, k.ID)
		}
	}
	return out, nil
}

// Direct are the roles granted to exactly this actor on exactly this target; the grant's role is not looked at.
func (s *Service) Direct(ctx context.Context, g keystone.Grant) ([]keystone.Role, error) {
	entries, err := store.GrantsOf(ctx, s.db, g.ActorID)
	if err != nil {
		return nil, err
	}
	all, err := s.AllRoles(ctx)
	if err != nil {
		return nil, err
	}
	var out []keystone.Role
	for _, e := range entries {
		if e.Actor == g.Actor && e.ActorID == g.ActorID && e.Target == g.Target && e.TargetID == g.TargetID &&
			e.Inherited == g.Inherited {
			out = append(out, all[e.RoleID])
		}
	}
	return out, nil
}

// Expand adds to role ids all that they imply.
func (s *Service) Expand(ctx context.Context, roles []string) ([]string, error) {
	m, err := implied(ctx, s.db)
	return expand(m, roles), err
}
