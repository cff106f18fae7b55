package identity

import (
	"context"
	"fmt"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Projects is the operations on projects and domains. A domain is a project with IsDomain.
type Projects struct{ base }

// Get returns a project or domain; fault.NotFound.
func (p *Projects) Get(ctx context.Context, id string) (keystone.Project, error) {
	v, err := store.Project(ctx, p.db, id)
	return v, store.Missing(err, "project", id)
}

// Domain returns a domain; fault.NotFound also for a project that is not a domain.
func (p *Projects) Domain(ctx context.Context, id string) (keystone.Project, error) {
	v, err := store.Project(ctx, p.db, id)
	if err == nil && !v.IsDomain {
		err = fault.NotFoundf("Could not find domain: %s.", id)
	}
	return v, store.Missing(err, "domain", id)
}

// List returns one page of projects and, if the filter selects them, domains.
func (p *Projects) List(ctx context.Context, a db.ListArgs) ([]keystone.Project, error) {
	return store.Projects(ctx, p.db, a)
}

// Create inserts a project or a domain. An empty DomainID of a project is that of the parent; an empty parent is the
// domain. fault.Invalid for a parent or domain that does not exist or does not match, fault.Forbidden for a disabled
// parent, fault.Conflict for a taken name.
func (p *Projects) Create(ctx context.Context, v keystone.Project) (keystone.Project, error) {
	if v.ID == "" {
		v.ID = ids.Hex()
	}
	err := p.write(ctx, func(tx *db.Tx) error {
		if v.IsDomain {
			v.DomainID, v.ParentID = "", ""
			return duplicate(store.InsertProject(ctx, tx, v), "domain", v.Name)
		}
		if v.ParentID == "" {
			v.ParentID = v.DomainID
		}
		parent, err := store.Project(ctx, tx, v.ParentID)
		if err != nil {
			return fault.Body(store.Missing(err, "project", v.ParentID))
		}
		domain := parent.DomainID
		if parent.IsDomain {
			domain = parent.ID
		}
		if v.DomainID == "" {
			v.DomainID = domain
		}
		if v.DomainID != domain {
			return fault.Invalidf(
				"Cannot create project, since it specifies its domain_id %s, but specifies a parent in a different domain (%s).",
				v.DomainID,
				domain,
			)
		}
		if !parent.Enabled && !parent.IsDomain {
			return fault.Forbiddenf("Cannot create project in a branch containing a disabled project: %s.", parent.ID)
		}
		return duplicate(store.InsertProject(ctx, tx, v), "project", v.Name)
	})
	return v, err
}

// ProjectChange is a change of a project. Nil pointers and nil maps change nothing.
type ProjectChange struct {
	Name, Description *string
	Enabled           *bool
	Tags              func([]string) ([]string, error) // returns the new tags; may run more than once
	Options           map[string]any
	Extra             keystone.Extra
}

// maxTags is the largest number of tags of a project.
const maxTags = 80

// Update changes a project or domain. fault.NotFound; fault.Forbidden for a disabled parent and for the default domain.
func (p *Projects) Update(ctx context.Context, id string, c ProjectChange) (keystone.Project, error) {
	var v keystone.Project
	err := p.write(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Project(ctx, tx, id); err != nil {
			return store.Missing(err, "project", id)
		}
		set(&v.Name, c.Name)
		set(&v.Description, c.Description)
		set(&v.Enabled, c.Enabled)
		if c.Tags != nil {
			if v.Tags, err = c.Tags(v.Tags); err != nil {
				return err
			}
			if len(v.Tags) > maxTags {
				return fault.Invalidf("A project can have at most %d tags.", maxTags)
			}
		}
		v.Options = options(v.Options, c.Options)
		v.Extra = merge(v.Extra, c.Extra)
		if c.Enabled != nil && !*c.Enabled && id == keystone.DefaultDomainID {
			return fault.Forbiddenf("The default domain cannot be disabled: everything without a domain of its own lives in it.")
		}
		if c.Enabled != nil && *c.Enabled && !v.IsDomain {
			if parent, err := store.Project(ctx, tx, v.ParentID); err == nil && !parent.Enabled && !parent.IsDomain {
				return fault.Forbiddenf("Cannot enable project %s since it has disabled parents.", id)
			}
		}
		return duplicate(store.UpdateProject(ctx, tx, v), "project", v.Name)
	})
	return v, err
}

// Delete removes a project without children; fault.Forbidden if it has some, fault.NotFound.
func (p *Projects) Delete(ctx context.Context, id string) error {
	return p.write(ctx, func(tx *db.Tx) error {
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

// DeleteDomain removes a disabled domain with its contents; fault.Forbidden if it is enabled, fault.NotFound.
func (p *Projects) DeleteDomain(ctx context.Context, id string) error {
	return p.write(ctx, func(tx *db.Tx) error {
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

// Parents returns the projects above one, nearest first, without the domain.
func (p *Projects) Parents(ctx context.Context, v keystone.Project) ([]keystone.Project, error) {
	var out []keystone.Project
	for v.ParentID != "" && v.ParentID != v.DomainID {
		up, err := store.Project(ctx, p.db, v.ParentID)
		if err != nil {
			return nil, err
		}
		out = append(out, up)
		v = up
	}
	return out, nil
}

// Subtree returns the projects below one, in order of depth.
func (p *Projects) Subtree(ctx context.Context, id string) ([]keystone.Project, error) {
	var out []keystone.Project
	for queue := []string{id}; len(queue) > 0; queue = queue[1:] {
		kids, err := store.Children(ctx, p.db, queue[0])
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
