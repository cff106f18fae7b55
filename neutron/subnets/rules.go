package subnets

import (
	"fmt"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/oslo/fault"
)

// Bounds of the lists of a subnet, neutron's max_dns_nameservers and max_subnet_host_routes.
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
	if !sub.DHCP && (sub.RAMode != "" || sub.AddrMode != "") {
		return neutron.BadInput("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
	}
	if len(sub.DNS) > maxDNS {
		return fault.Invalidf("Unable to complete operation for %s. The number of DNS nameservers exceeds the limit %d.",
			sub.ID, maxDNS).Coded("DNSNameServersExhausted")
	}
	if len(sub.Routes) > maxRoutes {
		return fault.Invalidf("Unable to complete operation for %s. The number of host routes exceeds the limit %d.",
			sub.ID, maxRoutes).Coded("HostRoutesExhausted")
	}
	for _, a := range sub.DNS {
		if err := sameVersion(sub, "dns_nameserver", a.Is4(), a); err != nil {
			return err
		}
	}
	for _, r := range sub.Routes {
		if err := sameVersion(sub, "nexthop", r.NextHop.Is4(), r.NextHop); err != nil {
			return err
		}
		if err := sameVersion(sub, "destination", r.Destination.Addr().Is4(), r.Destination); err != nil {
			return err
		}
	}
	return nil
}

// sameVersion refuses an address of the other IP version than the subnet's.
func sameVersion(sub neutron.Subnet, attribute string, is4 bool, value fmt.Stringer) error {
	if is4 == (sub.Version == 4) {
		return nil
	}
	return neutron.BadInput("%s '%s' does not match the ip_version '%d'", attribute, value, sub.Version)
}

// checkServed checks that DHCP can serve the subnet, if it is enabled.
func checkServed(sub neutron.Subnet) error {
	a := sub.CIDR.Addr()
	switch {
	case !sub.DHCP:
		return nil
	case sub.CIDR.Bits() > a.BitLen()-2:
		return neutron.BadInput("Subnet has a prefix length that is incompatible with DHCP service enabled")
	case a.IsMulticast():
		return neutron.BadInput("Multicast IP subnet is not supported if enable_dhcp is True")
	case a.IsLoopback():
		return neutron.BadInput("Loopback IP subnet is not supported if enable_dhcp is True")
	case a.Is4() && a.IsUnspecified():
		return neutron.BadInput("First IP '0.0.0.0' of network is not supported if enable_dhcp is True.")
	}
	return nil
}

// checkModes checks how IPv6 ports get their addresses. That cannot change later.
func checkModes(sub neutron.Subnet) error {
	if sub.RAMode == "" && sub.AddrMode == "" {
		return nil
	}
	if sub.Version == 4 {
		if sub.RAMode != "" {
			return neutron.BadInput("ipv6_ra_mode is not valid when ip_version is 4")
		}
		return neutron.BadInput("ipv6_address_mode is not valid when ip_version is 4")
	}
	if sub.RAMode != "" && sub.AddrMode != "" && sub.RAMode != sub.AddrMode {
		return neutron.BadInput("ipv6_ra_mode set to '%s' with ipv6_address_mode set to '%s' is not valid."+
			" If both attributes are set, they must be the same value", sub.RAMode, sub.AddrMode)
	}
	if sub.Auto() && sub.CIDR.Bits() != 64 {
		return neutron.BadInput("Invalid CIDR %s for IPv6 address mode."+
			" OpenStack uses the EUI-64 address format, which requires the prefix to be /64", sub.CIDR)
	}
	return nil
}
