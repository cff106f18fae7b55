//go:build linux

package agent

import (
	"fmt"
	"net/netip"
	"testing"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev/netdevtest"
	"hypernova/oslo/ids"
)

// site is a router between inner networks and an external one, under construction.
type site struct {
	t        *testing.T
	router   neutron.HostRouter
	inner    []*lan
	external *lan
	groups   []neutron.HostGroup
	macs     byte
}

// newSite makes a router with a gateway on an external network 172.24.4.0/24, and an interface on each inner one.
func newSite(t *testing.T, external *lan, inner ...*lan) *site {
	s := &site{t: t, external: external, inner: inner, groups: []neutron.HostGroup{group(allow("", -1))}}
	s.router = neutron.HostRouter{ID: ids.UUID(), AdminUp: true, SNAT: true}
	if external != nil {
		s.attach(external, "172.24.4.100/24", true)
		s.router.Ports[0].NextHops = []netip.Addr{external.Subnets[0].Gateway}
	}
	for _, n := range inner {
		sub := n.Subnets[0]
		s.attach(n, netip.PrefixFrom(sub.Gateway, sub.CIDR.Bits()).String(), false)
	}
	return s
}

// attach gives the router a port.
func (s *site) attach(n *lan, addr string, gateway bool) *neutron.HostRouterPort {
	s.macs++
	s.router.Ports = append(s.router.Ports, neutron.HostRouterPort{ID: ids.UUID(), Network: n.ID, Gateway: gateway,
		MAC: fmt.Sprintf("fa:16:3e:aa:%s:%02x", s.router.ID[:2], s.macs), Addrs: []netip.Prefix{netip.MustParsePrefix(addr)},
		Subnets: n.Subnets})
	return &s.router.Ports[len(s.router.Ports)-1]
}

func (s *site) state() neutron.HostState {
	out := neutron.HostState{Groups: s.groups, Routers: []neutron.HostRouter{s.router}}
	for _, n := range s.inner {
		out.Networks = append(out.Networks, n.HostNetwork)
	}
	if s.external != nil {
		out.Networks = append(out.Networks, s.external.HostNetwork)
	}
	return out
}

// guest adds a port to a network that lets everything in.
func (s *site) guest(n *lan) neutron.PortInfo { return n.port(s.groups[0].ID) }

// stranger adds a port that is not filtered, for what plays the world outside.
func stranger(n *lan) neutron.PortInfo {
	n.port()
	p := &n.Ports[len(n.Ports)-1]
	p.PortSecurity = false
	return *p
}

// boot starts a guest with its address and a default route by its subnet's gateway.
func (s *site) boot(h *testHost, n *lan, p neutron.PortInfo) *netdevtest.Guest {
	s.t.Helper()
	g := h.power(p)
	g.Address(prefix(p))
	g.Route(netip.MustParsePrefix("0.0.0.0/0"), n.Subnets[0].Gateway)
	return g
}

// outside starts what plays the world outside: it has the external subnet's gateway address besides its own.
func (s *site) outside(h *testHost, p neutron.PortInfo) *netdevtest.Guest {
	s.t.Helper()
	g := h.power(p)
	g.Address(prefix(p)) // the first is what its connections come from
	g.Address(netip.PrefixFrom(s.external.Subnets[0].Gateway, 24))
	return g
}

// float adds a floating address.
func (s *site) float(floating string, fixed netip.Addr) netip.Addr {
	a := netip.MustParseAddr(floating)
	s.router.Floating = append(s.router.Floating, neutron.HostFloatingIP{ID: ids.UUID(), Floating: a, Fixed: fixed})
	return a
}
