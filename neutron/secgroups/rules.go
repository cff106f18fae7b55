package secgroups

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"hypernova/neutron"
	"hypernova/oslo/fault"
)

// normalize checks what a rule says and puts it in the form that is kept: IPv6's ICMP has one name, "any" is no protocol, a bare
// address is a prefix.
func normalize(r neutron.SecurityGroupRule) (neutron.SecurityGroupRule, error) {
	r.Protocol = strings.ToLower(r.Protocol)
	if r.Protocol == "any" || r.Protocol == "-1" {
		r.Protocol = ""
	}
	if r.Protocol == "icmpv6" || r.Protocol == "icmp" && r.Ether == 6 {
		r.Protocol = "ipv6-icmp"
	}
	number := -1
	if r.Protocol != "" {
		n, ok := neutron.ProtocolNumber(r.Protocol)
		if !ok {
			return r, fault.Invalidf("Security group rule protocol %s not supported. Only protocol names and their integer representation (0 to 255) are supported.",
				r.Protocol).Coded("SecurityGroupRuleInvalidProtocol")
		}
		number = n
	}
	if strings.HasPrefix(r.Protocol, "ipv6-") && r.Ether == 4 {
		return r, fault.Invalidf("Invalid ethertype IPv4 for protocol %s.", r.Protocol).Coded("SecurityGroupEthertypeConflictWithProtocol")
	}
	if r.RemoteGroup != "" && r.RemotePrefix != "" {
		return r, fault.Invalidf("Only remote_ip_prefix or remote_group_id may be provided.").Coded("SecurityGroupRemoteGroupAndRemoteIpPrefix")
	}
	if err := checkPorts(r, number); err != nil {
		return r, err
	}
	return remotePrefix(r)
}

func remotePrefix(r neutron.SecurityGroupRule) (neutron.SecurityGroupRule, error) {
	if r.RemotePrefix == "" {
		return r, nil
	}
	p, err := netip.ParsePrefix(r.RemotePrefix)
	if err != nil {
		ip, err := netip.ParseAddr(r.RemotePrefix)
		if err != nil || ip.Zone() != "" {
			return r, fault.Invalidf("Invalid CIDR %s given as IP prefix.", r.RemotePrefix).Coded("InvalidCIDR")
		}
		p = netip.PrefixFrom(ip, ip.BitLen())
	}
	if p.Addr().Is4() != (r.Ether == 4) {
		return r, fault.Invalidf("Conflicting value ethertype IPv%d for CIDR %s", r.Ether, r.RemotePrefix).Coded("SecurityGroupRuleParameterConflict")
	}
	r.RemotePrefix = p.String()
	return r, nil
}

// checkPorts checks a port range for protocols that have ports, and type and code for ICMP.
func checkPorts(r neutron.SecurityGroupRule, protocol int) error {
	if r.PortMin == nil && r.PortMax == nil {
		return nil
	}
	switch protocol {
	case -1:
		return fault.Invalidf("Must also specify protocol if port range is given.").Coded("SecurityGroupProtocolRequiredWithPorts")
	case 6, 17, 33, 132, 136:
		for _, p := range []*int{r.PortMin, r.PortMax} {
			if p != nil && (*p < 1 || *p > 65535) {
				return fault.Invalidf("Invalid value for port %d", *p).Coded("SecurityGroupInvalidPortValue")
			}
		}
		if r.PortMin == nil || r.PortMax == nil || *r.PortMin > *r.PortMax {
			return fault.Invalidf("For TCP/UDP protocols, port_range_min must be <= port_range_max").Coded("SecurityGroupInvalidPortRange")
		}
		return nil
	case 1, 58:
		for _, f := range []struct {
			field, attr string
			value       *int
		}{{"port_range_min", "type", r.PortMin}, {"port_range_max", "code", r.PortMax}} {
			if f.value != nil && (*f.value < 0 || *f.value > 255) {
				return fault.Invalidf("Invalid value for ICMP %s (%s) %d. It must be 0 to 255.", f.field, f.attr, *f.value).Coded("SecurityGroupInvalidIcmpValue")
			}
		}
		if r.PortMin == nil {
			return fault.Invalidf("ICMP code (port-range-max) %d is provided but ICMP type (port-range-min) is missing.", *r.PortMax).Coded("SecurityGroupMissingIcmpType")
		}
		return nil
	}
	return fault.Invalidf("Invalid port range for protocol %s: the protocol has no ports.", r.Protocol).Coded("SecurityGroupInvalidProtocolForPort")
}

// meaning is what a rule allows, in one form: rules of a group with one meaning are duplicates, whatever they call their protocol.
func meaning(r neutron.SecurityGroupRule) string {
	protocol := ""
	if n, ok := neutron.ProtocolNumber(r.Protocol); ok && r.Protocol != "" {
		protocol = strconv.Itoa(n)
	}
	prefix := r.RemotePrefix
	if p, err := netip.ParsePrefix(prefix); err == nil {
		prefix = p.Masked().String()
	}
	return fmt.Sprintf("in=%t ether=%d proto=%s min=%s max=%s group=%s prefix=%s", r.Ingress, r.Ether, protocol, number(r.PortMin), number(r.PortMax), r.RemoteGroup, prefix)
}

func number(p *int) string {
	if p == nil {
		return ""
	}
	return strconv.Itoa(*p)
}
