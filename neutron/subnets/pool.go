package subnets

import (
	"context"
	"net/netip"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/ipam"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
)

// badRequest refuses what a request for subnets says, in neutron's words.
func badRequest(format string, args ...any) error {
	return fault.Invalidf("Bad subnets request: "+format+".", args...).Coded("BadRequest")
}

// allocate returns the prefix of a wanted subnet of a pool: the wanted one, or a free one of the wanted length. What
// subnets have is read in the same transaction, so two subnets never get the same addresses.
func allocate(ctx context.Context, tx *change.Tx, w Wanted) (netip.Prefix, error) {
	pool, err := store.SubnetPool(ctx, tx, w.Pool)
	if err != nil {
		return w.CIDR, err
	}
	if w.Version != pool.Version {
		return w.CIDR, badRequest("Cannot allocate IPv%d subnet from IPv%d subnet pool", w.Version, pool.Version)
	}
	bits := w.Bits.Or(pool.DefaultBits)
	if w.CIDR.IsValid() {
		bits = w.CIDR.Bits()
	}
	switch {
	case bits > pool.MaxBits:
		return w.CIDR, fault.Invalidf("Unable to allocate subnet with prefix length %d, maximum allowed prefix is %d.", bits,
			pool.MaxBits).Coded("MaxPrefixSubnetAllocationError")
	case bits < pool.MinBits:
		return w.CIDR, fault.Invalidf("Unable to allocate subnet with prefix length %d, minimum allowed prefix is %d.", bits,
			pool.MinBits).Coded("MinPrefixSubnetAllocationError")
	}
	have, err := store.SubnetsOfPool(ctx, tx, pool.ID)
	if err != nil {
		return w.CIDR, err
	}
	var taken []netip.Prefix
	used := 0.0
	for _, s := range have {
		taken = append(taken, s.CIDR)
		if s.Project == w.Project {
			used += units(s.CIDR.Bits(), pool.Version)
		}
	}
	if pool.Quota != nil && *pool.Quota > 0 && used+units(bits, pool.Version) > float64(*pool.Quota) {
		return w.CIDR, fault.Conflictf("Per-project subnet pool prefix quota exceeded.").Coded("SubnetPoolQuotaExceeded")
	}
	if !w.CIDR.IsValid() {
		free, ok := ipam.FreePrefix(pool.Prefixes, taken, bits)
		if !ok {
			return free, noPrefix("Insufficient prefix space to allocate subnet size /%d", bits)
		}
		return free, nil
	}
	if !ipam.Cover(ipam.Without(pool.Prefixes, taken), []netip.Prefix{w.CIDR.Masked()}) {
		return w.CIDR, noPrefix("Cannot allocate requested subnet from the available set of prefixes")
	}
	return w.CIDR.Masked(), nil
}

// noPrefix is the fault for a pool that cannot give what is wanted. Neutron answers it with 500.
func noPrefix(format string, args ...any) error {
	return fault.Conflictf("Failed to allocate subnet: "+format+".", args...).Coded("SubnetAllocationError")
}

// units is what a prefix counts of a pool's quota: addresses of IPv4, /64s of IPv6.
func units(bits, version int) float64 {
	unit := 32
	if version == 6 {
		unit = 64
	}
	if bits > unit {
		return 1 / float64(uint64(1)<<min(63, bits-unit))
	}
	return float64(uint64(1) << min(63, unit-bits))
}

// checkPool checks a new subnet against the others of its network: those of one IP version are of one pool, or of pools
// of one address scope. It returns the scope.
func checkPool(ctx context.Context, tx *change.Tx, n neutron.Network, others []neutron.Subnet,
	sub neutron.Subnet) (string, error) {
	have := scopeOf(n, sub.Version)
	scope := ""
	if sub.SubnetPool != "" {
		pool, err := store.SubnetPool(ctx, tx, sub.SubnetPool)
		if err != nil {
			return "", err
		}
		if scope = pool.Scope; have != "" && scope != have {
			return "", neutron.ScopeAffinity()
		}
	}
	for _, o := range others {
		if o.Version != sub.Version {
			continue
		}
		if sub.SubnetPool == "" && o.SubnetPool != "" || sub.SubnetPool != "" && o.SubnetPool != sub.SubnetPool &&
			have == "" {
			return "", fault.Invalidf("Subnets hosted on the same network must be allocated from the same subnet pool.").
				Coded("NetworkSubnetPoolAffinityError")
		}
	}
	return scope, nil
}

// scopeOf is the address scope of a network's subnets of an IP version.
func scopeOf(n neutron.Network, version int) string {
	if version == 6 {
		return n.Scope6
	}
	return n.Scope4
}

// withScope is the network with the address scope of an IP version set.
func withScope(n neutron.Network, version int, scope string) neutron.Network {
	if version == 6 {
		n.Scope6 = scope
	} else {
		n.Scope4 = scope
	}
	return n
}
