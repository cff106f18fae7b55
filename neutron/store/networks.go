package store

import (
	"context"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type networkRow struct {
	metaRow
	ID                string            `db:"id" list:"id"`
	Audience          string            `db:"audience"` // "*" if all projects may see it, else the project
	Name              string            `db:"name" list:"name"`
	Status            string            `db:"status" list:"status"`
	AdminUp           bool              `db:"admin_state_up" list:"admin_state_up"`
	Shared            bool              `db:"shared" list:"shared"`
	External          bool              `db:"external" list:"router:external"`
	Default           bool              `db:"is_default" list:"is_default"`
	PortSecurity      bool              `db:"port_security_enabled" list:"port_security_enabled"`
	MTU               int64             `db:"mtu" list:"mtu"`
	Type              string            `db:"network_type" list:"provider:network_type"`
	Physical          string            `db:"physical_network" list:"provider:physical_network"`
	Segment           int64             `db:"segmentation_id" list:"provider:segmentation_id"`
	Subnets           db.JSON[[]string] `db:"subnets"`
	AvailabilityHints db.JSON[[]string] `db:"availability_zone_hints,once"`
	Scope4            string            `db:"ipv4_address_scope"`
	Scope6            string            `db:"ipv6_address_scope"`
}

func (r networkRow) resource() neutron.Network {
	return neutron.Network{
		Meta: r.metaRow.resource(), ID: r.ID, Name: r.Name, Status: r.Status, AdminUp: r.AdminUp, Shared: r.Shared,
		External: r.External, Default: r.Default, PortSecurity: r.PortSecurity, MTU: int(r.MTU), Type: r.Type,
		Physical: r.Physical, Segment: r.Segment, Subnets: r.Subnets.V, AvailabilityHints: r.AvailabilityHints.V,
		Scope4: r.Scope4, Scope6: r.Scope6,
	}
}

func networkRowOf(n neutron.Network) networkRow {
	audience := n.Project
	if n.Shared || n.External {
		audience = "*"
	}
	return networkRow{
		metaRow: metaRowOf(n.Meta), ID: n.ID, Audience: audience, Name: n.Name, Status: n.Status, AdminUp: n.AdminUp,
		Shared: n.Shared, External: n.External, Default: n.Default, PortSecurity: n.PortSecurity, MTU: int64(n.MTU),
		Type: n.Type, Physical: n.Physical, Segment: n.Segment, Subnets: list(n.Subnets),
		AvailabilityHints: list(n.AvailabilityHints), Scope4: n.Scope4, Scope6: n.Scope6,
	}
}

var (
	networks       = db.NewTable[networkRow](Stmts, "networks", "id")
	networkUpdate  = networks.Update("")
	networkDelete  = networks.Delete("")
	networksOnHost = networks.Query("id IN (SELECT p.network_id FROM ports p WHERE p.host = ?)\nORDER BY id")
	// served by networks_audience, networks_project or the primary key
	networkList = db.NewList[networkRow](Stmts, "SELECT "+networks.Columns("n")+"\nFROM networks n",
		listColumns(networks.ListColumns("n"), map[string]string{
			"audience":                "n.audience NOT NULL",
			"availability_zone_hints": "n.availability_zone_hints NOT NULL",
		}), "n.id")
	networkPortsOther = db.NewQuery[int64](Stmts,
		`SELECT COUNT(*) FROM ports WHERE network_id = ? AND device_owner <> 'network:dhcp'`)

	segmentTake = db.NewExec(Stmts, `
INSERT INTO segments (network_type, physical_network, segmentation_id, network_id) VALUES (?, ?, ?, ?)
ON CONFLICT (network_type, physical_network, segmentation_id) DO NOTHING`)
	segmentFree = db.NewExec(Stmts, `DELETE FROM segments WHERE network_id = ?`)
	// the first free number after a taken one; served by the primary key of segments
	segmentGap = db.NewQuery[int64](Stmts, `
SELECT s.segmentation_id + 1 FROM segments s
WHERE s.network_type = ? AND s.physical_network = ? AND s.segmentation_id >= ? AND s.segmentation_id < ?
  AND NOT EXISTS (SELECT 1 FROM segments t WHERE t.network_type = s.network_type
                  AND t.physical_network = s.physical_network AND t.segmentation_id = s.segmentation_id + 1)
ORDER BY s.segmentation_id
LIMIT 1`)
)

// InsertNetwork writes a new network.
func InsertNetwork(ctx context.Context, on db.Querier, n neutron.Network) error {
	return networks.Insert(ctx, on, networkRowOf(n))
}

// Network reads one network; fault NetworkNotFound.
func Network(ctx context.Context, on db.Querier, id string) (neutron.Network, error) {
	return one("Network", id, networkRow.resource)(networks.Get(ctx, on, id))
}

// UpdateNetwork writes a network that was read in the same transaction and returns it with its new revision.
func UpdateNetwork(ctx context.Context, on db.Querier, n neutron.Network, now time.Time) (neutron.Network, error) {
	r := networkRowOf(n)
	r.metaRow = r.touched(now)
	_, err := networkUpdate.Do(ctx, on, r)
	n.Meta = r.metaRow.resource()
	return n, err
}

// DeleteNetwork removes the row and its segment; the ports and subnets must be gone.
func DeleteNetwork(ctx context.Context, on db.Querier, id string) error {
	if _, err := segmentFree.Do(ctx, on, id); err != nil {
		return err
	}
	_, err := networkDelete.Do(ctx, on, id)
	return err
}

// Networks lists networks.
func Networks(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.Network, error) {
	return page(ctx, on, networkList, a, networkRow.resource)
}

// OtherPorts counts a network's ports that are not DHCP's.
func OtherPorts(ctx context.Context, on db.Querier, network string) (int64, error) {
	return networkPortsOther.One(ctx, on, network)
}

// TakeSegment takes a segment for a network; false if another network has it.
func TakeSegment(ctx context.Context, on db.Querier, kind, physical string, id int64, network string) (bool, error) {
	n, err := segmentTake.Do(ctx, on, kind, physical, id, network)
	return n == 1, err
}

// ReleaseSegments gives up a network's segments.
func ReleaseSegments(ctx context.Context, on db.Querier, network string) error {
	_, err := segmentFree.Do(ctx, on, network)
	return err
}

// TakeFreeSegment takes the lowest free segment of a range; false if there is none.
func TakeFreeSegment(ctx context.Context, on db.Querier, kind, physical string, first, last int64,
	network string) (int64, bool, error) {
	id := first
	for id <= last {
		ok, err := TakeSegment(ctx, on, kind, physical, id, network)
		if err != nil || ok {
			return id, ok, err
		}
		id, err = segmentGap.One(ctx, on, kind, physical, id, last)
		if fault.Is(err, fault.NotFound) {
			return 0, false, nil
		}
		if err != nil {
			return 0, false, err
		}
	}
	return 0, false, nil
}

// one makes the resource of the row that a read by id found; neutron.Missing if there is none.
func one[R, N any](kind, id string, convert func(R) N) func(R, error) (N, error) {
	return func(r R, err error) (N, error) {
		if err == nil {
			return convert(r), nil
		}
		if fault.Is(err, fault.NotFound) {
			err = neutron.Missing(kind, id)
		}
		var none N
		return none, err
	}
}

// page reads a page of a list and converts its rows.
func page[R, N any](ctx context.Context, on db.Querier, l *db.ListQuery[R], a db.ListArgs,
	convert func(R) N) ([]N, error) {
	rows, err := l.Page(ctx, on, a)
	if err != nil {
		return nil, err
	}
	out := make([]N, len(rows))
	for i, r := range rows {
		out[i] = convert(r)
	}
	return out, nil
}
