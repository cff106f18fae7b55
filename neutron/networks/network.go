package networks

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/ml2"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// CreateNetworks makes networks, all or none. Without a type a network gets the first one of the configured types that has a segment free; an
// MTU of zero is the largest of its type.
func (s *Service) CreateNetworks(ctx context.Context, wanted []neutron.Network) ([]neutron.Network, error) {
	var out []neutron.Network
	if len(wanted) == 0 {
		return nil, nil
	}
	err := s.changeIn(ctx, wanted[0].Project, func(w *work) error {
		out = nil
		want := map[string]int{}
		for _, n := range wanted {
			want[n.Project]++
		}
		for project, n := range want {
			if err := s.Quotas.Take(ctx, w.Tx, project, map[string]int{quota.Network: n}); err != nil {
				return err
			}
		}
		for _, n := range wanted {
			n.ID, n.Status, n.Subnets = ids.UUID(), neutron.StatusActive, nil
			n.Revision, n.Created = 1, s.now()
			n.Updated = n.Created
			seg, err := s.segment(ctx, w.Tx, ml2.Segment{Type: n.Type, Physical: n.Physical, ID: n.Segment}, n.ID)
			if err != nil {
				return err
			}
			n.Type, n.Physical, n.Segment = seg.Type, seg.Physical, seg.ID
			if n.MTU, err = s.mtu(n.MTU, n.Type); err != nil {
				return err
			}
			if err := store.InsertNetwork(ctx, w.Tx, n); err != nil {
				return err
			}
			out = append(out, n)
		}
		return nil
	})
	return out, err
}

// segment takes the segment that was asked for, or a free one.
func (s *Service) segment(ctx context.Context, tx *db.Tx, want ml2.Segment, network string) (ml2.Segment, error) {
	if want.Type == "" {
		if want.Physical != "" || want.ID != 0 {
			return want, neutron.BadInput("network_type required")
		}
		for _, name := range s.config.ML2.TenantTypes {
			seg, ok, err := s.free(ctx, tx, s.types[name], "", network)
			if err != nil || ok {
				return seg, err
			}
		}
		return want, fault.Unavailablef("Unable to create the network. No tenant network is available for allocation.").Coded("NoNetworkAvailable")
	}
	t, ok := s.types[want.Type]
	if !ok {
		return want, neutron.BadInput("network_type value '%s' not supported", want.Type)
	}
	if err := t.Check(want); err != nil || t.Unsegmented() {
		return want, err
	}
	if want.ID == 0 && want.Type != neutron.TypeFlat {
		seg, ok, err := s.free(ctx, tx, t, want.Physical, network)
		if err == nil && !ok {
			err = fault.Unavailablef("Unable to create the network. No tenant network is available for allocation.").Coded("NoNetworkAvailable")
		}
		return seg, err
	}
	taken, err := store.TakeSegment(ctx, tx, want.Type, want.Physical, want.ID, network)
	if err == nil && !taken {
		err = segmentInUse(want)
	}
	return want, err
}

func segmentInUse(s ml2.Segment) error {
	switch s.Type {
	case neutron.TypeFlat:
		return fault.Conflictf("Unable to create the flat network. Physical network %s is in use.", s.Physical).Coded("FlatNetworkInUse")
	case neutron.TypeVLAN:
		return fault.Conflictf("Unable to create the network. The VLAN %d on physical network %s is in use.", s.ID, s.Physical).Coded("VlanIdInUse")
	}
	return fault.Conflictf("Unable to create the network. The tunnel ID %d is in use.", s.ID).Coded("TunnelIdInUse")
}

// free takes a free segment of a type's ranges, of one physical network if it is named; false if there is none.
func (s *Service) free(ctx context.Context, tx *db.Tx, t ml2.Type, physical, network string) (ml2.Segment, bool, error) {
	seg := ml2.Segment{Type: t.Name(), Physical: physical}
	if t.Unsegmented() {
		return seg, true, nil
	}
	for _, r := range t.Ranges() {
		if physical != "" && r.Physical != physical {
			continue
		}
		id, ok, err := store.TakeFreeSegment(ctx, tx, t.Name(), r.Physical, r.First, r.Last, network)
		if err != nil || ok {
			seg.Physical, seg.ID = r.Physical, id
			return seg, ok, err
		}
	}
	return seg, false, nil
}

func (s *Service) mtu(want int, kind string) (int, error) {
	most := s.types[kind].MTU()
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

// ShowNetwork reads a network.
func (s *Service) ShowNetwork(ctx context.Context, id string) (neutron.Network, error) {
	return store.Network(ctx, s.db, id)
}

// ListNetworks lists networks.
func (s *Service) ListNetworks(ctx context.Context, a db.ListArgs) ([]neutron.Network, error) {
	return store.Networks(ctx, s.db, a)
}

// NetworkPatch is what may change of a network.
type NetworkPatch struct {
	Name, Description         opt.Of[string]
	AdminUp, PortSecurity     opt.Of[bool]
	Shared, External, Default opt.Of[bool]
	MTU                       opt.Of[int]
	Tags                      neutron.TagChange
	IfRevision                opt.Of[int64]
}

// UpdateNetwork changes a network.
func (s *Service) UpdateNetwork(ctx context.Context, id string, p NetworkPatch) (neutron.Network, error) {
	var out neutron.Network
	err := s.change(ctx, func(w *work) error {
		n, err := store.Network(ctx, w.Tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(p.IfRevision, n.Revision); err != nil {
			return err
		}
		if n.Shared && p.Shared.Has() && !p.Shared.Value {
			if err := s.onlyOwner(ctx, w.Tx, n); err != nil {
				return err
			}
		}
		if p.MTU.Has() {
			if n.MTU, err = s.mtu(p.MTU.Value, n.Type); err != nil {
				return err
			}
		}
		if n.Tags, err = p.Tags.Of(n.Tags); err != nil {
			return err
		}
		n.Name, n.Description = p.Name.Or(n.Name), p.Description.Or(n.Description)
		n.AdminUp, n.PortSecurity = p.AdminUp.Or(n.AdminUp), p.PortSecurity.Or(n.PortSecurity)
		n.Shared, n.External, n.Default = p.Shared.Or(n.Shared), p.External.Or(n.External), p.Default.Or(n.Default)
		w.changes.Network(id)
		out, err = store.UpdateNetwork(ctx, w.Tx, n, s.now())
		return err
	})
	return out, err
}

// onlyOwner refuses to stop sharing a network that other projects have ports on.
func (s *Service) onlyOwner(ctx context.Context, tx *db.Tx, n neutron.Network) error {
	ports, err := store.PortsOfNetwork(ctx, tx, n.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(ports, func(p neutron.Port) bool { return p.Project != n.Project && p.DeviceOwner != neutron.OwnerDHCP }) {
		return fault.Conflictf("Unable to reconfigure sharing settings for network %s. Multiple tenants are using it.", n.ID).Coded("InvalidSharedSetting")
	}
	return nil
}

// DeleteNetwork removes a network with its subnets and DHCP's ports; any other port refuses it.
func (s *Service) DeleteNetwork(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return s.change(ctx, func(w *work) error {
		n, err := store.Network(ctx, w.Tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, n.Revision); err != nil {
			return err
		}
		others, err := store.OtherPorts(ctx, w.Tx, id)
		if err != nil {
			return err
		}
		if others > 0 {
			return neutron.NetworkInUse(id)
		}
		ports, err := store.DHCPPorts(ctx, w.Tx, id)
		if err != nil {
			return err
		}
		for _, p := range ports {
			w.changes.Port(p)
			if err := store.DeletePort(ctx, w.Tx, p.ID); err != nil {
				return err
			}
		}
		for _, sub := range n.Subnets {
			if err := store.DeleteSubnet(ctx, w.Tx, sub); err != nil {
				return err
			}
		}
		return store.DeleteNetwork(ctx, w.Tx, id)
	})
}
