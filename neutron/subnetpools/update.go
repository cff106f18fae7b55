package subnetpools

import (
	"context"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/ipam"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Patch is a change of a subnet pool. Attributes that are not set stay.
type Patch struct {
	Name, Description             opt.Of[string]
	Default                       opt.Of[bool]
	Prefixes                      opt.Of[[]netip.Prefix] // all of them: none may go
	DefaultBits, MinBits, MaxBits opt.Of[int]
	Quota                         opt.Of[int64]
	Scope                         opt.Of[string] // null: none
	Tags                          neutron.TagChange
	IfRevision                    opt.Of[int64]
}

// Update changes a subnet pool. Faults: SubnetPoolNotFound, RevisionNumberConstraintFailed,
// IllegalSubnetPoolPrefixUpdate, IllegalSubnetPoolUpdate, and those of Create.
func (s *Pools) Update(ctx context.Context, by Who, id string, p Patch) (neutron.SubnetPool, error) {
	var out neutron.SubnetPool
	err := s.change.Do(ctx, func(tx *change.Tx) error {
		was, err := store.SubnetPool(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(p.IfRevision, was.Revision); err != nil {
			return err
		}
		if p.Prefixes.Set && !ipam.Cover(p.Prefixes.Or(nil), was.Prefixes) {
			return fault.Invalidf("Illegal update to prefixes: Existing prefixes must be a subset of the new prefixes.").
				Coded("IllegalSubnetPoolPrefixUpdate")
		}
		out, err = s.save(ctx, tx, by, was, p)
		return err
	})
	return out, err
}

// save applies a change to a pool that was read in the same transaction.
func (s *Pools) save(ctx context.Context, tx *change.Tx, by Who, was neutron.SubnetPool,
	p Patch) (neutron.SubnetPool, error) {
	is := was
	if p.Prefixes.Set {
		if err := sameFamily(append(slices.Clone(was.Prefixes), p.Prefixes.Or(nil)...)); err != nil {
			return was, err
		}
		is.Prefixes = ipam.Compact(p.Prefixes.Or(nil))
	}
	is.Name, is.Description, is.Default = p.Name.Or(is.Name), p.Description.Or(is.Description), p.Default.Or(is.Default)
	is.DefaultBits, is.MinBits, is.MaxBits = p.DefaultBits.Or(is.DefaultBits), p.MinBits.Or(is.MinBits),
		p.MaxBits.Or(is.MaxBits)
	if p.Quota.Has() {
		is.Quota = &p.Quota.Value
	}
	if p.Scope.Set {
		is.Scope = p.Scope.Or("")
	}
	var err error
	if is.Tags, err = p.Tags.Of(is.Tags); err != nil {
		return was, err
	}
	if err := checkBounds(is); err != nil {
		return was, err
	}
	if is.Default && !was.Default {
		if err := onlyDefault(ctx, tx, is.Version); err != nil {
			return was, err
		}
	}
	if was.Scope != "" && p.Tags == nil {
		if err := ownScope(ctx, tx, by, was); err != nil {
			return was, err
		}
	}
	if p.Scope.Set || p.Prefixes.Set {
		if err := checkScope(ctx, tx, by, is); err != nil {
			return was, err
		}
	}
	out, err := store.UpdateSubnetPool(ctx, tx, is, tx.Now())
	if err != nil || is.Scope == was.Scope {
		return out, err
	}
	subs, err := store.SubnetsOfPool(ctx, tx, is.ID)
	if err != nil {
		return out, err
	}
	return out, rescope(ctx, tx, subs, is)
}

// rescope writes a pool's address scope to the networks of its subnets.
func rescope(ctx context.Context, tx *change.Tx, subs []neutron.Subnet, p neutron.SubnetPool) error {
	for network := range networksOf(subs) {
		if err := store.SetNetworkScope(ctx, tx, network, p.Version, p.Scope); err != nil {
			return err
		}
	}
	return nil
}

// ownScope refuses a change of a pool in a shared address scope of another project.
func ownScope(ctx context.Context, tx *change.Tx, by Who, p neutron.SubnetPool) error {
	scope, err := store.AddressScope(ctx, tx, p.Scope)
	if err == nil && !by.All && scope.Project != by.Project {
		err = fault.Invalidf("Illegal subnetpool update : subnetpool %s cannot be updated when associated with shared "+
			"address scope %s.", p.ID, p.Scope).Coded("IllegalSubnetPoolUpdate")
	}
	return err
}

// AddPrefixes adds prefixes to a pool. It changes nothing for those that the pool has.
func (s *Pools) AddPrefixes(ctx context.Context, by Who, id string, ps []netip.Prefix) (neutron.SubnetPool, error) {
	return s.prefixes(ctx, by, id, func(_ *change.Tx, p neutron.SubnetPool) ([]netip.Prefix, error) {
		return append(slices.Clone(p.Prefixes), ps...), nil
	})
}

// RemovePrefixes takes prefixes from a pool of which no subnet has an address, else fault
// IllegalSubnetPoolPrefixUpdate.
func (s *Pools) RemovePrefixes(ctx context.Context, by Who, id string, ps []netip.Prefix) (neutron.SubnetPool, error) {
	return s.prefixes(ctx, by, id, func(tx *change.Tx, p neutron.SubnetPool) ([]netip.Prefix, error) {
		if !ipam.Overlap(p.Prefixes, ps) {
			return p.Prefixes, nil
		}
		subs, err := store.SubnetsOfPool(ctx, tx, p.ID)
		if err != nil {
			return nil, err
		}
		if ipam.Overlap(blocks(subs), ps) {
			return nil, fault.Invalidf("Illegal update to prefixes: One or more the prefixes to be removed is in use by a " +
				"subnet..").Coded("IllegalSubnetPoolPrefixUpdate")
		}
		left := ipam.Without(p.Prefixes, ps)
		if len(left) == 0 {
			return nil, fault.Invalidf("Empty subnet pool prefix list.").Coded("EmptySubnetPoolPrefixList")
		}
		return left, nil
	})
}

// prefixes writes the prefixes that next makes of those of a pool.
func (s *Pools) prefixes(ctx context.Context, by Who, id string,
	next func(*change.Tx, neutron.SubnetPool) ([]netip.Prefix, error)) (neutron.SubnetPool, error) {
	var out neutron.SubnetPool
	err := s.change.Do(ctx, func(tx *change.Tx) error {
		was, err := store.SubnetPool(ctx, tx, id)
		if err != nil {
			return err
		}
		ps, err := next(tx, was)
		if err != nil {
			return err
		}
		if slices.Equal(ps, was.Prefixes) {
			out = was
			return nil
		}
		out, err = s.save(ctx, tx, by, was, Patch{Prefixes: opt.Some(ps)})
		return err
	})
	return out, err
}

// blocks are the prefixes of subnets.
func blocks(subs []neutron.Subnet) []netip.Prefix {
	out := make([]netip.Prefix, len(subs))
	for i, s := range subs {
		out[i] = s.CIDR
	}
	return out
}

// Onboard makes a network's subnets of the pool's IP version subnets of the pool, and adds their prefixes to it. The
// fault for an address that a subnet of the pool has is IllegalSubnetPoolUpdate.
func (s *Pools) Onboard(ctx context.Context, by Who, id, network string) ([]neutron.Subnet, error) {
	var out []neutron.Subnet
	err := s.change.Do(ctx, func(tx *change.Tx) error {
		out = nil
		pool, err := store.SubnetPool(ctx, tx, id)
		if err != nil {
			return err
		}
		all, err := store.SubnetsOf(ctx, tx, network)
		if err != nil {
			return err
		}
		have, err := store.SubnetsOfPool(ctx, tx, id)
		if err != nil {
			return err
		}
		ps := slices.Clone(pool.Prefixes)
		for _, sub := range all {
			if sub.Version != pool.Version {
				continue
			}
			if ipam.Overlap(blocks(have), []netip.Prefix{sub.CIDR}) {
				return fault.Invalidf("Illegal subnetpool update : Onboarding subnet %s: %s conflicts with allocated prefixes "+
					"in subnet pool %s.", sub.ID, sub.CIDR, id).Coded("IllegalSubnetPoolUpdate")
			}
			ps = append(ps, sub.CIDR)
			out = append(out, sub)
		}
		if len(out) == 0 {
			return nil
		}
		for _, sub := range out {
			if err := store.MoveSubnet(ctx, tx, sub.ID, id); err != nil {
				return err
			}
		}
		if pool, err = s.save(ctx, tx, by, pool, Patch{Prefixes: opt.Some(ps)}); err != nil {
			return err
		}
		return rescope(ctx, tx, out, pool)
	})
	return out, err
}
