package neutron

import (
	"net/netip"
	"strconv"
)

// PortForwarding has ports of a floating IP lead to ports of an address inside. The floating IP itself is no port's.
type PortForwarding struct {
	ID, FloatingIP, Description string

	Protocol     string // tcp, udp, sctp, dccp or icmp, which is forwarded whole
	Port         string // the port inside
	Fixed        netip.Addr
	Inner, Outer PortRange // as long as each other, or Inner has one port
}

// PortRange is port numbers of a transport protocol, from 1 to 65535. Max is Min for one port.
type PortRange struct{ Min, Max int }

// String is the form of the API, "80:90", also for one port.
func (r PortRange) String() string { return strconv.Itoa(r.Min) + ":" + strconv.Itoa(r.Max) }

// Meets reports whether two ranges have a port in common.
func (r PortRange) Meets(o PortRange) bool { return r.Min <= o.Max && o.Min <= r.Max }
