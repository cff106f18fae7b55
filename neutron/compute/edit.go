package compute

import (
	"context"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/change"
	"hypernova/neutron/ports"
	"hypernova/neutron/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// AddGroup gives a security group to all ports of a server, in one transaction; see neutron.API.
func (a *API) AddGroup(ctx context.Context, server, group string) error {
	return a.regroup(ctx, server, group, neutron.WithGroup)
}

// RemoveGroup takes a security group from all ports of a server, in one transaction; see neutron.API.
func (a *API) RemoveGroup(ctx context.Context, server, group string) error {
	return a.regroup(ctx, server, group, neutron.WithoutGroup)
}

func (a *API) regroup(ctx context.Context, server, group string,
	groups func(server, group string, ports []neutron.Port) (map[string][]string, error)) error {
	return a.change.Do(ctx, func(tx *change.Tx) error {
		ps, err := a.seenPorts(ctx, tx, server)
		if err != nil {
			return err
		}
		changes, err := groups(server, group, ps)
		if err != nil {
			return err
		}
		for _, p := range ps {
			if ids, ok := changes[p.ID]; ok {
				if err := a.update(ctx, tx, p, ports.Patch{SecurityGroups: opt.Some(ids)}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// AddFixedIP gives a free address of a network to the server's port on it; see neutron.API.
func (a *API) AddFixedIP(ctx context.Context, server, network string) error {
	return a.change.Do(ctx, func(tx *change.Tx) error {
		ps, err := a.seenPorts(ctx, tx, server)
		if err != nil {
			return err
		}
		n, err := a.seenNetwork(ctx, tx, network)
		if err != nil {
			return err
		}
		for _, p := range ps {
			if p.Network != n.ID {
				continue
			}
			for _, subnet := range n.Subnets {
				want := append(wanted(p.FixedIPs), addresses.Wanted{Subnet: subnet})
				err := a.update(ctx, tx, p, ports.Patch{FixedIPs: opt.Some(want)})
				if err == nil {
					return nil
				}
				if k := fault.KindOf(err); k != fault.Conflict && k != fault.Invalid {
					return err
				}
			}
		}
		return fault.NotFoundf("No port of server %s on network %s can have another address.", server, network)
	})
}

// RemoveFixedIP takes an address from the server's port; see neutron.API.
func (a *API) RemoveFixedIP(ctx context.Context, server string, ip netip.Addr) error {
	return a.change.Do(ctx, func(tx *change.Tx) error {
		ps, err := a.seenPorts(ctx, tx, server)
		if err != nil {
			return err
		}
		for _, p := range ps {
			rest := slices.DeleteFunc(slices.Clone(p.FixedIPs), func(f neutron.FixedIP) bool { return f.IP == ip })
			if len(rest) < len(p.FixedIPs) {
				return a.update(ctx, tx, p, ports.Patch{FixedIPs: opt.Some(wanted(rest))})
			}
		}
		return fault.NotFoundf("No port of server %s has the address %s.", server, ip)
	})
}

// update changes a port if the caller may; fault.Forbidden.
func (a *API) update(ctx context.Context, tx *change.Tx, p neutron.Port, want ports.Patch) error {
	if c := auth.From(ctx); !c.Own() {
		n, err := store.Network(ctx, tx, p.Network)
		if err != nil {
			return err
		}
		if err := a.rights.UpdatePort(c, n, p, want); err != nil {
			return err
		}
	}
	_, err := a.ports.UpdateIn(ctx, tx, p.ID, want)
	return err
}

func wanted(ips []neutron.FixedIP) []addresses.Wanted {
	out := make([]addresses.Wanted, len(ips))
	for i, f := range ips {
		out[i] = addresses.Wanted{Subnet: f.Subnet, IP: f.IP}
	}
	return out
}

// seenPorts reads the ports of a server that the caller may see.
func (a *API) seenPorts(ctx context.Context, tx *change.Tx, server string) ([]neutron.Port, error) {
	ps, err := store.PortsOfDevice(ctx, tx, server)
	return slices.DeleteFunc(neutron.ServerPorts(ps), func(p neutron.Port) bool { return !a.ports.Sees(ctx, p) }), err
}
