package store

import (
	"context"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/db"
)

type routerRow struct {
	metaRow
	ID                string               `db:"id" list:"id"`
	Name              string               `db:"name" list:"name"`
	AdminUp           bool                 `db:"admin_state_up" list:"admin_state_up"`
	AvailabilityHints db.JSON[[]string]    `db:"availability_zone_hints,once"`
	SNAT              bool                 `db:"enable_snat"`
	Routes            db.JSON[[]routeJSON] `db:"routes"`
	GatewayPort       string               `db:"gateway_port_id"`
	GatewayNetwork    string               `db:"gateway_network_id"`
	GatewayIPs        fixedIPsText         `db:"gateway_ips"`
	Host              string               `db:"host" list:"host"`
	Held              bool                 `db:"held"`
}

func (r routerRow) resource() neutron.Router {
	return neutron.Router{Meta: r.metaRow.resource(), ID: r.ID, Name: r.Name, AdminUp: r.AdminUp,
		AvailabilityHints: r.AvailabilityHints.V, SNAT: r.SNAT, Routes: routes(r.Routes), GatewayPort: r.GatewayPort,
		GatewayNetwork: r.GatewayNetwork, GatewayIPs: fixedIPs(r.GatewayIPs), Host: r.Host, Held: r.Held}
}

func routerRowOf(r neutron.Router) routerRow {
	return routerRow{metaRow: metaRowOf(r.Meta), ID: r.ID, Name: r.Name, AdminUp: r.AdminUp,
		AvailabilityHints: list(r.AvailabilityHints), SNAT: r.SNAT, Routes: routesJSON(r.Routes),
		GatewayPort: r.GatewayPort, GatewayNetwork: r.GatewayNetwork, GatewayIPs: fixedIPsJSON(r.GatewayIPs), Host: r.Host,
		Held: r.Held}
}

type routerPortRow struct {
	Port    string `db:"port_id"`
	Router  string `db:"router_id"`
	Network string `db:"network_id"`
	Gateway bool   `db:"gateway"`
}

// portOfRouter is a port beside the router that has it.
type portOfRouter struct {
	portRead
	Router string `db:"router_id"`
}

type hostCount struct {
	Host  string `db:"host"`
	Count int64  `db:"n"`
}

var (
	routers      = db.NewTable[routerRow](Stmts, "routers", "id")
	routerUpdate = routers.Update("")
	routerDelete = routers.Delete("")
	// served by routers_project, routers_host or the primary key
	routerList = db.NewList[routerRow](Stmts, "SELECT "+routers.Columns("r")+"\nFROM routers r",
		listColumns(routers.ListColumns("r"), nil), "r.id")
	routersOnNetwork = routers.Query(
		"id IN (SELECT p.router_id FROM router_ports p WHERE p.network_id = ?)\nORDER BY id") // router_ports_network
	// A router needs a host while it has a port; router_ports_router.
	routersWithoutHost = routers.Query(`host = '' AND held = ?
AND EXISTS (SELECT 1 FROM router_ports p WHERE p.router_id = routers.id)
ORDER BY created_at, id`)
	routersByHost = db.NewQuery[hostCount](Stmts,
		`SELECT host, COUNT(*) AS n FROM routers WHERE host > '' GROUP BY host ORDER BY host`) // routers_host

	routerPorts      = db.NewTable[routerPortRow](Stmts, "router_ports", "port_id")
	routerPortDelete = routerPorts.Delete("")
	routerPortCount  = db.NewQuery[int64](Stmts,
		`SELECT COUNT(*) FROM router_ports WHERE network_id = ? AND gateway = ?`) // router_ports_network
	portsOfRouter = db.NewQuery[portRead](Stmts, portSelect+`
JOIN router_ports x ON x.port_id = p.id
WHERE x.router_id = ? ORDER BY p.created_at, p.position, p.id`)  // router_ports_router
	portsOfRouters = db.NewList[portOfRouter](Stmts, "SELECT "+portColumns+`, x.router_id
FROM router_ports x JOIN ports p ON p.id = x.port_id JOIN networks n ON n.id = p.network_id`,
		map[string]string{"router_id": "x.router_id NOT NULL"}, "x.port_id") // router_ports_router
)

// InsertRouter writes a new router.
func InsertRouter(ctx context.Context, on db.Querier, r neutron.Router) error {
	return routers.Insert(ctx, on, routerRowOf(r))
}

// Router reads one router; fault RouterNotFound.
func Router(ctx context.Context, on db.Querier, id string) (neutron.Router, error) {
	return one("Router", id, routerRow.resource)(routers.Get(ctx, on, id))
}

// UpdateRouter writes a router; see UpdateNetwork.
func UpdateRouter(ctx context.Context, on db.Querier, r neutron.Router, now time.Time) (neutron.Router, error) {
	row := routerRowOf(r)
	row.metaRow = row.touched(now)
	_, err := routerUpdate.Do(ctx, on, row)
	r.Meta = row.metaRow.resource()
	return r, err
}

// MoveRouter writes the host of a router, which is no change of the router to its users.
func MoveRouter(ctx context.Context, on db.Querier, r neutron.Router) error {
	_, err := routerUpdate.Do(ctx, on, routerRowOf(r))
	return err
}

// DeleteRouter removes the row; its ports must be gone.
func DeleteRouter(ctx context.Context, on db.Querier, id string) error {
	_, err := routerDelete.Do(ctx, on, id)
	return err
}

// Routers lists routers.
func Routers(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.Router, error) {
	return page(ctx, on, routerList, a, routerRow.resource)
}

// RoutersOnNetwork are the routers that have a port on a network.
func RoutersOnNetwork(ctx context.Context, on db.Querier, network string) ([]neutron.Router, error) {
	rows, err := routersOnNetwork.All(ctx, on, network)
	return resources(rows, routerRow.resource), err
}

// RoutersWithoutHost are the routers that have ports and no host, except those that operators took from theirs.
func RoutersWithoutHost(ctx context.Context, on db.Querier) ([]neutron.Router, error) {
	rows, err := routersWithoutHost.All(ctx, on, false)
	return resources(rows, routerRow.resource), err
}

// RoutersByHost counts the routers of each host that has some.
func RoutersByHost(ctx context.Context, on db.Querier) (map[string]int64, error) {
	rows, err := routersByHost.All(ctx, on)
	out := make(map[string]int64, len(rows))
	for _, r := range rows {
		out[r.Host] = r.Count
	}
	return out, err
}

// AddRouterPort gives a port to a router.
func AddRouterPort(ctx context.Context, on db.Querier, p neutron.RouterPort) error {
	return routerPorts.Insert(ctx, on, routerPortRow(p))
}

// DropRouterPort takes a port from its router; false if no router has it.
func DropRouterPort(ctx context.Context, on db.Querier, port string) (bool, error) {
	n, err := routerPortDelete.Do(ctx, on, port)
	return n > 0, err
}

// RouterOfPort says which router has a port; fault.NotFound where none has.
func RouterOfPort(ctx context.Context, on db.Querier, port string) (neutron.RouterPort, error) {
	r, err := routerPorts.Get(ctx, on, port)
	return neutron.RouterPort(r), err
}

// Gateways counts the gateway ports on a network.
func Gateways(ctx context.Context, on db.Querier, network string) (int64, error) {
	return routerPortCount.One(ctx, on, network, true)
}

// PortsOfRouter are the ports of a router in order of creation.
func PortsOfRouter(ctx context.Context, on db.Querier, router string) ([]neutron.Port, error) {
	rows, err := portsOfRouter.All(ctx, on, router)
	return resources(rows, portRead.resource), err
}

// PortsOfRouters are the ports of routers, by router, in order of their ids.
func PortsOfRouters(ctx context.Context, on db.Querier, ids []string) (map[string][]neutron.Port, error) {
	rows, err := portsOfRouters.Page(ctx, on, db.ListArgs{Where: []db.Cond{db.InList("router_id", ids)}})
	out := map[string][]neutron.Port{}
	for _, r := range rows {
		out[r.Router] = append(out[r.Router], r.portRead.resource())
	}
	return out, err
}
