package store

import (
	"context"
	"net/netip"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type subnetRow struct {
	metaRow
	ID       string                       `db:"id"`
	Network  string                       `db:"network_id"`
	Name     string                       `db:"name"`
	Version  int64                        `db:"ip_version"`
	CIDR     string                       `db:"cidr"`
	Gateway  string                       `db:"gateway_ip"`
	Pools    db.JSON[[]neutron.Pool]      `db:"allocation_pools"`
	DHCP     bool                         `db:"enable_dhcp"`
	DNS      db.JSON[[]netip.Addr]        `db:"dns_nameservers"`
	Routes   db.JSON[[]neutron.HostRoute] `db:"host_routes"`
	RAMode   string                       `db:"ipv6_ra_mode"`
	AddrMode string                       `db:"ipv6_address_mode"`
}

// subnetRead is a subnet with what its visibility hangs on.
type subnetRead struct {
	subnetRow
	NetworkShared  bool   `db:"network_shared"`
	NetworkProject string `db:"network_project"`
}

func (r subnetRead) noun() neutron.Subnet {
	cidr, _ := netip.ParsePrefix(r.CIDR)
	return neutron.Subnet{
		Meta: r.metaRow.noun(),
		ID:   r.ID, Name: r.Name, Network: r.Network, Version: int(r.Version), CIDR: cidr, Gateway: addr(r.Gateway), Pools: r.Pools.V, DHCP: r.DHCP,
		DNS: r.DNS.V, Routes: r.Routes.V, RAMode: r.RAMode, AddrMode: r.AddrMode, NetworkShared: r.NetworkShared, NetworkProject: r.NetworkProject,
	}
}

func subnetRowOf(s neutron.Subnet) subnetRow {
	return subnetRow{
		metaRow: metaRowOf(s.Meta), ID: s.ID, Network: s.Network, Name: s.Name, Version: int64(s.Version), CIDR: s.CIDR.String(),
		Gateway: addrText(s.Gateway), Pools: list(s.Pools), DHCP: s.DHCP, DNS: list(s.DNS), Routes: list(s.Routes), RAMode: s.RAMode, AddrMode: s.AddrMode,
	}
}

const subnetColumns = `SELECT s.id, s.network_id, s.project_id, s.name, s.description, s.tags, s.ip_version, s.cidr, s.gateway_ip, s.allocation_pools, s.enable_dhcp,
       s.dns_nameservers, s.host_routes, s.ipv6_ra_mode, s.ipv6_address_mode, s.revision_number, s.created_at, s.updated_at,
       n.shared AS network_shared, n.project_id AS network_project
FROM subnets s
JOIN networks n ON n.id = s.network_id`

var (
	subnetInsert    = db.NewInsert[subnetRow](Stmts, "subnets")
	subnetByID      = db.NewQuery[subnetRead](Stmts, subnetColumns+` WHERE s.id = ?`)
	subnetsOf       = db.NewQuery[subnetRead](Stmts, subnetColumns+` WHERE s.network_id = ? ORDER BY s.created_at, s.id`) // subnets_network
	subnetsOfServer = db.NewQuery[subnetRead](Stmts, subnetColumns+`
WHERE s.network_id IN (SELECT p.network_id FROM ports p WHERE p.device_id = ?)
ORDER BY s.created_at, s.id`)  // ports_device, subnets_network
	subnetUpdate = db.NewExec(Stmts, `
UPDATE subnets SET name = ?, description = ?, tags = ?, gateway_ip = ?, allocation_pools = ?, enable_dhcp = ?, dns_nameservers = ?, host_routes = ?,
    revision_number = revision_number + 1, updated_at = ?
WHERE id = ?`)
	subnetDelete = db.NewExec(Stmts, `DELETE FROM subnets WHERE id = ?`)
	subnetList   = db.NewList[subnetRead](Stmts, subnetColumns, map[string]string{
		"id": "s.id NOT NULL", "network_id": "s.network_id NOT NULL", "project_id": "s.project_id NOT NULL", "name": "s.name NOT NULL", "tags": "s.tags NOT NULL", "description": "s.description NOT NULL",
		"ip_version": "s.ip_version NOT NULL", "cidr": "s.cidr NOT NULL", "gateway_ip": "s.gateway_ip NOT NULL", "enable_dhcp": "s.enable_dhcp NOT NULL", "ipv6_ra_mode": "s.ipv6_ra_mode",
		"ipv6_address_mode": "s.ipv6_address_mode", "revision_number": "s.revision_number NOT NULL", "created_at": "s.created_at NOT NULL", "updated_at": "s.updated_at NOT NULL",
		"network_shared": "n.shared NOT NULL", "network_project": "n.project_id NOT NULL",
	}, "s.id")
	subnetUsers = db.NewQuery[int64](Stmts, `
SELECT COUNT(*) FROM addresses a
JOIN ports p ON p.id = a.port_id
WHERE a.subnet_id = ? AND p.device_owner <> 'network:dhcp'`)  // addresses_subnet
)

// InsertSubnet writes a new subnet.
func InsertSubnet(ctx context.Context, on db.Querier, s neutron.Subnet) error {
	return subnetInsert.Do(ctx, on, subnetRowOf(s))
}

// Subnet reads one subnet; fault SubnetNotFound.
func Subnet(ctx context.Context, on db.Querier, id string) (neutron.Subnet, error) {
	r, err := subnetByID.One(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return neutron.Subnet{}, neutron.Missing("Subnet", id)
	}
	if err != nil {
		return neutron.Subnet{}, err
	}
	return r.noun(), nil
}

// SubnetsOf are a network's subnets in order of creation.
func SubnetsOf(ctx context.Context, on db.Querier, network string) ([]neutron.Subnet, error) {
	rows, err := subnetsOf.All(ctx, on, network)
	return nouns(rows, subnetRead.noun), err
}

// SubnetsOfDevice are the subnets of all networks that a device has a port on.
func SubnetsOfDevice(ctx context.Context, on db.Querier, device string) ([]neutron.Subnet, error) {
	rows, err := subnetsOfServer.All(ctx, on, device)
	return nouns(rows, subnetRead.noun), err
}

// UpdateSubnet writes what may change of a subnet; see UpdateNetwork.
func UpdateSubnet(ctx context.Context, on db.Querier, s neutron.Subnet, now time.Time) (neutron.Subnet, error) {
	r := subnetRowOf(s)
	_, err := subnetUpdate.Do(ctx, on, r.Name, r.Description, r.Tags, r.Gateway, r.Pools, r.DHCP, r.DNS, r.Routes, db.At(now), r.ID)
	if err != nil {
		return s, err
	}
	s.Revision, s.Updated = s.Revision+1, now
	return s, nil
}

// DeleteSubnet removes the row; no port may have an address of it.
func DeleteSubnet(ctx context.Context, on db.Querier, id string) error {
	_, err := subnetDelete.Do(ctx, on, id)
	return err
}

// Subnets lists subnets.
func Subnets(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.Subnet, error) {
	return page(ctx, on, subnetList, a, subnetRead.noun)
}

// SubnetUsers counts the addresses of a subnet that ports other than DHCP's have.
func SubnetUsers(ctx context.Context, on db.Querier, subnet string) (int64, error) {
	return subnetUsers.One(ctx, on, subnet)
}

func nouns[R, N any](rows []R, noun func(R) N) []N {
	out := make([]N, len(rows))
	for i, r := range rows {
		out[i] = noun(r)
	}
	return out
}
