package neutron

import (
	"fmt"
	"net/netip"

	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// These make the faults that clients of OpenStack's networking know by name.

// Missing is the fault for a resource that is not there or not the caller's to see; what is its type's name in errors
// ("Network").
func Missing(what, id string) *fault.Fault {
	switch what {
	case "SecurityGroup":
		return fault.NotFoundf("Security group %s does not exist", id).Coded("SecurityGroupNotFound")
	case "SecurityGroupRule":
		return fault.NotFoundf("Security group rule %s does not exist", id).Coded("SecurityGroupRuleNotFound")
	case "Router", "FloatingIP":
		words := map[string]string{"Router": "Router", "FloatingIP": "Floating IP"}
		return fault.NotFoundf("%s %s could not be found", words[what], id).Coded(what + "NotFound")
	}
	words := map[string]string{"SubnetPool": "Subnet pool", "AddressScope": "Address scope",
		"PortForwarding": "Port Forwarding"}
	if w := words[what]; w != "" {
		return fault.NotFoundf("%s %s could not be found.", w, id).Coded(what + "NotFound")
	}
	return fault.NotFoundf("%s %s could not be found.", what, id).Coded(what + "NotFound")
}

// BadInput refuses what a request says.
func BadInput(format string, args ...any) *fault.Fault {
	return fault.Invalidf("Invalid input for operation: %s.", fmt.Sprintf(format, args...)).Coded("InvalidInput")
}

// NetworkInUse refuses to delete a network that has ports.
func NetworkInUse(id string) *fault.Fault {
	return fault.Conflictf("Unable to complete operation on network %s. There are one or more ports still in use on the network.", id).Coded("NetworkInUse")
}

// SubnetInUse refuses to delete or change a subnet that ports have addresses of.
func SubnetInUse(id string) *fault.Fault {
	return fault.Conflictf("Unable to complete operation on subnet %s: One or more ports have an IP allocation from this subnet.", id).Coded("SubnetInUse")
}

// PortInUse refuses a port that another device has.
func PortInUse(port, network, device string) *fault.Fault {
	return fault.Conflictf("Unable to complete operation on port %s for network %s. Port already has an attached device %s.", port, network, device).Coded("PortInUse")
}

// MACInUse refuses a hardware address that the network has already.
func MACInUse(network, mac string) *fault.Fault {
	return fault.Conflictf("Unable to complete operation for network %s. The mac address %s is in use.", network,
		mac).Coded("MacAddressInUse")
}

// IPInUse refuses an address that the network has already.
func IPInUse(network string, ip netip.Addr) *fault.Fault {
	return fault.Conflictf("Unable to complete operation for network %s. The IP address %s is in use.", network,
		ip).Coded("IpAddressInUse")
}

// NoFreeAddress is the code of the fault for a network without a free address.
const NoFreeAddress = "IpAddressGenerationFailure"

// FixedIPTaken is the code of the fault for an address that a server cannot have since a port has it.
const FixedIPTaken = "FixedIpAlreadyInUse"

// FixedIPInUse refuses an address that a device's port has; device is empty where the caller may not know of it.
func FixedIPInUse(ip netip.Addr, device string) *fault.Fault {
	text := fmt.Sprintf("Fixed IP address %s is already in use", ip)
	if device != "" {
		text += " on instance " + device
	}
	return fault.Conflictf("%s.", text).Coded(FixedIPTaken)
}

// NoMoreIPs says that a network's pools are used up.
func NoMoreIPs(network string) *fault.Fault {
	return fault.Conflictf("No more IP addresses available on network %s.", network).Coded(NoFreeAddress)
}

// WrongIPForNetwork refuses an address that none of a network's subnets has.
func WrongIPForNetwork(ip netip.Addr) *fault.Fault {
	return fault.Invalidf("IP address %s is not a valid IP for any of the subnets on the specified network.",
		ip).Coded("InvalidIpForNetwork")
}

// WrongIPForSubnet refuses an address that the named subnet does not have.
func WrongIPForSubnet(ip netip.Addr) *fault.Fault {
	return fault.Invalidf("IP address %s is not a valid IP for the specified subnet.", ip).Coded("InvalidIpForSubnet")
}

// CheckRevision refuses a change that was asked for on the condition of another revision.
func CheckRevision(want opt.Of[int64], have int64) error {
	if !want.Has() || want.Value == have {
		return nil
	}
	return fault.Conflictf("Constrained to %d, but current revision is %d", want.Value,
		have).Coded("RevisionNumberConstraintFailed")
}

// ScopeAffinity refuses subnets of one network and IP version in two address scopes.
func ScopeAffinity() *fault.Fault {
	return fault.Invalidf("Subnets of the same address family hosted on the same network must all participate in " +
		"the same address scope.").Coded("NetworkAddressScopeAffinityError")
}

// BadRequest refuses a request about a resource in neutron's words.
func BadRequest(resource, format string, args ...any) *fault.Fault {
	return fault.Invalidf("Bad %s request: %s.", resource, fmt.Sprintf(format, args...)).Coded("BadRequest")
}

// ServicePortInUse refuses to delete a port that a router or a floating IP has.
func ServicePortInUse(port, owner string) *fault.Fault {
	return fault.Conflictf("Port %s cannot be deleted directly via the port API: has device owner %s.", port,
		owner).Coded("ServicePortInUse")
}
