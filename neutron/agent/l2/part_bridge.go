package l2

import "hypernova/neutron/agent/netdev"

// bridges plans a bridge per network. Its note keeps the network's conntrack zone.
func bridges() Part {
	return Part{Name: "bridges", Network: func(p *Plan, n *Network, _ Settings) {
		p.Links = append(p.Links, netdev.Link{Name: n.Bridge, Kind: netdev.Bridge, MTU: mtu(n.HostNetwork), Up: true,
			Note: note(n.Zone)})
		p.need(n.Bridge, n.Guests)
	}}
}
