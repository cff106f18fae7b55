package store

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
)

var (
	hostChange = db.NewInsert[hostChangeRow](Stmts, "host_changes")
	// host_changes_host
	hostRevision = db.NewQuery[revisionRow](Stmts, `
SELECT CAST(COALESCE(SUM(changes), 0) AS BIGINT) AS revision, COUNT(*) AS parts FROM host_changes WHERE host = ?`)
	hostSections = db.NewQuery[hostPartRow](Stmts, `SELECT changes, sections FROM host_changes WHERE host = ?`)
	hostSumUp    = db.NewQuery[hostPartRow](Stmts, `DELETE FROM host_changes WHERE host = ? RETURNING changes, sections`)
	// Each step finds the next host in the index (ports_network_host, port_groups_host): the cost is that of the
	// hosts.
	hostsOfNetwork = db.NewQuery[string](Stmts, `
WITH RECURSIVE next (host) AS (
    SELECT MIN(host) FROM ports WHERE network_id = ? AND host > ''
    UNION ALL
    SELECT (SELECT MIN(p.host) FROM ports p WHERE p.network_id = ? AND p.host > next.host) FROM next
    WHERE next.host IS NOT NULL
)
SELECT host FROM next WHERE host IS NOT NULL`)
	hostsOfGroup = db.NewQuery[string](Stmts, `
WITH RECURSIVE next (host) AS (
    SELECT MIN(host) FROM port_groups WHERE group_id = ? AND host > ''
    UNION ALL
    SELECT (SELECT MIN(p.host) FROM port_groups p WHERE p.group_id = ? AND p.host > next.host) FROM next
    WHERE next.host IS NOT NULL
)
SELECT host FROM next WHERE host IS NOT NULL`)
	neighbourList = db.NewList[neighbourRow](Stmts, `
SELECT p.id, p.network_id, p.mac_address, p.fixed_ips, p.host, p.dns_name, p.device_owner FROM ports p`,
		map[string]string{"network_id": "p.network_id NOT NULL"}, "p.id") // ports_network
	// The rows of one port are not distinct: this list has no pages.
	memberList = db.NewList[memberRow](Stmts, `
SELECT m.group_id, p.fixed_ips, p.allowed_address_pairs FROM port_groups m
JOIN ports p ON p.id = m.port_id`,
		map[string]string{"group_id": "m.group_id NOT NULL"}, "m.port_id") // primary key of port_groups
	tunnels = db.NewQuery[tunnelRow](Stmts, `SELECT DISTINCT host, tunnel_ip FROM agents WHERE tunnel_ip <> ''`)
)

type hostChangeRow struct {
	ID   string `db:"id"`
	Host string `db:"host"`
	hostPartRow
}

// hostPartRow is a part of a host's revision. Sections is how much of Changes each section has; the empty section is
// all of them. A nil map is all sections. A section never has more than Changes, the empty section included: thus a
// revision never falls, whatever rows are summed up.
type hostPartRow struct {
	Changes  int64                      `db:"changes"`
	Sections db.JSON[neutron.Revisions] `db:"sections"`
}

type revisionRow struct {
	Revision int64 `db:"revision"`
	Parts    int64 `db:"parts"`
}

type neighbourRow struct {
	ID          string       `db:"id"`
	Network     string       `db:"network_id"`
	MAC         string       `db:"mac_address"`
	FixedIPs    fixedIPsText `db:"fixed_ips"`
	Host        string       `db:"host"`
	DNSName     string       `db:"dns_name"`
	DeviceOwner string       `db:"device_owner"`
}

type memberRow struct {
	Group    string              `db:"group_id"`
	FixedIPs fixedIPsText        `db:"fixed_ips"`
	Pairs    db.JSON[[]pairJSON] `db:"allowed_address_pairs"`
}

type tunnelRow struct {
	Host     string `db:"host"`
	TunnelIP string `db:"tunnel_ip"`
}

// Neighbour is a port of a network, anywhere, with no more than the other hosts must know of it.
type Neighbour struct {
	ID, Network, MAC, Host, DNSName, DeviceOwner string
	FixedIPs                                     []neutron.FixedIP
}

// Member is a port's addresses as a member of a group.
type Member struct {
	Group    string
	FixedIPs []neutron.FixedIP
	Pairs    []neutron.AddressPair
}

// Bump raises the revisions of sections of hosts' states by one. A host whose sections contain the empty one changes
// as a whole.
func Bump(ctx context.Context, on db.Querier, hosts map[string]map[neutron.Section]bool) error {
	rows := make([]hostChangeRow, 0, len(hosts))
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		row := hostChangeRow{ID: ids.UUID(), Host: host, hostPartRow: hostPartRow{Changes: 1}}
		if sections := hosts[host]; !sections[""] {
			row.Sections.V = neutron.Revisions{}
			for s := range sections {
				row.Sections.V[s] = 1
			}
		}
		rows = append(rows, row)
	}
	return hostChange.DoAll(ctx, on, rows)
}

// Revision returns the revision of a host's state and the number of rows that it is the sum of; zero for a host that
// no change ever concerned.
func Revision(ctx context.Context, on db.Querier, host string) (revision, parts int64, err error) {
	r, err := hostRevision.One(ctx, on, host)
	return r.Revision, r.Parts, err
}

// Sections returns the revisions of a host's sections. A section that is not in the answer has the revision of the
// empty one, which the others include.
func Sections(ctx context.Context, on db.Querier, host string) (neutron.Revisions, error) {
	parts, err := hostSections.All(ctx, on, host)
	sum := sumUp(parts).Sections.V
	for s := range sum {
		if s != "" {
			sum[s] += sum[""]
		}
	}
	return sum, err
}

// manySections bounds the sections of a sum, which also has those that left the host.
const manySections = 2000

// SumUp replaces the rows of a host's revision by one. No revision falls. With very many sections in it the sum is
// of all sections: their revisions grow.
func SumUp(ctx context.Context, on db.Querier, host string) error {
	parts, err := hostSumUp.All(ctx, on, host)
	if err != nil {
		return err
	}
	sum := sumUp(parts)
	if len(sum.Sections.V) > manySections {
		sum.Sections.V = nil
	}
	return hostChange.Do(ctx, on, hostChangeRow{ID: ids.UUID(), Host: host, hostPartRow: sum})
}

func sumUp(parts []hostPartRow) hostPartRow {
	sum := hostPartRow{Sections: db.JSON[neutron.Revisions]{V: neutron.Revisions{}}}
	for _, p := range parts {
		sum.Changes += p.Changes
		if p.Sections.V == nil {
			sum.Sections.V[""] += p.Changes
		}
		for s, n := range p.Sections.V {
			sum.Sections.V[s] += n
		}
	}
	return sum
}

// HostsOfNetwork are the hosts that carry a port of a network.
func HostsOfNetwork(ctx context.Context, on db.Querier, network string) ([]string, error) {
	return hostsOfNetwork.All(ctx, on, network, network)
}

// HostsOfGroup are the hosts that carry a port that uses a group.
func HostsOfGroup(ctx context.Context, on db.Querier, group string) ([]string, error) {
	return hostsOfGroup.All(ctx, on, group, group)
}

// NetworksOnHost are the networks that a host carries ports of.
func NetworksOnHost(ctx context.Context, on db.Querier, host string) ([]neutron.Network, error) {
	rows, err := networksOnHost.All(ctx, on, host)
	return resources(rows, networkRow.resource), err
}

// Neighbours are all ports of networks, on any host, in order of their ids.
func Neighbours(ctx context.Context, on db.Querier, networks []string) ([]Neighbour, error) {
	where := []db.Cond{db.InList("network_id", networks)}
	return page(ctx, on, neighbourList, db.ListArgs{Where: where}, func(r neighbourRow) Neighbour {
		return Neighbour{ID: r.ID, Network: r.Network, MAC: r.MAC, Host: r.Host, DNSName: r.DNSName,
			DeviceOwner: r.DeviceOwner, FixedIPs: fixedIPs(r.FixedIPs)}
	})
}

// Members are the members of groups.
func Members(ctx context.Context, on db.Querier, groups []string) ([]Member, error) {
	where := []db.Cond{db.InList("group_id", groups)}
	return page(ctx, on, memberList, db.ListArgs{Where: where}, func(r memberRow) Member {
		return Member{Group: r.Group, FixedIPs: fixedIPs(r.FixedIPs), Pairs: pairs(r.Pairs)}
	})
}

// Tunnels are the hosts' ends of overlay tunnels.
func Tunnels(ctx context.Context, on db.Querier) (map[string]netip.Addr, error) {
	rows, err := tunnels.All(ctx, on)
	out := make(map[string]netip.Addr, len(rows))
	for _, r := range rows {
		out[r.Host] = addr(r.TunnelIP)
	}
	return out, err
}
