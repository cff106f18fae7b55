package l2

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

// Router is a planned router.
type Router struct {
	netdev.Router
	Rules nft.Router
	Users []string // ids of its ports
}

// routers plans a namespace per router, whose ports are on the bridges of their networks. They are trusted there: what
// a router sends has any source. A router that is administratively down has no namespace.
func routers() Part {
	return Part{Name: "routers", Router: func(p *Plan, r neutron.HostRouter, set Settings) {
		if !identifier(r.ID) {
			return
		}
		plan := Router{Router: netdev.Router{Name: set.RouterName(r.ID)}}
		var gateway *neutron.HostRouterPort
		for i, port := range r.Ports {
			n := p.networks[port.Network]
			switch why := refusePort(port, n); {
			case !r.AdminUp:
				p.Down[port.ID] = "the router is administratively down"
			case why != "":
				p.Refused[port.ID] = why
			default:
				made := routerPort(port, n)
				if port.Gateway {
					gateway = &r.Ports[i]
					made.Addrs = append(made.Addrs, floating(r)...)
				}
				slices.SortFunc(made.Addrs, netip.Prefix.Compare)
				made.Addrs = slices.Compact(made.Addrs)
				plan.Ports = append(plan.Ports, made)
				plan.Users = append(plan.Users, port.ID)
				_, patch := netdev.PatchNames(n.ID)
				for _, name := range []string{n.Bridge, n.Tunnel, n.Uplink, patch, set.physical(n.Physical).Bridge} {
					p.users[name] = append(p.users[name], port.ID)
				}
				p.Ports = append(p.Ports, port.ID)
				p.trust(n.ID, made.Outside)
			}
		}
		if !r.AdminUp {
			return
		}
		slices.SortFunc(plan.Ports, func(a, b netdev.RouterPort) int { return strings.Compare(a.Inside, b.Inside) })
		plan.Routes = routes(r, plan.Ports, gateway)
		if gateway != nil {
			plan.Rules = translation(r, *gateway)
		}
		p.Routers = append(p.Routers, plan)
	}}
}

func refusePort(port neutron.HostRouterPort, n *Network) string {
	name := netdev.OutsideName(port.ID)
	switch mac := strings.ToLower(port.MAC); {
	case n == nil:
		return "this host does not carry the network"
	case !netdev.Ours(netdev.Veth, name):
		return "the id is not a UUID"
	case len(mac) != 17:
		return fmt.Sprintf("MAC address %q", port.MAC)
	}
	return ""
}

func routerPort(port neutron.HostRouterPort, n *Network) netdev.RouterPort {
	made := netdev.RouterPort{Outside: netdev.OutsideName(port.ID), Inside: inside(port), Master: n.Bridge,
		MAC: strings.ToLower(port.MAC), MTU: mtu(n.HostNetwork)}
	for _, a := range port.Addrs {
		if a.IsValid() {
			made.Addrs = append(made.Addrs, netip.PrefixFrom(a.Addr().Unmap(), a.Bits()))
		}
	}
	return made
}

func inside(port neutron.HostRouterPort) string {
	if port.Gateway {
		return netdev.GatewayName(port.ID)
	}
	return netdev.InterfaceName(port.ID)
}

// floating are the floating addresses of a router, for which its gateway port answers.
func floating(r neutron.HostRouter) []netip.Prefix {
	var out []netip.Prefix
	add := func(a netip.Addr) {
		own := slices.ContainsFunc(r.Ports, func(p neutron.HostRouterPort) bool {
			return slices.ContainsFunc(p.Addrs, func(x netip.Prefix) bool { return x.Addr().Unmap() == a })
		})
		if a.Is4() && !own {
			out = append(out, netip.PrefixFrom(a, 32))
		}
	}
	for _, f := range r.Floating {
		add(f.Floating)
	}
	for _, f := range r.Forwards {
		add(f.Floating)
	}
	return out
}

// routes are the extra routes, and a default route per family by the gateway unless an extra route is one. A route
// whose next hop is on none of the router's subnets leads nowhere and is left out.
func routes(r neutron.HostRouter, ports []netdev.RouterPort, gateway *neutron.HostRouterPort) []netdev.Route {
	var out []netdev.Route
	add := func(route netdev.Route) {
		if !slices.ContainsFunc(out, func(x netdev.Route) bool { return x.To == route.To }) {
			out = append(out, route)
		}
	}
	for _, extra := range r.Routes {
		if dev := reaches(extra.NextHop.Unmap(), ports); dev != "" && extra.Destination.IsValid() {
			add(netdev.Route{To: extra.Destination.Masked(), Via: extra.NextHop.Unmap(), Dev: dev})
		}
	}
	if gateway != nil {
		for _, hop := range gateway.NextHops {
			hop = hop.Unmap()
			any := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
			if hop.Is6() {
				any = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
			}
			if hop.IsLinkLocalUnicast() || reaches(hop, ports) != "" {
				add(netdev.Route{To: any, Via: hop, Dev: inside(*gateway)})
			}
		}
	}
	slices.SortFunc(out, netdev.Route.Compare)
	return out
}

// reaches is the port on whose subnets an address is.
func reaches(hop netip.Addr, ports []netdev.RouterPort) string {
	for _, p := range ports {
		for _, a := range p.Addrs {
			if !a.IsSingleIP() && a.Contains(hop) {
				return p.Inside
			}
		}
	}
	return ""
}

func translation(r neutron.HostRouter, gateway neutron.HostRouterPort) nft.Router {
	out := nft.Router{Gateway: inside(gateway), SNAT: r.SNAT, Floating: r.Floating, Forwards: r.Forwards}
	for _, a := range gateway.Addrs {
		if four := a.Addr().Unmap(); four.Is4() && !out.Address.IsValid() {
			out.Address = four
		}
	}
	return out
}
