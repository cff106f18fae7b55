package networks

import (
	"context"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// NewSubnet asks for a subnet. What is not set is chosen: the first address as the gateway, everything else as the pool.
type NewSubnet struct {
	neutron.Meta     // project, description, tags
	Name, Network    string
	CIDR             netip.Prefix
	Version          int            // 4 or 6
	Gateway          opt.Of[string] // null: none
	Pools            []neutron.Pool // nil: all
	NoDHCP           bool
	DNS              []netip.Addr
	Routes           []neutron.HostRoute
	RAMode, AddrMode string
}

// CreateSubnets makes subnets, all or none.
func (s *Service) CreateSubnets(ctx context.Context, wanted []NewSubnet) ([]neutron.Subnet, error) {
	made := make([]neutron.Subnet, len(wanted))
	want := map[string]int{}
	for i, n := range wanted {
		sub, err := subnetOf(n)
		if err != nil {
			return nil, err
		}
		made[i] = sub
		want[n.Project]++
	}
	var out []neutron.Subnet
	if len(wanted) == 0 {
		return nil, nil
	}
	err := s.changeIn(ctx, wanted[0].Project, func(w *work) error {
		out = nil
		for project, n := range want {
			if err := s.Quotas.Take(ctx, w.Tx, project, map[string]int{quota.Subnet: n}); err != nil {
				return err
			}
		}
		for _, sub := range made {
			sub, err := s.insertSubnet(ctx, w, sub)
			if err != nil {
				return err
			}
			out = append(out, sub)
		}
		return nil
	})
	return out, err
}

func (s *Service) insertSubnet(ctx context.Context, w *work, sub neutron.Subnet) (neutron.Subnet, error) {
	n, err := store.Network(ctx, w.Tx, sub.Network)
	if err != nil {
		return sub, err
	}
	others, err := store.SubnetsOf(ctx, w.Tx, n.ID)
	if err != nil {
		return sub, err
	}
	for _, o := range others {
		if o.CIDR.Overlaps(sub.CIDR) {
			return sub, neutron.BadInput("Requested subnet with cidr: %s for network: %s overlaps with another subnet", sub.CIDR, n.ID)
		}
	}
	if sub.Version == 6 && n.MTU < 1280 {
		return sub, neutron.BadInput("An IPv6 subnet needs an MTU of at least 1280, network %s has %d", n.ID, n.MTU)
	}
	sub.ID, sub.Revision, sub.Created = ids.UUID(), 0, s.now()
	sub.Updated, sub.NetworkShared, sub.NetworkProject = sub.Created, n.Shared, n.Project
	if err := store.InsertSubnet(ctx, w.Tx, sub); err != nil {
		return sub, err
	}
	n.Subnets = append(n.Subnets, sub.ID)
	if n, err = store.UpdateNetwork(ctx, w.Tx, n, s.now()); err != nil {
		return sub, err
	}
	w.changes.Network(n.ID)
	if err := s.redoDHCP(ctx, w, n); err != nil {
		return sub, err
	}
	return sub, s.enrol(ctx, w, sub)
}

// enrol enters the addresses that the ports of a network make themselves on a subnet that is new.
func (s *Service) enrol(ctx context.Context, w *work, sub neutron.Subnet) error {
	if !sub.Auto() {
		return nil
	}
	at, err := s.place(ctx, w, map[string]*place{}, sub.Network)
	if err != nil {
		return err
	}
	ports, err := store.PortsOfNetwork(ctx, w.Tx, sub.Network)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if p.DeviceOwner == neutron.OwnerDHCP || len(p.FixedIPs) == 0 {
			continue
		}
		was := p
		f, err := s.own(ctx, w, at, &p, sub)
		if err != nil {
			return err
		}
		p.FixedIPs = append(slices.Clone(p.FixedIPs), f)
		w.event("network-changed", p, "")
		if _, err := s.save(ctx, w, was, p); err != nil {
			return err
		}
	}
	return nil
}

// ShowSubnet reads a subnet.
func (s *Service) ShowSubnet(ctx context.Context, id string) (neutron.Subnet, error) {
	return store.Subnet(ctx, s.db, id)
}

// SubnetPatch is what may change of a subnet.
type SubnetPatch struct {
	Name, Description opt.Of[string]
	Gateway           opt.Of[string] // null: none
	Pools             opt.Of[[]neutron.Pool]
	DHCP              opt.Of[bool]
	DNS               opt.Of[[]netip.Addr]
	Routes            opt.Of[[]neutron.HostRoute]
	Tags              neutron.TagChange
	IfRevision        opt.Of[int64]
}

// UpdateSubnet changes a subnet. Pools bound what is given out from now on; addresses that ports have stay theirs.
func (s *Service) UpdateSubnet(ctx context.Context, id string, p SubnetPatch) (neutron.Subnet, error) {
	var out neutron.Subnet
	err := s.change(ctx, func(w *work) error {
		sub, err := store.Subnet(ctx, w.Tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(p.IfRevision, sub.Revision); err != nil {
			return err
		}
		if p.Gateway.Set {
			if sub.Gateway, err = gateway(p.Gateway, sub.CIDR); err != nil {
				return err
			}
		}
		if sub.Tags, err = p.Tags.Of(sub.Tags); err != nil {
			return err
		}
		sub.Name, sub.Description = p.Name.Or(sub.Name), p.Description.Or(sub.Description)
		served := sub.DHCP
		sub.Pools, sub.DHCP = p.Pools.Or(sub.Pools), p.DHCP.Or(sub.DHCP)
		if !served {
			if err := checkServed(sub); err != nil {
				return err
			}
		}
		sub.DNS, sub.Routes = p.DNS.Or(sub.DNS), p.Routes.Or(sub.Routes)
		if err := checkSubnet(sub); err != nil {
			return err
		}
		if out, err = store.UpdateSubnet(ctx, w.Tx, sub, s.now()); err != nil {
			return err
		}
		w.changes.Network(sub.Network)
		n, err := store.Network(ctx, w.Tx, sub.Network)
		if err != nil {
			return err
		}
		return s.redoDHCP(ctx, w, n)
	})
	return out, err
}

// DeleteSubnet removes a subnet that no port has an address of, apart from DHCP's and those that ports made themselves.
func (s *Service) DeleteSubnet(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return s.change(ctx, func(w *work) error {
		sub, err := store.Subnet(ctx, w.Tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, sub.Revision); err != nil {
			return err
		}
		users, err := store.SubnetUsers(ctx, w.Tx, id)
		if err != nil {
			return err
		}
		if users > 0 && !sub.Auto() {
			return neutron.SubnetInUse(id)
		}
		if err := s.withdraw(ctx, w, sub); err != nil {
			return err
		}
		n, err := store.Network(ctx, w.Tx, sub.Network)
		if err != nil {
			return err
		}
		n.Subnets = slices.DeleteFunc(n.Subnets, func(x string) bool { return x == id })
		if n, err = store.UpdateNetwork(ctx, w.Tx, n, s.now()); err != nil {
			return err
		}
		if err := store.DeleteSubnet(ctx, w.Tx, id); err != nil {
			return err
		}
		w.changes.Network(n.ID)
		return s.redoDHCP(ctx, w, n)
	})
}

// withdraw takes a subnet's addresses from the ports that have one.
func (s *Service) withdraw(ctx context.Context, w *work, sub neutron.Subnet) error {
	ports, err := store.PortsOfNetwork(ctx, w.Tx, sub.Network)
	if err != nil {
		return err
	}
	for _, p := range ports {
		kept := slices.DeleteFunc(slices.Clone(p.FixedIPs), func(f neutron.FixedIP) bool { return f.Subnet == sub.ID })
		if len(kept) == len(p.FixedIPs) {
			continue
		}
		for _, f := range p.FixedIPs {
			if f.Subnet != sub.ID {
				continue
			}
			if err := store.FreeAddress(ctx, w.Tx, p.Network, p.ID, f.IP); err != nil {
				return err
			}
		}
		w.changes.Port(p)
		w.event("network-changed", p, "")
		p.FixedIPs = kept
		if _, err := store.UpdatePort(ctx, w.Tx, p, s.now()); err != nil {
			return err
		}
	}
	return nil
}

// subnetOf checks what is asked for and fills in what was left open.
func subnetOf(n NewSubnet) (neutron.Subnet, error) {
	sub := neutron.Subnet{Meta: n.Meta, Name: n.Name, Network: n.Network, Version: n.Version, CIDR: n.CIDR, Pools: n.Pools, DHCP: !n.NoDHCP, DNS: n.DNS,
		Routes: n.Routes, RAMode: n.RAMode, AddrMode: n.AddrMode}
	if !n.CIDR.IsValid() {
		return sub, neutron.BadInput("a subnet must have a cidr")
	}
	sub.CIDR = n.CIDR.Masked()
	if err := sameVersion(sub, "cidr", sub.CIDR.Addr().Is4(), sub.CIDR); err != nil {
		return sub, err
	}
	if a := sub.CIDR.Addr(); a.Is6() && a.IsUnspecified() {
		return sub, neutron.BadInput("IPv6 subnet '::' is not supported")
	}
	if err := checkServed(sub); err != nil {
		return sub, err
	}
	var err error
	if sub.Gateway, err = gateway(n.Gateway, sub.CIDR); err != nil {
		return sub, err
	}
	if sub.Pools == nil {
		sub.Pools = ipam.DefaultPools(sub.CIDR, sub.Gateway)
	}
	if err := checkModes(sub); err != nil {
		return sub, err
	}
	return sub, checkSubnet(sub)
}

func gateway(g opt.Of[string], cidr netip.Prefix) (netip.Addr, error) {
	switch {
	case g.Null:
		return netip.Addr{}, nil
	case !g.Set:
		return ipam.FirstHost(cidr), nil
	}
	a, err := netip.ParseAddr(g.Value)
	if err != nil || a.Zone() != "" {
		return a, neutron.BadInput("'%s' is not a valid IP address", g.Value)
	}
	if a.Is4() != cidr.Addr().Is4() {
		version := 6
		if cidr.Addr().Is4() {
			version = 4
		}
		return a, neutron.BadInput("gateway_ip '%s' does not match the ip_version '%d'", a, version)
	}
	if cidr.Contains(a) && !ipam.Usable(cidr, a) {
		return a, neutron.BadInput("Gateway is not valid on subnet")
	}
	return a, nil
}
