package networks

import (
	"context"
	"crypto/sha1"
	"fmt"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Every host answers DHCP and metadata for its own ports, from a port of its own on each of their networks. In a small subnet that would
// eat the guests' addresses: at most one address in eight goes to DHCP (one in any case), and further hosts use the first host's port
// with its address; nobody sees two of them, because the answer never leaves the host.
const guestsPerDHCP = 8

// dhcpFor makes sure that a host that is about to carry a port of a network can answer DHCP there.
func (s *Service) dhcpFor(ctx context.Context, w *work, at *place, host string) error {
	subnets := slices.DeleteFunc(slices.Clone(at.subnets), func(sub neutron.Subnet) bool { return !sub.DHCP })
	if len(subnets) == 0 {
		return nil
	}
	ports, err := s.dhcpPorts(ctx, w, at.network.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(ports, func(p neutron.Port) bool { return p.Host == host }) {
		return nil
	}
	if len(ports) > 0 && uint64(len(ports)) >= dhcpBudget(subnets) {
		return nil
	}
	now := s.now()
	p := neutron.Port{ID: ids.UUID(), Network: at.network.ID, AdminUp: true, Status: neutron.StatusActive, DeviceID: dhcpDevice(host, at.network.ID),
		DeviceOwner: neutron.OwnerDHCP, Host: host, VNICType: "normal", VIFType: neutron.VIFUnbound,
		Meta: neutron.Meta{Project: at.network.Project, Revision: 1, Created: now, Updated: now}}
	if p.MAC, err = s.mac(ctx, w, at, ""); err != nil {
		return err
	}
	if _, err := s.bind(ctx, w, at.network, &p); err != nil {
		return err
	}
	p.Status = neutron.StatusActive
	for _, sub := range subnets {
		f, err := s.wanted(ctx, w, at, &p, WantedIP{Subnet: sub.ID})
		if fault.Of(err) != nil && fault.Of(err).Code == "IpAddressGenerationFailure" {
			continue // a full subnet has no DHCP on this host; the guest's own wish for an address will say so
		}
		if err != nil {
			return err
		}
		p.FixedIPs = append(p.FixedIPs, f)
	}
	if len(p.FixedIPs) == 0 {
		return nil
	}
	w.changes.Port(p)
	return store.InsertPorts(ctx, w.Tx, []neutron.Port{p})
}

// dhcpPorts are the DHCP ports that hosts have on a network; users may make ports with that owner as well, which no host answers from.
func (s *Service) dhcpPorts(ctx context.Context, w *work, network string) ([]neutron.Port, error) {
	ports, err := store.DHCPPorts(ctx, w.Tx, network)
	return slices.DeleteFunc(ports, func(p neutron.Port) bool { return p.Host == "" }), err
}

// dhcpBudget is how many DHCP ports the smallest of the subnets bears.
func dhcpBudget(subnets []neutron.Subnet) uint64 {
	least := uint64(1 << 20)
	for _, sub := range subnets {
		least = min(least, ipam.Size(sub.Pools, 1<<20))
	}
	return max(1, least/guestsPerDHCP)
}

// dhcpDevice is the device id of a host's DHCP port on a network, in the form that OpenStack gives it: a UUID made of the host's name
// (version 5, DNS namespace) before the network.
func dhcpDevice(host, network string) string {
	space := []byte{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	h := sha1.Sum(append(space, host...))
	h[6], h[8] = h[6]&0x0f|0x50, h[8]&0x3f|0x80
	return fmt.Sprintf("dhcp%x-%x-%x-%x-%x-%s", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16], network)
}

// redoDHCP brings the DHCP ports of a network in line with its subnets after these have changed.
func (s *Service) redoDHCP(ctx context.Context, w *work, n neutron.Network) error {
	at, err := s.place(ctx, w, map[string]*place{}, n.ID)
	if err != nil {
		return err
	}
	ports, err := s.dhcpPorts(ctx, w, n.ID)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if err := s.redoDHCPPort(ctx, w, at, p); err != nil {
			return err
		}
	}
	carrying, err := store.HostsOfNetwork(ctx, w.Tx, n.ID)
	if err != nil {
		return err
	}
	slices.Sort(carrying)
	for _, host := range carrying {
		if err := s.dhcpFor(ctx, w, at, host); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) redoDHCPPort(ctx context.Context, w *work, at *place, p neutron.Port) error {
	var kept []neutron.FixedIP
	for _, sub := range at.subnets {
		if !sub.DHCP {
			continue
		}
		if i := slices.IndexFunc(p.FixedIPs, func(f neutron.FixedIP) bool { return f.Subnet == sub.ID }); i >= 0 {
			kept = append(kept, p.FixedIPs[i])
			continue
		}
		f, err := s.wanted(ctx, w, at, &p, WantedIP{Subnet: sub.ID})
		if fault.Of(err) != nil && fault.Of(err).Code == "IpAddressGenerationFailure" {
			continue
		}
		if err != nil {
			return err
		}
		kept = append(kept, f)
	}
	if slices.Equal(kept, p.FixedIPs) && len(kept) > 0 {
		return nil
	}
	w.changes.Port(p)
	if len(kept) == 0 {
		return store.DeletePort(ctx, w.Tx, p.ID)
	}
	for _, f := range p.FixedIPs {
		if !slices.Contains(kept, f) {
			if err := store.FreeAddress(ctx, w.Tx, p.Network, p.ID, f.IP); err != nil {
				return err
			}
		}
	}
	p.FixedIPs = kept
	_, err := store.UpdatePort(ctx, w.Tx, p, s.now())
	return err
}

// left gives back a host's DHCP port on a network when its last other port there has gone.
func (s *Service) left(ctx context.Context, w *work, gone neutron.Port) error {
	if gone.Host == "" || gone.DeviceOwner == neutron.OwnerDHCP {
		return nil
	}
	carries, err := store.HostHasPorts(ctx, w.Tx, gone.Host, gone.Network)
	if err != nil || carries {
		return err
	}
	ports, err := store.DHCPPorts(ctx, w.Tx, gone.Network)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if p.Host != gone.Host {
			continue
		}
		w.changes.Port(p)
		if err := store.DeletePort(ctx, w.Tx, p.ID); err != nil {
			return err
		}
	}
	return nil
}

// HostState returns the whole state of a host; see ChangedState.
func (s *Service) HostState(ctx context.Context, host string) (neutron.HostState, error) {
	state, _, err := s.ChangedState(ctx, host, nil)
	return state, err
}

// ChangedState returns the sections of a host's state that differ from have, and the revisions of all its sections.
// Where a network lacks DHCP on the host, as after the host whose port it shared has gone, it is made first.
func (s *Service) ChangedState(ctx context.Context, host string, have neutron.Revisions) (
	neutron.HostState, neutron.Revisions, error) {
	state, all, err := s.Hosts.Changed(ctx, host, have)
	if err != nil || !slices.ContainsFunc(state.Networks, lacksDHCP) {
		return state, all, err
	}
	err = s.change(ctx, func(w *work) error {
		known := map[string]*place{}
		for _, n := range state.Networks {
			if !lacksDHCP(n) {
				continue
			}
			at, err := s.place(ctx, w, known, n.ID)
			if fault.Is(err, fault.NotFound) {
				continue // it has gone meanwhile
			}
			if err != nil {
				return err
			}
			if err := s.dhcpFor(ctx, w, at, host); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return state, nil, err
	}
	return s.Hosts.Changed(ctx, host, have)
}

func lacksDHCP(n neutron.HostNetwork) bool {
	return n.DHCPMAC == "" && len(n.Ports) > 0 && slices.ContainsFunc(n.Subnets, func(sub neutron.SubnetInfo) bool { return sub.DHCP })
}
