// Package identity is the verbs on domains, projects, users and groups.
package identity

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/directory"
	"hypernova/keystone/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Service is the verbs. All are safe for concurrent use; each write is one transaction.
type Service struct {
	db        *db.DB
	epochs    *store.Epochs
	passwords *Passwords
	directory *directory.Service
	now       clock.Now
}

// New makes the verbs over identity's database; a nil directory knows nobody.
func New(d *db.DB, e *store.Epochs, p *Passwords, dir *directory.Service, now clock.Now) *Service {
	return &Service{db: d, epochs: e, passwords: p, directory: dir, now: now}
}

// write runs a change that may take something away from a token.
func (s *Service) write(ctx context.Context, fn func(tx *db.Tx) error) error {
	return s.epochs.Change(ctx, s.db, fn)
}

// taken gives a unique violation the words of keystone.
func taken(err error, kind, name string) error {
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflictf("Conflict occurred attempting to store %s - Duplicate entry found with name %s.", kind, name).Because(err)
	}
	return err
}

// merge lays the changes over what is there; a null member takes the attribute away.
func merge(old, changes keystone.Extra) keystone.Extra {
	out := maps.Clone(old)
	for k, v := range changes {
		switch {
		case string(v) == "null":
			delete(out, k)
		case out == nil:
			out = keystone.Extra{k: v}
		default:
			out[k] = v
		}
	}
	return out
}

// Project finds a project or domain; fault.NotFound.
func (s *Service) Project(ctx context.Context, id string) (keystone.Project, error) {
	p, err := store.Project(ctx, s.db, id)
	return p, store.Missing(err, "project", id)
}

// Domain finds a domain; fault.NotFound also for a project that is none.
func (s *Service) Domain(ctx context.Context, id string) (keystone.Project, error) {
	p, err := store.Project(ctx, s.db, id)
	if err == nil && !p.IsDomain {
		err = fault.NotFoundf("Could not find domain: %s.", id)
	}
	return p, store.Missing(err, "domain", id)
}

// Projects lists one page of projects and, where the filter asks for it, domains.
func (s *Service) Projects(ctx context.Context, a db.ListArgs) ([]keystone.Project, error) {
	return store.Projects(ctx, s.db, a)
}

// CreateProject makes a project or a domain. An empty DomainID of a project is taken from the parent, an empty parent is the domain.
// fault.Invalid for a parent or domain that is not there or does not fit, fault.Forbidden for one that is disabled.
func (s *Service) CreateProject(ctx context.Context, p keystone.Project) (keystone.Project, error) {
	if p.ID == "" {
		p.ID = ids.Hex()
	}
	err := s.write(ctx, func(tx *db.Tx) error {
		if p.IsDomain {
			p.DomainID, p.ParentID = "", ""
			return taken(store.InsertProject(ctx, tx, p), "domain", p.Name)
		}
		if p.ParentID == "" {
			p.ParentID = p.DomainID
		}
		parent, err := store.Project(ctx, tx, p.ParentID)
		if err != nil {
			return fault.Body(store.Missing(err, "project", p.ParentID))
		}
		domain := parent.DomainID
		if parent.IsDomain {
			domain = parent.ID
		}
		if p.DomainID == "" {
			p.DomainID = domain
		}
		if p.DomainID != domain {
			return fault.Invalidf("Cannot create project, since it specifies its domain_id %s, but specifies a parent in a different domain (%s).",
				p.DomainID, domain)
		}
		if !parent.Enabled && !parent.IsDomain {
			return fault.Forbiddenf("Cannot create project in a branch containing a disabled project: %s.", parent.ID)
		}
		return taken(store.InsertProject(ctx, tx, p), "project", p.Name)
	})
	return p, err
}

// ProjectChange is what a client wants different. Nil pointers and nil maps leave things as they are.
type ProjectChange struct {
	Name, Description *string
	Enabled           *bool
	Tags              func([]string) ([]string, error) // what becomes of the tags there are; may run more than once
	Options           map[string]any
	Extra             keystone.Extra
}

// maxTags is how many tags a project can have.
const maxTags = 80

// UpdateProject changes a project or domain.
func (s *Service) UpdateProject(ctx context.Context, id string, c ProjectChange) (keystone.Project, error) {
	var p keystone.Project
	err := s.write(ctx, func(tx *db.Tx) error {
		var err error
		if p, err = store.Project(ctx, tx, id); err != nil {
			return store.Missing(err, "project", id)
		}
		set(&p.Name, c.Name)
		set(&p.Description, c.Description)
		set(&p.Enabled, c.Enabled)
		if c.Tags != nil {
			if p.Tags, err = c.Tags(p.Tags); err != nil {
				return err
			}
			if len(p.Tags) > maxTags {
				return fault.Invalidf("A project can have at most %d tags.", maxTags)
			}
		}
		p.Options = options(p.Options, c.Options)
		p.Extra = merge(p.Extra, c.Extra)
		if c.Enabled != nil && !*c.Enabled && id == keystone.DefaultDomainID {
			return fault.Forbiddenf("The default domain cannot be disabled: everything without a domain of its own lives in it.")
		}
		if c.Enabled != nil && *c.Enabled && !p.IsDomain {
			if parent, err := store.Project(ctx, tx, p.ParentID); err == nil && !parent.Enabled && !parent.IsDomain {
				return fault.Forbiddenf("Cannot enable project %s since it has disabled parents.", id)
			}
		}
		return taken(store.UpdateProject(ctx, tx, p), "project", p.Name)
	})
	return p, err
}

func set[T any](dst *T, v *T) {
	if v != nil {
		*dst = *v
	}
}

// options lays changed options over the old ones; a null takes one away.
func options(old, changes map[string]any) map[string]any {
	if len(changes) == 0 {
		return old
	}
	out := maps.Clone(old)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range changes {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

// DeleteProject removes a project without children; fault.Forbidden while it has some.
func (s *Service) DeleteProject(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		kids, err := store.Children(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(kids) > 0 {
			return fault.Forbiddenf("Cannot delete project %s since it is not a leaf in the hierarchy.", id)
		}
		return store.Missing(store.DeleteProject(ctx, tx, id), "project", id)
	})
}

// DeleteDomain removes a disabled domain and all that is in it; fault.Forbidden while it is enabled.
func (s *Service) DeleteDomain(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		d, err := store.Project(ctx, tx, id)
		if err != nil {
			return store.Missing(err, "domain", id)
		}
		if d.Enabled {
			return fault.Forbiddenf("Cannot delete a domain that is enabled, please disable it first.")
		}
		for _, empty := range []func(context.Context, *db.Tx, string) error{
			store.DeleteUsersOf, store.DeleteGroupsOf, store.EmptyDomain, store.DeleteRolesOf,
		} {
			if err := empty(ctx, tx, id); err != nil {
				return fmt.Errorf("empty domain %s: %w", id, err)
			}
		}
		return store.DeleteProject(ctx, tx, id)
	})
}

// Parents are the projects above one, nearest first, without the domain.
func (s *Service) Parents(ctx context.Context, p keystone.Project) ([]keystone.Project, error) {
	var out []keystone.Project
	for p.ParentID != "" && p.ParentID != p.DomainID {
		up, err := store.Project(ctx, s.db, p.ParentID)
		if err != nil {
			return nil, err
		}
		out = append(out, up)
		p = up
	}
	return out, nil
}

// Subtree are the projects below one, in order of depth.
func (s *Service) Subtree(ctx context.Context, id string) ([]keystone.Project, error) {
	var out []keystone.Project
	for queue := []string{id}; len(queue) > 0; queue = queue[1:] {
		kids, err := store.Children(ctx, s.db, queue[0])
		if err != nil {
			return nil, err
		}
		for _, k := range kids {
			out = append(out, k)
			queue = append(queue, k.ID)
		}
	}
	return out, nil
}

// revokeUser makes all tokens that a user got up to now worthless. Tokens live at most a day, so the row may go after that.
func (s *Service) revokeUser(ctx context.Context, tx *db.Tx, id string) error {
	now := s.now()
	return store.Revoke(ctx, tx, store.Revocation{ID: ids.Ordered(now), UserID: id, IssuedBefore: db.Time{Time: now},
		ExpiresAt: db.Time{Time: now.Add(longestToken)}})
}

// longestToken bounds how long a revocation is kept; the token lifetime option may not exceed it.
const longestToken = 30 * 24 * time.Hour
