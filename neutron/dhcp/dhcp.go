// Package dhcp keeps the DHCP ports of hosts. Every host answers DHCP and metadata for its own ports, from a port of
// its own on each of their networks.
package dhcp

import (
	"context"
	"crypto/sha1"
	"fmt"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/binding"
	"hypernova/neutron/change"
	"hypernova/neutron/ipam"
	"hypernova/neutron/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// DHCP makes, changes and removes DHCP ports.
type DHCP struct {
	change  *change.Writer
	binder  *binding.Binder
	baseMAC string
}

// New makes it. MAC addresses are generated below baseMAC.
func New(w *change.Writer, b *binding.Binder, baseMAC string) *DHCP {
	return &DHCP{change: w, binder: b, baseMAC: baseMAC}
}

// guestsPerDHCP bounds the addresses that DHCP ports use in a small subnet: one in eight, and one in any case.
// Further hosts use the first host's port with its address. That is safe because the answers never leave the host.
const guestsPerDHCP = 8

// Ensure makes the DHCP port of a host that is about to carry a port of the network, if it has none.
func (d *DHCP) Ensure(ctx context.Context, tx *change.Tx, site *addresses.Site, host string) error {
	subnets := slices.DeleteFunc(slices.Clone(site.Subnets), func(sub neutron.Subnet) bool { return !sub.DHCP })
	if len(subnets) == 0 {
		return nil
	}
	ports, err := portsOf(ctx, tx, site.Network.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(ports, func(p neutron.Port) bool { return p.Host == host }) {
		return nil
	}
	if len(ports) > 0 && uint64(len(ports)) >= budget(subnets) {
		return nil
	}
	p := neutron.Port{ID: ids.UUID(), Network: site.Network.ID, AdminUp: true, Status: neutron.StatusActive,
		DeviceID: device(host, site.Network.ID), DeviceOwner: neutron.OwnerDHCP, Host: host, VNICType: "normal",
		VIFType: neutron.VIFUnbound, Meta: tx.Stamp(neutron.Meta{Project: site.Network.Project}, 1)}
	if p.MAC, err = site.MAC(ctx, tx, d.baseMAC, ""); err != nil {
		return err
	}
	if _, err := d.binder.Bind(ctx, tx, site.Network, &p); err != nil {
		return err
	}
	p.Status = neutron.StatusActive
	for _, sub := range subnets {
		f, err := site.Want(ctx, tx, &p, addresses.Wanted{Subnet: sub.ID})
		if fault.Of(err) != nil && fault.Of(err).Code == "IpAddressGenerationFailure" {
			continue // a full subnet has no DHCP on this host; allocating the guest's address reports it
		}
		if err != nil {
			return err
		}
		p.FixedIPs = append(p.FixedIPs, f)
	}
	if len(p.FixedIPs) == 0 {
		return nil
	}
	tx.Port(p)
	return store.InsertPorts(ctx, tx, []neutron.Port{p})
}

// portsOf lists the DHCP ports of hosts on a network. Users may make ports with that owner too; those have no host.
func portsOf(ctx context.Context, tx *change.Tx, network string) ([]neutron.Port, error) {
	ports, err := store.DHCPPorts(ctx, tx, network)
	return slices.DeleteFunc(ports, func(p neutron.Port) bool { return p.Host == "" }), err
}

// budget is how many DHCP ports the smallest of the subnets may have.
func budget(subnets []neutron.Subnet) uint64 {
	least := uint64(1 << 20)
	for _, sub := range subnets {
		least = min(least, ipam.Size(sub.Pools, 1<<20))
	}
	return max(1, least/guestsPerDHCP)
}

// device is the device id of a host's DHCP port on a network, in neutron's form: a UUID made from the host's name
// (version 5, DNS namespace), then the network's id.
func device(host, network string) string {
	space := []byte{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	h := sha1.Sum(append(space, host...))
	h[6], h[8] = h[6]&0x0f|0x50, h[8]&0x3f|0x80
	return fmt.Sprintf("dhcp%x-%x-%x-%x-%x-%s", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16], network)
}

// SubnetChanged is the hook that adapts the DHCP ports of a network after one of its subnets came, went or changed.
func (d *DHCP) SubnetChanged(ctx context.Context, tx *change.Tx, was, is *neutron.Subnet) error {
	sub := is
	if sub == nil {
		sub = was
	}
	site, err := addresses.Load(ctx, tx, sub.Network)
	if err != nil {
		return err
	}
	ports, err := portsOf(ctx, tx, sub.Network)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if err := redo(ctx, tx, site, p); err != nil {
			return err
		}
	}
	carrying, err := store.HostsOfNetwork(ctx, tx, sub.Network)
	if err != nil {
		return err
	}
	slices.Sort(carrying)
	for _, host := range carrying {
		if guests, err := store.HostHasPorts(ctx, tx, host, sub.Network); err != nil || !guests {
			if err != nil {
				return err
			}
			continue // it carries ports of routers alone
		}
		if err := d.Ensure(ctx, tx, site, host); err != nil {
			return err
		}
	}
	return nil
}

// redo gives a DHCP port an address on each subnet with DHCP, and removes a port without addresses.
func redo(ctx context.Context, tx *change.Tx, site *addresses.Site, p neutron.Port) error {
	var kept []neutron.FixedIP
	for _, sub := range site.Subnets {
		if !sub.DHCP {
			continue
		}
		if i := slices.IndexFunc(p.FixedIPs, func(f neutron.FixedIP) bool { return f.Subnet == sub.ID }); i >= 0 {
			kept = append(kept, p.FixedIPs[i])
			continue
		}
		f, err := site.Want(ctx, tx, &p, addresses.Wanted{Subnet: sub.ID})
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
	tx.Port(p)
	if len(kept) == 0 {
		return store.DeletePort(ctx, tx, p.ID)
	}
	for _, f := range p.FixedIPs {
		if !slices.Contains(kept, f) {
			if err := store.FreeAddress(ctx, tx, p.Network, p.ID, f.IP); err != nil {
				return err
			}
		}
	}
	p.FixedIPs = kept
	_, err := store.UpdatePort(ctx, tx, p, tx.Now())
	return err
}

// PortChanged is the hook that removes a host's DHCP port on a network when its last other port there is gone.
func (d *DHCP) PortChanged(ctx context.Context, tx *change.Tx, gone, is *neutron.Port) error {
	if gone == nil || gone.Host == "" || gone.DeviceOwner == neutron.OwnerDHCP ||
		neutron.RoutedPort(gone.DeviceOwner) || is != nil && is.Host == gone.Host {
		return nil
	}
	carries, err := store.HostHasPorts(ctx, tx, gone.Host, gone.Network)
	if err != nil || carries {
		return err
	}
	ports, err := store.DHCPPorts(ctx, tx, gone.Network)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if p.Host != gone.Host {
			continue
		}
		tx.Port(p)
		if err := store.DeletePort(ctx, tx, p.ID); err != nil {
			return err
		}
	}
	return nil
}

// HostState returns the sections of a host's state that differ from have, and the revisions of all its sections.
// A network that lacks DHCP on the host gets it first; that happens after the host whose DHCP port it used is gone.
func (d *DHCP) HostState(ctx context.Context, host string, have neutron.Revisions) (
	neutron.HostState, neutron.Revisions, error) {
	state, all, err := d.change.States.Changed(ctx, host, have)
	if err != nil || !slices.ContainsFunc(state.Networks, lacksDHCP) {
		return state, all, err
	}
	err = d.change.Do(ctx, func(tx *change.Tx) error {
		for _, n := range state.Networks {
			if !lacksDHCP(n) {
				continue
			}
			site, err := addresses.Load(ctx, tx, n.ID)
			if fault.Is(err, fault.NotFound) {
				continue // deleted meanwhile
			}
			if err != nil {
				return err
			}
			if err := d.Ensure(ctx, tx, site, host); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return state, nil, err
	}
	return d.change.States.Changed(ctx, host, have)
}

func lacksDHCP(n neutron.HostNetwork) bool {
	return n.DHCPMAC == "" && len(n.Ports) > 0 &&
		slices.ContainsFunc(n.Subnets, func(sub neutron.SubnetInfo) bool { return sub.DHCP })
}
