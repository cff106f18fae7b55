package neutron

import (
	"slices"

	"hypernova/oslo/fault"
)

// InfoOf makes compute's form of a network.
func InfoOf(n Network) NetworkInfo {
	return NetworkInfo{ID: n.ID, Name: n.Name, Project: n.Project, Shared: n.Shared, External: n.External,
		AdminUp: n.AdminUp, Subnets: n.Subnets, MTU: n.MTU}
}

// SubnetInfoOf makes the form of a subnet that hosts and guests know.
func SubnetInfoOf(s Subnet) SubnetInfo {
	return SubnetInfo{ID: s.ID, Name: s.Name, Network: s.Network, CIDR: s.CIDR, Gateway: s.Gateway, DHCP: s.DHCP,
		DNS: s.DNS, Routes: s.Routes, Version: s.Version, AddressMode: s.AddrMode}
}

// PortInfoOf makes compute's form of a port with its network and those of the subnets that it has addresses of.
func PortInfoOf(p Port, n Network, subnets map[string]Subnet) PortInfo {
	i := PortInfo{
		ID: p.ID, Name: p.Name, Project: p.Project, Network: p.Network, NetworkName: n.Name, MAC: p.MAC,
		FixedIPs: p.FixedIPs, MTU: n.MTU, AdminUp: p.AdminUp && n.AdminUp, Status: p.Status, DeviceID: p.DeviceID,
		DeviceOwner: p.DeviceOwner, Host: p.Host, VNICType: p.VNICType, VIFType: p.VIFType, Device: Device(p.ID),
		SecurityGroups: p.SecurityGroups, PortSecurity: p.PortSecurity, Created: p.Made, Tag: p.Tag,
		AddressPairs: p.AddressPairs, DNSName: p.DNSName,
	}
	seen := map[string]bool{}
	for _, f := range p.FixedIPs {
		if s, ok := subnets[f.Subnet]; ok && !seen[f.Subnet] {
			seen[f.Subnet] = true
			i.Subnets = append(i.Subnets, SubnetInfoOf(s))
		}
	}
	return i
}

// WithFloating adds to ports the floating IPs that they have.
func WithFloating(ports []PortInfo, all []FloatingIP) {
	for i := range ports {
		for _, f := range all {
			if f.Port == ports[i].ID {
				ports[i].Floating = append(ports[i].Floating, FloatingPair{Fixed: f.Fixed, IP: f.IP})
			}
		}
	}
}

// ServerPorts returns those of a device's ports that are a server's: any user can write a device_id, but only compute
// makes and binds ports.
func ServerPorts(of []Port) []Port {
	return slices.DeleteFunc(of, func(p Port) bool { return !p.Made && p.Host == "" })
}

// Owner returns the device_owner of a server's ports.
func (a AllocateArgs) Owner() string {
	if a.AZ == "" {
		return OwnerComputePrefix + "nova"
	}
	return OwnerComputePrefix + a.AZ
}

// Take finds among a server's ports the one that an earlier Allocate made for the like of the spec, and removes it from
// them, so that two specs never share one.
func (s PortSpec) Take(ports *[]Port) (Port, bool) {
	i := slices.IndexFunc(*ports, func(p Port) bool {
		hasIP := func(f FixedIP) bool { return f.IP == s.FixedIP }
		return p.Made && p.Network == s.Network && p.Tag == s.Tag &&
			(!s.FixedIP.IsValid() || slices.ContainsFunc(p.FixedIPs, hasIP))
	})
	if i < 0 {
		return Port{}, false
	}
	p := (*ports)[i]
	*ports = slices.Delete(*ports, i, i+1)
	return p, true
}

// Free returns those of a server's ports that are for the specs of a.
func (a AllocateArgs) Free(have []Port) []Port {
	return slices.DeleteFunc(have, func(p Port) bool { return slices.Contains(a.Except, p.ID) })
}

// Codes of faults of the operations on a server's security groups.
const (
	NoPorts           = "NoPorts"
	NotInGroup        = "NotInGroup"
	GroupNeedsAddress = "GroupNeedsAddress"
)

// WithGroup returns the security groups of each of a server's ports that must change so that all have the group, by
// port. For the faults see API.
func WithGroup(server, group string, ports []Port) (map[string][]string, error) {
	if len(ports) == 0 {
		return nil, noPorts(server)
	}
	out := map[string][]string{}
	for _, p := range ports {
		if len(p.FixedIPs) == 0 || !p.PortSecurity {
			return nil, fault.Invalidf("Network requires port_security_enabled and subnet associated in order to apply " +
				"security groups.").Coded(GroupNeedsAddress)
		}
		if !slices.Contains(p.SecurityGroups, group) {
			out[p.ID] = append(slices.Clone(p.SecurityGroups), group)
		}
	}
	return out, nil
}

// WithoutGroup is WithGroup so that none of them has the group.
func WithoutGroup(server, group string, ports []Port) (map[string][]string, error) {
	if len(ports) == 0 {
		return nil, noPorts(server)
	}
	out := map[string][]string{}
	for _, p := range ports {
		if i := slices.Index(p.SecurityGroups, group); i >= 0 {
			out[p.ID] = slices.Delete(slices.Clone(p.SecurityGroups), i, i+1)
		}
	}
	if len(out) == 0 {
		return nil, fault.NotFoundf("Security group %s is on no port of server %s.", group, server).Coded(NotInGroup)
	}
	return out, nil
}

func noPorts(server string) error {
	return fault.NotFoundf("Server %s has no ports.", server).Coded(NoPorts)
}

// Usable refuses an existing port that the server of a cannot have: a port of another project, or of another device.
func (a AllocateArgs) Usable(p Port) error {
	switch {
	case p.Project != a.Project:
		return Missing("Port", p.ID)
	case p.DeviceID != "" && p.DeviceID != a.Server:
		return PortInUse(p.ID, p.Network, p.DeviceID)
	}
	return nil
}

// Adopt returns a port as it is once the server of a has it, apart from its binding, and whether anything of it must
// change, its binding included.
func (a AllocateArgs) Adopt(p Port, spec PortSpec) (adopted Port, changed bool) {
	was := p
	p.DeviceID, p.DeviceOwner, p.Tag = a.Server, a.Owner(), spec.Tag
	if !p.Made && p.DNSName == "" {
		p.DNSName = a.DNSName
	}
	same := p.DeviceID == was.DeviceID && p.DeviceOwner == was.DeviceOwner && p.Tag == was.Tag &&
		p.Host == a.Host && p.VIFType != VIFFailed
	return p, !same
}

// BindingFailed refuses a port that no mechanism could bind to its host; why may be empty.
func BindingFailed(p Port, why string) *fault.Fault {
	text := "Binding failed for port " + p.ID + " on host " + p.Host
	if why != "" {
		text += ": " + why
	}
	return fault.Conflictf("%s.", text).Coded("PortBindingFailed")
}
