package networks

import (
	"context"
	"net/netip"

	"hypernova/neutron"
	"hypernova/neutron/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Rights decide by networking's policy what a user may see and make. The verbs that compute calls ask them about the
// caller whose wish it is.
type Rights interface {
	SeesNetwork(c *auth.Caller, n neutron.Network) bool
	SeesPort(c *auth.Caller, p neutron.Port) bool
	SeesGroup(c *auth.Caller, g neutron.SecurityGroup) bool
	// CreatePort is fault.Forbidden for who may not make such a port on the network, or not choose its address. The
	// caller sees the network.
	CreatePort(c *auth.Caller, n neutron.Network, p NewPort) error
}

// nobody has no rights.
type nobody struct{}

func (nobody) SeesNetwork(*auth.Caller, neutron.Network) bool     { return false }
func (nobody) SeesPort(*auth.Caller, neutron.Port) bool           { return false }
func (nobody) SeesGroup(*auth.Caller, neutron.SecurityGroup) bool { return false }
func (nobody) CreatePort(*auth.Caller, neutron.Network, NewPort) error {
	return fault.Forbiddenf("Nobody decides here who may make ports.")
}

// seenNetwork is a network that the caller in ctx may see; any for a service's own work.
func (s *Service) seenNetwork(ctx context.Context, q db.Querier, id string) (neutron.Network, error) {
	n, err := store.Network(ctx, q, id)
	if err != nil {
		return n, err
	}
	if c := auth.From(ctx); !c.Own() && !s.rights.SeesNetwork(c, n) {
		return neutron.Network{}, neutron.Missing("Network", id)
	}
	return n, nil
}

// sees reports whether the caller in ctx may see a port.
func (s *Service) sees(ctx context.Context, p neutron.Port) bool {
	c := auth.From(ctx)
	return c.Own() || s.rights.SeesPort(c, p)
}

// Show is a security group with its rules that the caller in ctx may see; fault.NotFound.
func (s *Service) Show(ctx context.Context, id string) (neutron.SecurityGroup, error) {
	g, err := s.Groups.Show(ctx, id)
	if c := auth.From(ctx); err == nil && !c.Own() && !s.rights.SeesGroup(c, g) {
		return neutron.SecurityGroup{}, neutron.Missing("SecurityGroup", id)
	}
	return g, err
}

// Judge answers what Allocate would refuse of the wishes for new ports, and makes nothing.
func (s *Service) Judge(ctx context.Context, a neutron.AllocateArgs) error {
	return s.db.View(ctx, func(tx *db.Tx) error {
		for _, spec := range a.Specs {
			if spec.Port != "" {
				continue
			}
			p, err := s.specPort(ctx, tx, a, spec)
			if err != nil {
				return err
			}
			if err := s.possible(ctx, tx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// Possible answers what CreatePorts would refuse of addresses that ports ask for, and makes nothing.
func (s *Service) Possible(ctx context.Context, wanted []NewPort) error {
	return s.db.View(ctx, func(tx *db.Tx) error {
		for _, p := range wanted {
			if err := s.possible(ctx, tx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) possible(ctx context.Context, q db.Querier, p NewPort) error {
	if !p.FixedIPs.Has() {
		return nil
	}
	n, err := store.Network(ctx, q, p.Network)
	if err != nil {
		return err
	}
	at := place{network: n}
	if at.subnets, err = store.SubnetsOf(ctx, q, p.Network); err != nil {
		return err
	}
	for _, want := range p.FixedIPs.Value {
		if _, err := subnetFor(&at, want); err != nil {
			return err
		}
		if err := s.vacant(ctx, q, p.Network, want.IP); err != nil {
			return err
		}
	}
	return nil
}

// vacant refuses an address that a port of the network has. Its device is named to who may see the port.
func (s *Service) vacant(ctx context.Context, q db.Querier, network string, ip netip.Addr) error {
	if !ip.IsValid() {
		return nil
	}
	id, err := store.PortAt(ctx, q, network, ip)
	if err != nil || id == "" {
		return err
	}
	p, err := store.Port(ctx, q, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	device := ""
	if s.sees(ctx, p) {
		device = p.DeviceID
	}
	return neutron.FixedIPInUse(ip, device)
}
