// Package ports implements the operations on ports. Callers check the policy first; see neutron/api.
package ports

import (
	"cmp"
	"context"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/binding"
	"hypernova/neutron/change"
	"hypernova/neutron/dhcp"
	"hypernova/neutron/quota"
	"hypernova/neutron/secgroups"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// Deps are what the operations use.
type Deps struct {
	Change  *change.Writer
	Quotas  *quota.Quotas
	Groups  *secgroups.Groups
	Binder  *binding.Binder
	DHCP    *dhcp.DHCP
	Rights  Rights // nil: nobody sees another one's port
	BaseMAC string // MAC addresses are generated below it
}

// Ports are the operations.
type Ports struct {
	Deps
	// Changed are called after a port was written or deleted, except the DHCP ports that package dhcp keeps.
	Changed change.Hooks[neutron.Port]
	// Deleting are called before a port is deleted because a client asks for it, and may refuse that.
	Deleting change.Hooks[neutron.Port]
	// Changing are called before a client's change of a port is written, and may refuse it.
	Changing change.Hooks[neutron.Port]
}

// New makes them.
func New(d Deps) *Ports {
	if d.Rights == nil {
		d.Rights = NoRights{}
	}
	return &Ports{Deps: d}
}

// Wanted asks for a port. Unset attributes get defaults.
type Wanted struct {
	neutron.Meta
	Name, Network         string
	MAC                   string // empty: made
	FixedIPs              opt.Of[[]addresses.Wanted]
	AdminDown             bool
	DeviceID, DeviceOwner string
	PortSecurity          opt.Of[bool] // not set: the network's
	SecurityGroups        opt.Of[[]string]
	AddressPairs          []neutron.AddressPair
	Host, VNICType        string
	Profile               string
	Made                  bool // by compute, which deletes it with the server
	Tag, DNSName          string
	Status                string // empty: DOWN until the port is wired
}

// Create makes ports, all or none. A port with a host is bound to it; if no driver can, its vif_type is
// binding_failed.
func (p *Ports) Create(ctx context.Context, wanted []Wanted) ([]neutron.Port, error) {
	var out []neutron.Port
	if len(wanted) == 0 {
		return nil, nil
	}
	err := p.Change.DoIn(ctx, wanted[0].Project, func(tx *change.Tx) error {
		var err error
		out, err = p.Insert(ctx, tx, wanted, false)
		return err
	})
	return out, err
}

// Insert makes ports in the caller's transaction. With mustBind a port that cannot be bound is the fault
// PortBindingFailed.
func (p *Ports) Insert(ctx context.Context, tx *change.Tx, wanted []Wanted, mustBind bool) ([]neutron.Port, error) {
	err := quota.TakeFor(ctx, tx, p.Quotas, quota.Port, wanted, func(w Wanted) string { return w.Project })
	if err != nil {
		return nil, err
	}
	return p.Place(ctx, tx, wanted, mustBind)
}

// Place is Insert for ports that networking itself needs: no quota stops it.
func (p *Ports) Place(ctx context.Context, tx *change.Tx, wanted []Wanted, mustBind bool) ([]neutron.Port, error) {
	sites := addresses.Sites{}
	var out []neutron.Port
	for _, w := range wanted {
		site, err := sites.Of(ctx, tx, w.Network)
		if err != nil {
			return nil, err
		}
		made, err := p.newPort(ctx, tx, site, w)
		if err != nil {
			return nil, err
		}
		if made.Host != "" {
			why, err := p.Binder.Bind(ctx, tx, site.Network, &made)
			if err != nil {
				return nil, err
			}
			if why != "" && mustBind {
				return nil, neutron.BindingFailed(made, why)
			}
		}
		// A microsecond apart, so that the order by creation time is the order of the request.
		made.Created = made.Created.Add(time.Duration(len(out)) * time.Microsecond)
		out = append(out, made)
	}
	if err := store.InsertPorts(ctx, tx, out); err != nil {
		return nil, err
	}
	for i := range out {
		tx.Port(out[i])
		if err := p.Changed.Run(ctx, tx, nil, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// newPort fills in everything of a port but its binding, and allocates its addresses.
func (p *Ports) newPort(ctx context.Context, tx *change.Tx, site *addresses.Site, w Wanted) (neutron.Port, error) {
	out := neutron.Port{Meta: tx.Stamp(w.Meta, 1), ID: ids.UUID(), Name: w.Name, Network: w.Network, AdminUp: !w.AdminDown,
		Status: cmp.Or(w.Status, neutron.StatusDown), DeviceID: w.DeviceID, DeviceOwner: w.DeviceOwner,
		AddressPairs: w.AddressPairs, Host: w.Host,
		PortSecurity: w.PortSecurity.Or(site.Network.PortSecurity), VNICType: w.VNICType, VIFType: neutron.VIFUnbound,
		Profile: w.Profile, Made: w.Made, Tag: w.Tag, DNSName: w.DNSName, NetworkProject: site.Network.Project}
	if out.VNICType == "" {
		out.VNICType = "normal"
	}
	var err error
	if out.MAC, err = site.MAC(ctx, tx, p.BaseMAC, w.MAC); err != nil {
		return out, err
	}
	if neutron.OwnPort(out.DeviceOwner) {
		out.PortSecurity = false
	}
	if out.Host != "" && out.DeviceOwner != neutron.OwnerDHCP && !neutron.RoutedPort(out.DeviceOwner) {
		// DHCP's address is allocated before the guest's; otherwise a guest with the last free one would have no DHCP.
		if err := p.DHCP.Ensure(ctx, tx, site, out.Host); err != nil {
			return out, err
		}
	}
	if out.FixedIPs, err = site.Take(ctx, tx, &out, w.FixedIPs.Value, w.FixedIPs.Has()); err != nil {
		return out, err
	}
	if err := p.groupsOf(ctx, tx, &out, w.SecurityGroups); err != nil {
		return out, err
	}
	out.AddressPairs, err = pairs(out)
	return out, err
}

// Show reads a port; fault PortNotFound.
func (p *Ports) Show(ctx context.Context, id string) (neutron.Port, error) {
	return store.Port(ctx, p.Change.DB, id)
}

// List lists ports. A viewer that is not empty is a project: only its own ports and those of its networks are
// listed.
func (p *Ports) List(ctx context.Context, a db.ListArgs, viewer string) ([]neutron.Port, error) {
	return store.Ports(ctx, p.Change.DB, a, viewer)
}

// Delete deletes a port and notifies nova if a server has it. Faults: PortNotFound, RevisionNumberConstraintFailed.
func (p *Ports) Delete(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return p.Change.Do(ctx, func(tx *change.Tx) error {
		was, err := store.Port(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, was.Revision); err != nil {
			return err
		}
		if err := p.Deleting.Run(ctx, tx, &was, nil); err != nil {
			return err
		}
		tx.Event("network-vif-deleted", was, "")
		return p.Remove(ctx, tx, was)
	})
}

// Remove deletes a port in the caller's transaction, without notifying nova.
func (p *Ports) Remove(ctx context.Context, tx *change.Tx, was neutron.Port) error {
	tx.Port(was)
	if err := store.DeletePort(ctx, tx, was.ID); err != nil {
		return err
	}
	return p.Changed.Run(ctx, tx, &was, nil)
}

// Save writes a changed port in the caller's transaction and returns it with its new revision.
func (p *Ports) Save(ctx context.Context, tx *change.Tx, was, is neutron.Port) (neutron.Port, error) {
	tx.Port(was)
	tx.Port(is)
	is, err := store.UpdatePort(ctx, tx, is, tx.Now())
	if err != nil {
		return is, err
	}
	return is, p.Changed.Run(ctx, tx, &was, &is)
}
