package ports

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/binding"
	"hypernova/neutron/change"
	"hypernova/neutron/ipam"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Patch is a change of a port. Attributes that are not set stay.
type Patch struct {
	Name, Description     opt.Of[string]
	AdminUp, PortSecurity opt.Of[bool]
	MAC                   opt.Of[string]
	FixedIPs              opt.Of[[]addresses.Wanted] // the complete list; those that fit stay
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

// Update changes a port. Faults: PortNotFound, RevisionNumberConstraintFailed, and those of the changed attributes.
func (p *Ports) Update(ctx context.Context, id string, patch Patch) (neutron.Port, error) {
	var out neutron.Port
	err := p.Change.Do(ctx, func(tx *change.Tx) (err error) {
		out, err = p.UpdateIn(ctx, tx, id, patch)
		return err
	})
	return out, err
}

// UpdateIn is Update in the caller's transaction.
func (p *Ports) UpdateIn(ctx context.Context, tx *change.Tx, id string, patch Patch) (neutron.Port, error) {
	was, err := store.Port(ctx, tx, id)
	if err != nil {
		return was, err
	}
	if err := neutron.CheckRevision(patch.IfRevision, was.Revision); err != nil {
		return was, err
	}
	is := was
	if is.Tags, err = patch.Tags.Of(is.Tags); err != nil {
		return was, err
	}
	is.Name, is.Description = patch.Name.Or(is.Name), patch.Description.Or(is.Description)
	is.AdminUp, is.Profile = patch.AdminUp.Or(is.AdminUp), patch.Profile.Or(is.Profile)
	is.Made, is.Tag, is.DNSName = patch.Made.Or(is.Made), patch.Tag.Or(is.Tag), patch.DNSName.Or(is.DNSName)
	if patch.DeviceID.Set {
		is.DeviceID = patch.DeviceID.Or("")
	}
	if patch.DeviceOwner.Set {
		is.DeviceOwner = patch.DeviceOwner.Or("")
	}
	for _, apply := range []func(context.Context, *change.Tx, *neutron.Port, Patch) error{
		p.patchAddresses, p.patchSecurity, p.patchBinding,
	} {
		if err := apply(ctx, tx, &is, patch); err != nil {
			return was, err
		}
	}
	if err := p.Changing.Run(ctx, tx, &was, &is); err != nil {
		return was, err
	}
	if was.DeviceID != is.DeviceID {
		tx.Event("network-changed", was, "") // for the server that had it
	}
	if !slices.Equal(was.FixedIPs, is.FixedIPs) || was.MAC != is.MAC || was.DeviceID != is.DeviceID {
		tx.Event("network-changed", is, "")
	}
	return p.Save(ctx, tx, was, is)
}

// patchAddresses changes a port's MAC address and fixed IPs.
func (p *Ports) patchAddresses(ctx context.Context, tx *change.Tx, is *neutron.Port, patch Patch) error {
	site, err := addresses.Load(ctx, tx, is.Network)
	if err != nil {
		return err
	}
	if patch.MAC.Has() {
		if err := setMAC(ctx, tx, is, patch.MAC.Value); err != nil {
			return err
		}
	}
	if !patch.FixedIPs.Set {
		return nil
	}
	return readdress(ctx, tx, site, is, patch.FixedIPs.Value)
}

func setMAC(ctx context.Context, tx *change.Tx, is *neutron.Port, want string) error {
	mac, err := ipam.ParseMAC(want)
	if err != nil {
		return neutron.BadInput("%s", err)
	}
	if mac == is.MAC {
		return nil
	}
	if is.Host != "" && is.VIFType != neutron.VIFUnbound && is.VIFType != neutron.VIFFailed {
		return bound(*is, mac)
	}
	taken, err := store.MACTaken(ctx, tx, is.Network, mac, is.ID)
	if err != nil {
		return err
	}
	if taken {
		return neutron.MACInUse(is.Network, mac)
	}
	is.MAC = mac
	return nil
}

// bound is the error for a change that a bound port does not allow.
func bound(p neutron.Port, mac string) error {
	return fault.Conflictf("Unable to complete operation on port %s, port is already bound, port type: %s,"+
		" old_mac %s, new_mac %s.", p.ID, p.VIFType, p.MAC, mac).Coded("PortBound")
}

// readdress changes a port's fixed IPs to the wanted ones: it keeps those that fit, releases the others and
// allocates the missing ones.
func readdress(ctx context.Context, tx *change.Tx, site *addresses.Site, is *neutron.Port,
	wanted []addresses.Wanted) error {
	rest := slices.Clone(is.FixedIPs)
	kept := make([]neutron.FixedIP, len(wanted))
	// First the addresses that are named, then those that are on the subnet of a wanted one.
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
		if slices.ContainsFunc(site.Subnets, func(sub neutron.Subnet) bool { return sub.ID == f.Subnet && sub.Auto() }) {
			own = append(own, f) // an automatic address stays
			continue
		}
		if err := store.FreeAddress(ctx, tx, is.Network, is.ID, f.IP); err != nil {
			return err
		}
	}
	for i, want := range wanted {
		if kept[i].IP.IsValid() {
			continue
		}
		f, err := site.Want(ctx, tx, is, want)
		if err != nil {
			return err
		}
		kept[i] = f
	}
	is.FixedIPs = append(kept, own...)
	return nil
}

// patchSecurity changes a port's security groups, allowed address pairs and port security.
func (p *Ports) patchSecurity(ctx context.Context, tx *change.Tx, is *neutron.Port, patch Patch) error {
	is.PortSecurity = patch.PortSecurity.Or(is.PortSecurity)
	if patch.AddressPairs.Set {
		is.AddressPairs = patch.AddressPairs.Value
	}
	var err error
	if is.AddressPairs, err = pairs(*is); err != nil {
		return err
	}
	switch {
	case patch.SecurityGroups.Set:
		return p.groupsOf(ctx, tx, is, opt.Some(patch.SecurityGroups.Value))
	case !is.PortSecurity && len(is.SecurityGroups) > 0:
		return fault.Conflictf("Port has security group associated. Cannot disable port security or IP address until" +
			" security group is removed.").Coded("PortSecurityPortHasSecurityGroup")
	}
	return nil
}

// patchBinding binds, rebinds or unbinds a port.
func (p *Ports) patchBinding(ctx context.Context, tx *change.Tx, is *neutron.Port, patch Patch) error {
	if patch.VNICType.Has() && patch.VNICType.Value != is.VNICType {
		if is.Host != "" {
			return bound(*is, is.MAC)
		}
		is.VNICType = patch.VNICType.Value
	}
	if !patch.Host.Set {
		return nil
	}
	_, err := p.Rebind(ctx, tx, is, patch.Host.Or(""))
	return err
}

// Rebind binds a port to another host, or unbinds it if host is empty. The caller writes the port. why is the reason
// of a failed binding; see binding.Binder.Bind.
func (p *Ports) Rebind(ctx context.Context, tx *change.Tx, is *neutron.Port, host string) (why string, err error) {
	if host == is.Host && (host == "" || is.VIFType != neutron.VIFFailed && is.VIFType != neutron.VIFUnbound) {
		return "", nil
	}
	if host == "" {
		binding.Unbind(is)
		return "", nil
	}
	site, err := addresses.Load(ctx, tx, is.Network)
	if err != nil {
		return "", err
	}
	is.Host = host
	if !neutron.RoutedPort(is.DeviceOwner) {
		if err := p.DHCP.Ensure(ctx, tx, site, host); err != nil {
			return "", err
		}
	}
	return p.Binder.Bind(ctx, tx, site.Network, is)
}
