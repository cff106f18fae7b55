package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type endpointGroupRow struct {
	ID          string                     `db:"id"`
	Name        string                     `db:"name"`
	Description string                     `db:"description"`
	Filters     db.JSON[map[string]string] `db:"filters"`
}

type groupInProject struct {
	Group   string `db:"endpoint_group_id"`
	Project string `db:"project_id"`
}

type endpointInProject struct {
	Endpoint string `db:"endpoint_id"`
	Project  string `db:"project_id"`
}

type policyRow struct {
	ID    string `db:"id"`
	Type  string `db:"type"`
	Rules string `db:"rules"`
	Extra extra  `db:"extra"`
}

type policyLinkRow struct {
	Policy   string `db:"policy_id"`
	Endpoint string `db:"endpoint_id"`
	Service  string `db:"service_id"`
	Region   string `db:"region_id"`
}

type domainOptionRow struct {
	Domain  string `db:"domain_id"`
	Section string `db:"section"`
	Name    string `db:"name"`
	Value   string `db:"value"`
}

// Like the catalog, what filters it has tens of rows and is read whole.
var (
	endpointGroupAll    = db.NewQuery[endpointGroupRow](Statements, `SELECT id, name, description, filters FROM endpoint_groups ORDER BY id`)
	endpointGroupByID   = db.NewQuery[endpointGroupRow](Statements, `SELECT id, name, description, filters FROM endpoint_groups WHERE id = ?`)
	endpointGroupInsert = db.NewInsert[endpointGroupRow](Statements, "endpoint_groups")
	endpointGroupUpdate = db.NewExec(Statements, `UPDATE endpoint_groups SET name = ?, description = ?, filters = ? WHERE id = ?`)
	endpointGroupDelete = db.NewExec(Statements, `DELETE FROM endpoint_groups WHERE id = ?`)

	groupsInProject = db.NewQuery[string](Statements, `SELECT endpoint_group_id FROM project_endpoint_groups WHERE project_id = ? ORDER BY endpoint_group_id`)
	projectsOfGroup = db.NewQuery[string](Statements, `SELECT project_id FROM project_endpoint_groups WHERE endpoint_group_id = ? ORDER BY project_id`)
	groupAdd        = db.NewInsert[groupInProject](Statements, "project_endpoint_groups")
	groupRemove     = db.NewExec(Statements, `DELETE FROM project_endpoint_groups WHERE endpoint_group_id = ? AND project_id = ?`)

	endpointsInProject = db.NewQuery[string](Statements, `SELECT endpoint_id FROM project_endpoints WHERE project_id = ? ORDER BY endpoint_id`)
	projectsOfEndpoint = db.NewQuery[string](Statements, `SELECT project_id FROM project_endpoints WHERE endpoint_id = ? ORDER BY project_id`)
	endpointAdd        = db.NewInsert[endpointInProject](Statements, "project_endpoints")
	endpointRemove     = db.NewExec(Statements, `DELETE FROM project_endpoints WHERE endpoint_id = ? AND project_id = ?`)

	policyAll    = db.NewQuery[policyRow](Statements, `SELECT id, type, rules, extra FROM policies ORDER BY id`)
	policyByID   = db.NewQuery[policyRow](Statements, `SELECT id, type, rules, extra FROM policies WHERE id = ?`)
	policyInsert = db.NewInsert[policyRow](Statements, "policies")
	policyUpdate = db.NewExec(Statements, `UPDATE policies SET type = ?, rules = ?, extra = ? WHERE id = ?`)
	policyDelete = db.NewExec(Statements, `DELETE FROM policies WHERE id = ?`)

	policyLinkAll = db.NewQuery[policyLinkRow](Statements, `SELECT policy_id, endpoint_id, service_id, region_id FROM policy_associations
		ORDER BY endpoint_id, service_id, region_id`)
	policyLinkInsert = db.NewInsert[policyLinkRow](Statements, "policy_associations")
	policyLinkDelete = db.NewExec(Statements, `DELETE FROM policy_associations WHERE endpoint_id = ? AND service_id = ? AND region_id = ?`)
	linksOfEndpoint  = db.NewExec(Statements, `DELETE FROM policy_associations WHERE endpoint_id = ?`)
	linksOfService   = db.NewExec(Statements, `DELETE FROM policy_associations WHERE service_id = ?`)
	linksOfRegion    = db.NewExec(Statements, `DELETE FROM policy_associations WHERE region_id = ?`)

	domainOptions      = db.NewQuery[domainOptionRow](Statements, `SELECT domain_id, section, name, value FROM domain_options WHERE domain_id = ? ORDER BY section, name`)
	domainOptionInsert = db.NewInsert[domainOptionRow](Statements, "domain_options")
	domainOptionDelete = db.NewExec(Statements, `DELETE FROM domain_options WHERE domain_id = ? AND section = ? AND name = ?`)
)

func endpointGroup(r endpointGroupRow) keystone.EndpointGroup {
	return keystone.EndpointGroup{ID: r.ID, Name: r.Name, Description: r.Description, Filters: r.Filters.V}
}

// EndpointGroup finds an endpoint group; fault.NotFound.
func EndpointGroup(ctx context.Context, q db.Querier, id string) (keystone.EndpointGroup, error) {
	r, err := endpointGroupByID.One(ctx, q, id)
	return endpointGroup(r), err
}

// EndpointGroups are all endpoint groups.
func EndpointGroups(ctx context.Context, q db.Querier) ([]keystone.EndpointGroup, error) {
	rs, err := endpointGroupAll.All(ctx, q)
	return convert(rs, endpointGroup), err
}

// InsertEndpointGroup writes a new endpoint group.
func InsertEndpointGroup(ctx context.Context, tx *db.Tx, g keystone.EndpointGroup) error {
	return endpointGroupInsert.Do(ctx, tx, endpointGroupRow{g.ID, g.Name, g.Description, db.JSON[map[string]string]{V: g.Filters}})
}

// UpdateEndpointGroup writes an endpoint group anew.
func UpdateEndpointGroup(ctx context.Context, tx *db.Tx, g keystone.EndpointGroup) error {
	_, err := endpointGroupUpdate.Do(ctx, tx, g.Name, g.Description, db.JSON[map[string]string]{V: g.Filters}, g.ID)
	return err
}

// DeleteEndpointGroup removes an endpoint group from all projects.
func DeleteEndpointGroup(ctx context.Context, tx *db.Tx, id string) error {
	return gone(endpointGroupDelete.Do(ctx, tx, id))
}

// GroupsInProject are the ids of the endpoint groups of a project.
func GroupsInProject(ctx context.Context, q db.Querier, project string) ([]string, error) {
	return groupsInProject.All(ctx, q, project)
}

// ProjectsOfGroup are the ids of the projects that an endpoint group is in.
func ProjectsOfGroup(ctx context.Context, q db.Querier, group string) ([]string, error) {
	return projectsOfGroup.All(ctx, q, group)
}

// AddGroupToProject associates; there already is no error.
func AddGroupToProject(ctx context.Context, tx *db.Tx, group, project string) error {
	_, err := groupAdd.Absent(ctx, tx, groupInProject{group, project})
	return err
}

// RemoveGroupFromProject reports whether it was there.
func RemoveGroupFromProject(ctx context.Context, tx *db.Tx, group, project string) (bool, error) {
	n, err := groupRemove.Do(ctx, tx, group, project)
	return n > 0, err
}

// EndpointsInProject are the ids of the endpoints that a project was given one by one.
func EndpointsInProject(ctx context.Context, q db.Querier, project string) ([]string, error) {
	return endpointsInProject.All(ctx, q, project)
}

// ProjectsOfEndpoint are the ids of the projects that were given an endpoint.
func ProjectsOfEndpoint(ctx context.Context, q db.Querier, endpoint string) ([]string, error) {
	return projectsOfEndpoint.All(ctx, q, endpoint)
}

// AddEndpointToProject associates; there already is no error.
func AddEndpointToProject(ctx context.Context, tx *db.Tx, endpoint, project string) error {
	_, err := endpointAdd.Absent(ctx, tx, endpointInProject{endpoint, project})
	return err
}

// RemoveEndpointFromProject reports whether it was there.
func RemoveEndpointFromProject(ctx context.Context, tx *db.Tx, endpoint, project string) (bool, error) {
	n, err := endpointRemove.Do(ctx, tx, endpoint, project)
	return n > 0, err
}

func policyOf(r policyRow) keystone.Policy {
	return keystone.Policy{ID: r.ID, Type: r.Type, Blob: r.Rules, Extra: r.Extra.V}
}

// Policy finds a policy; fault.NotFound.
func Policy(ctx context.Context, q db.Querier, id string) (keystone.Policy, error) {
	r, err := policyByID.One(ctx, q, id)
	return policyOf(r), err
}

// Policies are all policies.
func Policies(ctx context.Context, q db.Querier) ([]keystone.Policy, error) {
	rs, err := policyAll.All(ctx, q)
	return convert(rs, policyOf), err
}

// InsertPolicy writes a new policy.
func InsertPolicy(ctx context.Context, tx *db.Tx, p keystone.Policy) error {
	return policyInsert.Do(ctx, tx, policyRow{p.ID, p.Type, p.Blob, extra{V: p.Extra}})
}

// UpdatePolicy writes a policy anew.
func UpdatePolicy(ctx context.Context, tx *db.Tx, p keystone.Policy) error {
	_, err := policyUpdate.Do(ctx, tx, p.Type, p.Blob, extra{V: p.Extra}, p.ID)
	return err
}

// DeletePolicy removes a policy and its associations.
func DeletePolicy(ctx context.Context, tx *db.Tx, id string) error {
	return gone(policyDelete.Do(ctx, tx, id))
}

// PolicyLinks are all associations of policies.
func PolicyLinks(ctx context.Context, q db.Querier) ([]keystone.PolicyLink, error) {
	rs, err := policyLinkAll.All(ctx, q)
	return convert(rs, func(r policyLinkRow) keystone.PolicyLink {
		return keystone.PolicyLink{PolicyID: r.Policy, EndpointID: r.Endpoint, ServiceID: r.Service, RegionID: r.Region}
	}), err
}

// PutPolicyLink makes an association, in the place of another policy's.
func PutPolicyLink(ctx context.Context, tx *db.Tx, l keystone.PolicyLink) error {
	if _, err := policyLinkDelete.Do(ctx, tx, l.EndpointID, l.ServiceID, l.RegionID); err != nil {
		return err
	}
	return policyLinkInsert.Do(ctx, tx, policyLinkRow{l.PolicyID, l.EndpointID, l.ServiceID, l.RegionID})
}

// DeletePolicyLink removes an association.
func DeletePolicyLink(ctx context.Context, tx *db.Tx, l keystone.PolicyLink) error {
	return gone(policyLinkDelete.Do(ctx, tx, l.EndpointID, l.ServiceID, l.RegionID))
}

// DomainOption is one option of a domain's own configuration; Value is JSON.
type DomainOption struct{ Domain, Section, Name, Value string }

// DomainOptions are the options of a domain.
func DomainOptions(ctx context.Context, q db.Querier, domain string) ([]DomainOption, error) {
	rs, err := domainOptions.All(ctx, q, domain)
	return convert(rs, func(r domainOptionRow) DomainOption { return DomainOption(r) }), err
}

// PutDomainOption writes an option anew.
func PutDomainOption(ctx context.Context, tx *db.Tx, o DomainOption) error {
	if err := DeleteDomainOption(ctx, tx, o); err != nil {
		return err
	}
	return domainOptionInsert.Do(ctx, tx, domainOptionRow(o))
}

// DeleteDomainOption removes an option.
func DeleteDomainOption(ctx context.Context, tx *db.Tx, o DomainOption) error {
	_, err := domainOptionDelete.Do(ctx, tx, o.Domain, o.Section, o.Name)
	return err
}
