package store

import (
	"context"

	"hypernova/oslo/db"
)

// Limit is a project's own limit of a resource.
type Limit struct {
	Project  string
	Resource string
	Limit    int64 // -1 is unlimited
}

type limitRow struct {
	Project  string `db:"project_id"`
	Resource string `db:"resource"`
	Limit    int64  `db:"quota"`
}

var (
	quotas    = db.NewTable[limitRow](Stmts, "quotas", "project_id", "resource")
	quotaPut  = quotas.Upsert("quota")
	quotaDrop = db.NewExec(Stmts, `DELETE FROM quotas WHERE project_id = ?`)
	quotasOf  = quotas.Query("project_id = ?")
	quotasAll = quotas.Query("ORDER BY project_id, resource")

	countNetworks = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM networks WHERE project_id = ?`)
	countSubnets  = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM subnets WHERE project_id = ?`)
	// DHCP ports are made by networking and do not count.
	countPorts = db.NewQuery[int64](Stmts,
		`SELECT COUNT(*) FROM ports WHERE project_id = ? AND device_owner <> 'network:dhcp'`)
	countGroups   = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM security_groups WHERE project_id = ?`)
	countPools    = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM subnetpools WHERE project_id = ?`)
	countScopes   = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM address_scopes WHERE project_id = ?`)
	countFloating = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM floatingips WHERE project_id = ?`)
	countRouters  = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM routers WHERE project_id = ?`)
	countRules    = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM security_group_rules WHERE project_id = ?`)
)

// SetLimit writes a project's limit.
func SetLimit(ctx context.Context, on db.Querier, l Limit) error {
	return quotaPut.Do(ctx, on, limitRow(l))
}

// DropLimits forgets a project's limits and says how many there were.
func DropLimits(ctx context.Context, on db.Querier, project string) (int64, error) {
	return quotaDrop.Do(ctx, on, project)
}

// Limits are a project's own limits.
func Limits(ctx context.Context, on db.Querier, project string) ([]Limit, error) {
	rows, err := quotasOf.All(ctx, on, project)
	return limits(rows), err
}

// AllLimits are all projects' own limits, project by project.
func AllLimits(ctx context.Context, on db.Querier) ([]Limit, error) {
	rows, err := quotasAll.All(ctx, on)
	return limits(rows), err
}

func limits(rows []limitRow) []Limit {
	var out []Limit
	for _, r := range rows {
		out = append(out, Limit(r))
	}
	return out
}

// Usage counts what a project has of a resource; zero for one that is not counted here.
func Usage(ctx context.Context, on db.Querier, project, resource string) (int64, error) {
	var count *db.Query[int64]
	switch resource {
	case "network":
		count = countNetworks
	case "subnet":
		count = countSubnets
	case "port":
		count = countPorts
	case "subnetpool":
		count = countPools
	case "address_scope":
		count = countScopes
	case "floatingip":
		count = countFloating
	case "router":
		count = countRouters
	case "security_group":
		count = countGroups
	case "security_group_rule":
		count = countRules
	default:
		return 0, nil
	}
	return count.One(ctx, on, project)
}
