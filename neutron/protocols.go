package neutron

import (
	"maps"
	"slices"
	"strconv"
)

// protocols are the names of IP protocols that security group rules may use.
func protocols() map[string]int {
	return map[string]int{
		"ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": 1, "igmp": 2, "ip": 0, "ipip": 4,
		"ipv6-encap": 41, "ipv6-frag": 44,
		"ipv6-icmp": 58, "icmpv6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43, "ospf": 89, "pgm": 113,
		"rsvp": 46, "sctp": 132, "tcp": 6,
		"udp": 17, "udplite": 136, "vrrp": 112,
	}
}

// ProtocolNumber is the number of an IP protocol that is given by name or number; false for one that is neither.
func ProtocolNumber(p string) (int, bool) {
	if n, err := strconv.Atoi(p); err == nil {
		return n, n >= 0 && n <= 255
	}
	n, ok := protocols()[p]
	return n, ok
}

// ProtocolNames are the names that ProtocolNumber knows, in order.
func ProtocolNames() []string { return slices.Sorted(maps.Keys(protocols())) }

// ProtocolText is a protocol number as text.
func ProtocolText(n int) string { return strconv.Itoa(n) }
