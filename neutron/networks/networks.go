// Package networks implements the operations on networks. Callers check the policy first; see neutron/api.
package networks

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/ml2"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// Deps are what the operations use.
type Deps struct {
	Change *change.Writer
	Quotas *quota.Quotas
	Types  []ml2.Type
	Tenant []string // the names of the types that networks without a wanted type get, in order of preference
}

// Networks are the operations.
type Networks struct {
	Deps
	types map[string]ml2.Type
	// Changed are called after a network was written or deleted.
	Changed change.Hooks[neutron.Network]
	// Deleting are called before a network is looked at for ports that keep it from being deleted.
	Deleting change.Hooks[neutron.Network]
}

// New makes them.
func New(d Deps) *Networks {
	n := &Networks{Deps: d, types: map[string]ml2.Type{}}
	for _, t := range d.Types {
		n.types[t.Name()] = t
	}
	return n
}

// Create makes networks, all or none. A network without a type gets the first tenant type that has a free segment.
// An MTU of zero means the largest MTU of the type.
func (n *Networks) Create(ctx context.Context, wanted []neutron.Network) ([]neutron.Network, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	var out []neutron.Network
	err := n.Change.DoIn(ctx, wanted[0].Project, func(tx *change.Tx) error {
		out = nil
		err := quota.TakeFor(ctx, tx, n.Quotas, quota.Network, wanted, func(w neutron.Network) string { return w.Project })
		if err != nil {
			return err
		}
		for _, made := range wanted {
			made.ID, made.Status, made.Subnets = ids.UUID(), neutron.StatusActive, nil
			made.Meta = tx.Stamp(made.Meta, 1)
			seg, err := n.segment(ctx, tx, ml2.Segment{Type: made.Type, Physical: made.Physical, ID: made.Segment}, made.ID)
			if err != nil {
				return err
			}
			made.Type, made.Physical, made.Segment = seg.Type, seg.Physical, seg.ID
			if made.MTU, err = n.mtu(made.MTU, made.Type); err != nil {
				return err
			}
			if err := store.InsertNetwork(ctx, tx, made); err != nil {
				return err
			}
			if err := n.Changed.Run(ctx, tx, nil, &made); err != nil {
				return err
			}
			out = append(out, made)
		}
		return nil
	})
	return out, err
}

// Show reads a network; fault NetworkNotFound.
func (n *Networks) Show(ctx context.Context, id string) (neutron.Network, error) {
	return store.Network(ctx, n.Change.DB, id)
}

// List lists networks.
func (n *Networks) List(ctx context.Context, a db.ListArgs) ([]neutron.Network, error) {
	return store.Networks(ctx, n.Change.DB, a)
}

// Patch is a change of a network. Attributes that are not set stay.
type Patch struct {
	Name, Description         opt.Of[string]
	AdminUp, PortSecurity     opt.Of[bool]
	Shared, External, Default opt.Of[bool]
	MTU                       opt.Of[int]
	Tags                      neutron.TagChange
	IfRevision                opt.Of[int64]
}

// Update changes a network. Faults: NetworkNotFound, RevisionNumberConstraintFailed, InvalidSharedSetting,
// InvalidInput.
func (n *Networks) Update(ctx context.Context, id string, p Patch) (neutron.Network, error) {
	var out neutron.Network
	err := n.Change.Do(ctx, func(tx *change.Tx) error {
		was, err := store.Network(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(p.IfRevision, was.Revision); err != nil {
			return err
		}
		if was.Shared && p.Shared.Has() && !p.Shared.Value {
			if err := onlyOwner(ctx, tx, was); err != nil {
				return err
			}
		}
		is := was
		if p.MTU.Has() {
			if is.MTU, err = n.mtu(p.MTU.Value, is.Type); err != nil {
				return err
			}
		}
		if is.Tags, err = p.Tags.Of(is.Tags); err != nil {
			return err
		}
		is.Name, is.Description = p.Name.Or(is.Name), p.Description.Or(is.Description)
		is.AdminUp, is.PortSecurity = p.AdminUp.Or(is.AdminUp), p.PortSecurity.Or(is.PortSecurity)
		is.Shared, is.External, is.Default = p.Shared.Or(is.Shared), p.External.Or(is.External), p.Default.Or(is.Default)
		tx.Network(id)
		if out, err = store.UpdateNetwork(ctx, tx, is, tx.Now()); err != nil {
			return err
		}
		return n.Changed.Run(ctx, tx, &was, &out)
	})
	return out, err
}

// onlyOwner returns an error for a network on which other projects have ports: it cannot stop being shared.
func onlyOwner(ctx context.Context, on db.Querier, n neutron.Network) error {
	ports, err := store.PortsOfNetwork(ctx, on, n.ID)
	if err != nil {
		return err
	}
	foreign := func(p neutron.Port) bool {
		return p.Project != n.Project && p.Project != "" && p.DeviceOwner != neutron.OwnerDHCP
	}
	if slices.ContainsFunc(ports, foreign) {
		return fault.Conflictf("Unable to reconfigure sharing settings for network %s. Multiple tenants are using it.", n.ID).
			Coded("InvalidSharedSetting")
	}
	return nil
}

// Delete deletes a network with its subnets and DHCP ports. Faults: NetworkNotFound, RevisionNumberConstraintFailed,
// and NetworkInUse if it has other ports.
func (n *Networks) Delete(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return n.Change.Do(ctx, func(tx *change.Tx) error {
		was, err := store.Network(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, was.Revision); err != nil {
			return err
		}
		if err := n.Deleting.Run(ctx, tx, &was, nil); err != nil {
			return err
		}
		others, err := store.OtherPorts(ctx, tx, id)
		if err != nil {
			return err
		}
		if others > 0 {
			return neutron.NetworkInUse(id)
		}
		ports, err := store.DHCPPorts(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, p := range ports {
			tx.Port(p)
			if err := store.DeletePort(ctx, tx, p.ID); err != nil {
				return err
			}
		}
		for _, sub := range was.Subnets {
			if err := store.DeleteSubnet(ctx, tx, sub); err != nil {
				return err
			}
		}
		if err := store.DeleteNetwork(ctx, tx, id); err != nil {
			return err
		}
		return n.Changed.Run(ctx, tx, &was, nil)
	})
}
