// Package subnetpools implements the operations on subnet pools. Subnets take their prefixes in neutron/subnets.
// Callers check the policy first; see neutron/api.
package subnetpools

import (
	"context"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/ipam"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// Pools are the operations.
type Pools struct {
	change *change.Writer
	quotas *quota.Quotas
}

// New makes them.
func New(w *change.Writer, q *quota.Quotas) *Pools { return &Pools{w, q} }

// Who is the project that asks. All: it is an administrator, who may use the address scopes of all projects.
type Who struct {
	Project string
	All     bool
}

// uses reports whether the caller may use an address scope.
func (w Who) uses(s neutron.AddressScope) bool { return w.All || s.Shared || s.Project == w.Project }

// Wanted asks for a subnet pool. Lengths of zero get defaults: 8 (IPv6: 64) at least, the whole address at most, and
// the least one as default.
type Wanted struct {
	neutron.Meta
	Name                          string
	Shared, Default               bool
	Prefixes                      []netip.Prefix
	DefaultBits, MinBits, MaxBits opt.Of[int]
	Quota                         *int64
	Scope                         string
}

// Create makes subnet pools, all or none. Faults: EmptySubnetPoolPrefixList, PrefixVersionMismatch,
// IllegalSubnetPoolPrefixBounds, InvalidInput for a second default pool, and those of the address scope.
func (s *Pools) Create(ctx context.Context, by Who, wanted []Wanted) ([]neutron.SubnetPool, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	var out []neutron.SubnetPool
	err := s.change.DoIn(ctx, wanted[0].Project, func(tx *change.Tx) error {
		out = nil
		err := quota.TakeFor(ctx, tx, s.quotas, quota.SubnetPool, wanted, func(w Wanted) string { return w.Project })
		if err != nil {
			return err
		}
		for _, w := range wanted {
			made, err := poolOf(w)
			if err != nil {
				return err
			}
			made.ID, made.Meta = ids.UUID(), tx.Stamp(w.Meta, 0)
			if made.Default {
				if err := onlyDefault(ctx, tx, made.Version); err != nil {
					return err
				}
			}
			if err := checkScope(ctx, tx, by, made); err != nil {
				return err
			}
			if err := store.InsertSubnetPool(ctx, tx, made); err != nil {
				return err
			}
			out = append(out, made)
		}
		return nil
	})
	return out, err
}

// poolOf checks a wanted pool and fills in the defaults.
func poolOf(w Wanted) (neutron.SubnetPool, error) {
	p := neutron.SubnetPool{Name: w.Name, Shared: w.Shared, Default: w.Default, Quota: w.Quota, Scope: w.Scope}
	if len(w.Prefixes) == 0 {
		return p, fault.Invalidf("Empty subnet pool prefix list.").Coded("EmptySubnetPoolPrefixList")
	}
	if err := sameFamily(w.Prefixes); err != nil {
		return p, err
	}
	p.Prefixes = ipam.Compact(w.Prefixes)
	p.Version = 4
	least, most := 8, 32
	if w.Prefixes[0].Addr().Is6() {
		p.Version, least, most = 6, 64, 128
	}
	p.MinBits, p.MaxBits = w.MinBits.Or(least), w.MaxBits.Or(most)
	p.DefaultBits = w.DefaultBits.Or(p.MinBits)
	return p, checkBounds(p)
}

func sameFamily(ps []netip.Prefix) error {
	if slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Addr().Is4() != ps[0].Addr().Is4() }) {
		return fault.Invalidf("Cannot mix IPv4 and IPv6 prefixes in a subnet pool.").Coded("PrefixVersionMismatch")
	}
	return nil
}

// checkBounds checks the prefix lengths of a pool against each other and its IP version.
func checkBounds(p neutron.SubnetPool) error {
	most := 32
	if p.Version == 6 {
		most = 128
	}
	for _, b := range []struct {
		wrong       bool
		name, other string
		bits, bound int
	}{
		{p.MinBits > p.MaxBits, "min_prefixlen", "max_prefixlen", p.MinBits, p.MaxBits},
		{p.MaxBits > most, "max_prefixlen", "ip_version_max", p.MaxBits, most},
		{p.DefaultBits < p.MinBits, "default_prefixlen", "min_prefixlen", p.DefaultBits, p.MinBits},
		{p.DefaultBits > p.MaxBits, "default_prefixlen", "max_prefixlen", p.DefaultBits, p.MaxBits},
	} {
		if b.wrong {
			return fault.Invalidf("Illegal prefix bounds: %s=%d, %s=%d.", b.name, b.bits, b.other, b.bound).
				Coded("IllegalSubnetPoolPrefixBounds")
		}
	}
	return nil
}

// onlyDefault refuses a second default pool of an IP version.
func onlyDefault(ctx context.Context, tx *change.Tx, version int) error {
	have, err := store.DefaultSubnetPools(ctx, tx, version)
	if err == nil && len(have) > 0 {
		err = neutron.BadInput("A default subnetpool for this IP family has already been set. Only one default may exist " +
			"per IP family")
	}
	return err
}

// checkScope checks that a pool may be in its address scope: the caller may use it, the IP versions are the same, no
// other pool of it has an address of this one, and no network would have subnets in two scopes.
func checkScope(ctx context.Context, tx *change.Tx, by Who, p neutron.SubnetPool) error {
	if p.Scope == "" {
		return nil
	}
	scope, err := store.AddressScope(ctx, tx, p.Scope)
	if err != nil {
		return err
	}
	if !by.uses(scope) {
		return neutron.Missing("AddressScope", p.Scope)
	}
	if scope.Version != p.Version {
		return fault.Invalidf("Illegal subnetpool association: subnetpool %s cannot associate with address scope %s because "+
			"subnetpool ip_version is not %d.", p.ID, p.Scope, scope.Version).
			Coded("IllegalSubnetPoolIpVersionAssociationToAddressScope")
	}
	if err := wholeNetworks(ctx, tx, p); err != nil {
		return err
	}
	others, err := store.SubnetPoolsOfScope(ctx, tx, p.Scope)
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.ID != p.ID && ipam.Overlap(o.Prefixes, p.Prefixes) {
			return fault.Conflictf("Failed to associate address scope: subnetpools within an address scope must have " +
				"unique prefixes.").Coded("AddressScopePrefixConflict")
		}
	}
	return nil
}

// wholeNetworks refuses a change of a pool's address scope where a network has further subnets of the IP version.
func wholeNetworks(ctx context.Context, tx *change.Tx, p neutron.SubnetPool) error {
	subs, err := store.SubnetsOfPool(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	for network := range networksOf(subs) {
		all, err := store.SubnetsOf(ctx, tx, network)
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.Version == p.Version && s.SubnetPool != p.ID {
				return neutron.ScopeAffinity()
			}
		}
	}
	return nil
}

// networksOf are the networks of subnets.
func networksOf(subs []neutron.Subnet) map[string]bool {
	out := map[string]bool{}
	for _, s := range subs {
		out[s.Network] = true
	}
	return out
}

// Show reads a subnet pool; fault SubnetPoolNotFound.
func (s *Pools) Show(ctx context.Context, id string) (neutron.SubnetPool, error) {
	return store.SubnetPool(ctx, s.change.DB, id)
}

// List lists subnet pools.
func (s *Pools) List(ctx context.Context, a db.ListArgs) ([]neutron.SubnetPool, error) {
	return store.SubnetPools(ctx, s.change.DB, a)
}

// Delete deletes a pool of which there are no subnets. Faults: SubnetPoolNotFound, SubnetPoolDeleteError,
// RevisionNumberConstraintFailed.
func (s *Pools) Delete(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return s.change.Do(ctx, func(tx *change.Tx) error {
		p, err := store.SubnetPool(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, p.Revision); err != nil {
			return err
		}
		subs, err := store.SubnetsOfPool(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(subs) > 0 {
			return fault.Invalidf("Unable to delete subnet pool: Subnet pool has existing allocations.").
				Coded("SubnetPoolDeleteError")
		}
		return store.DeleteSubnetPool(ctx, tx, id)
	})
}
