package store

import (
	"context"

	"hypernova/oslo/db"
)

// Listed is a list with the ways in which the API asks for it, for the test that reads query plans.
type Listed struct {
	Query interface {
		Text(ctx context.Context, on db.Querier, a db.ListArgs) (string, []any, error)
	}
	Asked []db.ListArgs
}

// Lists are all lists of this room.
func Lists() []Listed {
	page := func(cs ...db.Cond) db.ListArgs { return db.ListArgs{Where: cs, Limit: 100} }
	everything := page()
	own := page(db.EqTo("project_id", "p"))
	return []Listed{
		{networkList, []db.ListArgs{everything, own, page(db.EqTo("id", "x"))}},
		{subnetList, []db.ListArgs{everything, own, page(db.EqTo("network_id", "n"))}},
		{portList, []db.ListArgs{everything, own, page(db.EqTo("device_id", "s")), page(db.EqTo("network_id", "n")),
			page(db.EqTo("status", "DOWN"))}},
		{groupList, []db.ListArgs{everything, own}},
		{ruleList, []db.ListArgs{everything, own, page(db.EqTo("security_group_id", "g"))}},
		{floatingList, []db.ListArgs{everything, own, page(db.EqTo("port_id", "p")), page(db.EqTo("router_id", "r")),
			page(db.EqTo("floating_ip_address", "a"))}},
		{outwardList, []db.ListArgs{{Where: []db.Cond{db.EqTo("floating_network_id", "n")}}}},
		{routerList, []db.ListArgs{everything, own, page(db.EqTo("host", "h"))}},
		{portsOfRouters, []db.ListArgs{{Where: []db.Cond{db.EqTo("router_id", "r")}}}},
		{agentList, []db.ListArgs{everything}},
		{neighbourList, []db.ListArgs{{Where: []db.Cond{db.EqTo("network_id", "n")}}}},
		{memberList, []db.ListArgs{{Where: []db.Cond{db.EqTo("group_id", "g")}}}},
	}
}
