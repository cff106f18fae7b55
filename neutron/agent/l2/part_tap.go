package l2

import (
	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
)

// taps plans a device per guest's port. That of a port which is administratively down is made and not connected.
func taps() Part {
	return Part{Name: "taps", Network: func(p *Plan, n *Network, _ Settings) {
		for _, g := range n.Guests {
			p.Links = append(p.Links, netdev.Link{Name: device(g), Kind: netdev.Tap, MTU: mtu(n.HostNetwork), Master: n.Bridge,
				Up: g.AdminUp})
			p.need(device(g), []neutron.PortInfo{g})
			if g.AdminUp {
				p.Ports = append(p.Ports, g.ID)
			} else {
				p.Down[g.ID] = "the port is administratively down"
			}
		}
	}}
}

func device(p neutron.PortInfo) string {
	if p.Device != "" {
		return p.Device
	}
	return netdev.TapName(p.ID)
}
