package ports

import (
	"context"
	"net/netip"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Rights decide by networking's policy what a user may see and create. Operations that act in a user's name for
// another service ask them about the caller in their context.
type Rights interface {
	SeesNetwork(c *auth.Caller, n neutron.Network) bool
	SeesPort(c *auth.Caller, p neutron.Port) bool
	SeesGroup(c *auth.Caller, g neutron.SecurityGroup) bool
	// CreatePort returns fault.Forbidden if the caller may not create such a port on the network, or not choose its
	// address. The caller sees the network.
	CreatePort(c *auth.Caller, n neutron.Network, p Wanted) error
	// UpdatePort returns fault.Forbidden if the caller may not change a port of the network so.
	UpdatePort(c *auth.Caller, n neutron.Network, p neutron.Port, want Patch) error
}

// NoRights are Rights that allow nothing.
type NoRights struct{}

var _ Rights = NoRights{}

// SeesNetwork is false.
func (NoRights) SeesNetwork(*auth.Caller, neutron.Network) bool { return false }

// SeesPort is false.
func (NoRights) SeesPort(*auth.Caller, neutron.Port) bool { return false }

// SeesGroup is false.
func (NoRights) SeesGroup(*auth.Caller, neutron.SecurityGroup) bool { return false }

// CreatePort is fault.Forbidden.
func (NoRights) CreatePort(*auth.Caller, neutron.Network, Wanted) error {
	return fault.Forbiddenf("Nobody decides here who may make ports.")
}

// UpdatePort is fault.Forbidden.
func (NoRights) UpdatePort(*auth.Caller, neutron.Network, neutron.Port, Patch) error {
	return fault.Forbiddenf("Nobody decides here who may change ports.")
}

// Sees reports whether the caller in ctx may see a port. A service's own request sees all.
func (p *Ports) Sees(ctx context.Context, of neutron.Port) bool {
	c := auth.From(ctx)
	return c.Own() || p.Rights.SeesPort(c, of)
}

// Possible returns the error that Create would return for the fixed IPs of the wanted ports. It writes nothing.
func (p *Ports) Possible(ctx context.Context, wanted []Wanted) error {
	return p.Change.DB.View(ctx, func(tx *db.Tx) error {
		for _, w := range wanted {
			if err := p.PossibleIn(ctx, tx, w); err != nil {
				return err
			}
		}
		return nil
	})
}

// PossibleIn is Possible for one port, in the caller's transaction.
func (p *Ports) PossibleIn(ctx context.Context, q db.Querier, w Wanted) error {
	if !w.FixedIPs.Has() {
		return nil
	}
	site, err := addresses.Load(ctx, q, w.Network)
	if err != nil {
		return err
	}
	for _, want := range w.FixedIPs.Value {
		if _, err := site.Subnet(want); err != nil {
			return err
		}
		if err := p.vacant(ctx, q, w.Network, want.IP); err != nil {
			return err
		}
	}
	return nil
}

// vacant returns an error for an address that a port of the network has. It names the port's device only to a caller
// who may see the port.
func (p *Ports) vacant(ctx context.Context, q db.Querier, network string, ip netip.Addr) error {
	if !ip.IsValid() {
		return nil
	}
	id, err := store.PortAt(ctx, q, network, ip)
	if err != nil || id == "" {
		return err
	}
	has, err := store.Port(ctx, q, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	device := ""
	if p.Sees(ctx, has) {
		device = has.DeviceID
	}
	return neutron.FixedIPInUse(ip, device)
}
