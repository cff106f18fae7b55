package routers

import (
	"context"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/change"
	"hypernova/neutron/ipam"
	"hypernova/neutron/ports"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// By is who changes the interfaces of a router: a project, or an administrator.
type By struct {
	Project string
	Admin   bool
}

// Interface is what a router's interface is connected to.
type Interface struct {
	Router, Project, Port, Network string
	Subnets                        []string // those that were added or removed
}

func interfaceOf(r neutron.Router, p neutron.Port, subs []neutron.Subnet) Interface {
	out := Interface{Router: r.ID, Project: p.Project, Port: p.ID, Network: p.Network}
	for _, s := range subs {
		out.Subnets = append(out.Subnets, s.ID)
	}
	return out
}

// change runs a change of the interfaces of a router and writes the router.
func (s *Routers) change(ctx context.Context, id string,
	do func(*change.Tx, *neutron.Router) (Interface, error)) (Interface, error) {
	var out Interface
	err := s.Change.Do(ctx, func(tx *change.Tx) error {
		r, err := store.Router(ctx, tx, id)
		if err != nil {
			return err
		}
		if out, err = do(tx, &r); err != nil {
			return err
		}
		r, err = store.UpdateRouter(ctx, tx, r, tx.Now())
		tx.Router(r)
		return err
	})
	return out, err
}

// AddSubnet gives a router a port on a subnet, with the address of the subnet's gateway. A port of the router with IPv6
// addresses on the same network gets that of another IPv6 subnet as well. Faults: RouterNotFound, SubnetNotFound,
// BadRequest, IpAddressInUse.
func (s *Routers) AddSubnet(ctx context.Context, by By, router, subnet string) (Interface, error) {
	return s.change(ctx, router, func(tx *change.Tx, r *neutron.Router) (Interface, error) {
		sub, err := store.Subnet(ctx, tx, subnet)
		if err != nil {
			return Interface{}, err
		}
		switch {
		case !sub.Gateway.IsValid():
			return Interface{}, neutron.BadRequest("router", "Subnet for router interface must have a gateway IP")
		case sub.Project != by.Project && !by.Admin:
			return Interface{}, neutron.BadRequest("router",
				"Cannot add interface to router because subnet %s is not owned by project making the request", sub.ID)
		}
		if err := routable(sub); err != nil {
			return Interface{}, err
		}
		have, err := store.PortsOfRouter(ctx, tx, r.ID)
		if err != nil {
			return Interface{}, err
		}
		if err := distinct(ctx, tx, *r, have, []neutron.Subnet{sub}); err != nil {
			return Interface{}, err
		}
		p, err := s.onSubnet(ctx, tx, r, have, sub)
		return interfaceOf(*r, p, []neutron.Subnet{sub}), err
	})
}

// onSubnet gives a router the gateway's address of a subnet.
func (s *Routers) onSubnet(ctx context.Context, tx *change.Tx, r *neutron.Router, have []neutron.Port,
	sub neutron.Subnet) (neutron.Port, error) {
	want := addresses.Wanted{Subnet: sub.ID, IP: sub.Gateway}
	if sub.Version == 6 {
		for _, p := range have {
			if p.ID == r.GatewayPort || p.Network != sub.Network || !has6(p) {
				continue
			}
			is := p
			site, err := addresses.Load(ctx, tx, p.Network)
			if err != nil {
				return p, err
			}
			f, err := site.Exact(ctx, tx, p.ID, want)
			if err != nil {
				return p, err
			}
			is.FixedIPs = append(slices.Clone(p.FixedIPs), f)
			return s.Ports.Save(ctx, tx, p, is)
		}
	}
	if err := s.giveHost(ctx, tx, r); err != nil {
		return neutron.Port{}, err
	}
	return s.attach(ctx, tx, *r, ports.Wanted{Meta: neutron.Meta{Project: r.Project}, Network: sub.Network,
		FixedIPs: opt.Some([]addresses.Wanted{want}), DeviceID: r.ID, DeviceOwner: neutron.OwnerRouterInterface,
		Host: r.Host})
}

// AddPort makes a port that no device has an interface of a router. Faults: RouterNotFound, PortNotFound, PortInUse,
// BadRequest.
func (s *Routers) AddPort(ctx context.Context, by By, router, port string) (Interface, error) {
	return s.change(ctx, router, func(tx *change.Tx, r *neutron.Router) (Interface, error) {
		p, err := store.Port(ctx, tx, port)
		if err != nil {
			return Interface{}, err
		}
		if p.DeviceID != "" {
			return Interface{}, neutron.PortInUse(p.ID, p.Network, p.DeviceID)
		}
		subs, err := s.checkPort(ctx, tx, by, *r, p)
		if err != nil {
			return Interface{}, err
		}
		if err := s.giveHost(ctx, tx, r); err != nil {
			return Interface{}, err
		}
		is := p
		is.DeviceID, is.DeviceOwner = r.ID, neutron.OwnerRouterInterface
		if _, err := s.Ports.Rebind(ctx, tx, &is, r.Host); err != nil {
			return Interface{}, err
		}
		if is, err = s.Ports.Save(ctx, tx, p, is); err != nil {
			return Interface{}, err
		}
		err = store.AddRouterPort(ctx, tx, neutron.RouterPort{Port: is.ID, Router: r.ID, Network: is.Network})
		return interfaceOf(*r, is, subs), err
	})
}

// checkPort checks that a port can become an interface of a router, and returns its subnets.
func (s *Routers) checkPort(ctx context.Context, tx *change.Tx, by By, r neutron.Router,
	p neutron.Port) ([]neutron.Subnet, error) {
	if len(p.FixedIPs) == 0 {
		return nil, neutron.BadRequest("router", "Router port must have at least one fixed IP")
	}
	subs, err := subnetsOf(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	for _, sub := range subs {
		if err := routable(sub); err != nil {
			return nil, err
		}
	}
	have, err := store.PortsOfRouter(ctx, tx, r.ID)
	if err != nil {
		return nil, err
	}
	for _, o := range have {
		if o.Network == p.Network && has6(o) && has6(p) {
			return nil, neutron.BadRequest("router", "Router already contains IPv6 port %s belonging to network id %s. Only "+
				"one IPv6 port from the same network subnet can be connected to a router.", o.ID, o.Network)
		}
	}
	if err := distinct(ctx, tx, r, have, subs); err != nil {
		return nil, err
	}
	v4 := 0
	for _, sub := range subs {
		if sub.Version == 4 {
			v4++
		}
	}
	if v4 > 1 {
		return nil, neutron.BadRequest("router", "Cannot have multiple IPv4 subnets on router port")
	}
	return subs, inPools(by, p, subs)
}

// inPools refuses to a project a port with an address outside of the pools of another project's subnet.
func inPools(by By, p neutron.Port, subs []neutron.Subnet) error {
	if by.Admin {
		return nil
	}
	for _, f := range p.FixedIPs {
		i := slices.IndexFunc(subs, func(s neutron.Subnet) bool { return s.ID == f.Subnet })
		if i < 0 || subs[i].Project == by.Project {
			continue
		}
		in := func(pool neutron.Pool) bool { return !f.IP.Less(pool.Start) && !pool.End.Less(f.IP) }
		if !slices.ContainsFunc(subs[i].Pools, in) {
			return neutron.BadRequest("router", "Cannot add interface to router because specified port %s has an IP address "+
				"out of the allocation pool of subnet %s, which is not owned by the project making the request", p.ID, f.Subnet)
		}
	}
	return nil
}

// routable refuses an IPv6 subnet whose guests get advertisements of a router outside.
func routable(sub neutron.Subnet) error {
	if sub.Version == 6 && sub.RAMode == "" && sub.AddrMode != "" {
		return neutron.BadRequest("router", "IPv6 subnet %s configured to receive RAs from an external router cannot be "+
			"added to Neutron Router.", sub.ID)
	}
	return nil
}

func has6(p neutron.Port) bool {
	return slices.ContainsFunc(p.FixedIPs, func(f neutron.FixedIP) bool { return f.IP.Is6() })
}

// distinct refuses subnets that a router has a port on, or that overlap with one of its subnets. All subnets of its
// external network are such.
func distinct(ctx context.Context, tx *change.Tx, r neutron.Router, have []neutron.Port, add []neutron.Subnet) error {
	var with []neutron.Subnet
	for _, p := range have {
		for _, f := range p.FixedIPs {
			if slices.ContainsFunc(add, func(s neutron.Subnet) bool { return s.ID == f.Subnet }) {
				return neutron.BadRequest("router", "Router already has a port on subnet %s", f.Subnet)
			}
		}
		var subs []neutron.Subnet
		var err error
		if p.ID == r.GatewayPort {
			subs, err = store.SubnetsOf(ctx, tx, p.Network)
		} else {
			subs, err = subnetsOf(ctx, tx, p)
		}
		if err != nil {
			return err
		}
		with = append(with, subs...)
	}
	for _, o := range with {
		for _, s := range add {
			if ipam.Overlap([]netip.Prefix{o.CIDR}, []netip.Prefix{s.CIDR}) {
				return neutron.BadRequest("router", "Cidr %s of subnet %s overlaps with cidr %s of subnet %s", s.CIDR, s.ID,
					o.CIDR, o.ID)
			}
		}
	}
	return nil
}

// RemovePort deletes an interface of a router, a port. A subnet that is not empty is one that it must have. Faults:
// RouterNotFound, RouterInterfaceNotFound, SubnetMismatchForPort, and those of an interface in use.
func (s *Routers) RemovePort(ctx context.Context, router, port, subnet string) (Interface, error) {
	return s.change(ctx, router, func(tx *change.Tx, r *neutron.Router) (Interface, error) {
		none := Interface{}
		of, err := store.RouterOfPort(ctx, tx, port)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return none, err
		}
		if err != nil || of.Router != r.ID || of.Gateway {
			return none, fault.NotFoundf("Router %s does not have an interface with id %s", r.ID, port).
				Coded("RouterInterfaceNotFound")
		}
		p, err := store.Port(ctx, tx, port)
		if err != nil {
			return none, err
		}
		if subnet != "" && !slices.ContainsFunc(p.FixedIPs, func(f neutron.FixedIP) bool { return f.Subnet == subnet }) {
			return none, fault.Invalidf("Subnet on port %s does not match the requested subnet %s.", port, subnet).
				Coded("SubnetMismatchForPort")
		}
		subs, err := subnetsOf(ctx, tx, p)
		if err != nil {
			return none, err
		}
		for _, sub := range subs {
			if err := unused(ctx, tx, *r, sub); err != nil {
				return none, err
			}
		}
		return interfaceOf(*r, p, subs), s.detach(ctx, tx, p)
	})
}

// RemoveSubnet takes a router's address of a subnet from its port there, and deletes a port that has no other.
// Faults: RouterNotFound, SubnetNotFound, RouterInterfaceNotFoundForSubnet, and those of an interface in use.
func (s *Routers) RemoveSubnet(ctx context.Context, router, subnet string) (Interface, error) {
	return s.change(ctx, router, func(tx *change.Tx, r *neutron.Router) (Interface, error) {
		none := Interface{}
		sub, err := store.Subnet(ctx, tx, subnet)
		if err != nil {
			return none, err
		}
		have, err := store.PortsOfRouter(ctx, tx, r.ID)
		if err != nil {
			return none, err
		}
		for _, p := range have {
			on := func(f neutron.FixedIP) bool { return f.Subnet == subnet }
			if p.ID == r.GatewayPort || !slices.ContainsFunc(p.FixedIPs, on) {
				continue
			}
			if err := unused(ctx, tx, *r, sub); err != nil {
				return none, err
			}
			out := interfaceOf(*r, p, []neutron.Subnet{sub})
			is := p
			is.FixedIPs = slices.DeleteFunc(slices.Clone(p.FixedIPs), on)
			if len(is.FixedIPs) == 0 {
				return out, s.detach(ctx, tx, p)
			}
			for _, f := range p.FixedIPs {
				if f.Subnet != subnet {
					continue
				}
				if err := store.FreeAddress(ctx, tx, p.Network, p.ID, f.IP); err != nil {
					return none, err
				}
			}
			_, err := s.Ports.Save(ctx, tx, p, is)
			return out, err
		}
		return none, fault.NotFoundf("Router %s has no interface on subnet %s", router, subnet).
			Coded("RouterInterfaceNotFoundForSubnet")
	})
}

// unused refuses to take a subnet from a router whose extra routes or floating IPs need it.
func unused(ctx context.Context, tx *change.Tx, r neutron.Router, sub neutron.Subnet) error {
	floating, err := store.FloatingIPsOfRouter(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	needed := slices.ContainsFunc(floating, func(f neutron.FloatingIP) bool { return sub.CIDR.Contains(f.Fixed) })
	forwardings, err := store.PortForwardingsOf(ctx, tx, floating)
	if err != nil {
		return err
	}
	for _, of := range forwardings {
		inside := func(f neutron.PortForwarding) bool { return sub.CIDR.Contains(f.Fixed) }
		needed = needed || slices.ContainsFunc(of, inside)
	}
	if needed {
		return fault.Conflictf("Router interface for subnet %s on router %s cannot be deleted, as it is required by one or "+
			"more floating IPs.", sub.ID, r.ID).Coded("RouterInterfaceInUseByFloatingIP")
	}
	if slices.ContainsFunc(r.Routes, func(x neutron.HostRoute) bool { return sub.CIDR.Contains(x.NextHop) }) {
		return fault.Conflictf("Router interface for subnet %s on router %s cannot be deleted, as it is required by one or "+
			"more routes.", sub.ID, r.ID).Coded("RouterInterfaceInUseByRoute")
	}
	return nil
}
