package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// trait is an attribute that is the same for all links of a kind.
type trait struct {
	name string
	attr int
	want uint32
	size int // in bytes; bridges take four for some
}

func (t trait) data() []byte {
	if t.size == 4 {
		return nl.Uint32Attr(t.want)
	}
	return nl.Uint8Attr(uint8(t.want))
}

// bridgeTraits: without a querier on the network, snooping would lose multicast that IPv6 lives on; spanning tree would
// delay guests' first frames; filtering of VLANs would drop some.
func bridgeTraits(ipHooks bool) []trait {
	out := []trait{
		{"mcast_snooping", nl.IFLA_BR_MCAST_SNOOPING, 0, 1}, {"stp_state", nl.IFLA_BR_STP_STATE, 0, 4},
		{"vlan_filtering", nl.IFLA_BR_VLAN_FILTERING, 0, 1},
	}
	if ipHooks {
		out = append(out, trait{"nf_call_iptables", nl.IFLA_BR_NF_CALL_IPTABLES, 1, 1},
			trait{"nf_call_ip6tables", nl.IFLA_BR_NF_CALL_IP6TABLES, 1, 1})
	}
	return out
}

// portTraits are those of a bridge's ports. Where a MAC is behind a tunnel comes from the server alone: a tunnel learns
// nothing and floods no unknown unicast, and the bridge answers ARP for neighbours that it was told of.
func portTraits(kind Kind) []trait {
	var learns, answers uint32 = 1, 0
	if kind == Tunnel {
		learns, answers = 0, 1
	}
	return []trait{
		{"learning", nl.IFLA_BRPORT_LEARNING, learns, 1}, {"flood", nl.IFLA_BRPORT_UNICAST_FLOOD, learns, 1},
		{"neigh_suppress", nl.IFLA_BRPORT_NEIGH_SUPPRESS, answers, 1}, {"mcast_flood", nl.IFLA_BRPORT_MCAST_FLOOD, 1, 1},
		{"bcast_flood", nl.IFLA_BRPORT_BCAST_FLOOD, 1, 1}, {"hairpin", nl.IFLA_BRPORT_MODE, 0, 1},
		{"isolated", nl.IFLA_BRPORT_ISOLATED, 0, 1}, {"guard", nl.IFLA_BRPORT_GUARD, 0, 1},
	}
}

const (
	vxlanLearning = 7  // IFLA_VXLAN_LEARNING
	acceptRA      = 3  // DEVCONF_ACCEPT_RA
	noIPv6        = 26 // DEVCONF_DISABLE_IPV6
	acceptDAD     = 27 // DEVCONF_ACCEPT_DAD
)

// detail is what a raw look at a link finds.
type detail struct {
	carrier bool
	odd     []string // traits that are not as they must be
	ipv6    []byte   // its IPv6 settings, 32 bits each; nil: none
}

func (d detail) setting(i int) (int32, bool) {
	if len(d.ipv6) < 4*(i+1) {
		return 0, false
	}
	return int32(binary.NativeEndian.Uint32(d.ipv6[4*i:])), true
}

// details reads the links of a namespace, by index. What the kernel does not tell is as it must be.
func (w wire) details(ipHooks bool) (map[int32]detail, error) {
	msgs, err := list(func() ([][]byte, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		return w.do(req, unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	})
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	out := make(map[int32]detail, len(msgs))
	for _, m := range msgs {
		if len(m) < unix.SizeofIfInfomsg {
			continue
		}
		a := attributes(m[unix.SizeofIfInfomsg:])
		info := attributes(a[unix.IFLA_LINKINFO])
		kind := Kind(unix.ByteSliceToString(info[nl.IFLA_INFO_KIND]))
		six := attributes(attributes(a[unix.IFLA_AF_SPEC])[unix.AF_INET6])
		d := detail{carrier: first(a[unix.IFLA_CARRIER]) == 1, ipv6: six[unix.IFLA_INET6_CONF]}
		if kind == Bridge {
			d.compare(attributes(info[nl.IFLA_INFO_DATA]), bridgeTraits(ipHooks))
		}
		if unix.ByteSliceToString(info[nl.IFLA_INFO_SLAVE_KIND]) == string(Bridge) {
			d.compare(attributes(info[nl.IFLA_INFO_SLAVE_DATA]), portTraits(kind))
		}
		if v, ok := attributes(info[nl.IFLA_INFO_DATA])[vxlanLearning]; ok && kind == Tunnel && first(v) != 0 {
			d.odd = append(d.odd, OddTunnel)
		}
		if off, ok := d.setting(noIPv6); ok && off == 0 {
			d.odd = append(d.odd, "ipv6")
		}
		out[int32(binary.NativeEndian.Uint32(m[4:]))] = d
	}
	return out, nil
}

func (d *detail) compare(have map[uint16][]byte, want []trait) {
	for _, t := range want {
		if v, ok := have[uint16(t.attr)]; ok && first(v) != t.want {
			d.odd = append(d.odd, t.name)
		}
	}
}

func (d detail) text() string { return strings.Join(d.odd, ", ") }

func attributes(b []byte) map[uint16][]byte {
	attrs, err := nl.ParseRouteAttr(b)
	if err != nil {
		return nil
	}
	out := make(map[uint16][]byte, len(attrs))
	for _, a := range attrs {
		out[a.Attr.Type&nl.NLA_TYPE_MASK] = a.Value
	}
	return out
}

// first reads a number of one byte or four.
func first(b []byte) uint32 {
	switch {
	case len(b) >= 4:
		return binary.NativeEndian.Uint32(b)
	case len(b) >= 1:
		return uint32(b[0])
	}
	return 0
}

// setTraits gives a link what all of its kind have.
func (h *Host) setTraits(l netlink.Link, want Link) error {
	var errs []error
	if want.Kind == Bridge {
		errs = append(errs, h.wire.change(l, nl.IFLA_INFO_KIND, nl.IFLA_INFO_DATA, bridgeTraits(h.ipHooks)))
	}
	if want.Master != "" {
		errs = append(errs, h.wire.change(l, nl.IFLA_INFO_SLAVE_KIND, nl.IFLA_INFO_SLAVE_DATA, portTraits(want.Kind)))
	}
	return errors.Join(errs...)
}

// change is `ip link set … type bridge` and `… type bridge_slave`. Kernels without one of the attributes are
// asked for each alone, and keep theirs.
func (w wire) change(l netlink.Link, kind, data int, traits []trait) error {
	set := func(traits []trait) error {
		req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
		msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
		msg.Index = int32(l.Attrs().Index)
		req.AddData(msg)
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		info.AddRtAttr(kind, nl.NonZeroTerminated(string(Bridge)))
		values := info.AddRtAttr(data, nil)
		for _, t := range traits {
			values.AddRtAttr(t.attr, t.data())
		}
		req.AddData(info)
		_, err := w.do(req, unix.NETLINK_ROUTE, 0)
		return err
	}
	err := set(traits)
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL) {
		return err
	}
	for _, t := range traits {
		if err := set([]trait{t}); err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// oddities are what of a namespace's inner link is not as it must be: its settings, and the routes that come with
// addresses.
func (sp *space) oddities(l netlink.Link, addrs []netip.Prefix) (string, error) {
	var odd []string
	all, err := sp.wire.details(false)
	if err != nil {
		return "", err
	}
	d := all[int32(l.Attrs().Index)]
	for _, s := range []struct {
		name string
		at   int
	}{{"accept_ra", acceptRA}, {"accept_dad", acceptDAD}} {
		if v, ok := d.setting(s.at); ok && v != 0 {
			odd = append(odd, s.name)
		}
	}
	lost, err := sp.lostRoutes(l, addrs)
	for _, p := range lost {
		odd = append(odd, "route "+p.String())
	}
	return strings.Join(odd, ", "), err
}

// lostRoutes are the networks of addresses that cannot be reached directly any more.
func (sp *space) lostRoutes(l netlink.Link, addrs []netip.Prefix) ([]netip.Prefix, error) {
	found, err := list(func() ([]netlink.Route, error) { return sp.h.RouteList(l, unix.AF_UNSPEC) })
	if err != nil {
		return nil, err
	}
	var lost []netip.Prefix
	for _, a := range addrs {
		want := a.Masked()
		leads := func(r netlink.Route) bool { return r.Dst != nil && r.Dst.String() == want.String() }
		if !a.IsSingleIP() && !slices.ContainsFunc(found, leads) {
			lost = append(lost, want)
		}
	}
	return lost, nil
}
