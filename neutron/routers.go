package neutron

import (
	"net/netip"
	"strings"
)

// Owners of the ports of routers and floating IPs.
const (
	OwnerRouterInterface = "network:router_interface"
	OwnerRouterGateway   = "network:router_gateway"
	OwnerFloatingIP      = "network:floatingip"
)

// TypeL3Agent is the type of the agents that carry routers.
const TypeL3Agent = "L3 agent"

// RoutedPort reports an owner whose ports routers have. Such ports need no DHCP on their host.
func RoutedPort(owner string) bool {
	return owner == OwnerRouterInterface || owner == OwnerRouterGateway || owner == OwnerFloatingIP
}

// OwnPort reports an owner of ports that networking trusts: they are neither filtered nor bound to their addresses.
func OwnPort(owner string) bool { return strings.HasPrefix(owner, OwnerNetworkPrefix) }

// Router forwards packets between the subnets of its ports, and to an external network by its gateway.
type Router struct {
	Meta
	ID, Name          string
	AdminUp           bool
	AvailabilityHints []string
	SNAT              bool // inner addresses are translated where they leave by the gateway
	Routes            []HostRoute
	// GatewayPort is empty for a router without a gateway. The network and addresses are the port's.
	GatewayPort, GatewayNetwork string
	GatewayIPs                  []FixedIP
	Host                        string // the host that carries it; empty: none
	Held                        bool   // an operator took it from its host; its next change gives it one again
}

// RouterPort says which router has a port.
type RouterPort struct {
	Port, Router, Network string
	Gateway               bool
}

// FloatingIP is an address of an external network that a router translates to a port's, both ways.
type FloatingIP struct {
	Meta
	ID, Network string
	IP          netip.Addr
	OuterPort   string // the port on the external network that holds the address
	Status      string // ACTIVE where a host translates it, else DOWN
	// Port and Fixed are empty together: no port has the floating IP. Router is empty then, too, unless there are
	// forwardings.
	Port, Router string
	Fixed        netip.Addr
	Details      *FloatingPort    // of Port, as of the read
	Forwardings  []PortForwarding // as of the read, in answers
}

// FloatingPort is what a floating IP shows of its port.
type FloatingPort struct {
	Name, Network, MAC, Status, DeviceID, DeviceOwner string
	AdminUp                                           bool
}
