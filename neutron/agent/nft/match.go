package nft

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"hypernova/neutron"
)

// rule is the match of one allowance; false where it can match nothing, which is also what becomes of a rule that makes
// no sense here: leaving out an allowance errs on the closed side.
func (b *builder) rule(r neutron.HostRule) (string, bool) {
	ether, field := "ip", "daddr"
	if r.Ether == 6 {
		ether = "ip6"
	}
	if r.Ingress {
		field = "saddr"
	}
	parts := []string{"ether type " + ether}
	if !r.RemoteAny {
		prefixes := ofFamily(r.Remote, r.Ether)
		if len(prefixes) == 0 {
			return "", false
		}
		if prefixes[0].Bits() > 0 {
			parts = append(parts, fmt.Sprintf("%s %s @%s", ether, field, b.remote(prefixes)))
		}
	}
	if r.Protocol == "" {
		return strings.Join(parts, " "), true
	}
	proto, ok := protocol(r.Protocol, r.Ether)
	if !ok {
		return "", false
	}
	parts = append(parts, fmt.Sprintf("meta l4proto %d", proto))
	switch {
	case r.PortMin < 0:
	case proto == protoICMP || proto == protoICMPv6:
		name := map[uint8]string{protoICMP: "icmp", protoICMPv6: "icmpv6"}[proto]
		parts = append(parts, fmt.Sprintf("%s type %d", name, r.PortMin))
		if r.PortMax >= 0 {
			parts = append(parts, fmt.Sprintf("%s code %d", name, r.PortMax))
		}
	case hasPorts(proto) && r.PortMax > r.PortMin:
		parts = append(parts, fmt.Sprintf("th dport %d-%d", r.PortMin, r.PortMax))
	case hasPorts(proto):
		parts = append(parts, fmt.Sprintf("th dport %d", r.PortMin))
	}
	return strings.Join(parts, " "), true
}

func ofFamily(prefixes []netip.Prefix, family int) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range prefixes {
		if p.IsValid() && p.Addr().Unmap().Is6() == (family == 6) {
			out = append(out, p)
		}
	}
	return disjoint(out)
}

const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoDCCP   = 33
	protoICMPv6 = 58
	protoSCTP   = 132
	protoUDPL   = 136
)

func hasPorts(proto uint8) bool {
	return slices.Contains([]uint8{protoTCP, protoUDP, protoDCCP, protoSCTP, protoUDPL}, proto)
}

// protocol numbers the names that the API knows. ICMP of an IPv6 rule is ICMPv6, by whichever of its names.
func protocol(name string, ether int) (uint8, bool) {
	switch name {
	case "icmp", "icmpv6", "ipv6-icmp", "1", "58":
		if ether == 6 {
			return protoICMPv6, true
		}
		return protoICMP, true
	case "tcp":
		return protoTCP, true
	case "udp":
		return protoUDP, true
	case "dccp":
		return protoDCCP, true
	case "sctp":
		return protoSCTP, true
	case "udplite":
		return protoUDPL, true
	case "ah":
		return 51, true
	case "egp":
		return 8, true
	case "esp":
		return 50, true
	case "gre":
		return 47, true
	case "igmp":
		return 2, true
	case "ipip":
		return 4, true
	case "ipv6-encap":
		return 41, true
	case "ipv6-frag":
		return 44, true
	case "ipv6-nonxt":
		return 59, true
	case "ipv6-opts":
		return 60, true
	case "ipv6-route":
		return 43, true
	case "ospf":
		return 89, true
	case "pgm":
		return 113, true
	case "rsvp":
		return 46, true
	case "vrrp":
		return 112, true
	}
	n, err := strconv.ParseUint(name, 10, 8)
	return uint8(n), err == nil
}

// sourceChain refuses what a guest may not send whatever its groups say: other MACs and addresses, answers that only
// the cloud gives (DHCP, router advertisements), and anything that is not IP or ARP.
func (b *builder) sourceChain(p Port) {
	macs := []string{p.MAC}
	byMAC := map[string][]netip.Prefix{}
	for _, s := range p.Sources {
		macs = append(macs, s.MAC)
		byMAC[s.MAC] = append(byMAC[s.MAC], s.IP)
	}
	slices.Sort(macs)
	macs = slices.Compact(macs)
	var arp, v4, v6, targets []string
	for _, mac := range macs {
		arp = append(arp, mac+" . 0.0.0.0") // an address conflict probe
		for _, ip := range ofFamily(byMAC[mac], 4) {
			arp = append(arp, mac+" . "+prefixText(ip))
			v4 = append(v4, mac+" . "+prefixText(ip))
		}
		six := byMAC[mac]
		if ll, ok := linkLocal(mac); ok {
			six = append(six, netip.PrefixFrom(ll, 128))
		}
		for _, ip := range ofFamily(six, 6) {
			v6 = append(v6, mac+" . "+prefixText(ip))
			targets = append(targets, rawRange(ip))
		}
	}
	slices.Sort(targets)
	lines := []string{
		fmt.Sprintf("ether saddr != { %s } drop", strings.Join(macs, ", ")),
		fmt.Sprintf("ether type arp arp saddr ether . arp saddr ip { %s } accept", strings.Join(arp, ", ")),
		"ether type 0x8035 accept",
		"ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
		"ether type ip udp sport 67 udp dport 68 drop",
	}
	if len(v4) > 0 {
		lines = append(lines, fmt.Sprintf("ether type ip ether saddr . ip saddr { %s } accept", strings.Join(v4, ", ")))
	}
	if len(v6) > 0 {
		lines = append(lines,
			"ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } drop",
			"ether type ip6 udp sport 547 udp dport 546 drop",
			"ether type ip6 ip6 saddr :: icmpv6 type { nd-router-solicit, nd-neighbor-solicit, mld-listener-report, mld2-listener-report } accept",
			fmt.Sprintf("ether type ip6 icmpv6 type nd-neighbor-advert @th,64,128 != { %s } drop",
				strings.Join(slices.Compact(targets), ", ")),
			fmt.Sprintf("ether type ip6 ether saddr . ip6 saddr { %s } accept", strings.Join(v6, ", ")))
	}
	b.chain("source-"+p.ID, append(lines, "drop")...)
}

// rawRange writes a prefix as the plain number, or range of numbers, that a raw payload match takes.
func rawRange(p netip.Prefix) string {
	first := p.Masked().Addr().As16()
	if p.IsSingleIP() {
		return fmt.Sprintf("0x%x", first)
	}
	last := first
	for bit := p.Bits(); bit < 128; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	return fmt.Sprintf("0x%x-0x%x", first, last)
}

// linkLocal is the address that a guest makes of its MAC.
func linkLocal(mac string) (netip.Addr, bool) {
	m, err := net.ParseMAC(mac)
	if err != nil || len(m) != 6 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3],
		14: m[4], 15: m[5]}), true
}
