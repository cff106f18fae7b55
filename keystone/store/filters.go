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

// The tables that filter the catalog have tens of rows, as the catalog has. They are read whole.
var (
	endpointGroups      = db.NewTable[endpointGroupRow](Statements, "endpoint_groups", "id")
	endpointGroupAll    = endpointGroups.Query("ORDER BY id")
	endpointGroupUpdate = endpointGroups.Update("")
	endpointGroupDelete = endpointGroups.Delete("")

	projectGroups   = db.NewTable[groupInProject](Statements, "project_endpoint_groups", "endpoint_group_id", "project_id")
	groupsInProject = db.NewQuery[string](Statements, `SELECT endpoint_group_id FROM project_endpoint_groups
		WHERE project_id = ? ORDER BY endpoint_group_id`)
	projectsOfGroup = db.NewQuery[string](Statements, `SELECT project_id FROM project_endpoint_groups
		WHERE endpoint_group_id = ? ORDER BY project_id`)
	groupRemove = projectGroups.Delete("")

	projectEndpoints   = db.NewTable[endpointInProject](Statements, "project_endpoints", "endpoint_id", "project_id")
	endpointsInProject = db.NewQuery[string](Statements, `SELECT endpoint_id FROM project_endpoints
		WHERE project_id = ? ORDER BY endpoint_id`)
	projectsOfEndpoint = db.NewQuery[string](Statements, `SELECT project_id FROM project_endpoints
		WHERE endpoint_id = ? ORDER BY project_id`)
	endpointRemove = projectEndpoints.Delete("")

	policies     = db.NewTable[policyRow](Statements, "policies", "id")
	policyAll    = policies.Query("ORDER BY id")
	policyUpdate = policies.Update("")
	policyDelete = policies.Delete("")

	policyLinks = db.NewTable[policyLinkRow](Statements, "policy_associations",
		"endpoint_id", "service_id", "region_id")
	policyLinkAll    = policyLinks.Query("ORDER BY endpoint_id, service_id, region_id")
	policyLinkPut    = policyLinks.Upsert("policy_id")
	policyLinkDelete = policyLinks.Delete("")
	linksOfEndpoint  = db.NewExec(Statements, `DELETE FROM policy_associations WHERE endpoint_id = ?`)
	linksOfService   = db.NewExec(Statements, `DELETE FROM policy_associations WHERE service_id = ?`)
	linksOfRegion    = db.NewExec(Statements, `DELETE FROM policy_associations WHERE region_id = ?`)

	domainOptions      = db.NewTable[domainOptionRow](Statements, "domain_options", "domain_id", "section", "name")
	domainOptionsOf    = domainOptions.Query("domain_id = ? ORDER BY section, name")
	domainOptionPut    = domainOptions.Upsert("value")
	domainOptionDelete = domainOptions.Delete("")
)

func endpointGroup(r endpointGroupRow) keystone.EndpointGroup {
	return keystone.EndpointGroup{ID: r.ID, Name: r.Name, Description: r.Description, Filters: r.Filters.V}
}

func endpointGroupRowOf(g keystone.EndpointGroup) endpointGroupRow {
	return endpointGroupRow{g.ID, g.Name, g.Description, db.JSON[map[string]string]{V: g.Filters}}
}

// EndpointGroup returns an endpoint group; fault.NotFound.
func EndpointGroup(ctx context.Context, q db.Querier, id string) (keystone.EndpointGroup, error) {
	r, err := endpointGroups.Get(ctx, q, id)
	return endpointGroup(r), err
}

// EndpointGroups returns all endpoint groups.
func EndpointGroups(ctx context.Context, q db.Querier) ([]keystone.EndpointGroup, error) {
	rs, err := endpointGroupAll.All(ctx, q)
	return convert(rs, endpointGroup), err
}

// InsertEndpointGroup inserts a endpoint group.
func InsertEndpointGroup(ctx context.Context, tx *db.Tx, g keystone.EndpointGroup) error {
	return endpointGroups.Insert(ctx, tx, endpointGroupRowOf(g))
}

// UpdateEndpointGroup writes every attribute of an endpoint group.
func UpdateEndpointGroup(ctx context.Context, tx *db.Tx, g keystone.EndpointGroup) error {
	_, err := endpointGroupUpdate.Do(ctx, tx, endpointGroupRowOf(g))
	return err
}

// DeleteEndpointGroup deletes an endpoint group from all projects.
func DeleteEndpointGroup(ctx context.Context, tx *db.Tx, id string) error {
	return gone(endpointGroupDelete.Do(ctx, tx, id))
}

// GroupsInProject returns the ids of the endpoint groups of a project.
func GroupsInProject(ctx context.Context, q db.Querier, project string) ([]string, error) {
	return groupsInProject.All(ctx, q, project)
}

// ProjectsOfGroup returns the ids of the projects that an endpoint group is in.
func ProjectsOfGroup(ctx context.Context, q db.Querier, group string) ([]string, error) {
	return projectsOfGroup.All(ctx, q, group)
}

// AddGroupToProject associates; there already is no error.
func AddGroupToProject(ctx context.Context, tx *db.Tx, group, project string) error {
	_, err := projectGroups.Absent(ctx, tx, groupInProject{group, project})
	return err
}

// RemoveGroupFromProject reports whether it was there.
func RemoveGroupFromProject(ctx context.Context, tx *db.Tx, group, project string) (bool, error) {
	n, err := groupRemove.Do(ctx, tx, group, project)
	return n > 0, err
}

// EndpointsInProject returns the ids of the endpoints that a project was given one by one.
func EndpointsInProject(ctx context.Context, q db.Querier, project string) ([]string, error) {
	return endpointsInProject.All(ctx, q, project)
}

// ProjectsOfEndpoint returns the ids of the projects that were given an endpoint.
func ProjectsOfEndpoint(ctx context.Context, q db.Querier, endpoint string) ([]string, error) {
	return projectsOfEndpoint.All(ctx, q, endpoint)
}

// AddEndpointToProject associates; there already is no error.
func AddEndpointToProject(ctx context.Context, tx *db.Tx, endpoint, project string) error {
	_, err := projectEndpoints.Absent(ctx, tx, endpointInProject{endpoint, project})
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

// Policy returns a policy; fault.NotFound.
func Policy(ctx context.Context, q db.Querier, id string) (keystone.Policy, error) {
	r, err := policies.Get(ctx, q, id)
	return policyOf(r), err
}

// Policies returns all policies.
func Policies(ctx context.Context, q db.Querier) ([]keystone.Policy, error) {
	rs, err := policyAll.All(ctx, q)
	return convert(rs, policyOf), err
}

// InsertPolicy inserts a policy.
func InsertPolicy(ctx context.Context, tx *db.Tx, p keystone.Policy) error {
	return policies.Insert(ctx, tx, policyRow{p.ID, p.Type, p.Blob, extra{V: p.Extra}})
}

// UpdatePolicy writes every attribute of a policy.
func UpdatePolicy(ctx context.Context, tx *db.Tx, p keystone.Policy) error {
	_, err := policyUpdate.Do(ctx, tx, policyRow{p.ID, p.Type, p.Blob, extra{V: p.Extra}})
	return err
}

// DeletePolicy deletes a policy and its associations.
func DeletePolicy(ctx context.Context, tx *db.Tx, id string) error {
	return gone(policyDelete.Do(ctx, tx, id))
}

// PolicyLinks returns all associations of policies.
func PolicyLinks(ctx context.Context, q db.Querier) ([]keystone.PolicyLink, error) {
	rs, err := policyLinkAll.All(ctx, q)
	return convert(rs, func(r policyLinkRow) keystone.PolicyLink {
		return keystone.PolicyLink{PolicyID: r.Policy, EndpointID: r.Endpoint, ServiceID: r.Service, RegionID: r.Region}
	}), err
}

// PutPolicyLink inserts an association, in the place of one with another policy.
func PutPolicyLink(ctx context.Context, tx *db.Tx, l keystone.PolicyLink) error {
	return policyLinkPut.Do(ctx, tx, policyLinkRow{l.PolicyID, l.EndpointID, l.ServiceID, l.RegionID})
}

// DeletePolicyLink deletes an association.
func DeletePolicyLink(ctx context.Context, tx *db.Tx, l keystone.PolicyLink) error {
	return gone(policyLinkDelete.Do(ctx, tx, l.EndpointID, l.ServiceID, l.RegionID))
}

// DomainOption is one option of a domain's own configuration; Value is JSON.
type DomainOption struct{ Domain, Section, Name, Value string }

// DomainOptions returns the options of a domain.
func DomainOptions(ctx context.Context, q db.Querier, domain string) ([]DomainOption, error) {
	rs, err := domainOptionsOf.All(ctx, q, domain)
	return convert(rs, func(r domainOptionRow) DomainOption { return DomainOption(r) }), err
}

// PutDomainOption inserts or updates an option.
func PutDomainOption(ctx context.Context, tx *db.Tx, o DomainOption) error {
	return domainOptionPut.Do(ctx, tx, domainOptionRow(o))
}

// DeleteDomainOption deletes an option.
func DeleteDomainOption(ctx context.Context, tx *db.Tx, o DomainOption) error {
	_, err := domainOptionDelete.Do(ctx, tx, o.Domain, o.Section, o.Name)
	return err
}
