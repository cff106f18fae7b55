package l2

import (
	"net"
	"net/netip"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/agent/nft"
)

// rules plans the packet filter: anti-spoofing per port, and the rules of security groups.
func rules() Part {
	return Part{
		Name: "packet filter",
		Network: func(p *Plan, n *Network, _ Settings) {
			p.Rules.Networks = append(p.Rules.Networks,
				nft.Network{ID: n.ID, Bridge: n.Bridge, Zone: n.Zone, DHCP: n.DHCP, Tunnel: n.Tunnel, Uplink: n.Uplink})
			for _, g := range n.Guests {
				p.Rules.Ports = append(p.Rules.Ports, filter(g))
			}
		},
		Group: func(p *Plan, g neutron.HostGroup, _ Settings) {
			if identifier(g.ID) {
				p.Rules.Groups = append(p.Rules.Groups, g)
			}
		},
	}
}

// filter is a port as the packet filter sees it.
func filter(p neutron.PortInfo) nft.Port {
	mac := strings.ToLower(p.MAC)
	out := nft.Port{ID: p.ID, Network: p.Network, Device: device(p), MAC: mac, Secure: p.PortSecurity}
	for _, f := range p.FixedIPs {
		if ip := f.IP.Unmap(); ip.IsValid() {
			out.Sources = append(out.Sources, nft.Source{MAC: mac, IP: netip.PrefixFrom(ip, ip.BitLen())})
		}
	}
	for _, a := range p.AddressPairs {
		prefix, ok := parse(a.IP)
		if !ok {
			continue
		}
		s := nft.Source{MAC: mac, IP: prefix}
		if m, err := net.ParseMAC(a.MAC); err == nil {
			s.MAC = m.String()
		}
		out.Sources = append(out.Sources, s)
	}
	for _, g := range p.SecurityGroups {
		if identifier(g) {
			out.Groups = append(out.Groups, g)
		}
	}
	return out
}

func parse(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), true
}
