package routers

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/change"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
)

// routerOf reads the router that has a port; false if none has.
func routerOf(ctx context.Context, tx *change.Tx, port string) (neutron.Router, neutron.RouterPort, bool, error) {
	of, err := store.RouterOfPort(ctx, tx, port)
	if fault.Is(err, fault.NotFound) {
		return neutron.Router{}, of, false, nil
	}
	if err != nil {
		return neutron.Router{}, of, false, err
	}
	r, err := store.Router(ctx, tx, of.Router)
	return r, of, err == nil, err
}

// PortDeleting is the hook that keeps clients from deleting the ports of routers.
func (s *Routers) PortDeleting(ctx context.Context, tx *change.Tx, was, _ *neutron.Port) error {
	if was.DeviceOwner != neutron.OwnerRouterInterface && was.DeviceOwner != neutron.OwnerRouterGateway {
		return nil
	}
	_, err := store.Router(ctx, tx, was.DeviceID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return neutron.ServicePortInUse(was.ID, was.DeviceOwner)
}

// PortChanging is the hook that keeps clients from giving a router's port to another device.
func (s *Routers) PortChanging(ctx context.Context, tx *change.Tx, was, is *neutron.Port) error {
	if !neutron.RoutedPort(was.DeviceOwner) || was.DeviceID == is.DeviceID && was.DeviceOwner == is.DeviceOwner {
		return nil
	}
	r, _, has, err := routerOf(ctx, tx, was.ID)
	if err == nil && has {
		err = neutron.PortInUse(was.ID, was.Network, r.ID)
	}
	return err
}

// PortChanged is the hook that keeps a router as its ports are.
func (s *Routers) PortChanged(ctx context.Context, tx *change.Tx, was, is *neutron.Port) error {
	if was == nil || !neutron.RoutedPort(was.DeviceOwner) {
		return nil
	}
	r, of, has, err := routerOf(ctx, tx, was.ID)
	if err != nil || !has {
		return err
	}
	tx.Router(r)
	if is == nil {
		if _, err := store.DropRouterPort(ctx, tx, was.ID); err != nil {
			return err
		}
		if of.Gateway {
			r.GatewayPort, r.GatewayNetwork, r.GatewayIPs = "", "", nil
		}
		_, err := store.UpdateRouter(ctx, tx, r, tx.Now())
		return err
	}
	if !of.Gateway || slices.Equal(r.GatewayIPs, is.FixedIPs) {
		return nil
	}
	r.GatewayIPs = is.FixedIPs
	_, err = store.UpdateRouter(ctx, tx, r, tx.Now())
	return err
}

// SubnetChanged is the hook that keeps the gateway's address of a subnet while a router has it, gives gateways an
// address of a new subnet of their network, and lets the hosts of routers know of the change.
func (s *Routers) SubnetChanged(ctx context.Context, tx *change.Tx, was, is *neutron.Subnet) error {
	sub := is
	if sub == nil {
		sub = was
	}
	rs, err := store.RoutersOnNetwork(ctx, tx, sub.Network)
	if err != nil {
		return err
	}
	for _, r := range rs {
		tx.Router(r)
	}
	switch {
	case len(rs) == 0 || is == nil:
		return nil
	case was != nil:
		return gatewayFree(ctx, tx, *was, *is)
	}
	for _, r := range rs {
		if r.GatewayNetwork != sub.Network {
			continue
		}
		if err := s.addGatewayAddress(ctx, tx, r, *is); err != nil {
			return err
		}
	}
	return nil
}

// gatewayFree refuses to change the gateway of a subnet while a router has its address.
func gatewayFree(ctx context.Context, tx *change.Tx, was, is neutron.Subnet) error {
	if was.Gateway == is.Gateway || !was.Gateway.IsValid() {
		return nil
	}
	id, err := store.PortAt(ctx, tx, was.Network, was.Gateway)
	if err != nil || id == "" {
		return err
	}
	if p, err := store.Port(ctx, tx, id); err != nil || p.DeviceOwner != neutron.OwnerRouterInterface {
		return err
	}
	return fault.Conflictf("Current gateway ip %s already in use by port %s. Unable to update.", was.Gateway, id).
		Coded("GatewayIpInUse")
}

// addGatewayAddress gives the gateway port of a router an address of a new subnet, unless it has one of the IP version.
// A subnet without a free address is left out.
func (s *Routers) addGatewayAddress(ctx context.Context, tx *change.Tx, r neutron.Router, sub neutron.Subnet) error {
	if sub.Auto() {
		return nil // the port gets its address as all ports of the network do
	}
	was, err := store.Port(ctx, tx, r.GatewayPort)
	if err != nil {
		return err
	}
	for _, f := range was.FixedIPs {
		if f.IP.Is4() == (sub.Version == 4) {
			return nil
		}
	}
	site, err := addresses.Load(ctx, tx, sub.Network)
	if err != nil {
		return err
	}
	f, err := site.Want(ctx, tx, &was, addresses.Wanted{Subnet: sub.ID})
	if of := fault.Of(err); of != nil && of.Code == neutron.NoFreeAddress {
		return nil
	}
	if err != nil {
		return err
	}
	is := was
	is.FixedIPs = append(slices.Clone(was.FixedIPs), f)
	_, err = s.Ports.Save(ctx, tx, was, is)
	return err
}

// NetworkChanged is the hook that keeps a network external while routers have their gateway on it.
func (s *Routers) NetworkChanged(ctx context.Context, tx *change.Tx, was, is *neutron.Network) error {
	if was == nil || is == nil || !was.External || is.External {
		return nil
	}
	n, err := store.Gateways(ctx, tx, is.ID)
	if err == nil && n > 0 {
		err = fault.Conflictf("External network %s cannot be updated to be made non-external, since it has existing gateway "+
			"ports.", is.ID).Coded("ExternalNetworkInUse")
	}
	return err
}
