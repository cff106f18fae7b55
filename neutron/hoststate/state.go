package hoststate

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
)

// Changed returns those sections of a host's state whose revisions differ from the ones in have, and the revisions of
// all its sections, as of one moment. It reads the content of no other section; the number of statements does not
// depend on the number of ports. DHCP's ports must exist already; a host without one of its own on a network gets the
// network's first one.
func (h *States) Changed(ctx context.Context, host string, have neutron.Revisions) (
	changed neutron.HostState, all neutron.Revisions, err error) {
	err = h.db.View(ctx, func(tx *db.Tx) error {
		r := reader{tx: tx, host: host, have: have, all: neutron.Revisions{}}
		err := r.read(ctx)
		changed, all = r.state, r.all
		return err
	})
	return changed, all, err
}

// reader reads the changed sections of one host's state.
type reader struct {
	tx    *db.Tx
	host  string
	have  neutron.Revisions
	known neutron.Revisions // of the database; see store.Sections
	all   neutron.Revisions // of the sections that the host has
	state neutron.HostState // the sections that differ
}

// differs notes that the host has a section, and reports whether its content must be read.
func (r *reader) differs(s neutron.Section) bool {
	if _, seen := r.all[s]; seen {
		return false
	}
	revision, ok := r.known[s]
	if !ok {
		revision = r.known[""]
	}
	r.all[s] = revision
	had, ok := r.have[s]
	return !ok || had != revision
}

func (r *reader) read(ctx context.Context) (err error) {
	if r.state.Revision, _, err = store.Revision(ctx, r.tx, r.host); err != nil {
		return err
	}
	if r.known, err = store.Sections(ctx, r.tx, r.host); err != nil {
		return err
	}
	ports, err := store.PortsOnHost(ctx, r.tx, r.host)
	if err != nil {
		return err
	}
	var networks, groups []string
	for _, p := range ports {
		if r.differs(neutron.NetworkSection(p.Network)) {
			networks = append(networks, p.Network)
		}
		for _, g := range p.SecurityGroups {
			if r.differs(neutron.GroupSection(g)) {
				groups = append(groups, g)
			}
		}
	}
	if err := r.networks(ctx, networks, ports); err != nil {
		return err
	}
	if err := r.groups(ctx, groups); err != nil {
		return err
	}
	r.leaveOut(networks, groups)
	return r.routers(ctx)
}

// leaveOut takes the sections that should have been read and were not from the ones that the host has: their rows are
// not readable.
func (r *reader) leaveOut(networks, groups []string) {
	for _, id := range networks {
		if !slices.ContainsFunc(r.state.Networks, func(n neutron.HostNetwork) bool { return n.ID == id }) {
			delete(r.all, neutron.NetworkSection(id))
		}
	}
	for _, id := range groups {
		if !slices.ContainsFunc(r.state.Groups, func(g neutron.HostGroup) bool { return g.ID == id }) {
			delete(r.all, neutron.GroupSection(id))
		}
	}
}

// networks reads networks with their subnets, the ports on this host and the neighbours.
func (r *reader) networks(ctx context.Context, ids []string, ports []neutron.Port) error {
	if len(ids) == 0 {
		return nil
	}
	networks, err := store.Networks(ctx, r.tx, db.ListArgs{Where: []db.Cond{db.InList("id", ids)}})
	if err != nil {
		return err
	}
	subnets, err := store.Subnets(ctx, r.tx, db.ListArgs{
		Where: []db.Cond{db.InList("network_id", ids)}, Sort: []db.SortKey{{Column: "created_at"}}})
	if err != nil {
		return err
	}
	others, err := store.Neighbours(ctx, r.tx, ids)
	if err != nil {
		return err
	}
	tunnels, err := store.Tunnels(ctx, r.tx)
	if err != nil {
		return err
	}
	index := make(map[string]int, len(networks))
	for i, n := range networks {
		index[n.ID] = i
		r.state.Networks = append(r.state.Networks, neutron.HostNetwork{ID: n.ID, Name: n.Name, Type: n.Type,
			Segment: n.Segment, Physical: n.Physical, MTU: n.MTU, Names: map[string]string{}})
	}
	bySubnet := map[string]neutron.Subnet{}
	for _, sub := range subnets {
		bySubnet[sub.ID] = sub
		if i, ok := index[sub.Network]; ok {
			r.state.Networks[i].Subnets = append(r.state.Networks[i].Subnets, neutron.SubnetInfoOf(sub))
		}
	}
	for _, p := range ports {
		if i, ok := index[p.Network]; ok && p.DeviceOwner != neutron.OwnerDHCP && !neutron.RoutedPort(p.DeviceOwner) {
			r.state.Networks[i].Ports = append(r.state.Networks[i].Ports, neutron.PortInfoOf(p, networks[i], bySubnet))
		}
	}
	outward := map[string][]netip.Addr{}
	gateway := func(o store.Neighbour) bool { return o.DeviceOwner == neutron.OwnerRouterGateway }
	if slices.ContainsFunc(others, gateway) {
		if outward, err = store.Outward(ctx, r.tx, ids); err != nil {
			return err
		}
	}
	for _, o := range others {
		for _, ip := range outward[o.ID] { // a router answers for its floating IPs as for its own addresses
			o.FixedIPs = append(o.FixedIPs, neutron.FixedIP{IP: ip})
		}
		if i, ok := index[o.Network]; ok {
			neighbour(&r.state.Networks[i], o, r.host, tunnels)
		}
	}
	return nil
}

// neighbour adds a port of the network, as far as this host must know it.
func neighbour(n *neutron.HostNetwork, o store.Neighbour, host string, tunnels map[string]netip.Addr) {
	ips := make([]netip.Addr, len(o.FixedIPs))
	for i, f := range o.FixedIPs {
		ips[i] = f.IP
		if o.DNSName != "" {
			n.Names[f.IP.String()] = o.DNSName
		}
	}
	if o.DeviceOwner == neutron.OwnerDHCP {
		// Every host answers DHCP for its own ports. Its own address comes first, else the network's first one serves here as
		// well.
		if o.Host == host || o.Host != "" && n.DHCPMAC == "" {
			n.DHCPIP, n.DHCPMAC = o.FixedIPs, o.MAC
		}
		return
	}
	if o.Host != "" && o.Host != host {
		n.Remote = append(n.Remote, neutron.RemotePort{MAC: o.MAC, IPs: ips, Host: tunnels[o.Host]})
	}
}

// groups reads security groups with the addresses of the members of remote groups.
func (r *reader) groups(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	groups, err := store.Groups(ctx, r.tx, db.ListArgs{Where: []db.Cond{db.InList("id", ids)}})
	if err != nil {
		return err
	}
	prefixes, err := r.members(ctx, groups)
	if err != nil {
		return err
	}
	for _, g := range groups {
		out := neutron.HostGroup{ID: g.ID, Stateless: !g.Stateful}
		slices.SortFunc(g.Rules, func(a, b neutron.SecurityGroupRule) int { return cmp.Compare(a.ID, b.ID) })
		for _, rule := range g.Rules {
			out.Rules = append(out.Rules, hostRule(rule, prefixes))
		}
		r.state.Groups = append(r.state.Groups, out)
	}
	return nil
}

// members returns the addresses of the members of all groups that rules name as remote ones, sorted.
func (r *reader) members(ctx context.Context, groups []neutron.SecurityGroup) (map[string][]netip.Prefix, error) {
	remote := map[string]bool{}
	for _, g := range groups {
		for _, rule := range g.Rules {
			if rule.RemoteGroup != "" {
				remote[rule.RemoteGroup] = true
			}
		}
	}
	out := map[string][]netip.Prefix{}
	if len(remote) == 0 {
		return out, nil
	}
	members, err := store.Members(ctx, r.tx, slices.Sorted(maps.Keys(remote)))
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		out[m.Group] = append(out[m.Group], memberPrefixes(m)...)
	}
	for g, ps := range out {
		slices.SortFunc(ps, netip.Prefix.Compare)
		out[g] = slices.Compact(ps)
	}
	return out, nil
}

func memberPrefixes(m store.Member) []netip.Prefix {
	var out []netip.Prefix
	for _, f := range m.FixedIPs {
		out = append(out, netip.PrefixFrom(f.IP, f.IP.BitLen()))
	}
	for _, p := range m.Pairs {
		if pre, err := netip.ParsePrefix(p.IP); err == nil {
			out = append(out, pre.Masked())
		} else if ip, err := netip.ParseAddr(p.IP); err == nil {
			out = append(out, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	return out
}

func hostRule(r neutron.SecurityGroupRule, members map[string][]netip.Prefix) neutron.HostRule {
	out := neutron.HostRule{Ingress: r.Ingress, Ether: r.Ether, Protocol: wireProtocol(r.Protocol, r.Ether),
		PortMin: -1, PortMax: -1}
	if r.PortMin != nil {
		out.PortMin = *r.PortMin
	}
	if r.PortMax != nil {
		out.PortMax = *r.PortMax
	}
	switch {
	case r.RemoteGroup != "":
		for _, p := range members[r.RemoteGroup] {
			if (p.Addr().Is4()) == (r.Ether == 4) {
				out.Remote = append(out.Remote, p)
			}
		}
	case r.RemotePrefix != "":
		p, err := netip.ParsePrefix(r.RemotePrefix)
		if err == nil && p.Bits() == 0 {
			out.RemoteAny = true
		} else if err == nil {
			out.Remote = []netip.Prefix{p.Masked()}
		}
	default:
		out.RemoteAny = true
	}
	return out
}

// wireProtocol is a protocol as agents know it: the four names they treat by themselves, else a number.
func wireProtocol(p string, ether int) string {
	n, ok := neutron.ProtocolNumber(p)
	switch {
	case p == "":
		return ""
	case !ok:
		return p
	case n == 6:
		return "tcp"
	case n == 17:
		return "udp"
	case n == 1 && ether == 6, n == 58:
		return "icmpv6"
	case n == 1:
		return "icmp"
	}
	return neutron.ProtocolText(n)
}
