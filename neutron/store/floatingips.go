package store

import (
	"context"
	"net/netip"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/db"
)

type floatingRow struct {
	metaRow
	ID        string `db:"id" list:"id"`
	Status    string `db:"status" list:"status"`
	Network   string `db:"floating_network_id,once" list:"floating_network_id"`
	IP        string `db:"floating_ip_address,once" list:"floating_ip_address"`
	OuterPort string `db:"floating_port_id,once"`
	Router    string `db:"router_id" list:"router_id"`
	Port      string `db:"port_id" list:"port_id"`
	Fixed     string `db:"fixed_ip_address" list:"fixed_ip_address"`
}

// floatingRead is a floating IP beside its port.
type floatingRead struct {
	floatingRow
	PortName    *string `db:"port_name"`
	PortNetwork *string `db:"port_network"`
	PortMAC     *string `db:"port_mac"`
	PortUp      *bool   `db:"port_up"`
	PortStatus  *string `db:"port_status"`
	DeviceID    *string `db:"port_device"`
	DeviceOwner *string `db:"port_owner"`
}

func (r floatingRead) resource() neutron.FloatingIP {
	f := neutron.FloatingIP{Meta: r.metaRow.resource(), ID: r.ID, Network: r.Network, IP: addr(r.IP),
		OuterPort: r.OuterPort, Status: r.Status, Port: r.Port, Router: r.Router, Fixed: addr(r.Fixed)}
	if r.PortNetwork != nil {
		f.Details = &neutron.FloatingPort{Name: val(r.PortName), Network: val(r.PortNetwork), MAC: val(r.PortMAC),
			Status: val(r.PortStatus), DeviceID: val(r.DeviceID), DeviceOwner: val(r.DeviceOwner),
			AdminUp: r.PortUp != nil && *r.PortUp}
	}
	return f
}

func floatingRowOf(f neutron.FloatingIP) floatingRow {
	return floatingRow{metaRow: metaRowOf(f.Meta), ID: f.ID, Status: f.Status, Network: f.Network, IP: addrText(f.IP),
		OuterPort: f.OuterPort, Router: f.Router, Port: f.Port, Fixed: addrText(f.Fixed)}
}

// outwardRow is a floating address beside the port of the gateway behind which it is.
type outwardRow struct {
	ID      string `db:"id"`
	Gateway string `db:"gateway_port_id"`
	IP      string `db:"floating_ip_address"`
}

var (
	floatings      = db.NewTable[floatingRow](Stmts, "floatingips", "id")
	floatingUpdate = floatings.Update("")
	floatingDelete = floatings.Delete("")
	floatingSelect = "SELECT " + floatings.Columns("f") + `, p.name AS port_name, p.network_id AS port_network,
       p.mac_address AS port_mac, p.admin_state_up AS port_up, p.status AS port_status, p.device_id AS port_device,
       p.device_owner AS port_owner
FROM floatingips f LEFT JOIN ports p ON p.id = f.port_id`
	floatingByID = db.NewQuery[floatingRead](Stmts, floatingSelect+` WHERE f.id = ?`)
	floatingsOf  = db.NewQuery[floatingRead](Stmts, floatingSelect+`
WHERE f.port_id = ? ORDER BY f.created_at, f.id`)  // floatingips_port
	floatingsOfRouter = db.NewQuery[floatingRead](Stmts, floatingSelect+`
WHERE f.router_id = ? ORDER BY f.created_at, f.id`)  // floatingips_router
	floatingsIdle = db.NewQuery[floatingRead](Stmts, floatingSelect+`
WHERE f.floating_network_id = ? AND f.router_id = '' ORDER BY f.id`)  // floatingips_network
	floatingStatus = db.NewExec(Stmts, `UPDATE floatingips SET status = ? WHERE router_id = ?`)
	// served by floatingips_project, floatingips_port, floatingips_router, floatingips_network, floatingips_address or the
	// primary key
	floatingList = db.NewList[floatingRead](Stmts, floatingSelect, listColumns(floatings.ListColumns("f"), nil), "f.id")
	outwardList  = db.NewList[outwardRow](Stmts, `SELECT f.id, r.gateway_port_id, f.floating_ip_address
FROM floatingips f JOIN routers r ON r.id = f.router_id`,
		map[string]string{"floating_network_id": "f.floating_network_id NOT NULL"}, "f.id")
)

// InsertFloatingIP writes a new floating IP.
func InsertFloatingIP(ctx context.Context, on db.Querier, f neutron.FloatingIP) error {
	return floatings.Insert(ctx, on, floatingRowOf(f))
}

// FloatingIP reads one floating IP; fault FloatingIPNotFound.
func FloatingIP(ctx context.Context, on db.Querier, id string) (neutron.FloatingIP, error) {
	return one("FloatingIP", id, floatingRead.resource)(floatingByID.One(ctx, on, id))
}

// UpdateFloatingIP writes a floating IP; see UpdateNetwork. Details are those that were read.
func UpdateFloatingIP(ctx context.Context, on db.Querier, f neutron.FloatingIP,
	now time.Time) (neutron.FloatingIP, error) {
	row := floatingRowOf(f)
	row.metaRow = row.touched(now)
	_, err := floatingUpdate.Do(ctx, on, row)
	f.Meta = row.metaRow.resource()
	return f, err
}

// DeleteFloatingIP removes the row.
func DeleteFloatingIP(ctx context.Context, on db.Querier, id string) error {
	_, err := floatingDelete.Do(ctx, on, id)
	return err
}

// FloatingIPs lists floating IPs.
func FloatingIPs(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.FloatingIP, error) {
	return page(ctx, on, floatingList, a, floatingRead.resource)
}

// FloatingIPsOfPort are the floating IPs that a port has, in order of creation.
func FloatingIPsOfPort(ctx context.Context, on db.Querier, port string) ([]neutron.FloatingIP, error) {
	rows, err := floatingsOf.All(ctx, on, port)
	return resources(rows, floatingRead.resource), err
}

// FloatingIPsOfRouter are the floating IPs that a router translates, in order of creation.
func FloatingIPsOfRouter(ctx context.Context, on db.Querier, router string) ([]neutron.FloatingIP, error) {
	rows, err := floatingsOfRouter.All(ctx, on, router)
	return resources(rows, floatingRead.resource), err
}

// IdleFloatingIPs are the floating IPs of a network that no router translates.
func IdleFloatingIPs(ctx context.Context, on db.Querier, network string) ([]neutron.FloatingIP, error) {
	rows, err := floatingsIdle.All(ctx, on, network)
	return resources(rows, floatingRead.resource), err
}

// SetFloatingStatus writes the status of the floating IPs that a router translates.
func SetFloatingStatus(ctx context.Context, on db.Querier, router, status string) error {
	_, err := floatingStatus.Do(ctx, on, status, router)
	return err
}

// Outward are the floating addresses on networks by the gateway ports behind which they are.
func Outward(ctx context.Context, on db.Querier, networks []string) (map[string][]netip.Addr, error) {
	rows, err := outwardList.Page(ctx, on, db.ListArgs{Where: []db.Cond{db.InList("floating_network_id", networks)}})
	out := map[string][]netip.Addr{}
	for _, r := range rows {
		out[r.Gateway] = append(out[r.Gateway], addr(r.IP))
	}
	return out, err
}
