package l2

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

// Settings are what a plan depends on besides the server's state.
type Settings struct {
	Owner        uint32     // number of the cloud; 0 is one that shares its host with no other
	TunnelIP     netip.Addr // this host's end of tunnels; invalid: none
	TunnelPort   int        // UDP
	TunnelAlways bool       // make a tunnel even for a network that has no remote ports yet
	SpaceName    func(network string) string
	RouterName   func(router string) string // of its namespace
	Mode         nft.Mode

	Physical map[string]Physical // by the name of the physical network
	Outside  Outside             // zero: none
	Forwards bool                // the host forwarded packets before an agent made it do so
}

// Physical is what connects this host to a physical network: a bridge of the host, or a device that becomes a port of
// the network's bridge.
type Physical struct{ Bridge, Device string }

// Outside is a physical network within this host: the host is its router, with an address on a bridge of the agent's,
// and translates what leaves.
type Outside struct {
	Physical string
	Address  netip.Prefix
}

// Plan is what a host must have. Parts add to it; Diff compares it with the kernel.
type Plan struct {
	Links      []netdev.Link // in an order in which they can be made
	Spaces     []netdev.Space
	Routers    []Router
	Uplinks    []netdev.Uplink
	Forwards   []netdev.Forward
	Neighbours []netdev.Neighbour
	Rules      nft.Ruleset

	Ports   []string            // ids of ports to be wired
	Refused map[string]string   // ids of ports that cannot be, and why
	Down    map[string]string   // ids of ports that are made but not connected, and why
	users   map[string][]string // ids of ports by the name of the link or namespace that they need

	networks map[string]*Network // that the host can carry
}

// Part plans one concern of a host's state, such as its tunnels. It adds to the plan what the kernel must have for a
// section, and knows the other parts by the network's fields only. A function that is nil plans nothing.
type Part struct {
	Name    string
	Host    func(p *Plan, set Settings)                       // once, first
	Network func(p *Plan, n *Network, set Settings)           // for each network that the host can carry
	Group   func(p *Plan, g neutron.HostGroup, set Settings)  // for each security group
	Router  func(p *Plan, r neutron.HostRouter, set Settings) // for each router, after the networks
}

// Network is the section of a network that the host can carry, with what its parts have planned so far.
type Network struct {
	neutron.HostNetwork
	Guests []neutron.PortInfo // the ports that get a device here
	Zone   uint16             // of connection tracking
	Bridge string             // name
	DHCP   string             // name of the bridge's port to the DHCP namespace; empty: none
	Tunnel string             // name of the tunnel device; empty: none
	Uplink string             // name of the bridge's port to a physical network; empty: none
}

// Parts are the parts of a host's plan, in the order in which they plan a section. A part may use what an earlier one
// has noted in the Network.
func Parts() []Part {
	return []Part{outside(), bridges(), dhcpSpaces(), tunnels(), physical(), taps(), rules(), routers()}
}

// Make plans a host's state, section by section. zones has a conntrack zone for each network.
func Make(state neutron.HostState, zones map[string]uint16, set Settings, parts []Part) Plan {
	p := Plan{Refused: map[string]string{}, Down: map[string]string{}, users: map[string][]string{},
		networks: map[string]*Network{},
		Rules:    nft.Ruleset{Mode: set.Mode, Owner: set.Owner}}
	for _, part := range parts {
		if part.Host != nil {
			part.Host(&p, set)
		}
	}
	for _, section := range state.Networks {
		n := Network{HostNetwork: section, Guests: p.guests(section), Zone: zones[section.ID],
			Bridge: netdev.BridgeName(section.ID)}
		if why := refuse(section, set); why != "" {
			for _, g := range n.Guests {
				p.Refused[g.ID] = why
			}
			continue
		}
		for _, part := range parts {
			if part.Network != nil {
				part.Network(&p, &n, set)
			}
		}
		p.networks[n.ID] = &n
	}
	for _, g := range state.Groups {
		for _, part := range parts {
			if part.Group != nil {
				part.Group(&p, g, set)
			}
		}
	}
	for _, r := range state.Routers {
		for _, part := range parts {
			if part.Router != nil {
				part.Router(&p, r, set)
			}
		}
	}
	slices.SortStableFunc(p.Links, func(a, b netdev.Link) int { return cmp.Compare(stage(a), stage(b)) })
	return p
}

// stage orders links: a bridge is made before its ports, and guests' devices last.
func stage(l netdev.Link) int {
	switch l.Kind {
	case netdev.Bridge:
		return 0
	case netdev.Tap:
		return 2
	}
	return 1
}

// need notes that a network's guests depend on a link or namespace: if it cannot be made, they are down.
func (p *Plan) need(name string, guests []neutron.PortInfo) {
	for _, g := range guests {
		p.users[name] = append(p.users[name], g.ID)
	}
}

// trust notes a device on the bridge of a network that the packet filter lets send and receive anything.
func (p *Plan) trust(network, device string) {
	for i := range p.Rules.Networks {
		if p.Rules.Networks[i].ID == network {
			p.Rules.Networks[i].Trusted = append(p.Rules.Networks[i].Trusted, device)
		}
	}
}

// guests are the ports of a network that get a tap; those that make no sense are refused, so that one of them cannot
// spoil the ruleset of all.
func (p *Plan) guests(n neutron.HostNetwork) []neutron.PortInfo {
	var out []neutron.PortInfo
	for _, port := range n.Ports {
		switch _, err := net.ParseMAC(port.MAC); {
		case strings.HasPrefix(port.DeviceOwner, "network:"), port.VIFType == "unbound", port.VIFType == "binding_failed":
		case err != nil:
			p.Refused[port.ID] = fmt.Sprintf("MAC address %q", port.MAC)
		case !identifier(port.ID):
			p.Refused[port.ID] = "the id is not a UUID"
		case !netdev.Ours(netdev.Tap, device(port)):
			p.Refused[port.ID] = fmt.Sprintf("device name %q", port.Device)
		default:
			out = append(out, port)
		}
	}
	return out
}

func refuse(n neutron.HostNetwork, set Settings) string {
	switch {
	case !netdev.Ours(netdev.Bridge, netdev.BridgeName(n.ID)):
		return "the network's id is not a UUID"
	case n.Type == "local":
		return ""
	case n.Type == neutron.TypeFlat:
		if set.physical(n.Physical) == (Physical{}) {
			return fmt.Sprintf("this host is not connected to the physical network %q: set [linux_bridge] bridge_mappings "+
				"or physical_interface_mappings", n.Physical)
		}
		return ""
	case n.Type != neutron.TypeVXLAN:
		return fmt.Sprintf("this agent carries networks of the types local, flat and vxlan, not %s", n.Type)
	case n.Segment < 1 || n.Segment >= 1<<24:
		return fmt.Sprintf("%d is no VXLAN network identifier", n.Segment)
	case len(n.Remote) > 0 && !set.TunnelIP.IsValid():
		return "the network reaches other hosts, and this host has no tunnel address: set local_ip"
	}
	return ""
}

// identifier accepts what is safe in the name of a chain.
func identifier(id string) bool {
	return len(id) >= 11 && len(id) <= 64 && strings.Trim(id, "0123456789abcdefABCDEF-") == ""
}

// mtu is the network's, within what IPv4 guests can live with.
func mtu(n neutron.HostNetwork) int {
	if n.MTU < 68 {
		return 1500
	}
	return n.MTU
}
