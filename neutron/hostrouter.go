package neutron

import "net/netip"

// RouterSection is the section of a router: its entry in HostState.Routers.
func RouterSection(id string) Section { return Section("router:" + id) }

// HostRouter is a router that a host carries, with all that the host needs to realise it. The networks of its ports are
// among the host's networks.
type HostRouter struct {
	ID       string
	AdminUp  bool // false: the router forwards nothing
	SNAT     bool // addresses of the inner subnets are translated to the gateway port's where they leave by it
	Ports    []HostRouterPort
	Routes   []HostRoute // extra routes
	Floating []HostFloatingIP
	Forwards []HostPortForward
}

// HostRouterPort is a port of a router: an interface to a subnet, or the gateway.
type HostRouterPort struct {
	ID, Network, MAC string
	Gateway          bool
	Addrs            []netip.Prefix // the port's addresses, with their subnets' lengths
	NextHops         []netip.Addr   // of a gateway: its subnets' gateways, the targets of default routes
	Subnets          []SubnetInfo   // of its addresses: IPv6 address modes for router advertisements
}

// HostFloatingIP translates a floating address to a fixed one, both ways.
type HostFloatingIP struct {
	ID       string
	Floating netip.Addr
	Fixed    netip.Addr
}

// HostPortForward translates ports of a floating address to a port range of a fixed one.
type HostPortForward struct {
	ID                       string
	Protocol                 string // tcp, udp, icmp, …
	Floating                 netip.Addr
	FloatingMin, FloatingMax int
	Fixed                    netip.Addr
	FixedMin, FixedMax       int
}
