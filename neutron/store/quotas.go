package store

import (
	"context"

	"hypernova/oslo/db"
)

// Limit is a project's own limit of a resource.
type Limit struct {
	Project  string `db:"project_id"`
	Resource string `db:"resource"`
	Limit    int64  `db:"quota"`
}

var (
	quotaPut = db.NewExec(Stmts, `
INSERT INTO quotas (project_id, resource, quota) VALUES (?, ?, ?)
ON CONFLICT (project_id, resource) DO UPDATE SET quota = excluded.quota`)
	quotaDrop = db.NewExec(Stmts, `DELETE FROM quotas WHERE project_id = ?`)
	quotasOf  = db.NewQuery[Limit](Stmts, `SELECT project_id, resource, quota FROM quotas WHERE project_id = ?`)
	quotasAll = db.NewQuery[Limit](Stmts, `SELECT project_id, resource, quota FROM quotas ORDER BY project_id, resource`)

	countNetworks = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM networks WHERE project_id = ?`)
	countSubnets  = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM subnets WHERE project_id = ?`)
	// DHCP ports are made by networking and do not count.
	countPorts = db.NewQuery[int64](Stmts,
		`SELECT COUNT(*) FROM ports WHERE project_id = ? AND device_owner <> 'network:dhcp'`)
	countGroups = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM security_groups WHERE project_id = ?`)
	countRules  = db.NewQuery[int64](Stmts, `SELECT COUNT(*) FROM security_group_rules WHERE project_id = ?`)
)

// SetLimit writes a project's limit.
func SetLimit(ctx context.Context, on db.Querier, l Limit) error {
	_, err := quotaPut.Do(ctx, on, l.Project, l.Resource, l.Limit)
	return err
}

// DropLimits forgets a project's limits and says how many there were.
func DropLimits(ctx context.Context, on db.Querier, project string) (int64, error) {
	return quotaDrop.Do(ctx, on, project)
}

// Limits are a project's own limits.
func Limits(ctx context.Context, on db.Querier, project string) ([]Limit, error) {
	return quotasOf.All(ctx, on, project)
}

// AllLimits are all projects' own limits, project by project.
func AllLimits(ctx context.Context, on db.Querier) ([]Limit, error) { return quotasAll.All(ctx, on) }

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
	case "security_group":
		count = countGroups
	case "security_group_rule":
		count = countRules
	default:
		return 0, nil
	}
	return count.One(ctx, on, project)
}
