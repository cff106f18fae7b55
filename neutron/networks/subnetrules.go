package networks

import (
	"net/netip"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/oslo/fault"
)

// Bounds of what a subnet hands out.
const (
	maxDNS    = 5
	maxRoutes = 20
)

// checkSubnet checks what must hold of a subnet whenever it changes.
func checkSubnet(sub neutron.Subnet) error {
	if reason, code := ipam.CheckPools(sub.CIDR, sub.Gateway, sub.Pools); reason != "" {
		kind := fault.Invalid
		if code == "OverlappingAllocationPools" || code == "GatewayConflictWithAllocationPools" {
			kind = fault.Conflict
		}
		return fault.New(kind, "%s", reason).Coded(code)
	}
	if sub.DHCP && sub.CIDR.Bits() > sub.CIDR.Addr().BitLen()-2 {
		return neutron.BadInput("Subnet has a prefix length that is incompatible with DHCP service enabled")
	}
	if !sub.DHCP && (sub.RAMode != "" || sub.AddrMode != "") {
		return neutron.BadInput("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
	}
	if len(sub.DNS) > maxDNS {
		return fault.Invalidf("Unable to complete operation for %s. The number of DNS nameservers exceeds the limit %d.", sub.ID, maxDNS).Coded("DNSNameServersExhausted")
	}
	if len(sub.Routes) > maxRoutes {
		return fault.Invalidf("Unable to complete operation for %s. The number of host routes exceeds the limit %d.", sub.ID, maxRoutes).Coded("HostRoutesExhausted")
	}
	seen := map[netip.Addr]bool{}
	for _, a := range sub.DNS {
		if seen[a] {
			return neutron.BadInput("Duplicate nameserver '%s'", a)
		}
		seen[a] = true
	}
	for _, r := range sub.Routes {
		if r.Destination.Addr().Is4() != r.NextHop.Is4() || r.NextHop.Is4() != (sub.Version == 4) {
			return neutron.BadInput("Destination %s and nexthop %s are not of the subnet's IP version", r.Destination, r.NextHop)
		}
	}
	return nil
}

// checkModes checks how IPv6 ports get their addresses, which is decided once.
func checkModes(sub neutron.Subnet) error {
	if sub.RAMode == "" && sub.AddrMode == "" {
		return nil
	}
	if sub.Version == 4 {
		return neutron.BadInput("ipv6_ra_mode or ipv6_address_mode cannot be set with ip_version 4")
	}
	for _, m := range []string{sub.RAMode, sub.AddrMode} {
		if m != "" && m != "slaac" && m != "dhcpv6-stateful" && m != "dhcpv6-stateless" {
			return neutron.BadInput("'%s' is not in ['dhcpv6-stateful', 'dhcpv6-stateless', 'slaac']", m)
		}
	}
	if sub.RAMode != "" && sub.AddrMode != "" && sub.RAMode != sub.AddrMode {
		return neutron.BadInput("ipv6_ra_mode set to '%s' with ipv6_address_mode set to '%s' is not valid. If both attributes are set, they must be the same value",
			sub.RAMode, sub.AddrMode)
	}
	if sub.Auto() && sub.CIDR.Bits() != 64 {
		return neutron.BadInput("Invalid CIDR %s for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64", sub.CIDR)
	}
	return nil
}
