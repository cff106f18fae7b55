// Package dhcp is the DHCPv4 server of an agent, which answers from the port list. There are no leases to keep: an
// address belongs to its port until the port is deleted.
package dhcp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"hypernova/neutron"
)

// Config is what is the same for all networks.
type Config struct {
	Lease  time.Duration
	Domain string // given to guests as their domain; may be empty
}

const microsoftRoutes = 249 // the number under which Windows asks for option 121

var metadataIP = netip.AddrFrom4([4]byte{169, 254, 169, 254})

// Reply is the answer to a request from a guest of the network; nil where there is none to give.
func Reply(req *dhcpv4.DHCPv4, n neutron.HostNetwork, c Config) (*dhcpv4.DHCPv4, error) {
	if req.OpCode != dhcpv4.OpcodeBootRequest || !unspecified(req.GatewayIPAddr) {
		return nil, nil
	}
	l, ok := find(req, n)
	if !ok {
		return nil, nil
	}
	if id := req.ServerIdentifier(); id != nil && !id.Equal(l.server.AsSlice()) {
		return nil, nil // the guest has chosen another server
	}
	switch req.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		return l.answer(req, dhcpv4.MessageTypeOffer, c)
	case dhcpv4.MessageTypeInform:
		return l.answer(req, dhcpv4.MessageTypeAck, c)
	case dhcpv4.MessageTypeRequest:
		if want := requested(req); want.IsValid() && want != l.ip {
			return dhcpv4.NewReplyFromRequest(req, dhcpv4.WithMessageType(dhcpv4.MessageTypeNak),
				dhcpv4.WithOption(dhcpv4.OptServerIdentifier(l.server.AsSlice())))
		}
		return l.answer(req, dhcpv4.MessageTypeAck, c)
	}
	return nil, nil
}

// lease is the address of a port with what goes with it.
type lease struct {
	port   neutron.PortInfo
	ip     netip.Addr
	subnet neutron.SubnetInfo
	server netip.Addr
	others []netip.Prefix // further subnets on the same wire
	mtu    int
}

// find picks the port by its MAC, and of its addresses the one that was asked for or else the first.
func find(req *dhcpv4.DHCPv4, n neutron.HostNetwork) (lease, bool) {
	mac := req.ClientHWAddr.String()
	for _, p := range n.Ports {
		if !strings.EqualFold(p.MAC, mac) || !p.AdminUp {
			continue
		}
		var best lease
		for _, f := range p.FixedIPs {
			l, ok := leaseOf(p, f, n)
			if ok && (!best.ip.IsValid() || l.ip == requested(req)) {
				best = l
			}
		}
		return best, best.ip.IsValid()
	}
	return lease{}, false
}

func leaseOf(p neutron.PortInfo, f neutron.FixedIP, n neutron.HostNetwork) (lease, bool) {
	l := lease{port: p, ip: f.IP.Unmap(), mtu: n.MTU}
	for _, s := range n.Subnets {
		switch {
		case s.Version != 4 && !s.CIDR.Addr().Is4():
		case s.ID == f.Subnet:
			l.subnet = s
		default:
			l.others = append(l.others, s.CIDR)
		}
	}
	for _, d := range n.DHCPIP {
		if d.Subnet == f.Subnet {
			l.server = d.IP.Unmap()
		}
	}
	return l, l.ip.Is4() && l.subnet.DHCP && l.subnet.CIDR.IsValid() && l.server.Is4()
}

// requested is the address that the guest believes in.
func requested(req *dhcpv4.DHCPv4) netip.Addr {
	ip := req.RequestedIPAddress()
	if ip == nil && !unspecified(req.ClientIPAddr) {
		ip = req.ClientIPAddr
	}
	a, _ := netip.AddrFromSlice(ip.To4())
	return a
}

func unspecified(ip net.IP) bool { return ip == nil || ip.IsUnspecified() }

func (l lease) answer(req *dhcpv4.DHCPv4, kind dhcpv4.MessageType, c Config) (*dhcpv4.DHCPv4, error) {
	server := net.IP(l.server.AsSlice())
	mods := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind),
		dhcpv4.WithServerIP(server),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server)),
		dhcpv4.WithOption(dhcpv4.OptSubnetMask(net.CIDRMask(l.subnet.CIDR.Bits(), 32))),
		dhcpv4.WithOption(dhcpv4.OptBroadcastAddress(broadcast(l.subnet.CIDR))),
		dhcpv4.WithOption(dhcpv4.OptHostName(l.host())),
	}
	if kind != dhcpv4.MessageTypeInform && req.MessageType() != dhcpv4.MessageTypeInform {
		mods = append(mods, dhcpv4.WithYourIP(l.ip.AsSlice()),
			dhcpv4.WithOption(dhcpv4.OptIPAddressLeaseTime(c.Lease)),
			dhcpv4.WithOption(dhcpv4.OptRenewTimeValue(c.Lease/2)),
			dhcpv4.WithOption(dhcpv4.OptRebindingTimeValue(c.Lease*7/8)))
	}
	if l.mtu >= 68 {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, binary.BigEndian.AppendUint16(nil,
			uint16(l.mtu)))))
	}
	if c.Domain != "" {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptDomainName(c.Domain)))
	}
	var dns []net.IP
	for _, a := range l.subnet.DNS {
		if a.Unmap().Is4() {
			dns = append(dns, a.Unmap().AsSlice())
		}
	}
	if len(dns) > 0 {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptDNS(dns...)))
	}
	if l.subnet.Gateway.Is4() {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptRouter(l.subnet.Gateway.AsSlice())))
	}
	routes := dhcpv4.OptClasslessStaticRoute(l.routes()...)
	mods = append(mods, dhcpv4.WithOption(routes))
	if req.IsOptionRequested(dhcpv4.GenericOptionCode(microsoftRoutes)) {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.Option{Code: dhcpv4.GenericOptionCode(microsoftRoutes),
			Value: routes.Value}))
	}
	return dhcpv4.NewReplyFromRequest(req, mods...)
}

// host is the name the guest is given: its own, or one made of its address.
func (l lease) host() string {
	if l.port.DNSName != "" {
		return l.port.DNSName
	}
	return "host-" + strings.ReplaceAll(l.ip.String(), ".", "-")
}

// routes are all of a guest's: whoever understands them ignores the router option, so the default route is among them.
func (l lease) routes() []*dhcpv4.Route {
	out := []*dhcpv4.Route{route(netip.PrefixFrom(metadataIP, 32), l.server)}
	def := l.subnet.Gateway.Is4()
	for _, r := range l.subnet.Routes {
		if !r.Destination.Addr().Is4() || !r.NextHop.Is4() {
			continue
		}
		def = def && r.Destination.Bits() > 0
		out = append(out, route(r.Destination.Masked(), r.NextHop))
	}
	for _, p := range l.others {
		out = append(out, route(p.Masked(), netip.IPv4Unspecified()))
	}
	if def {
		out = append(out, route(netip.PrefixFrom(netip.IPv4Unspecified(), 0), l.subnet.Gateway))
	}
	return out
}

func route(to netip.Prefix, via netip.Addr) *dhcpv4.Route {
	return &dhcpv4.Route{Dest: &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), 32)},
		Router: via.AsSlice()}
}

func broadcast(p netip.Prefix) net.IP {
	b := p.Masked().Addr().As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|uint32(1<<(32-p.Bits())-1))
	return b[:]
}
