// Package subnets implements the operations on subnets. Callers check the policy first; see neutron/api.
package subnets

import (
	"context"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/change"
	"hypernova/neutron/ipam"
	"hypernova/neutron/ports"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// Subnets are the operations.
type Subnets struct {
	change *change.Writer
	quotas *quota.Quotas
	ports  *ports.Ports
	// Changed are called after a subnet was written or deleted.
	Changed change.Hooks[neutron.Subnet]
}

// New makes them.
func New(w *change.Writer, q *quota.Quotas, p *ports.Ports) *Subnets {
	return &Subnets{change: w, quotas: q, ports: p}
}

// Wanted asks for a subnet. Unset attributes get defaults: the first address is the gateway, the others are the
// pool.
type Wanted struct {
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
	// Pool is the subnet pool that the prefix is of; empty: none. Bits is the length of the prefix where CIDR is not
	// valid; not set: the pool's default.
	Pool string
	Bits opt.Of[int]
}

// Create makes subnets, all or none.
func (s *Subnets) Create(ctx context.Context, wanted []Wanted) ([]neutron.Subnet, error) {
	made := make([]neutron.Subnet, len(wanted))
	for i, w := range wanted {
		if w.Pool != "" { // its prefix is known in the transaction
			continue
		}
		sub, err := subnetOf(w)
		if err != nil {
			return nil, err
		}
		made[i] = sub
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	var out []neutron.Subnet
	err := s.change.DoIn(ctx, wanted[0].Project, func(tx *change.Tx) error {
		out = nil
		err := quota.TakeFor(ctx, tx, s.quotas, quota.Subnet, wanted, func(w Wanted) string { return w.Project })
		if err != nil {
			return err
		}
		for i, w := range wanted {
			sub := made[i]
			if w.Pool != "" {
				if w.CIDR, err = allocate(ctx, tx, w); err != nil {
					return err
				}
				if sub, err = subnetOf(w); err != nil {
					return err
				}
			}
			sub, err := s.insert(ctx, tx, sub)
			if err != nil {
				return err
			}
			out = append(out, sub)
		}
		return nil
	})
	return out, err
}

func (s *Subnets) insert(ctx context.Context, tx *change.Tx, sub neutron.Subnet) (neutron.Subnet, error) {
	n, err := store.Network(ctx, tx, sub.Network)
	if err != nil {
		return sub, err
	}
	others, err := store.SubnetsOf(ctx, tx, n.ID)
	if err != nil {
		return sub, err
	}
	for _, o := range others {
		if o.CIDR.Overlaps(sub.CIDR) {
			return sub, neutron.BadInput("Requested subnet with cidr: %s for network: %s overlaps with another subnet",
				sub.CIDR, n.ID)
		}
	}
	scope, err := checkPool(ctx, tx, n, others, sub)
	if err != nil {
		return sub, err
	}
	if sub.Version == 6 && n.MTU < 1280 {
		return sub, neutron.BadInput("An IPv6 subnet needs an MTU of at least 1280, network %s has %d", n.ID, n.MTU)
	}
	sub.ID, sub.Meta, sub.NetworkShared, sub.NetworkProject = ids.UUID(), tx.Stamp(sub.Meta, 0), n.Shared, n.Project
	if err := store.InsertSubnet(ctx, tx, sub); err != nil {
		return sub, err
	}
	n.Subnets = append(n.Subnets, sub.ID)
	if scope != "" {
		n = withScope(n, sub.Version, scope)
	}
	if _, err := store.UpdateNetwork(ctx, tx, n, tx.Now()); err != nil {
		return sub, err
	}
	tx.Network(n.ID)
	if err := s.Changed.Run(ctx, tx, nil, &sub); err != nil {
		return sub, err
	}
	return sub, s.addAutomatic(ctx, tx, sub)
}

// addAutomatic adds to the ports of a network their automatic addresses of a new subnet.
func (s *Subnets) addAutomatic(ctx context.Context, tx *change.Tx, sub neutron.Subnet) error {
	if !sub.Auto() {
		return nil
	}
	site, err := addresses.Load(ctx, tx, sub.Network)
	if err != nil {
		return err
	}
	all, err := store.PortsOfNetwork(ctx, tx, sub.Network)
	if err != nil {
		return err
	}
	for _, was := range all {
		if was.DeviceOwner == neutron.OwnerDHCP || was.DeviceOwner == neutron.OwnerRouterInterface ||
			len(was.FixedIPs) == 0 {
			continue
		}
		is := was
		f, err := site.Auto(ctx, tx, &is, sub)
		if err != nil {
			return err
		}
		is.FixedIPs = append(slices.Clone(is.FixedIPs), f)
		tx.Event("network-changed", is, "")
		if _, err := s.ports.Save(ctx, tx, was, is); err != nil {
			return err
		}
	}
	return nil
}

// Show reads a subnet; fault SubnetNotFound.
func (s *Subnets) Show(ctx context.Context, id string) (neutron.Subnet, error) {
	return store.Subnet(ctx, s.change.DB, id)
}

// List lists subnets.
func (s *Subnets) List(ctx context.Context, a db.ListArgs) ([]neutron.Subnet, error) {
	return store.Subnets(ctx, s.change.DB, a)
}

// Patch is a change of a subnet. Attributes that are not set stay.
type Patch struct {
	Name, Description opt.Of[string]
	Gateway           opt.Of[string] // null: none
	Pools             opt.Of[[]neutron.Pool]
	DHCP              opt.Of[bool]
	DNS               opt.Of[[]netip.Addr]
	Routes            opt.Of[[]neutron.HostRoute]
	Tags              neutron.TagChange
	IfRevision        opt.Of[int64]
}

// Update changes a subnet. Pools apply to new allocations; ports keep their addresses. Faults: SubnetNotFound,
// RevisionNumberConstraintFailed, and those of the changed attributes.
func (s *Subnets) Update(ctx context.Context, id string, p Patch) (neutron.Subnet, error) {
	var out neutron.Subnet
	err := s.change.Do(ctx, func(tx *change.Tx) error {
		was, err := store.Subnet(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(p.IfRevision, was.Revision); err != nil {
			return err
		}
		is := was
		if p.Gateway.Set {
			if is.Gateway, err = gateway(p.Gateway, is.CIDR); err != nil {
				return err
			}
		}
		if is.Tags, err = p.Tags.Of(is.Tags); err != nil {
			return err
		}
		is.Name, is.Description = p.Name.Or(is.Name), p.Description.Or(is.Description)
		is.Pools, is.DHCP = p.Pools.Or(is.Pools), p.DHCP.Or(is.DHCP)
		if !was.DHCP {
			if err := checkServed(is); err != nil {
				return err
			}
		}
		is.DNS, is.Routes = p.DNS.Or(is.DNS), p.Routes.Or(is.Routes)
		if err := checkSubnet(is); err != nil {
			return err
		}
		if out, err = store.UpdateSubnet(ctx, tx, is, tx.Now()); err != nil {
			return err
		}
		tx.Network(is.Network)
		return s.Changed.Run(ctx, tx, &was, &out)
	})
	return out, err
}

// Delete deletes a subnet of which no port has an address, except DHCP ports and automatic addresses. Faults:
// SubnetNotFound, SubnetInUse, RevisionNumberConstraintFailed.
func (s *Subnets) Delete(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return s.change.Do(ctx, func(tx *change.Tx) error {
		sub, err := store.Subnet(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, sub.Revision); err != nil {
			return err
		}
		users, err := store.SubnetUsers(ctx, tx, id)
		if err != nil {
			return err
		}
		routed, err := store.SubnetRouted(ctx, tx, id)
		if err != nil {
			return err
		}
		if users > 0 && !sub.Auto() || routed {
			return neutron.SubnetInUse(id)
		}
		if err := s.withdraw(ctx, tx, sub); err != nil {
			return err
		}
		n, err := store.Network(ctx, tx, sub.Network)
		if err != nil {
			return err
		}
		n.Subnets = slices.DeleteFunc(n.Subnets, func(x string) bool { return x == id })
		others, err := store.SubnetsOf(ctx, tx, n.ID)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(others, func(o neutron.Subnet) bool {
			return o.ID != id && o.Version == sub.Version && o.SubnetPool != ""
		}) {
			n = withScope(n, sub.Version, "")
		}
		if _, err := store.UpdateNetwork(ctx, tx, n, tx.Now()); err != nil {
			return err
		}
		if err := store.DeleteSubnet(ctx, tx, id); err != nil {
			return err
		}
		tx.Network(n.ID)
		return s.Changed.Run(ctx, tx, &sub, nil)
	})
}

// withdraw releases the addresses that ports have on a subnet.
func (s *Subnets) withdraw(ctx context.Context, tx *change.Tx, sub neutron.Subnet) error {
	all, err := store.PortsOfNetwork(ctx, tx, sub.Network)
	if err != nil {
		return err
	}
	for _, was := range all {
		is := was
		on := func(f neutron.FixedIP) bool { return f.Subnet == sub.ID }
		is.FixedIPs = slices.DeleteFunc(slices.Clone(was.FixedIPs), on)
		if len(is.FixedIPs) == len(was.FixedIPs) {
			continue
		}
		for _, f := range was.FixedIPs {
			if f.Subnet != sub.ID {
				continue
			}
			if err := store.FreeAddress(ctx, tx, was.Network, was.ID, f.IP); err != nil {
				return err
			}
		}
		tx.Event("network-changed", was, "")
		if _, err := s.ports.Save(ctx, tx, was, is); err != nil {
			return err
		}
	}
	return nil
}

// subnetOf checks a wanted subnet and fills in the defaults.
func subnetOf(w Wanted) (neutron.Subnet, error) {
	sub := neutron.Subnet{Meta: w.Meta, Name: w.Name, Network: w.Network, Version: w.Version, CIDR: w.CIDR, Pools: w.Pools,
		DHCP: !w.NoDHCP, DNS: w.DNS, Routes: w.Routes, RAMode: w.RAMode, AddrMode: w.AddrMode, SubnetPool: w.Pool}
	if !w.CIDR.IsValid() {
		return sub, neutron.BadInput("a subnet must have a cidr")
	}
	sub.CIDR = w.CIDR.Masked()
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
	if sub.Gateway, err = gateway(w.Gateway, sub.CIDR); err != nil {
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

// gateway returns the gateway of a subnet: the first address unless it is given, none if it is null.
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
