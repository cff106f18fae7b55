package l2

import (
	"net/netip"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
)

// metadataPrefix is the address at which guests read their metadata.
var metadataPrefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254, 169, 254}), 32)

// dhcpSpaces plans a namespace per network, in which DHCP and metadata requests are answered.
func dhcpSpaces() Part {
	return Part{Name: "DHCP namespaces", Network: func(p *Plan, n *Network, set Settings) {
		p.need(set.SpaceName(n.ID), n.Guests)
		if sp, ok := space(n.HostNetwork, set); ok {
			p.Spaces = append(p.Spaces, sp)
			n.DHCP = sp.Outside
		}
	}}
}

// space is the network's namespace, where the server gave it an address on this host.
func space(n neutron.HostNetwork, set Settings) (netdev.Space, bool) {
	s := netdev.Space{
		Name: set.SpaceName(n.ID), Outside: netdev.OutsideName(n.ID), Inside: netdev.InsideName(n.ID),
		Master: netdev.BridgeName(n.ID), MAC: strings.ToLower(n.DHCPMAC), MTU: mtu(n),
	}
	four := false
	for _, f := range n.DHCPIP {
		for _, sub := range n.Subnets {
			if sub.ID == f.Subnet && f.IP.IsValid() {
				s.Addrs = append(s.Addrs, netip.PrefixFrom(f.IP.Unmap(), sub.CIDR.Bits()))
				four = four || f.IP.Unmap().Is4()
			}
		}
	}
	if four {
		s.Addrs = append(s.Addrs, metadataPrefix)
	}
	slices.SortFunc(s.Addrs, netip.Prefix.Compare)
	return s, len(s.Addrs) > 0
}
