package store

import (
	"context"
	"net/netip"

	"hypernova/neutron"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
)

var (
	hostChange = db.NewInsert[hostChangeRow](Stmts, "host_changes")
	// host_changes_host
	hostRevision = db.NewQuery[revisionRow](Stmts, `
SELECT CAST(COALESCE(SUM(changes), 0) AS BIGINT) AS revision, COUNT(*) AS parts FROM host_changes WHERE host = ?`)
	hostSumUp = db.NewQuery[int64](Stmts, `DELETE FROM host_changes WHERE host = ? RETURNING changes`)
	// Each step finds the next host in the index (ports_network_host, port_groups_host), so the cost is that of the hosts, not of the ports.
	hostsOfNetwork = db.NewQuery[string](Stmts, `
WITH RECURSIVE next (host) AS (
    SELECT MIN(host) FROM ports WHERE network_id = ? AND host > ''
    UNION ALL
    SELECT (SELECT MIN(p.host) FROM ports p WHERE p.network_id = ? AND p.host > next.host) FROM next WHERE next.host IS NOT NULL
)
SELECT host FROM next WHERE host IS NOT NULL`)
	hostsOfGroup = db.NewQuery[string](Stmts, `
WITH RECURSIVE next (host) AS (
    SELECT MIN(host) FROM port_groups WHERE group_id = ? AND host > ''
    UNION ALL
    SELECT (SELECT MIN(p.host) FROM port_groups p WHERE p.group_id = ? AND p.host > next.host) FROM next WHERE next.host IS NOT NULL
)
SELECT host FROM next WHERE host IS NOT NULL`)
	networksOnHost = db.NewQuery[networkRow](Stmts, networkColumns+`
WHERE n.id IN (SELECT p.network_id FROM ports p WHERE p.host = ?)
ORDER BY n.id`)
	neighbours = db.NewQuery[neighbourRow](Stmts, `
SELECT p.id, p.network_id, p.mac_address, p.fixed_ips, p.host, p.dns_name, p.device_owner FROM ports p
WHERE p.network_id IN (SELECT q.network_id FROM ports q WHERE q.host = ?)
ORDER BY p.id`)
	groupsOnHost = db.NewQuery[groupRow](Stmts, groupSelect+`
WHERE g.id IN (SELECT pg.group_id FROM ports p JOIN port_groups pg ON pg.port_id = p.id WHERE p.host = ?)
ORDER BY g.id`)
	rulesOnHost = db.NewQuery[ruleRow](Stmts, ruleSelect+`
WHERE r.security_group_id IN (SELECT g.group_id FROM ports p JOIN port_groups g ON g.port_id = p.id WHERE p.host = ?)
ORDER BY r.security_group_id, r.id`)
	membersForHost = db.NewQuery[memberRow](Stmts, `
SELECT m.group_id, p.fixed_ips, p.allowed_address_pairs FROM port_groups m
JOIN ports p ON p.id = m.port_id
WHERE m.group_id IN (
    SELECT r.remote_group_id FROM ports q
    JOIN port_groups g ON g.port_id = q.id
    JOIN security_group_rules r ON r.security_group_id = g.group_id
    WHERE q.host = ? AND r.remote_group_id IS NOT NULL)
ORDER BY m.group_id, p.id`)
	tunnels = db.NewQuery[tunnelRow](Stmts, `SELECT DISTINCT host, tunnel_ip FROM agents WHERE tunnel_ip <> ''`)
)

type hostChangeRow struct {
	ID      string `db:"id"`
	Host    string `db:"host"`
	Changes int64  `db:"changes"`
}

type revisionRow struct {
	Revision int64 `db:"revision"`
	Parts    int64 `db:"parts"`
}

type neighbourRow struct {
	ID          string                     `db:"id"`
	Network     string                     `db:"network_id"`
	MAC         string                     `db:"mac_address"`
	FixedIPs    db.JSON[[]neutron.FixedIP] `db:"fixed_ips"`
	Host        string                     `db:"host"`
	DNSName     string                     `db:"dns_name"`
	DeviceOwner string                     `db:"device_owner"`
}

type memberRow struct {
	Group    string                         `db:"group_id"`
	FixedIPs db.JSON[[]neutron.FixedIP]     `db:"fixed_ips"`
	Pairs    db.JSON[[]neutron.AddressPair] `db:"allowed_address_pairs"`
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

// Bump moves on the revisions of what hosts must realise.
func Bump(ctx context.Context, tx *db.Tx, hosts []string) error {
	rows := make([]hostChangeRow, len(hosts))
	for i, h := range hosts {
		rows[i] = hostChangeRow{ID: ids.UUID(), Host: h, Changes: 1}
	}
	return hostChange.DoAll(ctx, tx, rows)
}

// Revision is the revision of what a host must realise, and of how many parts it is the sum; zero where nothing ever concerned the host.
func Revision(ctx context.Context, q db.Querier, host string) (revision, parts int64, err error) {
	r, err := hostRevision.One(ctx, q, host)
	return r.Revision, r.Parts, err
}

// SumUp makes one part of a host's revision.
func SumUp(ctx context.Context, tx *db.Tx, host string) error {
	parts, err := hostSumUp.All(ctx, tx, host)
	if err != nil {
		return err
	}
	sum := int64(0)
	for _, n := range parts {
		sum += n
	}
	return hostChange.Do(ctx, tx, hostChangeRow{ID: ids.UUID(), Host: host, Changes: sum})
}

// HostsOfNetwork are the hosts that carry a port of a network.
func HostsOfNetwork(ctx context.Context, q db.Querier, network string) ([]string, error) {
	return hostsOfNetwork.All(ctx, q, network, network)
}

// HostsOfGroup are the hosts that carry a port that uses a group.
func HostsOfGroup(ctx context.Context, q db.Querier, group string) ([]string, error) {
	return hostsOfGroup.All(ctx, q, group, group)
}

// HostsTrusting are the hosts that carry a port whose rules name the group as the remote one.
func HostsTrusting(ctx context.Context, q db.Querier, group string) ([]string, error) {
	naming, err := GroupsNaming(ctx, q, group)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, g := range naming {
		hosts, err := HostsOfGroup(ctx, q, g)
		if err != nil {
			return nil, err
		}
		out = append(out, hosts...)
	}
	return out, nil
}

// NetworksOnHost are the networks that a host carries ports of.
func NetworksOnHost(ctx context.Context, q db.Querier, host string) ([]neutron.Network, error) {
	rows, err := networksOnHost.All(ctx, q, host)
	return nouns(rows, networkRow.noun), err
}

// Neighbours are all ports of the networks that a host carries ports of, wherever they are.
func Neighbours(ctx context.Context, q db.Querier, host string) ([]Neighbour, error) {
	rows, err := neighbours.All(ctx, q, host)
	return nouns(rows, func(r neighbourRow) Neighbour {
		return Neighbour{ID: r.ID, Network: r.Network, MAC: r.MAC, Host: r.Host, DNSName: r.DNSName, DeviceOwner: r.DeviceOwner, FixedIPs: r.FixedIPs.V}
	}), err
}

// GroupsOnHost are the security groups, without their rules, that ports on a host use.
func GroupsOnHost(ctx context.Context, q db.Querier, host string) ([]neutron.SecurityGroup, error) {
	rows, err := groupsOnHost.All(ctx, q, host)
	return nouns(rows, groupRow.noun), err
}

// RulesOnHost are the rules of all groups that ports on a host use.
func RulesOnHost(ctx context.Context, q db.Querier, host string) ([]neutron.SecurityGroupRule, error) {
	rows, err := rulesOnHost.All(ctx, q, host)
	return nouns(rows, ruleRow.noun), err
}

// MembersForHost are the members of all groups that the rules on a host name as remote ones.
func MembersForHost(ctx context.Context, q db.Querier, host string) ([]Member, error) {
	rows, err := membersForHost.All(ctx, q, host)
	return nouns(rows, func(r memberRow) Member { return Member{Group: r.Group, FixedIPs: r.FixedIPs.V, Pairs: r.Pairs.V} }), err
}

// Tunnels are the hosts' ends of overlay tunnels.
func Tunnels(ctx context.Context, q db.Querier) (map[string]netip.Addr, error) {
	rows, err := tunnels.All(ctx, q)
	out := make(map[string]netip.Addr, len(rows))
	for _, r := range rows {
		out[r.Host] = addr(r.TunnelIP)
	}
	return out, err
}
