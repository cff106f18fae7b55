// Package network converts between networking's ports and compute's NICs, so that hosts, the store and messages of
// compute depend on no type of networking.
package network

import (
	"cmp"
	"slices"

	"hypernova/neutron"
	"hypernova/nova"
)

// NICs makes NICs of ports, in the same order. A nil slice stays nil.
func NICs(ports []neutron.PortInfo) []nova.NIC { return each(ports, NIC) }

// NIC makes a NIC of a port.
func NIC(p neutron.PortInfo) nova.NIC {
	return nova.NIC{
		ID: p.ID, Name: p.Name, Project: p.Project, Network: p.Network, NetworkName: p.NetworkName, MAC: p.MAC,
		FixedIPs: each(p.FixedIPs, func(f neutron.FixedIP) nova.FixedIP { return nova.FixedIP(f) }),
		Subnets:  each(p.Subnets, subnet), MTU: p.MTU, AdminUp: p.AdminUp, Status: p.Status,
		DeviceID: p.DeviceID, DeviceOwner: p.DeviceOwner, Host: p.Host, VNICType: p.VNICType, VIFType: p.VIFType,
		Device: p.Device, SecurityGroups: p.SecurityGroups, PortSecurity: p.PortSecurity,
		AddressPairs: each(p.AddressPairs, func(a neutron.AddressPair) nova.AddressPair { return nova.AddressPair(a) }),
		DNSName:      p.DNSName, Created: p.Created, Tag: p.Tag,
		Floating: each(p.Floating, func(f neutron.FloatingPair) nova.FloatingPair { return nova.FloatingPair(f) }),
	}
}

func subnet(s neutron.SubnetInfo) nova.Subnet {
	return nova.Subnet{
		ID: s.ID, Name: s.Name, Network: s.Network, CIDR: s.CIDR, Gateway: s.Gateway, DHCP: s.DHCP, DNS: s.DNS,
		Routes:  each(s.Routes, func(r neutron.HostRoute) nova.HostRoute { return nova.HostRoute(r) }),
		Version: s.Version, AddressMode: s.AddressMode,
	}
}

// Specs makes networking's form of NIC requests, in the same order.
func Specs(nics []nova.NICRequest) []neutron.PortSpec {
	return each(nics, func(n nova.NICRequest) neutron.PortSpec { return neutron.PortSpec(n) })
}

// each converts a slice; nil stays nil, because both forms are stored as JSON.
func each[From, To any](all []From, convert func(From) To) []To {
	if all == nil {
		return nil
	}
	out := make([]To, len(all))
	for i, v := range all {
		out[i] = convert(v)
	}
	return out
}

// Merge returns the NICs that a server has now, with what only its network cache had knows of them, in its order.
func Merge(had, now []nova.NIC) []nova.NIC {
	out := append([]nova.NIC{}, now...) // never nil: none are kept as none
	at := func(id string) int {
		if i := slices.IndexFunc(had, func(h nova.NIC) bool { return h.ID == id }); i >= 0 {
			return i
		}
		return len(had)
	}
	slices.SortStableFunc(out, func(x, y nova.NIC) int { return at(x.ID) - at(y.ID) })
	for i := range out {
		if k := at(out[i].ID); k < len(had) {
			out[i].Created = out[i].Created || had[k].Created
			out[i].Tag = cmp.Or(out[i].Tag, had[k].Tag)
		}
	}
	return out
}
