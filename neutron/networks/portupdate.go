package networks

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// PortPatch is what may change of a port.
type PortPatch struct {
	Name, Description     opt.Of[string]
	AdminUp, PortSecurity opt.Of[bool]
	MAC                   opt.Of[string]
	FixedIPs              opt.Of[[]WantedIP] // all of them; those the port has stay as they are
	DeviceID, DeviceOwner opt.Of[string]
	SecurityGroups        opt.Of[[]string]
	AddressPairs          opt.Of[[]neutron.AddressPair]
	Host, VNICType        opt.Of[string] // a null or empty host unbinds
	Profile               opt.Of[string]
	Made                  opt.Of[bool]
	Tag, DNSName          opt.Of[string]
	Tags                  neutron.TagChange
	IfRevision            opt.Of[int64]
}

// UpdatePort changes a port.
func (s *Service) UpdatePort(ctx context.Context, id string, patch PortPatch) (neutron.Port, error) {
	var out neutron.Port
	err := s.change(ctx, func(w *work) error {
		was, err := store.Port(ctx, w.Tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(patch.IfRevision, was.Revision); err != nil {
			return err
		}
		p := was
		if p.Tags, err = patch.Tags.Of(p.Tags); err != nil {
			return err
		}
		p.Name, p.Description = patch.Name.Or(p.Name), patch.Description.Or(p.Description)
		p.AdminUp, p.Profile = patch.AdminUp.Or(p.AdminUp), patch.Profile.Or(p.Profile)
		p.Made, p.Tag, p.DNSName = patch.Made.Or(p.Made), patch.Tag.Or(p.Tag), patch.DNSName.Or(p.DNSName)
		if patch.DeviceID.Set {
			p.DeviceID = patch.DeviceID.Or("")
		}
		if patch.DeviceOwner.Set {
			p.DeviceOwner = patch.DeviceOwner.Or("")
		}
		if err := s.patchIdentity(ctx, w, &p, patch); err != nil {
			return err
		}
		if err := s.patchSecurity(ctx, w, &p, patch); err != nil {
			return err
		}
		if err := s.patchBinding(ctx, w, was, &p, patch); err != nil {
			return err
		}
		if was.DeviceID != p.DeviceID {
			w.event("network-changed", was, "") // a server has lost it
		}
		if !slices.Equal(was.FixedIPs, p.FixedIPs) || was.MAC != p.MAC || was.DeviceID != p.DeviceID {
			w.event("network-changed", p, "")
		}
		out, err = s.save(ctx, w, was, p)
		return err
	})
	return out, err
}

// save writes a changed port, tells the hosts that had it and have it, and gives back what its old host no longer needs.
func (s *Service) save(ctx context.Context, w *work, was, p neutron.Port) (neutron.Port, error) {
	w.changes.Port(was)
	w.changes.Port(p)
	p, err := store.UpdatePort(ctx, w.Tx, p, s.now())
	if err != nil || was.Host == p.Host {
		return p, err
	}
	return p, s.left(ctx, w, was)
}

// patchIdentity changes a port's MAC and addresses.
func (s *Service) patchIdentity(ctx context.Context, w *work, p *neutron.Port, patch PortPatch) error {
	at, err := s.place(ctx, w, map[string]*place{}, p.Network)
	if err != nil {
		return err
	}
	if patch.MAC.Has() {
		mac, err := ipam.ParseMAC(patch.MAC.Value)
		if err != nil {
			return neutron.BadInput("%s", err)
		}
		if mac != p.MAC {
			if p.Host != "" && p.VIFType != neutron.VIFUnbound && p.VIFType != neutron.VIFFailed {
				return fault.Conflictf("Unable to complete operation on port %s, port is already bound, port type: %s, old_mac %s, new_mac %s.",
					p.ID, p.VIFType, p.MAC, mac).Coded("PortBound")
			}
			taken, err := store.MACTaken(ctx, w.Tx, p.Network, mac, p.ID)
			if err != nil {
				return err
			}
			if taken {
				return neutron.MACInUse(p.Network, mac)
			}
			p.MAC = mac
		}
	}
	if !patch.FixedIPs.Set {
		return nil
	}
	return s.readdress(ctx, w, at, p, patch.FixedIPs.Value)
}

// readdress gives a port the addresses that are wanted: it keeps those that fit a wish, gives back the others, and takes what is missing.
func (s *Service) readdress(ctx context.Context, w *work, at *place, p *neutron.Port, wanted []WantedIP) error {
	rest := slices.Clone(p.FixedIPs)
	kept := make([]neutron.FixedIP, len(wanted))
	// An address that is named is kept before one that merely fits a subnet.
	for _, exact := range []bool{true, false} {
		for i, want := range wanted {
			if kept[i].IP.IsValid() || want.IP.IsValid() != exact {
				continue
			}
			j := slices.IndexFunc(rest, func(f neutron.FixedIP) bool {
				return (want.Subnet == "" || f.Subnet == want.Subnet) && (!exact || f.IP == want.IP)
			})
			if j >= 0 && (exact || want.Subnet != "") {
				kept[i] = rest[j]
				rest = slices.Delete(rest, j, j+1)
			}
		}
	}
	var own []neutron.FixedIP
	for _, f := range rest {
		if slices.ContainsFunc(at.subnets, func(sub neutron.Subnet) bool { return sub.ID == f.Subnet && sub.Auto() }) {
			own = append(own, f) // the port goes on using the address that it made itself
			continue
		}
		if err := store.FreeAddress(ctx, w.Tx, p.Network, p.ID, f.IP); err != nil {
			return err
		}
	}
	for i, want := range wanted {
		if kept[i].IP.IsValid() {
			continue
		}
		f, err := s.wanted(ctx, w, at, p, want)
		if err != nil {
			return err
		}
		kept[i] = f
	}
	p.FixedIPs = append(kept, own...)
	return nil
}

// patchSecurity changes what a port's traffic is checked against.
func (s *Service) patchSecurity(ctx context.Context, w *work, p *neutron.Port, patch PortPatch) error {
	p.PortSecurity = patch.PortSecurity.Or(p.PortSecurity)
	if patch.AddressPairs.Set {
		p.AddressPairs = patch.AddressPairs.Value
	}
	var err error
	if p.AddressPairs, err = pairs(*p); err != nil {
		return err
	}
	switch {
	case patch.SecurityGroups.Set:
		return s.groupsOf(ctx, w, p, opt.Some(patch.SecurityGroups.Value))
	case !p.PortSecurity && len(p.SecurityGroups) > 0:
		return fault.Conflictf("Port has security group associated. Cannot disable port security or IP address until security group is removed.").Coded("PortSecurityPortHasSecurityGroup")
	}
	return nil
}

// patchBinding binds, moves or frees a port.
func (s *Service) patchBinding(ctx context.Context, w *work, was neutron.Port, p *neutron.Port, patch PortPatch) error {
	if patch.VNICType.Has() && patch.VNICType.Value != p.VNICType {
		if was.Host != "" {
			return fault.Conflictf("Unable to complete operation on port %s, port is already bound, port type: %s, old_mac %s, new_mac %s.",
				p.ID, p.VIFType, p.MAC, p.MAC).Coded("PortBound")
		}
		p.VNICType = patch.VNICType.Value
	}
	if !patch.Host.Set {
		return nil
	}
	_, err := s.rebind(ctx, w, was, p, patch.Host.Or(""))
	return err
}
