package l2

import (
	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

// outside plans the bridge on which the host itself is the way out of an external network.
func outside() Part {
	return Part{Name: "outside bridge", Host: func(p *Plan, set Settings) {
		if !set.Outside.Address.IsValid() {
			return
		}
		l := netdev.Link{Name: netdev.OutsideBridge(set.Owner), Kind: netdev.Bridge, MTU: 1500, Up: true,
			Addr: set.Outside.Address}
		if !set.Forwards {
			l.Note = netdev.ForwardNote
		}
		p.Links = append(p.Links, l)
		p.Rules.Outside = nft.Outside{Bridge: l.Name, Subnet: set.Outside.Address.Masked()}
	}}
}

// forwarded reports that the host forwarded packets before it had an outside bridge of any cloud.
func forwarded(have netdev.Snapshot, owner uint32) bool {
	own, there := have.Links[netdev.OutsideBridge(owner)]
	if own.Note == netdev.ForwardNote {
		return false
	}
	for _, l := range have.Others {
		if l.Note == netdev.ForwardNote {
			return false
		}
	}
	return have.Forwarding || there
}

// physical plans how a flat network's bridge is connected to its physical network: by a pair of devices to a bridge of
// the host, or by a device of the host.
func physical() Part {
	return Part{Name: "physical networks", Network: func(p *Plan, n *Network, set Settings) {
		if n.Type != neutron.TypeFlat {
			return
		}
		at := set.physical(n.Physical)
		if at.Bridge == "" {
			n.Uplink = at.Device
			p.Uplinks = append(p.Uplinks, netdev.Uplink{Dev: at.Device, Master: n.Bridge})
			p.need(at.Device, n.Guests)
			return
		}
		ours, theirs := netdev.PatchNames(n.ID)
		n.Uplink = ours
		for _, l := range []netdev.Link{{Name: ours, Master: n.Bridge}, {Name: theirs, Master: at.Bridge}} {
			l.Kind, l.MTU, l.Up = netdev.Veth, mtu(n.HostNetwork), true
			p.Links = append(p.Links, l)
			p.need(l.Name, n.Guests)
		}
		p.need(at.Bridge, n.Guests)
	}}
}

// physical is what connects this host to a physical network; zero: nothing does.
func (s Settings) physical(name string) Physical {
	if at, ok := s.Physical[name]; ok {
		return at
	}
	if s.Outside.Address.IsValid() && name == s.Outside.Physical {
		return Physical{Bridge: netdev.OutsideBridge(s.Owner)}
	}
	return Physical{}
}
