package nft

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hypernova/neutron"
)

// routerTable is the table in a router's namespace.
const routerTable = "inet hypernova_router"

// RouterNames are the tables of a router, in nft's words.
func RouterNames() []string { return []string{routerTable} }

// Router is what the packet filter of a router's namespace translates. The zero value translates nothing.
type Router struct {
	Gateway  string     // the gateway's device; empty: none
	Address  netip.Addr // the gateway's IPv4 address, which connections from inside get; invalid: none
	SNAT     bool       // connections that leave by the gateway get it
	Floating []neutron.HostFloatingIP
	Forwards []neutron.HostPortForward
}

// Tables is the ruleset of a router in the form that can be written.
//
// A packet to a floating address is sent to its fixed one, from wherever it comes. Of what leaves by the gateway, and
// of what was sent to a floating address from inside, the source becomes the floating address of the sender or else the
// gateway's, so that answers come back through the router. What comes in by the gateway keeps its source.
func (r Router) Tables() Tables {
	t := table{name: routerTable}
	floating, fixed := r.translations()
	t.set("map", "floating", "type ipv4_addr : ipv4_addr;", floating)
	t.set("map", "fixed", "type ipv4_addr : ipv4_addr;", fixed)
	same, other := r.forwards()
	t.set("map", "forwards", "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;", other)
	t.chain("prerouting", append([]string{"type nat hook prerouting priority -100;",
		"dnat ip to ip daddr map @floating",
		"dnat ip addr . port to ip daddr . meta l4proto . th dport map @forwards"}, same...)...)
	out := []string{"type nat hook postrouting priority 100;"}
	forward := []string{"type filter hook forward priority 0;"}
	if r.Gateway != "" {
		out = append(out, fmt.Sprintf("iifname %q accept", r.Gateway))
		leaving := []string{fmt.Sprintf("oifname %q", r.Gateway), "ct status dnat"}
		for _, match := range leaving {
			out = append(out, match+" snat ip to ip saddr map @fixed")
		}
		for _, match := range leaving {
			if r.Address.Is4() && (r.SNAT || match == "ct status dnat") {
				out = append(out, fmt.Sprintf("%s meta nfproto ipv4 snat ip to %s fully-random", match, r.Address))
			}
		}
		if r.SNAT {
			// What belongs to no connection is not translated, and would show an inner address outside.
			forward = append(forward, fmt.Sprintf("oifname %q meta nfproto ipv4 ct state invalid drop", r.Gateway))
		}
	}
	t.chain("postrouting", out...)
	t.chain("forward", forward...)
	return Tables{t}
}

// translations are the elements of the maps from floating to fixed addresses and back. Of two that contradict each
// other the first counts.
func (r Router) translations() (floating, fixed []string) {
	seen := map[netip.Addr]bool{}
	for _, f := range r.Floating {
		if !f.Floating.Is4() || !f.Fixed.Is4() || seen[f.Floating] || seen[f.Fixed] {
			continue
		}
		seen[f.Floating], seen[f.Fixed] = true, true
		floating = append(floating, fmt.Sprintf("%s : %s", f.Floating, f.Fixed))
		fixed = append(fixed, fmt.Sprintf("%s : %s", f.Fixed, f.Floating))
	}
	slices.Sort(floating)
	slices.Sort(fixed)
	return floating, fixed
}

// forwards are the rules of port forwards whose ports stay the same, and the elements of the map of the others.
func (r Router) forwards() (same, other []string) {
	seen := map[string]bool{}
	for _, f := range r.Forwards {
		proto, ok := protocol(f.Protocol, 4)
		if !ok || !f.Floating.Is4() || !f.Fixed.Is4() {
			continue
		}
		match := fmt.Sprintf("ip daddr %s meta l4proto %d", f.Floating, proto)
		switch {
		case !hasPorts(proto):
			same = append(same, fmt.Sprintf("%s dnat ip to %s", match, f.Fixed))
			continue
		case f.FloatingMin == f.FixedMin && f.FloatingMax == f.FixedMax:
			same = append(same, fmt.Sprintf("%s th dport %s dnat ip to %s", match, portRange(f.FloatingMin, f.FloatingMax),
				f.Fixed))
			continue
		}
		for port := f.FloatingMin; port <= max(f.FloatingMin, f.FloatingMax); port++ {
			key := fmt.Sprintf("%s . %d . %d", f.Floating, proto, port)
			if !seen[key] {
				seen[key] = true
				other = append(other, fmt.Sprintf("%s : %s . %d", key, f.Fixed, target(f, port)))
			}
		}
	}
	slices.Sort(same)
	slices.Sort(other)
	return same, other
}

// target is the inner port of a forwarded one: at the same place in its range, or the only one.
func target(f neutron.HostPortForward, port int) int {
	return min(f.FixedMin+port-f.FloatingMin, max(f.FixedMin, f.FixedMax))
}

func portRange(from, to int) string {
	if to <= from {
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d-%d", from, to)
}

// Translation is how the addresses of a tracked connection are translated: Dst and DstPort are what it was opened to,
// ToDst and ToPort where it goes, Src and ToSrc likewise.
type Translation struct {
	Proto           uint8
	Src, Dst        netip.Addr
	ToSrc, ToDst    netip.Addr
	DstPort, ToPort uint16
}

// Keeps reports whether a tracked connection is translated as the router would translate it now. Connections that are
// not translated are kept.
func (r Router) Keeps(x Translation) bool {
	if x.Dst != x.ToDst && !r.sendsTo(x) {
		return false
	}
	if x.Src == x.ToSrc {
		return true
	}
	return x.ToSrc == r.Address && (r.SNAT || x.Dst != x.ToDst) ||
		slices.ContainsFunc(r.Floating, func(f neutron.HostFloatingIP) bool {
			return f.Fixed == x.Src && f.Floating == x.ToSrc
		})
}

func (r Router) sendsTo(x Translation) bool {
	for _, f := range r.Floating {
		if f.Floating == x.Dst {
			return f.Fixed == x.ToDst
		}
	}
	for _, f := range r.Forwards {
		proto, ok := protocol(f.Protocol, 4)
		if !ok || proto != x.Proto || f.Floating != x.Dst || f.Fixed != x.ToDst {
			continue
		}
		port := int(x.DstPort)
		if !hasPorts(proto) || port >= f.FloatingMin && port <= max(f.FloatingMin, f.FloatingMax) &&
			target(f, port) == int(x.ToPort) {
			return true
		}
	}
	return false
}

// Narrows reports that a connection which old allowed may be one that r does not keep.
func (r Router) Narrows(old Router) bool {
	now := r.allowances()
	return slices.ContainsFunc(old.allowances(), func(a string) bool { return !slices.Contains(now, a) })
}

func (r Router) allowances() []string {
	floating, _ := r.translations()
	same, other := r.forwards()
	return slices.Concat(floating, same, other, []string{strings.TrimSpace(fmt.Sprint(r.Gateway, r.Address, r.SNAT))})
}
