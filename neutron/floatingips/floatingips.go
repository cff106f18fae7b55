// Package floatingips implements the operations on floating IPs. Callers check the policy first; see neutron/api.
package floatingips

import (
	"context"
	"net/netip"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/change"
	"hypernova/neutron/ports"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// FloatingIPs are the operations.
type FloatingIPs struct {
	writer *change.Writer
	quotas *quota.Quotas
	ports  *ports.Ports
}

// New makes them.
func New(w *change.Writer, q *quota.Quotas, p *ports.Ports) *FloatingIPs {
	return &FloatingIPs{w, q, p}
}

// Wanted asks for a floating IP. The address is any of the network's where neither Subnet nor IP is given.
type Wanted struct {
	neutron.Meta
	Network, Subnet string
	IP              netip.Addr
	To              Association
	Admin           bool // an administrator asks: the port may be of another project
}

// Association asks for the port that has a floating IP. Without a fixed address it is the port's only IPv4 one.
type Association struct {
	Port  string // empty: none
	Fixed netip.Addr
}

// Create makes floating IPs, all or none. Faults: OverQuota, NetworkNotFound, BadRequest, ExternalIpAddressExhausted,
// those of the address, and those of the association: PortNotFound, ExternalGatewayForFloatingIPNotFound,
// FloatingIPPortAlreadyAssociated.
func (s *FloatingIPs) Create(ctx context.Context, wanted []Wanted) ([]neutron.FloatingIP, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	var out []neutron.FloatingIP
	err := s.writer.DoIn(ctx, wanted[0].Project, func(tx *change.Tx) error {
		out = nil
		err := quota.TakeFor(ctx, tx, s.quotas, quota.FloatingIP, wanted, func(w Wanted) string { return w.Project })
		if err != nil {
			return err
		}
		for _, w := range wanted {
			made, err := s.insert(ctx, tx, w)
			if err != nil {
				return err
			}
			out = append(out, made)
		}
		return nil
	})
	return out, err
}

func (s *FloatingIPs) insert(ctx context.Context, tx *change.Tx, w Wanted) (neutron.FloatingIP, error) {
	f := neutron.FloatingIP{Meta: tx.Stamp(w.Meta, 0), ID: ids.UUID(), Network: w.Network, Status: neutron.StatusDown}
	site, err := addresses.Load(ctx, tx, w.Network)
	if err != nil {
		return f, err
	}
	if !site.Network.External {
		return f, neutron.BadRequest("floatingip", "Network %s is not a valid external network", w.Network)
	}
	v4 := 0
	for _, sub := range site.Subnets {
		if sub.Version == 4 {
			v4++
		}
	}
	if v4 == 0 {
		return f, neutron.BadRequest("floatingip", "Network %s does not contain any IPv4 subnet", w.Network)
	}
	outer := ports.Wanted{Network: w.Network, DeviceID: f.ID, DeviceOwner: neutron.OwnerFloatingIP,
		Status: neutron.StatusNone}
	if w.Subnet != "" || w.IP.IsValid() {
		outer.FixedIPs = opt.Some([]addresses.Wanted{{Subnet: w.Subnet, IP: w.IP}})
	}
	made, err := s.ports.Place(ctx, tx, []ports.Wanted{outer}, false)
	if err != nil {
		return f, err
	}
	f.OuterPort = made[0].ID
	for _, x := range made[0].FixedIPs {
		if x.IP.Is4() && !f.IP.IsValid() {
			f.IP = x.IP
		}
	}
	if !f.IP.IsValid() {
		return f, fault.Invalidf("Unable to find any IP address on external network %s.", w.Network).
			Coded("ExternalIpAddressExhausted")
	}
	if err := s.associate(ctx, tx, &f, w.To, w.Admin); err != nil {
		return f, err
	}
	return f, store.InsertFloatingIP(ctx, tx, f)
}

// Show reads a floating IP; fault FloatingIPNotFound.
func (s *FloatingIPs) Show(ctx context.Context, id string) (neutron.FloatingIP, error) {
	f, err := store.FloatingIP(ctx, s.writer.DB, id)
	if err != nil {
		return f, err
	}
	fs := []neutron.FloatingIP{f}
	err = withForwardings(ctx, s.writer.DB, fs)
	return fs[0], err
}

// List lists floating IPs.
func (s *FloatingIPs) List(ctx context.Context, a db.ListArgs) ([]neutron.FloatingIP, error) {
	fs, err := store.FloatingIPs(ctx, s.writer.DB, a)
	if err != nil {
		return nil, err
	}
	return fs, withForwardings(ctx, s.writer.DB, fs)
}

// Pools are the IPv4 subnets of external networks: the own ones of a project, and those that all may use.
func (s *FloatingIPs) Pools(ctx context.Context, a db.ListArgs) ([]neutron.Subnet, error) {
	ns, err := store.Networks(ctx, s.writer.DB, db.ListArgs{Where: []db.Cond{db.EqTo("router:external", true)}})
	if err != nil || len(ns) == 0 {
		return nil, err
	}
	var of []string
	for _, n := range ns {
		of = append(of, n.ID)
	}
	a.Where = append(a.Where, db.InList("network_id", of), db.EqTo("ip_version", int64(4)))
	return store.Subnets(ctx, s.writer.DB, a)
}

// Patch is a change of a floating IP. Attributes that are not set stay.
type Patch struct {
	Description opt.Of[string]
	To          opt.Of[Association]
	Admin       bool // as in Wanted
	Tags        neutron.TagChange
	IfRevision  opt.Of[int64]
}

// Update changes a floating IP. Faults: FloatingIPNotFound, RevisionNumberConstraintFailed, FipInUseByPortForwarding,
// and those of the association.
func (s *FloatingIPs) Update(ctx context.Context, id string, p Patch) (neutron.FloatingIP, error) {
	var out neutron.FloatingIP
	err := s.writer.Do(ctx, func(tx *change.Tx) error {
		f, err := store.FloatingIP(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(p.IfRevision, f.Revision); err != nil {
			return err
		}
		f.Description = p.Description.Or(f.Description)
		if f.Tags, err = p.Tags.Of(f.Tags); err != nil {
			return err
		}
		if p.To.Has() {
			if err := s.associate(ctx, tx, &f, p.To.Value, p.Admin); err != nil {
				return err
			}
		}
		if f, err = store.UpdateFloatingIP(ctx, tx, f, tx.Now()); err != nil {
			return err
		}
		fs := []neutron.FloatingIP{f}
		err = withForwardings(ctx, tx, fs)
		out = fs[0]
		return err
	})
	return out, err
}

// Delete deletes a floating IP and gives its address back. Faults: FloatingIPNotFound,
// RevisionNumberConstraintFailed, FipInUseByPortForwarding.
func (s *FloatingIPs) Delete(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return s.writer.Do(ctx, func(tx *change.Tx) error {
		f, err := store.FloatingIP(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, f.Revision); err != nil {
			return err
		}
		return s.remove(ctx, tx, f)
	})
}

// remove deletes a floating IP in the caller's transaction.
func (s *FloatingIPs) remove(ctx context.Context, tx *change.Tx, f neutron.FloatingIP) error {
	if err := unforwarded(ctx, tx, f); err != nil {
		return err
	}
	if err := s.associate(ctx, tx, &f, Association{}, true); err != nil {
		return err
	}
	if err := store.DeleteFloatingIP(ctx, tx, f.ID); err != nil {
		return err
	}
	p, err := store.Port(ctx, tx, f.OuterPort)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.ports.Remove(ctx, tx, p)
}
