package networks

import (
	"context"

	"hypernova/neutron"
	"hypernova/neutron/ml2"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// segment reserves the wanted segment for a network, or a free one of the wanted type.
func (n *Networks) segment(ctx context.Context, on db.Querier, want ml2.Segment, network string) (ml2.Segment, error) {
	if want.Type == "" {
		if want.Physical != "" || want.ID != 0 {
			return want, neutron.BadInput("network_type required")
		}
		for _, name := range n.Tenant {
			seg, ok, err := n.free(ctx, on, n.types[name], "", network)
			if err != nil || ok {
				return seg, err
			}
		}
		return want, noNetwork()
	}
	t, ok := n.types[want.Type]
	if !ok {
		return want, neutron.BadInput("network_type value '%s' not supported", want.Type)
	}
	if err := t.Check(want); err != nil || t.Unsegmented() {
		return want, err
	}
	if want.ID == 0 && want.Type != neutron.TypeFlat {
		seg, ok, err := n.free(ctx, on, t, want.Physical, network)
		if err == nil && !ok {
			err = noNetwork()
		}
		return seg, err
	}
	taken, err := store.TakeSegment(ctx, on, want.Type, want.Physical, want.ID, network)
	if err == nil && !taken {
		err = segmentInUse(want)
	}
	return want, err
}

func noNetwork() error {
	return fault.Unavailablef("Unable to create the network. No tenant network is available for allocation.").
		Coded("NoNetworkAvailable")
}

func segmentInUse(s ml2.Segment) error {
	switch s.Type {
	case neutron.TypeFlat:
		return fault.Conflictf("Unable to create the flat network. Physical network %s is in use.", s.Physical).
			Coded("FlatNetworkInUse")
	case neutron.TypeVLAN:
		return fault.Conflictf("Unable to create the network. The VLAN %d on physical network %s is in use.",
			s.ID, s.Physical).Coded("VlanIdInUse")
	}
	return fault.Conflictf("Unable to create the network. The tunnel ID %d is in use.", s.ID).Coded("TunnelIdInUse")
}

// free reserves a free segment of a type's ranges, of one physical network if it is named; false if there is none.
func (n *Networks) free(ctx context.Context, on db.Querier, t ml2.Type,
	physical, network string) (ml2.Segment, bool, error) {
	seg := ml2.Segment{Type: t.Name(), Physical: physical}
	if t.Unsegmented() {
		return seg, true, nil
	}
	for _, r := range t.Ranges() {
		if physical != "" && r.Physical != physical {
			continue
		}
		id, ok, err := store.TakeFreeSegment(ctx, on, t.Name(), r.Physical, r.First, r.Last, network)
		if err != nil || ok {
			seg.Physical, seg.ID = r.Physical, id
			return seg, ok, err
		}
	}
	return seg, false, nil
}

// mtu checks a wanted MTU; zero becomes the largest of the type.
func (n *Networks) mtu(want int, kind string) (int, error) {
	most := n.types[kind].MTU()
	switch {
	case want == 0:
		return most, nil
	case want < 68:
		return 0, neutron.BadInput("MTU %d is too small, minimum is 68", want)
	case most > 0 && want > most:
		return 0, neutron.BadInput("Requested MTU is too big, maximum is %d", most)
	}
	return want, nil
}
