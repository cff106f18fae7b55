package hosts

import (
	"context"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
)

// State is all that a host must realise, of one moment. It reads a fixed number of statements, however many ports there are.
// DHCP's ports must be there already; a host without one of its own for a network gets the network's first one.
func (h *Hosts) State(ctx context.Context, host string) (neutron.HostState, error) {
	var s neutron.HostState
	err := h.db.View(ctx, func(tx *db.Tx) error {
		var err error
		s, err = state(ctx, tx, host)
		return err
	})
	return s, err
}

func state(ctx context.Context, tx *db.Tx, host string) (s neutron.HostState, err error) {
	if s.Revision, _, err = store.Revision(ctx, tx, host); err != nil {
		return s, err
	}
	networks, err := store.NetworksOnHost(ctx, tx, host)
	if err != nil || len(networks) == 0 {
		return s, err
	}
	subnets, err := store.SubnetsOnHost(ctx, tx, host)
	if err != nil {
		return s, err
	}
	ports, err := store.PortsOnHost(ctx, tx, host)
	if err != nil {
		return s, err
	}
	others, err := store.Neighbours(ctx, tx, host)
	if err != nil {
		return s, err
	}
	tunnels, err := store.Tunnels(ctx, tx)
	if err != nil {
		return s, err
	}
	at := make(map[string]int, len(networks))
	for i, n := range networks {
		at[n.ID] = i
		s.Networks = append(s.Networks, neutron.HostNetwork{ID: n.ID, Name: n.Name, Type: n.Type, Segment: n.Segment, Physical: n.Physical, MTU: n.MTU,
			Names: map[string]string{}})
	}
	bySubnet := map[string]neutron.Subnet{}
	for _, sub := range subnets {
		bySubnet[sub.ID] = sub
		hn := &s.Networks[at[sub.Network]]
		hn.Subnets = append(hn.Subnets, SubnetInfo(sub))
	}
	for _, p := range ports {
		if p.DeviceOwner == neutron.OwnerDHCP {
			continue
		}
		hn := &s.Networks[at[p.Network]]
		hn.Ports = append(hn.Ports, PortInfo(p, networks[at[p.Network]], bySubnet))
	}
	for _, o := range others {
		neighbour(&s.Networks[at[o.Network]], o, host, tunnels)
	}
	s.Groups, err = groups(ctx, tx, host)
	return s, err
}

// neighbour enters a port of the network as far as this host must know it.
func neighbour(n *neutron.HostNetwork, o store.Neighbour, host string, tunnels map[string]netip.Addr) {
	ips := make([]netip.Addr, len(o.FixedIPs))
	for i, f := range o.FixedIPs {
		ips[i] = f.IP
		if o.DNSName != "" {
			n.Names[f.IP.String()] = o.DNSName
		}
	}
	if o.DeviceOwner == neutron.OwnerDHCP {
		// Every host answers DHCP for its own ports. Its own address comes first, else the network's first one serves here as well.
		if o.Host == host || o.Host != "" && n.DHCPMAC == "" {
			n.DHCPIP, n.DHCPMAC = o.FixedIPs, o.MAC
		}
		return
	}
	if o.Host != "" && o.Host != host {
		n.Remote = append(n.Remote, neutron.RemotePort{MAC: o.MAC, IPs: ips, Host: tunnels[o.Host]})
	}
}

// groups are the security groups of a host's ports with the members of remote groups written out.
func groups(ctx context.Context, tx *db.Tx, host string) ([]neutron.HostGroup, error) {
	gs, err := store.GroupsOnHost(ctx, tx, host)
	if err != nil {
		return nil, err
	}
	rules, err := store.RulesOnHost(ctx, tx, host)
	if err != nil {
		return nil, err
	}
	members, err := store.MembersForHost(ctx, tx, host)
	if err != nil {
		return nil, err
	}
	prefixes := map[string][]netip.Prefix{}
	for _, m := range members {
		prefixes[m.Group] = append(prefixes[m.Group], memberPrefixes(m)...)
	}
	for g, ps := range prefixes {
		slices.SortFunc(ps, func(a, b netip.Prefix) int {
			if c := a.Addr().Compare(b.Addr()); c != 0 {
				return c
			}
			return a.Bits() - b.Bits()
		})
		prefixes[g] = slices.Compact(ps)
	}
	at := map[string]int{}
	var out []neutron.HostGroup
	for i, g := range gs {
		at[g.ID] = i
		out = append(out, neutron.HostGroup{ID: g.ID, Stateless: !g.Stateful})
	}
	for _, r := range rules {
		if i, ok := at[r.Group]; ok {
			out[i].Rules = append(out[i].Rules, hostRule(r, prefixes))
		}
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
	out := neutron.HostRule{Ingress: r.Ingress, Ether: r.Ether, Protocol: wireProtocol(r.Protocol, r.Ether), PortMin: -1, PortMax: -1}
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
