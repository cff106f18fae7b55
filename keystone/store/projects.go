package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type projectRow struct {
	ID          string `db:"id"`
	Name        string `db:"name"`
	DomainID    string `db:"domain_id"`
	ParentID    string `db:"parent_id"`
	IsDomain    bool   `db:"is_domain"`
	Enabled     bool   `db:"enabled"`
	Description string `db:"description"`
	Tags        words  `db:"tags"`
	Options     object `db:"options"`
	Extra       extra  `db:"extra"`
}

const projectColumns = `id, name, domain_id, parent_id, is_domain, enabled, description, tags, options, extra`

var (
	projectByID   = db.NewQuery[projectRow](Statements, `SELECT `+projectColumns+` FROM projects WHERE id = ?`)
	projectByName = db.NewQuery[projectRow](Statements, `SELECT `+projectColumns+` FROM projects WHERE domain_id = ? AND name = ?`)
	projectKids   = db.NewQuery[projectRow](Statements, `SELECT `+projectColumns+` FROM projects WHERE parent_id = ? ORDER BY id`)
	projectInsert = db.NewInsert[projectRow](Statements, "projects")
	projectUpdate = db.NewExec(Statements, `UPDATE projects
		SET name = ?, enabled = ?, description = ?, tags = ?, options = ?, extra = ?
		WHERE id = ?`)
	projectDelete = db.NewExec(Statements, `DELETE FROM projects WHERE id = ?`)
	domainOf      = db.NewExec(Statements, `DELETE FROM projects WHERE domain_id = ?`)
	// The primary key serves the pages; the unique index on (domain_id, name) the filters.
	projectList = db.NewList[projectRow](Statements, `SELECT `+projectColumns+` FROM projects`, map[string]string{
		"id": "id", "name": "name", "domain_id": "domain_id", "parent_id": "parent_id", "enabled": "enabled", "is_domain": "is_domain", "tags": "tags",
	}, "id")
)

func project(r projectRow) keystone.Project {
	return keystone.Project{ID: r.ID, Name: r.Name, DomainID: r.DomainID, ParentID: r.ParentID, IsDomain: r.IsDomain, Enabled: r.Enabled,
		Description: r.Description, Tags: r.Tags.V, Options: r.Options.V, Extra: r.Extra.V}
}

// Project finds a project or domain; fault.NotFound.
func Project(ctx context.Context, q db.Querier, id string) (keystone.Project, error) {
	r, err := projectByID.One(ctx, q, id)
	return project(r), err
}

// ProjectNamed finds a project by its domain and name; a domain by its name with an empty domain.
func ProjectNamed(ctx context.Context, q db.Querier, domain, name string) (keystone.Project, error) {
	r, err := projectByName.One(ctx, q, domain, name)
	return project(r), err
}

// Children are the projects right below a project or domain.
func Children(ctx context.Context, q db.Querier, id string) ([]keystone.Project, error) {
	rs, err := projectKids.All(ctx, q, id)
	return convert(rs, project), err
}

// Projects lists one page.
func Projects(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.Project, error) {
	rs, err := projectList.Page(ctx, q, a)
	return convert(rs, project), err
}

// InsertProject writes a new project; fault.Conflict for a taken name.
func InsertProject(ctx context.Context, tx *db.Tx, p keystone.Project) error {
	return projectInsert.Do(ctx, tx, projectRow{p.ID, p.Name, p.DomainID, p.ParentID, p.IsDomain, p.Enabled, p.Description,
		words{V: p.Tags}, object{V: p.Options}, extra{V: p.Extra}})
}

// UpdateProject writes what may change of a project; fault.Conflict for a taken name.
func UpdateProject(ctx context.Context, tx *db.Tx, p keystone.Project) error {
	_, err := projectUpdate.Do(ctx, tx, p.Name, p.Enabled, p.Description, words{V: p.Tags}, object{V: p.Options}, extra{V: p.Extra}, p.ID)
	return err
}

// DeleteProject removes a project and what was granted on it.
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
