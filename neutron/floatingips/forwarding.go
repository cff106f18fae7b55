package floatingips

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/change"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// Forwardings are the operations on the port forwardings of floating IPs. The rules are neutron's:
// neutron/services/portforwarding/pf_plugin.py.
type Forwardings struct{ *FloatingIPs }

// Show reads a port forwarding of a floating IP; fault PortForwardingNotFound.
func (s Forwardings) Show(ctx context.Context, floating, id string) (neutron.PortForwarding, error) {
	return forwardingOf(ctx, s.writer.DB, floating, id)
}

func forwardingOf(ctx context.Context, on db.Querier, floating, id string) (neutron.PortForwarding, error) {
	f, err := store.PortForwarding(ctx, on, id)
	if err == nil && f.FloatingIP != floating {
		return neutron.PortForwarding{}, neutron.Missing("PortForwarding", id)
	}
	return f, err
}

// List lists the port forwardings of a floating IP.
func (s Forwardings) List(ctx context.Context, floating string, a db.ListArgs) ([]neutron.PortForwarding, error) {
	a.Where = append(a.Where, db.EqTo("floatingip_id", floating))
	return store.PortForwardings(ctx, s.writer.DB, a)
}

// Create makes a port forwarding. Its FloatingIP is set, its ID is not. Faults: FloatingIPNotFound, PortNotFound,
// FloatingIPPortAlreadyAssociated, PortHasBindingFloatingIP, and BadRequest for an address that the port does not have,
// a port that another router leads to or none, and ports that are forwarded already.
func (s Forwardings) Create(ctx context.Context, f neutron.PortForwarding) (neutron.PortForwarding, error) {
	err := s.writer.Do(ctx, func(tx *change.Tx) error {
		of, err := s.take(ctx, tx, f.FloatingIP)
		if err != nil {
			return err
		}
		if of.Port != "" {
			return fault.Conflictf("Cannot associate floating IP %s (%s) with port %s using fixed IP %s, as that fixed IP "+
				"already has a floating IP on external network %s.", of.IP, of.ID, f.Port, f.Fixed, of.Network).
				Coded("FloatingIPPortAlreadyAssociated")
		}
		f.ID = ids.UUID()
		if err := s.check(ctx, tx, of, f); err != nil {
			return err
		}
		r, err := routerFor(ctx, tx, of, f)
		if err != nil {
			return err
		}
		if err := store.InsertPortForwarding(ctx, tx, f); err != nil {
			return err
		}
		of.Router = r.ID
		if r.Host != "" {
			of.Status = neutron.StatusActive
		}
		return s.written(ctx, tx, of, r.ID)
	})
	return f, err
}

// ForwardingPatch is a change of a port forwarding. What is not set stays.
type ForwardingPatch struct {
	Description, Protocol, Port opt.Of[string]
	Fixed                       opt.Of[netip.Addr]
	Inner, Outer                opt.Of[neutron.PortRange]
}

// Update changes a port forwarding. For the faults see Create.
func (s Forwardings) Update(ctx context.Context, floating, id string,
	p ForwardingPatch) (neutron.PortForwarding, error) {
	var f neutron.PortForwarding
	err := s.writer.Do(ctx, func(tx *change.Tx) error {
		of, err := s.take(ctx, tx, floating)
		if err != nil {
			return err
		}
		if f, err = forwardingOf(ctx, tx, floating, id); err != nil {
			return err
		}
		f.Description, f.Protocol = p.Description.Or(f.Description), p.Protocol.Or(f.Protocol)
		f.Port, f.Fixed = p.Port.Or(f.Port), p.Fixed.Or(f.Fixed)
		f.Inner, f.Outer = p.Inner.Or(f.Inner), p.Outer.Or(f.Outer)
		if err := s.check(ctx, tx, of, f); err != nil {
			return err
		}
		if _, err := routerFor(ctx, tx, of, f); err != nil {
			return err
		}
		if err := store.UpdatePortForwarding(ctx, tx, f); err != nil {
			return err
		}
		return s.written(ctx, tx, of, of.Router)
	})
	return f, err
}

// Delete deletes a port forwarding. Faults: FloatingIPNotFound, PortForwardingNotFound.
func (s Forwardings) Delete(ctx context.Context, floating, id string) error {
	return s.writer.Do(ctx, func(tx *change.Tx) error {
		of, err := s.take(ctx, tx, floating)
		if err != nil {
			return err
		}
		f, err := forwardingOf(ctx, tx, floating, id)
		if err != nil {
			return err
		}
		return s.drop(ctx, tx, of, f)
	})
}

// take reads a floating IP and counts the change of its port forwardings as one of its own. So of changes at once each
// sees what those before it wrote.
func (s Forwardings) take(ctx context.Context, tx *change.Tx, id string) (neutron.FloatingIP, error) {
	f, err := store.FloatingIP(ctx, tx, id)
	if err != nil {
		return f, err
	}
	return store.UpdateFloatingIP(ctx, tx, f, tx.Now())
}

// drop deletes a port forwarding. With its last one a floating IP leaves its router.
func (s Forwardings) drop(ctx context.Context, tx *change.Tx, of neutron.FloatingIP, f neutron.PortForwarding) error {
	if err := store.DeletePortForwarding(ctx, tx, f.ID); err != nil {
		return err
	}
	left, err := store.PortForwardingsOf(ctx, tx, []neutron.FloatingIP{of})
	if err != nil {
		return err
	}
	router := of.Router
	if len(left[of.ID]) == 0 {
		of.Router, of.Status = "", neutron.StatusDown
	}
	return s.written(ctx, tx, of, router)
}

// written writes a floating IP whose port forwardings changed, and notes whom that concerns.
func (s Forwardings) written(ctx context.Context, tx *change.Tx, of neutron.FloatingIP, router string) error {
	if _, err := store.UpdateFloatingIP(ctx, tx, of, tx.Now()); err != nil {
		return err
	}
	r, err := store.Router(ctx, tx, router)
	if err != nil {
		return err
	}
	tx.Router(r)
	tx.Network(of.Network)
	return nil
}

// check refuses a port forwarding that meets another, or goes to a port with a floating IP of its own.
func (s Forwardings) check(ctx context.Context, tx *change.Tx, of neutron.FloatingIP, f neutron.PortForwarding) error {
	if n := f.Inner.Max - f.Inner.Min; n > 0 && n != f.Outer.Max-f.Outer.Min {
		return badForwarding("Invalid ranges of internal and/or external ports. The relation between internal and external " +
			"ports must be N-N or 1-N")
	}
	bound, err := store.FloatingIPsOfPort(ctx, tx, f.Port)
	if err != nil {
		return err
	}
	if len(bound) > 0 {
		return fault.Conflictf("Cannot create port forwarding to floating IP %s (%s) with port %s using fixed IP %s, as "+
			"that port already has a binding floating IP.", bound[0].IP, bound[0].ID, f.Port, f.Fixed).
			Coded("PortHasBindingFloatingIP")
	}
	inside, err := store.PortForwardingsTo(ctx, tx, f.Port)
	if err != nil {
		return err
	}
	for _, o := range inside {
		if o.ID != f.ID && o.Protocol == f.Protocol && o.Fixed == f.Fixed && o.Inner.Meets(f.Inner) {
			return collision("internal", o.Inner, f.Inner)
		}
	}
	outside, err := store.PortForwardingsOf(ctx, tx, []neutron.FloatingIP{of})
	if err != nil {
		return err
	}
	for _, o := range outside[of.ID] {
		if o.ID != f.ID && o.Protocol == f.Protocol && o.Outer.Meets(f.Outer) {
			return collision("external", o.Outer, f.Outer)
		}
	}
	return nil
}

func badForwarding(format string, args ...any) error {
	return neutron.BadRequest("port_forwarding", format, args...)
}

func collision(side string, have, want neutron.PortRange) error {
	return badForwarding("There is a port collision with the %s_port_range. The following ranges collides: %s and %s",
		side, have, want)
}

// routerFor finds the router by which a port forwarding goes: the floating IP's, if it has one already.
func routerFor(ctx context.Context, tx *change.Tx, of neutron.FloatingIP,
	f neutron.PortForwarding) (neutron.Router, error) {
	none := neutron.Router{}
	p, err := store.Port(ctx, tx, f.Port)
	if err != nil {
		return none, err
	}
	var have []string
	subnet := ""
	for _, x := range p.FixedIPs {
		if !x.IP.Is4() {
			continue
		}
		have = append(have, x.IP.String())
		if x.IP == f.Fixed {
			subnet = x.Subnet
		}
	}
	switch {
	case len(have) == 0:
		return none, badForwarding("Requested internal port %s must allocate an IPv4 address at least", p.ID)
	case subnet == "":
		return none, badForwarding("Requested internal IP address %s is not suitable for internal neutron port %s, as its "+
			"fixed_ips are %s", f.Fixed, p.ID, strings.Join(have, ", "))
	}
	r, err := routerTo(ctx, tx, p, subnet, of.Network)
	if x := fault.Of(err); x != nil && x.Code == "ExternalGatewayForFloatingIPNotFound" {
		return none, badForwarding("External network %s is not reachable from subnet %s. Cannot set Port forwarding for "+
			"port %s with Floating IP %s", of.Network, subnet, p.ID, of.ID)
	}
	if err != nil {
		return none, err
	}
	if of.Router != "" && of.Router != r.ID {
		return none, badForwarding("The Floating IP %s had been set on router %s, the internal Neutron port %s can not "+
			"reach it", of.ID, of.Router, p.ID)
	}
	return r, nil
}

// PortChanged is the hook that deletes the port forwardings to a port, or to addresses of it, that are no more.
func (s Forwardings) PortChanged(ctx context.Context, tx *change.Tx, was, is *neutron.Port) error {
	if was == nil || is != nil && slices.Equal(was.FixedIPs, is.FixedIPs) {
		return nil
	}
	have, err := store.PortForwardingsTo(ctx, tx, was.ID)
	if err != nil {
		return err
	}
	for _, f := range have {
		if is != nil && slices.ContainsFunc(is.FixedIPs, func(x neutron.FixedIP) bool { return x.IP == f.Fixed }) {
			continue
		}
		of, err := s.take(ctx, tx, f.FloatingIP)
		if err != nil {
			return err
		}
		if err := s.drop(ctx, tx, of, f); err != nil {
			return err
		}
	}
	return nil
}

// unforwarded refuses to delete a floating IP with port forwardings, or to give it to a port.
func unforwarded(ctx context.Context, on db.Querier, f neutron.FloatingIP) error {
	have, err := store.PortForwardingsOf(ctx, on, []neutron.FloatingIP{f})
	if err == nil && len(have) > 0 {
		err = fault.Conflictf("Floating IP %s in use by Port Forwarding resources.", f.ID).Coded("FipInUseByPortForwarding")
	}
	return err
}

// withForwardings reads the port forwardings of floating IPs into them.
func withForwardings(ctx context.Context, on db.Querier, fs []neutron.FloatingIP) error {
	have, err := store.PortForwardingsOf(ctx, on, fs)
	for i := range fs {
		fs[i].Forwardings = have[fs[i].ID]
	}
	return err
}

// ParseRange reads a range of ports as the API has it: "80:90", or one port. It is an error unless the first port is
// not above the last and both are from 1 to 65535.
func ParseRange(text string) (neutron.PortRange, error) {
	var r neutron.PortRange
	n, err := fmt.Sscanf(text, "%d:%d", &r.Min, &r.Max)
	if n == 1 && !strings.Contains(text, ":") {
		r.Max, err = r.Min, nil
	}
	if err != nil || r.Min < 1 || r.Max > 65535 || r.Min > r.Max ||
		text != r.String() && text != strings.TrimSuffix(r.String(), ":"+fmt.Sprint(r.Max)) {
		return r, fault.Invalidf("'%s' is not a valid range of ports", text)
	}
	return r, nil
}
