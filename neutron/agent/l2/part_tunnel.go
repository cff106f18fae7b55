package l2

import (
	"net"
	"net/netip"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
)

// tunnels plans a VXLAN device per network of that type, and the forwarding and neighbour entries that lead to its
// ports on other hosts.
func tunnels() Part {
	return Part{Name: "tunnels", Network: func(p *Plan, n *Network, set Settings) {
		if n.Type != neutron.TypeVXLAN || len(n.Remote) == 0 && !set.TunnelAlways {
			return
		}
		n.Tunnel = netdev.TunnelName(n.Segment)
		p.Links = append(p.Links, netdev.Link{Name: n.Tunnel, Kind: netdev.Tunnel, MTU: mtu(n.HostNetwork), Master: n.Bridge,
			Up: true, VNI: n.Segment, Local: set.TunnelIP, Port: set.TunnelPort})
		p.need(n.Tunnel, n.Guests)
		remotes(p, n, set.TunnelIP)
	}}
}

// remotes plans how frames reach ports on other hosts: known MACs to their host alone, broadcasts to each host of the
// network once.
func remotes(p *Plan, n *Network, own netip.Addr) {
	hosts := map[netip.Addr]bool{}
	for _, r := range n.Remote {
		mac, err := net.ParseMAC(r.MAC)
		if err != nil || !r.Host.IsValid() || r.Host == own {
			continue
		}
		p.Forwards = append(p.Forwards, netdev.Forward{Dev: n.Tunnel, MAC: mac.String(), To: r.Host})
		if !hosts[r.Host] {
			hosts[r.Host] = true
			p.Forwards = append(p.Forwards, netdev.Forward{Dev: n.Tunnel, MAC: netdev.FloodMAC, To: r.Host})
		}
		for _, ip := range r.IPs {
			if ip.Unmap().Is4() {
				p.Neighbours = append(p.Neighbours, netdev.Neighbour{Dev: n.Bridge, IP: ip.Unmap(), MAC: mac.String()})
			}
		}
	}
}
