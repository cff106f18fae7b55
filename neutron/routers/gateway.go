package routers

import (
	"context"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/change"
	"hypernova/neutron/ports"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// setGateway changes the gateway of a router as want says; nil: none. The caller writes the router. Faults:
// NetworkNotFound, BadRequest for a network that is not external, a gateway's address or overlapping subnets,
// InvalidRoutes, RouterExternalGatewayInUseByFloatingIp, and those of the addresses.
func (s *Routers) setGateway(ctx context.Context, tx *change.Tx, r *neutron.Router, want *Gateway) error {
	if want == nil {
		want = &Gateway{}
	}
	r.SNAT = want.SNAT.Or(true)
	site, err := s.checkGateway(ctx, tx, *r, *want)
	if err != nil {
		return err
	}
	if r.GatewayPort != "" && r.GatewayNetwork == want.Network {
		if !otherAddresses(r.GatewayIPs, want.IPs) {
			return nil
		}
		p, err := s.Ports.UpdateIn(ctx, tx, r.GatewayPort, ports.Patch{FixedIPs: opt.Some(want.IPs)})
		r.GatewayIPs = p.FixedIPs
		return err
	}
	if err := s.dropGateway(ctx, tx, r); err != nil || want.Network == "" {
		return err
	}
	have, err := store.PortsOfRouter(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	if err := distinct(ctx, tx, *r, have, site.Subnets); err != nil {
		return err
	}
	if err := s.giveHost(ctx, tx, r); err != nil {
		return err
	}
	w := ports.Wanted{Network: want.Network, DeviceID: r.ID, DeviceOwner: neutron.OwnerRouterGateway, Host: r.Host}
	if len(want.IPs) > 0 {
		w.FixedIPs = opt.Some(want.IPs)
	}
	p, err := s.attach(ctx, tx, *r, w)
	if err != nil {
		return err
	}
	r.GatewayPort, r.GatewayNetwork, r.GatewayIPs = p.ID, p.Network, p.FixedIPs
	return nil
}

// attach makes a port for a router.
func (s *Routers) attach(ctx context.Context, tx *change.Tx, r neutron.Router, w ports.Wanted) (neutron.Port, error) {
	made, err := s.Ports.Place(ctx, tx, []ports.Wanted{w}, false)
	if err != nil {
		return neutron.Port{}, err
	}
	p := made[0]
	return p, store.AddRouterPort(ctx, tx, neutron.RouterPort{Port: p.ID, Router: r.ID, Network: p.Network,
		Gateway: p.DeviceOwner == neutron.OwnerRouterGateway})
}

// otherAddresses reports whether wanted addresses differ from those that a gateway has. None wanted is no difference.
func otherAddresses(have []neutron.FixedIP, want []addresses.Wanted) bool {
	if len(want) == 0 {
		return false
	}
	subs, ips := map[string]bool{}, map[netip.Addr]bool{}
	for _, w := range want {
		if w.Subnet != "" {
			subs[w.Subnet] = true
		}
		if w.IP.IsValid() {
			ips[w.IP] = true
		}
	}
	hasSubs, hasIPs := map[string]bool{}, map[netip.Addr]bool{}
	for _, f := range have {
		hasSubs[f.Subnet], hasIPs[f.IP] = true, true
	}
	return !equalKeys(subs, hasSubs) || !equalKeys(ips, hasIPs)
}

func equalKeys[K comparable](a, b map[K]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for k := range a {
		if !b[k] {
			return false
		}
	}
	return true
}

// checkGateway checks a wanted gateway, and the extra routes of the router with it. It returns the external network
// with its subnets.
func (s *Routers) checkGateway(ctx context.Context, tx *change.Tx, r neutron.Router,
	want Gateway) (*addresses.Site, error) {
	site := &addresses.Site{}
	if want.Network != "" {
		var err error
		if site, err = addresses.Load(ctx, tx, want.Network); err != nil {
			return nil, err
		}
		if !site.Network.External {
			return nil, neutron.BadRequest("router", "Network %s is not an external network", want.Network)
		}
		for _, w := range want.IPs {
			same := func(sub neutron.Subnet) bool { return w.IP.IsValid() && sub.Gateway == w.IP }
			if slices.ContainsFunc(site.Subnets, same) {
				return nil, neutron.BadRequest("router", "External IP %s is the same as the gateway IP", w.IP)
			}
		}
	}
	if len(r.Routes) == 0 {
		return site, nil
	}
	ps, err := store.PortsOfRouter(ctx, tx, r.ID)
	if err != nil {
		return nil, err
	}
	ps = slices.DeleteFunc(ps, func(p neutron.Port) bool { return p.ID == r.GatewayPort })
	blocks, own, err := reach(ctx, tx, ps)
	if err != nil {
		return nil, err
	}
	for _, sub := range site.Subnets {
		blocks = append(blocks, sub.CIDR)
	}
	return site, connected(r.Routes, blocks, own)
}

// dropGateway removes the gateway of a router, if it has one. The caller writes the router.
func (s *Routers) dropGateway(ctx context.Context, tx *change.Tx, r *neutron.Router) error {
	if r.GatewayPort == "" {
		return nil
	}
	floating, err := store.FloatingIPsOfRouter(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	if len(floating) > 0 {
		return fault.Conflictf("Gateway cannot be updated for router %s, since a gateway to external network %s is required "+
			"by one or more floating IPs.", r.ID, r.GatewayNetwork).Coded("RouterExternalGatewayInUseByFloatingIp")
	}
	p, err := store.Port(ctx, tx, r.GatewayPort)
	if err == nil {
		err = s.detach(ctx, tx, p)
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	r.GatewayPort, r.GatewayNetwork, r.GatewayIPs = "", "", nil
	return nil
}

// detach deletes a port of a router.
func (s *Routers) detach(ctx context.Context, tx *change.Tx, p neutron.Port) error {
	if _, err := store.DropRouterPort(ctx, tx, p.ID); err != nil {
		return err
	}
	return s.Ports.Remove(ctx, tx, p)
}
