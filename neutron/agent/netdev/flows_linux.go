package netdev

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Cut forgets the tracked connections that keep refuses, and says how many: those of a router's namespace, or of the
// host where router is empty. The next packet of such a connection is judged as if it began one.
func (h *Host) Cut(router string, keep func(Flow) bool) (int, error) {
	tracked := h.h
	if router != "" {
		sp, err := routers{h}.open(router)
		if err != nil {
			return 0, err
		}
		tracked = sp.h
	}
	cut := 0
	for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
		n, err := tracked.ConntrackDeleteFilters(netlink.ConntrackTable, family, refusing(keep))
		cut += int(n)
		if err != nil {
			return cut, fmt.Errorf("forget connections: %w", err)
		}
	}
	return cut, nil
}

type refusing func(Flow) bool

// MatchConntrackFlow names the connections to forget.
func (keep refusing) MatchConntrackFlow(c *netlink.ConntrackFlow) bool {
	f := Flow{Zone: c.Zone, Src: addr(c.Forward.SrcIP), Dst: addr(c.Forward.DstIP), Proto: c.Forward.Protocol,
		ReplySrc: addr(c.Reverse.SrcIP), ReplyDst: addr(c.Reverse.DstIP)}
	if f.Proto != unix.IPPROTO_ICMP && f.Proto != unix.IPPROTO_ICMPV6 {
		f.SrcPort, f.DstPort, f.ReplySrcPort = c.Forward.SrcPort, c.Forward.DstPort, c.Reverse.SrcPort
	}
	return !keep(f)
}
