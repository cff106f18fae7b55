package store

import (
	"context"
	"encoding/hex"
	"net/netip"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/db"
)

type portRow struct {
	metaRow
	ID             string                     `db:"id" list:"id"`
	Network        string                     `db:"network_id,once" list:"network_id"`
	Name           string                     `db:"name" list:"name"`
	MAC            string                     `db:"mac_address" list:"mac_address"`
	FixedIPs       fixedIPsText               `db:"fixed_ips" list:"fixed_ips"`
	AdminUp        bool                       `db:"admin_state_up" list:"admin_state_up"`
	Status         string                     `db:"status" list:"status"`
	DeviceID       string                     `db:"device_id" list:"device_id"`
	DeviceOwner    string                     `db:"device_owner" list:"device_owner"`
	PortSecurity   bool                       `db:"port_security_enabled" list:"port_security_enabled"`
	SecurityGroups db.JSON[[]string]          `db:"security_groups" list:"security_groups"`
	AddressPairs   db.JSON[[]pairJSON]        `db:"allowed_address_pairs"`
	Host           string                     `db:"host" list:"binding:host_id"`
	VNICType       string                     `db:"vnic_type" list:"binding:vnic_type"`
	VIFType        string                     `db:"vif_type" list:"binding:vif_type"`
	VIFDetails     db.JSON[map[string]string] `db:"vif_details"`
	Profile        string                     `db:"profile"`
	Made           bool                       `db:"made"`
	Tag            string                     `db:"tag"`
	DNSName        string                     `db:"dns_name"`
	Position       int64                      `db:"position,once"` // orders ports of one creation time
}

// portRead is a port with the column of its network that decides who sees it.
type portRead struct {
	portRow
	NetworkProject string `db:"network_project"`
}

// portSeen is a port beside one of the projects that may see it.
type portSeen struct {
	portRead
	Viewer string `db:"viewer"`
}

func (r portRead) resource() neutron.Port {
	return neutron.Port{
		Meta: r.metaRow.resource(), ID: r.ID, Name: r.Name, Network: r.Network, MAC: r.MAC, FixedIPs: fixedIPs(r.FixedIPs),
		AdminUp: r.AdminUp, Status: r.Status, DeviceID: r.DeviceID, DeviceOwner: r.DeviceOwner,
		PortSecurity: r.PortSecurity, SecurityGroups: r.SecurityGroups.V, AddressPairs: pairs(r.AddressPairs),
		Host: r.Host, VNICType: r.VNICType, VIFType: r.VIFType, VIFDetails: r.VIFDetails.V, Profile: r.Profile,
		Made: r.Made, Tag: r.Tag, DNSName: r.DNSName, NetworkProject: r.NetworkProject,
	}
}

func (r portSeen) resource() neutron.Port { return r.portRead.resource() }

func portRowOf(p neutron.Port, position int) portRow {
	if p.VIFDetails == nil {
		p.VIFDetails = map[string]string{}
	}
	return portRow{
		metaRow: metaRowOf(p.Meta), ID: p.ID, Network: p.Network, Name: p.Name, MAC: p.MAC,
		FixedIPs: fixedIPsJSON(p.FixedIPs), AdminUp: p.AdminUp, Status: p.Status, DeviceID: p.DeviceID,
		DeviceOwner: p.DeviceOwner, PortSecurity: p.PortSecurity, SecurityGroups: list(p.SecurityGroups),
		AddressPairs: pairsJSON(p.AddressPairs), Host: p.Host, VNICType: p.VNICType, VIFType: p.VIFType,
		VIFDetails: db.JSON[map[string]string]{V: p.VIFDetails}, Profile: p.Profile, Made: p.Made, Tag: p.Tag,
		DNSName: p.DNSName, Position: int64(position),
	}
}

var ports = db.NewTable[portRow](Stmts, "ports", "id")

var (
	portColumns = ports.Columns("p") + ", n.project_id AS network_project"
	portSelect  = "SELECT " + portColumns + "\nFROM ports p\nJOIN networks n ON n.id = p.network_id"
)

var (
	portByID = db.NewQuery[portRead](Stmts, portSelect+` WHERE p.id = ?`)
	portsOf  = db.NewQuery[portRead](Stmts, portSelect+`
WHERE p.device_id = ? ORDER BY p.created_at, p.position, p.id`)  // ports_device
	portsOnHost = db.NewQuery[portRead](Stmts, portSelect+`
WHERE p.host = ? ORDER BY p.created_at, p.position, p.id`)  // ports_host
	portsDHCP = db.NewQuery[portRead](Stmts, portSelect+`
WHERE p.network_id = ? AND p.device_owner = 'network:dhcp' ORDER BY p.created_at, p.id`)  // ports_network
	portsOnNet = db.NewQuery[portRead](Stmts, portSelect+`
WHERE p.network_id = ? ORDER BY p.created_at, p.position, p.id`)  // ports_network
	portMACTaken = db.NewQuery[int64](Stmts,
		`SELECT COUNT(*) FROM ports WHERE network_id = ? AND mac_address = ? AND id <> ?`)
	portUpdate = ports.Update("")
	portStatus = db.NewExec(Stmts, `
UPDATE ports SET status = ?, revision_number = revision_number + 1, updated_at = ?
WHERE id = ? AND host = ? AND status <> ?`)
	portDelete    = ports.Delete("")
	portGroupsCut = db.NewExec(Stmts, `DELETE FROM port_groups WHERE port_id = ?`)
	portGroupAdd  = db.NewInsert[portGroupRow](Stmts, "port_groups")
	portList      = db.NewList[portRead](Stmts, portSelect, ports.ListColumns("p"), "p.id")
	// ports_device serves it.
	deviceGroupsList = db.NewList[deviceGroupsRow](Stmts, `SELECT id, device_id, host, made, security_groups
FROM ports`, ports.ListColumns(""), "id")
	// A port is seen by its own project and by its network's. No two parts show one port to one project. The second and
	// the third, together the ports of other projects, are apart because ports_network_project serves either: a page does
	// not read the ports that a project has on its own networks twice.
	portListSeen = db.NewList[portSeen](Stmts, `SELECT p.* FROM (
SELECT `+portColumns+`, p.project_id AS viewer FROM ports p JOIN networks n ON n.id = p.network_id
UNION ALL
SELECT `+portColumns+`, n.project_id AS viewer FROM ports p JOIN networks n ON n.id = p.network_id
WHERE p.project_id < n.project_id
UNION ALL
SELECT `+portColumns+`, n.project_id AS viewer FROM ports p JOIN networks n ON n.id = p.network_id
WHERE p.project_id > n.project_id
) p`, listColumns(ports.ListColumns("p"), map[string]string{"viewer": "p.viewer NOT NULL"}), "p.id")
	portHost = db.NewQuery[int64](Stmts,
		`SELECT COUNT(*) FROM ports WHERE host = ? AND network_id = ? AND device_owner NOT IN
('network:dhcp', 'network:router_interface', 'network:router_gateway', 'network:floatingip')`)  // ports_host

	addressTake = db.NewExec(Stmts, `
INSERT INTO addresses (network_id, address, subnet_id, port_id, ip) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (network_id, address) DO NOTHING`)
	addressFree   = db.NewExec(Stmts, `DELETE FROM addresses WHERE network_id = ? AND address = ? AND port_id = ?`)
	addressesFree = db.NewExec(Stmts, `DELETE FROM addresses WHERE port_id = ?`)
	addressesUsed = db.NewQuery[string](Stmts,
		`SELECT ip FROM addresses WHERE subnet_id = ? AND address >= ? ORDER BY address LIMIT 65`) // addresses_subnet
	addressesCount = db.NewQuery[int64](Stmts,
		`SELECT COUNT(*) FROM addresses WHERE subnet_id = ?`) // addresses_subnet
	addressPort = db.NewQuery[string](Stmts, `SELECT port_id FROM addresses WHERE network_id = ? AND address = ?`)
	addressIP   = db.NewQuery[string](Stmts, `SELECT port_id FROM addresses WHERE ip = ?`)
)

type portGroupRow struct {
	Group string `db:"group_id"`
	Port  string `db:"port_id"`
	Host  string `db:"host"`
}

// InsertPorts writes new ports; their addresses have been taken before.
func InsertPorts(ctx context.Context, on db.Querier, ps []neutron.Port) error {
	rows := make([]portRow, len(ps))
	var groups []portGroupRow
	for i, p := range ps {
		rows[i] = portRowOf(p, i)
		groups = append(groups, groupRows(p)...)
	}
	if err := ports.InsertAll(ctx, on, rows); err != nil {
		return err
	}
	return portGroupAdd.DoAll(ctx, on, groups)
}

func groupRows(p neutron.Port) []portGroupRow {
	var rows []portGroupRow
	for _, g := range p.SecurityGroups {
		rows = append(rows, portGroupRow{Group: g, Port: p.ID, Host: p.Host})
	}
	return rows
}

// Port reads one port; fault PortNotFound.
func Port(ctx context.Context, on db.Querier, id string) (neutron.Port, error) {
	return one("Port", id, portRead.resource)(portByID.One(ctx, on, id))
}

// UpdatePort writes a port; see UpdateNetwork. The caller has taken and freed its addresses.
func UpdatePort(ctx context.Context, on db.Querier, p neutron.Port, now time.Time) (neutron.Port, error) {
	r := portRowOf(p, 0)
	r.metaRow = r.touched(now)
	if _, err := portUpdate.Do(ctx, on, r); err != nil {
		return p, err
	}
	if _, err := portGroupsCut.Do(ctx, on, p.ID); err != nil {
		return p, err
	}
	if err := portGroupAdd.DoAll(ctx, on, groupRows(p)); err != nil {
		return p, err
	}
	p.Meta = r.metaRow.resource()
	return p, nil
}

// SetPortStatus changes the status of a port if it is bound to host; false if it is not, or had that status already.
func SetPortStatus(ctx context.Context, on db.Querier, id, host, status string, now time.Time) (bool, error) {
	n, err := portStatus.Do(ctx, on, status, db.At(now), id, host, status)
	return n > 0, err
}

// DeletePort removes a port with its addresses.
func DeletePort(ctx context.Context, on db.Querier, id string) error {
	for _, e := range []*db.Exec{addressesFree, portGroupsCut, portDelete} {
		if _, err := e.Do(ctx, on, id); err != nil {
			return err
		}
	}
	return nil
}

// Ports lists ports; Cond "viewer" narrows it to what one project may see.
func Ports(ctx context.Context, on db.Querier, a db.ListArgs, viewer string) ([]neutron.Port, error) {
	if viewer == "" {
		return page(ctx, on, portList, a, portRead.resource)
	}
	a.Scope = append(a.Scope, db.EqTo("viewer", viewer))
	return page(ctx, on, portListSeen, a, portSeen.resource)
}

// deviceGroupsRow is the part of a port that says which security groups its device has.
type deviceGroupsRow struct {
	ID             string            `db:"id"`
	DeviceID       string            `db:"device_id"`
	Host           string            `db:"host"`
	Made           bool              `db:"made"`
	SecurityGroups db.JSON[[]string] `db:"security_groups"`
}

// DeviceGroups are the ports of some devices in order of creation, with nothing but ID, DeviceID, Host, Made and
// SecurityGroups.
func DeviceGroups(ctx context.Context, on db.Querier, devices []string) ([]neutron.Port, error) {
	a := db.ListArgs{Where: []db.Cond{db.InList("device_id", devices)}, Sort: []db.SortKey{{Column: "created_at"}}}
	return page(ctx, on, deviceGroupsList, a, func(r deviceGroupsRow) neutron.Port {
		return neutron.Port{ID: r.ID, DeviceID: r.DeviceID, Host: r.Host, Made: r.Made, SecurityGroups: r.SecurityGroups.V}
	})
}

// PortsOfDevice are the ports of a device in order of creation.
func PortsOfDevice(ctx context.Context, on db.Querier, device string) ([]neutron.Port, error) {
	rows, err := portsOf.All(ctx, on, device)
	return resources(rows, portRead.resource), err
}

// PortsOnHost are the ports that are bound to a host in order of creation.
func PortsOnHost(ctx context.Context, on db.Querier, host string) ([]neutron.Port, error) {
	rows, err := portsOnHost.All(ctx, on, host)
	return resources(rows, portRead.resource), err
}

// DHCPPorts are a network's DHCP ports in order of creation.
func DHCPPorts(ctx context.Context, on db.Querier, network string) ([]neutron.Port, error) {
	rows, err := portsDHCP.All(ctx, on, network)
	return resources(rows, portRead.resource), err
}

// PortsOfNetwork are all ports of a network.
func PortsOfNetwork(ctx context.Context, on db.Querier, network string) ([]neutron.Port, error) {
	rows, err := portsOnNet.All(ctx, on, network)
	return resources(rows, portRead.resource), err
}

// HostHasPorts reports whether a host carries a port of a network that needs DHCP: one besides DHCP's and routers'.
func HostHasPorts(ctx context.Context, on db.Querier, host, network string) (bool, error) {
	n, err := portHost.One(ctx, on, host, network)
	return n > 0, err
}

// MACTaken reports whether another port than id has the MAC on the network.
func MACTaken(ctx context.Context, on db.Querier, network, mac, id string) (bool, error) {
	n, err := portMACTaken.One(ctx, on, network, mac, id)
	return n > 0, err
}

// TakeAddress gives an address to a port; false if another port of the network has it.
func TakeAddress(ctx context.Context, on db.Querier, network, port string, f neutron.FixedIP) (bool, error) {
	n, err := addressTake.Do(ctx, on, network, addressKey(f.IP), f.Subnet, port, f.IP.String())
	return n == 1, err
}

// addressKey is an address as text that sorts as addresses do; v4 and v6 never mix within one subnet.
func addressKey(a netip.Addr) string {
	b := a.As16()
	return hex.EncodeToString(b[:])
}

// FreeAddress takes an address from a port.
func FreeAddress(ctx context.Context, on db.Querier, network, port string, ip netip.Addr) error {
	_, err := addressFree.Do(ctx, on, network, addressKey(ip), port)
	return err
}

// UsedAddresses are the next used addresses of a subnet, in order; more says that there are others after them.
func UsedAddresses(ctx context.Context, on db.Querier, subnet string, from netip.Addr) (used []netip.Addr, more bool,
	err error) {
	ips, err := addressesUsed.All(ctx, on, subnet, addressKey(from))
	if err != nil {
		return nil, false, err
	}
	if more = len(ips) > 64; more {
		ips = ips[:64]
	}
	for _, ip := range ips {
		used = append(used, addr(ip))
	}
	return used, more, nil
}

// PortAt is the id of the port of a network that has an address; empty if none has.
func PortAt(ctx context.Context, on db.Querier, network string, ip netip.Addr) (string, error) {
	all, err := addressPort.All(ctx, on, network, addressKey(ip))
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0], nil
}

// PortsWithIP are the ids of the ports, on any network, that have an address.
func PortsWithIP(ctx context.Context, on db.Querier, ip netip.Addr) ([]string, error) {
	return addressIP.All(ctx, on, ip.String())
}

// AddressesUsed is how many addresses of a subnet ports have.
func AddressesUsed(ctx context.Context, on db.Querier, subnet string) (int64, error) {
	return addressesCount.One(ctx, on, subnet)
}
