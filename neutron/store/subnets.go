package store

import (
	"context"
	"net/netip"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/db"
)

type subnetRow struct {
	metaRow
	ID       string                `db:"id" list:"id"`
	Network  string                `db:"network_id,once" list:"network_id"`
	Name     string                `db:"name" list:"name"`
	Version  int64                 `db:"ip_version,once" list:"ip_version"`
	CIDR     string                `db:"cidr,once" list:"cidr"`
	Gateway  string                `db:"gateway_ip" list:"gateway_ip"`
	Pools    db.JSON[[]poolJSON]   `db:"allocation_pools"`
	DHCP     bool                  `db:"enable_dhcp" list:"enable_dhcp"`
	DNS      db.JSON[[]netip.Addr] `db:"dns_nameservers"`
	Routes   db.JSON[[]routeJSON]  `db:"host_routes"`
	RAMode   string                `db:"ipv6_ra_mode,once" list:"ipv6_ra_mode"`
	AddrMode string                `db:"ipv6_address_mode,once" list:"ipv6_address_mode"`
	Pool     string                `db:"subnetpool_id" list:"subnetpool_id"`
}

// subnetRead is a subnet with the columns of its network that decide who sees it.
type subnetRead struct {
	subnetRow
	NetworkShared  bool   `db:"network_shared"`
	NetworkProject string `db:"network_project"`
}

func (r subnetRead) resource() neutron.Subnet {
	cidr, _ := netip.ParsePrefix(r.CIDR)
	return neutron.Subnet{
		Meta: r.metaRow.resource(), ID: r.ID, Name: r.Name, Network: r.Network, Version: int(r.Version), CIDR: cidr,
		Gateway: addr(r.Gateway), Pools: pools(r.Pools), DHCP: r.DHCP, DNS: r.DNS.V, Routes: routes(r.Routes),
		RAMode: r.RAMode, AddrMode: r.AddrMode, SubnetPool: r.Pool, NetworkShared: r.NetworkShared,
		NetworkProject: r.NetworkProject,
	}
}

func subnetRowOf(s neutron.Subnet) subnetRow {
	return subnetRow{
		metaRow: metaRowOf(s.Meta), ID: s.ID, Network: s.Network, Name: s.Name, Version: int64(s.Version),
		CIDR: s.CIDR.String(), Gateway: addrText(s.Gateway), Pools: poolsJSON(s.Pools), DHCP: s.DHCP, DNS: list(s.DNS),
		Routes: routesJSON(s.Routes), RAMode: s.RAMode, AddrMode: s.AddrMode, Pool: s.SubnetPool,
	}
}

var subnets = db.NewTable[subnetRow](Stmts, "subnets", "id")

var subnetSelect = "SELECT " + subnets.Columns("s") + `,
       n.shared AS network_shared, n.project_id AS network_project
FROM subnets s
JOIN networks n ON n.id = s.network_id`

var (
	subnetByID = db.NewQuery[subnetRead](Stmts, subnetSelect+` WHERE s.id = ?`)
	subnetsOf  = db.NewQuery[subnetRead](Stmts, subnetSelect+`
WHERE s.network_id = ? ORDER BY s.created_at, s.id`)  // subnets_network
	subnetsOfServer = db.NewQuery[subnetRead](Stmts, subnetSelect+`
WHERE s.network_id IN (SELECT p.network_id FROM ports p WHERE p.device_id = ?)
ORDER BY s.created_at, s.id`)  // ports_device, subnets_network
	subnetUpdate = subnets.Update("")
	subnetDelete = subnets.Delete("")
	subnetList   = db.NewList[subnetRead](Stmts, subnetSelect, listColumns(subnets.ListColumns("s"), map[string]string{
		"network_shared": "n.shared NOT NULL", "network_project": "n.project_id NOT NULL",
	}), "s.id")
	subnetUsers = db.NewQuery[int64](Stmts, `
SELECT COUNT(*) FROM addresses a
JOIN ports p ON p.id = a.port_id
WHERE a.subnet_id = ? AND p.device_owner <> 'network:dhcp'`)  // addresses_subnet
	subnetRouted = db.NewQuery[int64](Stmts, `
SELECT COUNT(*) FROM addresses a
JOIN ports p ON p.id = a.port_id
WHERE a.subnet_id = ? AND p.device_owner = 'network:router_interface'`)  // addresses_subnet
)

// InsertSubnet writes a new subnet.
func InsertSubnet(ctx context.Context, on db.Querier, s neutron.Subnet) error {
	return subnets.Insert(ctx, on, subnetRowOf(s))
}

// Subnet reads one subnet; fault SubnetNotFound.
func Subnet(ctx context.Context, on db.Querier, id string) (neutron.Subnet, error) {
	return one("Subnet", id, subnetRead.resource)(subnetByID.One(ctx, on, id))
}

// SubnetsOf are a network's subnets in order of creation.
func SubnetsOf(ctx context.Context, on db.Querier, network string) ([]neutron.Subnet, error) {
	rows, err := subnetsOf.All(ctx, on, network)
	return resources(rows, subnetRead.resource), err
}

// SubnetsOfDevice are the subnets of all networks that a device has a port on.
func SubnetsOfDevice(ctx context.Context, on db.Querier, device string) ([]neutron.Subnet, error) {
	rows, err := subnetsOfServer.All(ctx, on, device)
	return resources(rows, subnetRead.resource), err
}

// UpdateSubnet writes a subnet; see UpdateNetwork.
func UpdateSubnet(ctx context.Context, on db.Querier, s neutron.Subnet, now time.Time) (neutron.Subnet, error) {
	r := subnetRowOf(s)
	r.metaRow = r.touched(now)
	_, err := subnetUpdate.Do(ctx, on, r)
	s.Meta = r.metaRow.resource()
	return s, err
}

// DeleteSubnet removes the row; no port may have an address of it.
func DeleteSubnet(ctx context.Context, on db.Querier, id string) error {
	_, err := subnetDelete.Do(ctx, on, id)
	return err
}

// Subnets lists subnets.
func Subnets(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.Subnet, error) {
	return page(ctx, on, subnetList, a, subnetRead.resource)
}

// SubnetUsers counts the addresses of a subnet that ports other than DHCP's have.
func SubnetUsers(ctx context.Context, on db.Querier, subnet string) (int64, error) {
	return subnetUsers.One(ctx, on, subnet)
}

// SubnetRouted reports whether an interface of a router has an address of a subnet.
func SubnetRouted(ctx context.Context, on db.Querier, subnet string) (bool, error) {
	n, err := subnetRouted.One(ctx, on, subnet)
	return n > 0, err
}

func resources[R, N any](rows []R, convert func(R) N) []N {
	out := make([]N, len(rows))
	for i, r := range rows {
		out[i] = convert(r)
	}
	return out
}
