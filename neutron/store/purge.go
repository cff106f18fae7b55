package store

import (
	"context"

	"hypernova/oslo/db"
)

// Ends says how the rows of each table of networking end.
func Ends() []db.End {
	return []db.End{
		{Table: "networks", How: "a client deletes the network"},
		{Table: "segments", How: "with their network"},
		{Table: "subnets", How: "a client deletes the subnet"},
		{Table: "subnetpools", How: "a client deletes the pool"},
		{Table: "address_scopes", How: "a client deletes the scope"},
		{Table: "ports", How: "a client deletes the port, or compute with its server"},
		{Table: "addresses", How: "with their port"},
		{Table: "port_groups", How: "with their port"},
		{Table: "routers", How: "a client deletes the router"},
		{Table: "floatingips", How: "a client deletes the floating IP, or its network while no port has it"},
		{Table: "port_forwardings", How: "a client deletes the port forwarding, or with the port that it leads to"},
		{Table: "router_ports", How: "with their port"},
		{Table: "security_groups", How: "a client deletes the group"},
		{Table: "default_groups", How: "with the group"},
		{Table: "security_group_rules", How: "with their group, or a client deletes them"},
		{Table: "quotas", How: "an operator deletes the project's quota; a purge takes those of projects that are gone"},
		{Table: "agents", How: "an operator deletes the agent of a host that is gone"},
		{Table: "host_changes", How: "rows of a host are summed up when there are many"},
	}
}

var quotaProjects = db.NewQuery[string](Stmts, `SELECT DISTINCT project_id FROM quotas ORDER BY project_id`)

// QuotaProjects are the projects that have a quota of their own.
func QuotaProjects(ctx context.Context, on db.Querier) ([]string, error) {
	return quotaProjects.All(ctx, on)
}
