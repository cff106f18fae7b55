package nft

import (
	"fmt"
	"net/netip"
	"slices"

	"hypernova/neutron"
)

// FirstZone is the lowest conntrack zone given to networks; lower ones are left to other programs.
const FirstZone = 0x4000

// Flow is a tracked connection in its original direction.
type Flow struct {
	Zone     uint16
	Src, Dst netip.Addr
	Proto    uint8
	DstPort  uint16
}

// Keeps returns a function that reports whether the rules allow a tracked connection to begin. It keeps connections
// outside the zones of networks, and none of networks and addresses that are no longer on the host.
func (r Ruleset) Keeps() func(Flow) bool {
	zones := map[uint16][]Port{}
	for _, n := range r.Networks {
		zones[n.Zone] = slices.DeleteFunc(slices.Clone(r.Ports), func(p Port) bool { return p.Network != n.ID })
	}
	groups := map[string]neutron.HostGroup{}
	for _, g := range r.Groups {
		groups[g.ID] = g
	}
	return func(f Flow) bool {
		if f.Zone < FirstZone {
			return true
		}
		known := false
		for _, p := range zones[f.Zone] {
			sends, receives := p.uses(f.Src), p.uses(f.Dst)
			known = known || sends || receives
			if p.Secure && (sends && !p.allows(f, false, groups) || receives && !p.allows(f, true, groups)) {
				return false
			}
		}
		return known || f.Dst.IsMulticast() || f.Src.IsUnspecified()
	}
}

func (p Port) uses(ip netip.Addr) bool {
	if slices.ContainsFunc(p.Sources, func(s Source) bool { return s.IP.Contains(ip) }) {
		return true
	}
	ll, ok := linkLocal(p.MAC)
	return ok && ll == ip
}

func (p Port) allows(f Flow, ingress bool, groups map[string]neutron.HostGroup) bool {
	if f.Proto == protoICMPv6 || f.Proto == protoUDP && (f.DstPort == 67 || f.DstPort == 68 || f.DstPort == 547) {
		// neighbour discovery and DHCP need no group, and connections of these protocols have no state worth cutting
		return true
	}
	for _, id := range p.Groups {
		for _, r := range groups[id].Rules {
			if r.Ingress == ingress && ruleAllows(r, f) {
				return true
			}
		}
	}
	return false
}

func ruleAllows(r neutron.HostRule, f Flow) bool {
	other := f.Dst
	if r.Ingress {
		other = f.Src
	}
	if other.Is6() != (r.Ether == 6) {
		return false
	}
	if !r.RemoteAny && !slices.ContainsFunc(r.Remote, func(p netip.Prefix) bool { return p.Contains(other) }) {
		return false
	}
	if r.Protocol == "" {
		return true
	}
	proto, ok := protocol(r.Protocol, r.Ether)
	if !ok || proto != f.Proto {
		return false
	}
	if !hasPorts(proto) || r.PortMin < 0 {
		return true // an ICMP connection does not tell its type; it is forgotten after half a minute anyway
	}
	return int(f.DstPort) >= r.PortMin && int(f.DstPort) <= max(r.PortMin, r.PortMax)
}

// Narrows reports that something which old allowed is not in r: then established connections must be checked again.
// Widening needs no such look.
func (r Ruleset) Narrows(old Ruleset) bool {
	now := r.allowances()
	for a := range old.allowances() {
		if !now[a] {
			return true
		}
	}
	return false
}

func (r Ruleset) allowances() map[string]bool {
	out := map[string]bool{}
	for _, n := range r.Networks {
		out[fmt.Sprintf("zone %d", n.Zone)] = true
	}
	for _, p := range r.Ports {
		for _, s := range p.Sources {
			out[fmt.Sprintf("port %s %s", p.ID, s.IP)] = true
		}
		if !p.Secure {
			out["open "+p.ID] = true
			continue
		}
		for _, g := range p.Groups {
			out[fmt.Sprintf("port %s in %s", p.ID, g)] = true
		}
	}
	for _, g := range r.Groups {
		for _, x := range g.Rules {
			head := fmt.Sprintf("rule %s %t %d %s %d %d", g.ID, x.Ingress, x.Ether, x.Protocol, x.PortMin, x.PortMax)
			if x.RemoteAny {
				out[head] = true
			}
			for _, p := range x.Remote {
				out[head+" "+p.String()] = true
			}
		}
	}
	return out
}
