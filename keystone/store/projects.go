package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type projectRow struct {
	ID          string `db:"id" list:"id"`
	Name        string `db:"name" list:"name"`
	DomainID    string `db:"domain_id,once" list:"domain_id"`
	ParentID    string `db:"parent_id,once" list:"parent_id"`
	IsDomain    bool   `db:"is_domain,once" list:"is_domain"`
	Enabled     bool   `db:"enabled" list:"enabled"`
	Description string `db:"description"`
	Tags        words  `db:"tags" list:"tags"`
	Options     object `db:"options"`
	Extra       extra  `db:"extra"`
}

var (
	projects      = db.NewTable[projectRow](Statements, "projects", "id")
	projectByName = projects.Query("domain_id = ? AND name = ?")
	projectKids   = projects.Query("parent_id = ? ORDER BY id")
	projectUpdate = projects.Update("")
	projectDelete = projects.Delete("")
	domainOf      = db.NewExec(Statements, `DELETE FROM projects WHERE domain_id = ?`)
	// The primary key serves the pages; the unique index on (domain_id, name) the filters.
	projectList = projects.List()
)

func project(r projectRow) keystone.Project {
	return keystone.Project{
		ID:          r.ID,
		Name:        r.Name,
		DomainID:    r.DomainID,
		ParentID:    r.ParentID,
		IsDomain:    r.IsDomain,
		Enabled:     r.Enabled,
		Description: r.Description,
		Tags:        r.Tags.V,
		Options:     r.Options.V,
		Extra:       r.Extra.V,
	}
}

func projectRowOf(p keystone.Project) projectRow {
	return projectRow{p.ID, p.Name, p.DomainID, p.ParentID, p.IsDomain, p.Enabled, p.Description,
		words{V: p.Tags}, object{V: p.Options}, extra{V: p.Extra}}
}

// Project returns a project or domain; fault.NotFound.
func Project(ctx context.Context, q db.Querier, id string) (keystone.Project, error) {
	r, err := projects.Get(ctx, q, id)
	return project(r), err
}

// ProjectNamed returns a project by its domain and name; a domain by its name with an empty domain.
func ProjectNamed(ctx context.Context, q db.Querier, domain, name string) (keystone.Project, error) {
	r, err := projectByName.One(ctx, q, domain, name)
	return project(r), err
}

// Children returns the projects right below a project or domain.
func Children(ctx context.Context, q db.Querier, id string) ([]keystone.Project, error) {
	rs, err := projectKids.All(ctx, q, id)
	return convert(rs, project), err
}

// Projects returns one page.
func Projects(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.Project, error) {
	rs, err := projectList.Page(ctx, q, a)
	return convert(rs, project), err
}

// InsertProject inserts a project; fault.Conflict for a taken name.
func InsertProject(ctx context.Context, tx *db.Tx, p keystone.Project) error {
	return projects.Insert(ctx, tx, projectRowOf(p))
}

// UpdateProject writes every attribute of a project but its place in the hierarchy; fault.Conflict for a taken name.
func UpdateProject(ctx context.Context, tx *db.Tx, p keystone.Project) error {
	_, err := projectUpdate.Do(ctx, tx, projectRowOf(p))
	return err
}

// DeleteProject deletes a project and what was granted on it.
func DeleteProject(ctx context.Context, tx *db.Tx, id string) error {
	if err := deleteGrantsOn(ctx, tx, id); err != nil {
		return err
	}
	if err := deleteHeldOn(ctx, tx, id); err != nil {
		return err
	}
	return gone(projectDelete.Do(ctx, tx, id))
}

// EmptyDomain removes all projects of a domain, but not the domain.
func EmptyDomain(ctx context.Context, tx *db.Tx, domain string) error {
	return all(ctx, tx, domain, grantsInDomain, credentialsIn, trustsIn, limitsIn, domainOf)
}

func convert[R, V any](rows []R, f func(R) V) []V {
	out := make([]V, len(rows))
	for i, r := range rows {
		out[i] = f(r)
	}
	return out
}
