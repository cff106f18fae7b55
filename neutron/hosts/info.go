package hosts

import "hypernova/neutron"

// SubnetInfo is a subnet as hosts and guests know it.
func SubnetInfo(s neutron.Subnet) neutron.SubnetInfo {
	return neutron.SubnetInfo{ID: s.ID, Name: s.Name, Network: s.Network, CIDR: s.CIDR, Gateway: s.Gateway, DHCP: s.DHCP, DNS: s.DNS, Routes: s.Routes, Version: s.Version,
		AddressMode: s.AddrMode}
}

// PortInfo is a port with its network and those of subnets that it has addresses of.
func PortInfo(p neutron.Port, n neutron.Network, subnets map[string]neutron.Subnet) neutron.PortInfo {
	i := neutron.PortInfo{
		ID: p.ID, Name: p.Name, Project: p.Project, Network: p.Network, NetworkName: n.Name, MAC: p.MAC, FixedIPs: p.FixedIPs, MTU: n.MTU,
		AdminUp: p.AdminUp && n.AdminUp, Status: p.Status, DeviceID: p.DeviceID, DeviceOwner: p.DeviceOwner, Host: p.Host, VNICType: p.VNICType,
		VIFType: p.VIFType, Device: neutron.Device(p.ID), SecurityGroups: p.SecurityGroups, PortSecurity: p.PortSecurity, Created: p.Made, Tag: p.Tag,
		AddressPairs: p.AddressPairs, DNSName: p.DNSName,
	}
	seen := map[string]bool{}
	for _, f := range p.FixedIPs {
		if s, ok := subnets[f.Subnet]; ok && !seen[f.Subnet] {
			seen[f.Subnet] = true
			i.Subnets = append(i.Subnets, SubnetInfo(s))
		}
	}
	return i
}
