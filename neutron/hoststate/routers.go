package hoststate

import (
	"context"
	"net/netip"

	"hypernova/neutron"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
)

// routers reads the routers that the host carries, as far as their sections differ. A router without ports is none of
// the host's: there is nothing to realise.
func (r *reader) routers(ctx context.Context) error {
	all, err := store.Routers(ctx, r.tx, db.ListArgs{Where: []db.Cond{db.EqTo("host", r.host)}})
	if err != nil || len(all) == 0 {
		return err
	}
	ids := make([]string, len(all))
	for i, x := range all {
		ids[i] = x.ID
	}
	ports, err := store.PortsOfRouters(ctx, r.tx, ids)
	if err != nil {
		return err
	}
	var changed []neutron.Router
	var networks []string
	for _, x := range all {
		if len(ports[x.ID]) == 0 || !r.differs(neutron.RouterSection(x.ID)) {
			continue
		}
		changed = append(changed, x)
		for _, p := range ports[x.ID] {
			networks = append(networks, p.Network)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	subnets, err := store.Subnets(ctx, r.tx, db.ListArgs{Where: []db.Cond{db.InList("network_id", networks)}})
	if err != nil {
		return err
	}
	byID := make(map[string]neutron.Subnet, len(subnets))
	for _, s := range subnets {
		byID[s.ID] = s
	}
	for _, x := range changed {
		out := neutron.HostRouter{ID: x.ID, AdminUp: x.AdminUp, SNAT: x.SNAT, Routes: x.Routes}
		for _, p := range ports[x.ID] {
			out.Ports = append(out.Ports, routerPort(x, p, byID))
		}
		floating, err := store.FloatingIPsOfRouter(ctx, r.tx, x.ID)
		if err != nil {
			return err
		}
		forwardings, err := store.PortForwardingsOf(ctx, r.tx, floating)
		if err != nil {
			return err
		}
		for _, f := range floating {
			if f.Port != "" {
				out.Floating = append(out.Floating, neutron.HostFloatingIP{ID: f.ID, Floating: f.IP, Fixed: f.Fixed})
			}
			for _, x := range forwardings[f.ID] {
				out.Forwards = append(out.Forwards, neutron.HostPortForward{ID: x.ID, Protocol: x.Protocol, Floating: f.IP,
					FloatingMin: x.Outer.Min, FloatingMax: x.Outer.Max, Fixed: x.Fixed, FixedMin: x.Inner.Min,
					FixedMax: x.Inner.Max})
			}
		}
		r.state.Routers = append(r.state.Routers, out)
	}
	return nil
}

// routerPort is the form of a router's port that its host knows.
func routerPort(r neutron.Router, p neutron.Port, subnets map[string]neutron.Subnet) neutron.HostRouterPort {
	out := neutron.HostRouterPort{ID: p.ID, Network: p.Network, MAC: p.MAC, Gateway: p.ID == r.GatewayPort}
	seen := map[string]bool{}
	for _, f := range p.FixedIPs {
		sub, ok := subnets[f.Subnet]
		if !ok {
			continue
		}
		out.Addrs = append(out.Addrs, netip.PrefixFrom(f.IP, sub.CIDR.Bits()))
		if seen[sub.ID] {
			continue
		}
		seen[sub.ID] = true
		out.Subnets = append(out.Subnets, neutron.SubnetInfoOf(sub))
		if out.Gateway && sub.Gateway.IsValid() {
			out.NextHops = append(out.NextHops, sub.Gateway)
		}
	}
	return out
}
