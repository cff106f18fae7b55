package networks

import (
	"context"
	"math/big"
	"net/netip"

	"hypernova/neutron"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
)

// Availability is how many addresses the subnets of a network have, and how many of them ports have.
type Availability struct {
	Network neutron.Network
	Subnets []SubnetAvailability
}

// SubnetAvailability is that of a subnet. Total counts the addresses of its allocation pools, which of an IPv6 subnet
// may be more than 64 bits can count; Used counts all addresses that ports have, also outside the pools, as neutron
// does.
type SubnetAvailability struct {
	Subnet neutron.Subnet
	Total  *big.Int
	Used   int64
}

// Availabilities lists the availability of networks, in the order of their ids. Networks without subnets are included.
func (s *Networks) Availabilities(ctx context.Context, where ...db.Cond) ([]Availability, error) {
	var out []Availability
	err := s.Change.DB.View(ctx, func(tx *db.Tx) error {
		out = nil
		ns, err := store.Networks(ctx, tx, db.ListArgs{Where: where})
		if err != nil || len(ns) == 0 {
			return err
		}
		of := make([]string, len(ns))
		at := make(map[string]int, len(ns))
		for i, n := range ns {
			of[i], at[n.ID] = n.ID, i
			out = append(out, Availability{Network: n})
		}
		subs, err := store.Subnets(ctx, tx, db.ListArgs{Where: []db.Cond{db.InList("network_id", of)}})
		if err != nil {
			return err
		}
		for _, sub := range subs {
			used, err := store.AddressesUsed(ctx, tx, sub.ID)
			if err != nil {
				return err
			}
			total := new(big.Int)
			for _, p := range sub.Pools {
				total.Add(total, span(p.Start, p.End))
			}
			a := &out[at[sub.Network]]
			a.Subnets = append(a.Subnets, SubnetAvailability{sub, total, used})
		}
		return nil
	})
	return out, err
}

// span is the number of addresses from first to last, both included.
func span(first, last netip.Addr) *big.Int {
	from, to := new(big.Int).SetBytes(first.AsSlice()), new(big.Int).SetBytes(last.AsSlice())
	to.Sub(to, from)
	return to.Add(to, big.NewInt(1))
}
