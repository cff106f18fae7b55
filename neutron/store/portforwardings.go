package store

import (
	"context"

	"hypernova/neutron"
	"hypernova/oslo/db"
)

type forwardingRow struct {
	ID          string `db:"id" list:"id"`
	FloatingIP  string `db:"floatingip_id,once" list:"floatingip_id"`
	Description string `db:"description" list:"description"`
	Protocol    string `db:"protocol" list:"protocol"`
	Port        string `db:"internal_port_id" list:"internal_port_id"`
	Fixed       string `db:"internal_ip_address"`
	InnerMin    int64  `db:"internal_port_start" list:"internal_port_start"`
	InnerMax    int64  `db:"internal_port_end" list:"internal_port_end"`
	OuterMin    int64  `db:"external_port_start" list:"external_port_start"`
	OuterMax    int64  `db:"external_port_end" list:"external_port_end"`
}

func (r forwardingRow) resource() neutron.PortForwarding {
	return neutron.PortForwarding{ID: r.ID, FloatingIP: r.FloatingIP, Description: r.Description, Protocol: r.Protocol,
		Port: r.Port, Fixed: addr(r.Fixed), Inner: neutron.PortRange{Min: int(r.InnerMin), Max: int(r.InnerMax)},
		Outer: neutron.PortRange{Min: int(r.OuterMin), Max: int(r.OuterMax)}}
}

func forwardingRowOf(f neutron.PortForwarding) forwardingRow {
	return forwardingRow{ID: f.ID, FloatingIP: f.FloatingIP, Description: f.Description, Protocol: f.Protocol,
		Port: f.Port, Fixed: addrText(f.Fixed), InnerMin: int64(f.Inner.Min), InnerMax: int64(f.Inner.Max),
		OuterMin: int64(f.Outer.Min), OuterMax: int64(f.Outer.Max)}
}

var (
	forwardings      = db.NewTable[forwardingRow](Stmts, "port_forwardings", "id")
	forwardingUpdate = forwardings.Update("")
	forwardingDelete = forwardings.Delete("")
	forwardingSelect = "SELECT " + forwardings.Columns("f") + "\nFROM port_forwardings f"
	forwardingByID   = db.NewQuery[forwardingRow](Stmts, forwardingSelect+` WHERE f.id = ?`)
	forwardingsOf    = db.NewQuery[forwardingRow](Stmts, forwardingSelect+`
WHERE f.internal_port_id = ? ORDER BY f.id`)  // port_forwardings_port
	// served by port_forwardings_floatingip, port_forwardings_port or the primary key
	forwardingList = db.NewList[forwardingRow](Stmts, forwardingSelect,
		listColumns(forwardings.ListColumns("f"), nil), "f.id")
)

// InsertPortForwarding writes a new port forwarding.
func InsertPortForwarding(ctx context.Context, on db.Querier, f neutron.PortForwarding) error {
	return forwardings.Insert(ctx, on, forwardingRowOf(f))
}

// PortForwarding reads one port forwarding; fault PortForwardingNotFound.
func PortForwarding(ctx context.Context, on db.Querier, id string) (neutron.PortForwarding, error) {
	return one("PortForwarding", id, forwardingRow.resource)(forwardingByID.One(ctx, on, id))
}

// UpdatePortForwarding writes a port forwarding.
func UpdatePortForwarding(ctx context.Context, on db.Querier, f neutron.PortForwarding) error {
	_, err := forwardingUpdate.Do(ctx, on, forwardingRowOf(f))
	return err
}

// DeletePortForwarding removes the row.
func DeletePortForwarding(ctx context.Context, on db.Querier, id string) error {
	_, err := forwardingDelete.Do(ctx, on, id)
	return err
}

// PortForwardings lists port forwardings.
func PortForwardings(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.PortForwarding, error) {
	return page(ctx, on, forwardingList, a, forwardingRow.resource)
}

// PortForwardingsTo are the port forwardings to addresses of a port.
func PortForwardingsTo(ctx context.Context, on db.Querier, port string) ([]neutron.PortForwarding, error) {
	rows, err := forwardingsOf.All(ctx, on, port)
	return resources(rows, forwardingRow.resource), err
}

// PortForwardingsOf are the port forwardings of floating IPs, by floating IP.
func PortForwardingsOf(ctx context.Context, on db.Querier,
	floating []neutron.FloatingIP) (map[string][]neutron.PortForwarding, error) {
	var of []string
	for _, f := range floating {
		if f.Port == "" && f.Router != "" { // no others have any
			of = append(of, f.ID)
		}
	}
	if len(of) == 0 {
		return nil, nil
	}
	all, err := PortForwardings(ctx, on, db.ListArgs{Where: []db.Cond{db.InList("floatingip_id", of)}})
	out := map[string][]neutron.PortForwarding{}
	for _, f := range all {
		out[f.FloatingIP] = append(out[f.FloatingIP], f)
	}
	return out, err
}
