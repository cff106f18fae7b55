package l2

import (
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
	Mode         nft.Mode
}

// Plan is what a host must have.
type Plan struct {
	Links      []netdev.Link // in an order in which they can be made
	Spaces     []netdev.Space
	Forwards   []netdev.Forward
	Neighbours []netdev.Neighbour
	Rules      nft.Ruleset

	Ports   []string            // ids of ports to be wired
	Refused map[string]string   // ids of ports that cannot be, and why
	Down    map[string]string   // ids of ports that are made but not connected, and why
	users   map[string][]string // ids of ports by the name of the link or namespace that they need
}

// MetadataIP is where guests read their metadata.
var metadataPrefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254, 169, 254}), 32)

// Make plans a host's state. zones has a conntrack zone for each network.
func Make(state neutron.HostState, zones map[string]uint16, set Settings) Plan {
	p := Plan{Refused: map[string]string{}, Down: map[string]string{}, users: map[string][]string{}, Rules: nft.Ruleset{Mode: set.Mode, Owner: set.Owner}}
	var tunnels, taps []netdev.Link
	for _, n := range state.Networks {
		guests := p.guests(n)
		if why := refuse(n, set); why != "" {
			for _, g := range guests {
				p.Refused[g.ID] = why
			}
			continue
		}
		bridge := netdev.BridgeName(n.ID)
		rules := nft.Network{ID: n.ID, Bridge: bridge, Zone: zones[n.ID]}
		p.Links = append(p.Links, netdev.Link{Name: bridge, Kind: netdev.Bridge, MTU: mtu(n), Up: true, Note: note(zones[n.ID])})
		if sp, ok := space(n, set); ok {
			p.Spaces = append(p.Spaces, sp)
			rules.DHCP = sp.Outside
		}
		if n.Type == "vxlan" && (len(n.Remote) > 0 || set.TunnelAlways) {
			rules.Tunnel = netdev.TunnelName(n.Segment)
			tunnels = append(tunnels, netdev.Link{Name: rules.Tunnel, Kind: netdev.Tunnel, MTU: mtu(n), Master: bridge, Up: true, VNI: n.Segment, Local: set.TunnelIP, Port: set.TunnelPort})
			p.remotes(n, bridge, rules.Tunnel, set.TunnelIP)
		}
		p.Rules.Networks = append(p.Rules.Networks, rules)
		for _, g := range guests {
			tap := netdev.Link{Name: device(g), Kind: netdev.Tap, MTU: mtu(n), Master: bridge, Up: g.AdminUp}
			taps = append(taps, tap)
			p.Rules.Ports = append(p.Rules.Ports, filter(g))
			for _, needed := range []string{bridge, set.SpaceName(n.ID), rules.Tunnel, tap.Name} {
				p.users[needed] = append(p.users[needed], g.ID)
			}
			if g.AdminUp {
				p.Ports = append(p.Ports, g.ID)
			} else {
				p.Down[g.ID] = "the port is administratively down"
			}
		}
	}
	p.Links = append(append(p.Links, tunnels...), taps...)
	for _, g := range state.Groups {
		if identifier(g.ID) {
			p.Rules.Groups = append(p.Rules.Groups, g)
		}
	}
	return p
}

// guests are the ports of a network that get a tap; those that make no sense are refused, so that one of them cannot spoil the
// ruleset of all.
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
	case n.Type != "vxlan":
		return fmt.Sprintf("this agent carries networks of the types local and vxlan, not %s", n.Type)
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

func device(p neutron.PortInfo) string {
	if p.Device != "" {
		return p.Device
	}
	return netdev.TapName(p.ID)
}

// mtu is the network's, within what IPv4 guests can live with.
func mtu(n neutron.HostNetwork) int {
	if n.MTU < 68 {
		return 1500
	}
	return n.MTU
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

// remotes plans how frames reach ports on other hosts: known MACs to their host alone, broadcasts to each host of the network once.
func (p *Plan) remotes(n neutron.HostNetwork, bridge, tunnel string, own netip.Addr) {
	hosts := map[netip.Addr]bool{}
	for _, r := range n.Remote {
		mac, err := net.ParseMAC(r.MAC)
		if err != nil || !r.Host.IsValid() || r.Host == own {
			continue
		}
		p.Forwards = append(p.Forwards, netdev.Forward{Dev: tunnel, MAC: mac.String(), To: r.Host})
		if !hosts[r.Host] {
			hosts[r.Host] = true
			p.Forwards = append(p.Forwards, netdev.Forward{Dev: tunnel, MAC: netdev.FloodMAC, To: r.Host})
		}
		for _, ip := range r.IPs {
			if ip.Unmap().Is4() {
				p.Neighbours = append(p.Neighbours, netdev.Neighbour{Dev: bridge, IP: ip.Unmap(), MAC: mac.String()})
			}
		}
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
