package secgroups

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/oslo/fault"
)

// Protocol reads the protocol of a rule: its name in lower case, or its number; empty for any. Fault
// SecurityGroupRuleInvalidProtocol.
func Protocol(s string) (string, error) {
	s = strings.ToLower(s)
	if s == "any" {
		return "", nil
	}
	if _, ok := neutron.ProtocolNumber(s); !ok {
		return "", fault.Invalidf(
			"Security group rule protocol %s not supported. Only protocol values (None, 'any', '%s') and integer representations [0 to 255] are supported.",
			s, strings.Join(neutron.ProtocolNames(), "', '")).Coded("SecurityGroupRuleInvalidProtocol")
	}
	return s, nil
}

// Ether returns the IP version of an ethertype's name; fault SecurityGroupRuleInvalidEtherType.
func Ether(s string) (int, error) {
	switch strings.ToLower(s) {
	case "ipv4":
		return 4, nil
	case "ipv6":
		return 6, nil
	}
	return 0, fault.Invalidf("Security group rule for ethertype '%s' not supported. Allowed values are ['IPv4', 'IPv6'].",
		s).Coded("SecurityGroupRuleInvalidEtherType")
}

// Prefix is a rule's remote prefix as it is kept: with a length, its host bits as they were given; empty for any.
func Prefix(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	p, err := ipam.ParseCIDR(s)
	if err != nil {
		return "", fault.Invalidf("Invalid CIDR %s given as IP prefix.", s).Coded("InvalidCIDR")
	}
	return p.String(), nil
}

// Port is one end of a rule's port range, or a type or code of ICMP.
func Port(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 || n > 65535 {
		return 0, fault.Invalidf("Invalid value for port %s", s).Coded("SecurityGroupInvalidPortValue")
	}
	return n, nil
}

// normalize checks what a rule says and puts it in the form that is kept: IPv6's ICMP has one name and one number,
// all ports are no ports.
func normalize(r neutron.SecurityGroupRule) (neutron.SecurityGroupRule, error) {
	if r.Ether == 6 && (r.Protocol == "icmp" || r.Protocol == "icmpv6") {
		r.Protocol = "ipv6-icmp"
	}
	if r.Ether == 6 && r.Protocol == "1" {
		r.Protocol = "58"
	}
	if r.PortMin != nil && r.PortMax != nil && *r.PortMin == 1 && *r.PortMax == 65535 {
		r.PortMin, r.PortMax = nil, nil
	}
	number := -1
	if n, ok := neutron.ProtocolNumber(r.Protocol); ok && r.Protocol != "" {
		number = n
	}
	if err := checkPorts(r, number); err != nil {
		return r, err
	}
	if p, err := netip.ParsePrefix(r.RemotePrefix); err == nil && p.Addr().Is4() != (r.Ether == 4) {
		return r, fault.Invalidf("Conflicting value ethertype IPv%d for CIDR %s", r.Ether,
			r.RemotePrefix).Coded("SecurityGroupRuleParameterConflict")
	}
	if r.Ether == 4 && onlyIPv6(r.Protocol) {
		return r, fault.Invalidf("Invalid ethertype IPv4 for protocol %s.",
			r.Protocol).Coded("SecurityGroupEthertypeConflictWithProtocol")
	}
	if r.RemoteGroup != "" && r.RemotePrefix != "" {
		return r, fault.Invalidf(
			"Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.").
			Coded("SecurityGroupMultipleRemoteEntites") // neutron's spelling
	}
	return r, nil
}

// onlyIPv6 reports whether a protocol, by name or number, is one of IPv6's own.
func onlyIPv6(protocol string) bool {
	switch protocol {
	case "ipv6-encap", "ipv6-frag", "ipv6-icmp", "icmpv6", "ipv6-nonxt", "ipv6-opts", "ipv6-route", "41", "44", "58", "59",
		"60", "43":
		return true
	}
	return false
}

// checkPorts checks a port range for protocols that have ports, and type and code for ICMP.
func checkPorts(r neutron.SecurityGroupRule, protocol int) error {
	if r.PortMin == nil && r.PortMax == nil {
		return nil
	}
	switch protocol {
	case -1:
		return fault.Invalidf("Must also specify protocol if port range is given.").Coded(
			"SecurityGroupProtocolRequiredWithPorts")
	case 6, 17, 33, 132, 136:
		if r.PortMin != nil && *r.PortMin == 0 || r.PortMax != nil && *r.PortMax == 0 {
			return fault.Invalidf("Invalid value for port 0").Coded("SecurityGroupInvalidPortValue")
		}
		if r.PortMin == nil || r.PortMax == nil || *r.PortMin > *r.PortMax {
			return fault.Invalidf("For TCP/UDP protocols, port_range_min must be <= port_range_max").Coded(
				"SecurityGroupInvalidPortRange")
		}
		return nil
	case 1, 58:
		for _, f := range []struct {
			field, attr string
			value       *int
		}{{"type", "port_range_min", r.PortMin}, {"code", "port_range_max", r.PortMax}} {
			if f.value != nil && (*f.value < 0 || *f.value > 255) {
				return fault.Invalidf("Invalid value for ICMP %s (%s) %d. It must be 0 to 255.", f.field, f.attr,
					*f.value).Coded("SecurityGroupInvalidIcmpValue")
			}
		}
		if r.PortMin == nil {
			return fault.Invalidf("ICMP code (port-range-max) %d is provided but ICMP type (port-range-min) is missing.",
				*r.PortMax).Coded("SecurityGroupMissingIcmpType")
		}
		return nil
	}
	return fault.Invalidf("Ports cannot be specified for protocol %d. Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE.", protocol).
		Coded("SecurityGroupInvalidProtocolForPort")
}

// meaning is what a rule allows, in one form: rules of a group with one meaning are duplicates, whatever they call
// their protocol, and whether they name everything or nothing as the remote. A prefix with other host bits is
// another rule, as in neutron.
func meaning(r neutron.SecurityGroupRule) string {
	protocol := r.Protocol
	if r.Ether == 6 && (protocol == "icmp" || protocol == "1") {
		protocol = "58"
	}
	if n, ok := neutron.ProtocolNumber(protocol); ok && protocol != "" {
		protocol = strconv.Itoa(n)
	}
	prefix := r.RemotePrefix
	if prefix == "0.0.0.0/0" || prefix == "::/0" {
		prefix = ""
	}
	return fmt.Sprintf("ingress=%t ether=%d proto=%s min=%s max=%s group=%s remote=%s", r.Ingress, r.Ether, protocol,
		number(r.PortMin), number(r.PortMax), r.RemoteGroup, prefix)
}

func number(p *int) string {
	if p == nil {
		return ""
	}
	return strconv.Itoa(*p)
}
