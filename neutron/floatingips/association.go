package floatingips

import (
	"context"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
)

// associate gives a floating IP to a port, or takes it from the one that has it. The caller writes it. For the faults
// see Create.
func (s *FloatingIPs) associate(ctx context.Context, tx *change.Tx, f *neutron.FloatingIP, to Association,
	admin bool) error {
	was := *f
	switch {
	case to.Port == "" && to.Fixed.IsValid():
		return neutron.BadRequest("floatingip", "fixed_ip_address cannot be specified without a port_id")
	case to.Port == "" && f.Port == "":
		return nil
	case to.Port != "":
		if err := unforwarded(ctx, tx, was); err != nil {
			return err
		}
	}
	f.Port, f.Router, f.Fixed, f.Status, f.Details = "", "", netip.Addr{}, neutron.StatusDown, nil
	if to.Port == "" {
		return s.moved(ctx, tx, was, *f)
	}
	p, err := store.Port(ctx, tx, to.Port)
	if err != nil {
		return err
	}
	if p.Project != f.Project && !admin {
		return neutron.BadRequest("floatingip", "Cannot process floating IP association with Port %s, since that port is "+
			"owned by a different project", p.ID)
	}
	fixed, err := inner(p, to.Fixed)
	if err != nil {
		return err
	}
	r, err := routerTo(ctx, tx, p, fixed.Subnet, f.Network)
	if err != nil {
		return err
	}
	if p.ID != was.Port {
		if err := single(ctx, tx, *f, p, fixed.IP); err != nil {
			return err
		}
	}
	f.Port, f.Router, f.Fixed = p.ID, r.ID, fixed.IP
	f.Details = &neutron.FloatingPort{Name: p.Name, Network: p.Network, MAC: p.MAC, Status: p.Status, DeviceID: p.DeviceID,
		DeviceOwner: p.DeviceOwner, AdminUp: p.AdminUp}
	if r.Host != "" {
		f.Status = neutron.StatusActive
	}
	return s.moved(ctx, tx, was, *f)
}

// moved notes whom a new association concerns: the servers of the ports, the hosts of the routers, and all hosts of the
// external network.
func (s *FloatingIPs) moved(ctx context.Context, tx *change.Tx, was, is neutron.FloatingIP) error {
	if was.Port == is.Port && was.Fixed == is.Fixed && was.Router == is.Router {
		return nil
	}
	tx.Network(is.Network)
	for _, f := range []neutron.FloatingIP{was, is} {
		if f.Router != "" {
			r, err := store.Router(ctx, tx, f.Router)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			tx.Router(r)
		}
		if f.Port == "" {
			continue
		}
		p, err := store.Port(ctx, tx, f.Port)
		if fault.Is(err, fault.NotFound) {
			continue // it is being deleted
		}
		if err != nil {
			return err
		}
		tx.Event("network-changed", p, "")
	}
	return nil
}

// inner is the address of a port that gets a floating IP: the wanted one, or the port's only IPv4 address.
func inner(p neutron.Port, want netip.Addr) (neutron.FixedIP, error) {
	none := neutron.FixedIP{}
	if p.DeviceOwner == neutron.OwnerDHCP {
		return none, neutron.BadRequest("floatingip", "Port %s is unable to be assigned a floating IP", p.ID)
	}
	if want.IsValid() {
		if !want.Is4() {
			return none, neutron.BadRequest("floatingip", "Cannot process floating IP association with %s, since that is "+
				"not an IPv4 address", want)
		}
		for _, f := range p.FixedIPs {
			if f.IP == want {
				return f, nil
			}
		}
		return none, neutron.BadRequest("floatingip", "Port %s does not have fixed ip %s", p.ID, want)
	}
	v4 := slices.DeleteFunc(slices.Clone(p.FixedIPs), func(f neutron.FixedIP) bool { return !f.IP.Is4() })
	switch len(v4) {
	case 0:
		return none, neutron.BadRequest("floatingip", "Cannot add floating IP to port %s that has no fixed IPv4 addresses",
			p.ID)
	case 1:
		return v4[0], nil
	}
	return none, neutron.BadRequest("floatingip", "Port %s has multiple fixed IPv4 addresses.  Must provide a specific "+
		"IPv4 address when assigning a floating IP", p.ID)
}

// routerTo finds the router between the subnet of a port and an external network: the one with the address of the
// subnet's gateway, else the first.
func routerTo(ctx context.Context, tx *change.Tx, p neutron.Port, subnet, external string) (neutron.Router, error) {
	none := neutron.Router{}
	sub, err := store.Subnet(ctx, tx, subnet)
	if err != nil {
		return none, err
	}
	rs, err := store.RoutersOnNetwork(ctx, tx, p.Network)
	if err != nil {
		return none, err
	}
	best := none
	for _, r := range rs {
		if r.GatewayNetwork != external {
			continue
		}
		ps, err := store.PortsOfRouter(ctx, tx, r.ID)
		if err != nil {
			return none, err
		}
		for _, x := range ps {
			for _, f := range x.FixedIPs {
				if x.ID == r.GatewayPort || f.Subnet != subnet {
					continue
				}
				if f.IP == sub.Gateway {
					return r, nil
				}
				if best.ID == "" {
					best = r
				}
			}
		}
	}
	if best.ID == "" {
		return none, fault.NotFoundf("External network %s is not reachable from subnet %s.  Therefore, cannot associate "+
			"Port %s with a Floating IP.", external, subnet, p.ID).Coded("ExternalGatewayForFloatingIPNotFound")
	}
	return best, nil
}

// single refuses a second floating IP of one network for an address.
func single(ctx context.Context, tx *change.Tx, f neutron.FloatingIP, p neutron.Port, fixed netip.Addr) error {
	have, err := store.FloatingIPsOfPort(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	for _, o := range have {
		if o.Network == f.Network && o.Fixed == fixed {
			return fault.Conflictf("Cannot associate floating IP %s (%s) with port %s using fixed IP %s, as that fixed "+
				"IP already has a floating IP on external network %s.", f.IP, f.ID, p.ID, fixed, f.Network).
				Coded("FloatingIPPortAlreadyAssociated")
		}
	}
	return nil
}

// PortDeleting is the hook that keeps clients from deleting the ports of floating IPs.
func (s *FloatingIPs) PortDeleting(ctx context.Context, tx *change.Tx, was, _ *neutron.Port) error {
	if was.DeviceOwner != neutron.OwnerFloatingIP {
		return nil
	}
	_, err := store.FloatingIP(ctx, tx, was.DeviceID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return neutron.ServicePortInUse(was.ID, was.DeviceOwner)
}

// PortChanging is the hook that keeps the fixed addresses of floating IPs on their ports.
func (s *FloatingIPs) PortChanging(ctx context.Context, tx *change.Tx, was, is *neutron.Port) error {
	if slices.Equal(was.FixedIPs, is.FixedIPs) {
		return nil
	}
	have, err := store.FloatingIPsOfPort(ctx, tx, was.ID)
	if err != nil {
		return err
	}
	for _, f := range have {
		if !slices.ContainsFunc(is.FixedIPs, func(x neutron.FixedIP) bool { return x.IP == f.Fixed }) {
			return neutron.BadRequest("port", "Cannot update the fixed_ips of the port %s, because its original fixed_ip has "+
				"been associated to a floating ip", was.ID)
		}
	}
	return nil
}

// PortChanged is the hook that takes floating IPs from a port that is deleted.
func (s *FloatingIPs) PortChanged(ctx context.Context, tx *change.Tx, was, is *neutron.Port) error {
	if was == nil || is != nil {
		return nil
	}
	have, err := store.FloatingIPsOfPort(ctx, tx, was.ID)
	if err != nil {
		return err
	}
	for _, f := range have {
		if err := s.associate(ctx, tx, &f, Association{}, true); err != nil {
			return err
		}
		if _, err := store.UpdateFloatingIP(ctx, tx, f, tx.Now()); err != nil {
			return err
		}
	}
	return nil
}

// NetworkDeleting is the hook that deletes the floating IPs of a network that no port has: they go with it.
func (s *FloatingIPs) NetworkDeleting(ctx context.Context, tx *change.Tx, was, _ *neutron.Network) error {
	idle, err := store.IdleFloatingIPs(ctx, tx, was.ID)
	if err != nil {
		return err
	}
	for _, f := range idle {
		if err := s.remove(ctx, tx, f); err != nil {
			return err
		}
	}
	return nil
}

// CheckDelete refuses to delete a port with a floating IP of another project than the caller's.
func (s *FloatingIPs) CheckDelete(ctx context.Context, project, port string) error {
	have, err := store.FloatingIPsOfPort(ctx, s.writer.DB, port)
	if err == nil && slices.ContainsFunc(have, func(f neutron.FloatingIP) bool { return f.Project != project }) {
		err = fault.Conflictf("Unable to complete the operation on port %s because the port still has an associated "+
			"floating IP.", port).Coded("FipAssociated")
	}
	return err
}
