package netdev

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Router is a router's namespace, with a veth pair for each of its ports.
type Router struct {
	Name       string
	Ports      []RouterPort // sorted by Inside
	Routes     []Route      // sorted; those that come with addresses are not among them
	Odd        string       // found only: what is not as it must be besides
	Generation uint32       // found only: of the packet filter in the namespace
}

// RouterPort is a port of a router: Outside is a port of the bridge Master, Inside has the addresses.
type RouterPort struct {
	Outside, Inside string
	Master          string
	MAC             string
	MTU             int
	Addrs           []netip.Prefix // sorted
}

// Route is a route of a router; a zero Via leads to the device's own network.
type Route struct {
	To  netip.Prefix
	Via netip.Addr
	Dev string
}

// Compare orders routes.
func (r Route) Compare(o Route) int {
	return cmp.Or(r.To.Compare(o.To), r.Via.Compare(o.Via), cmp.Compare(r.Dev, o.Dev))
}

// Equal compares what can differ between a wanted and a found router, but for the outer ends of its ports.
func (r Router) Equal(o Router) bool {
	return r.Name == o.Name && r.Odd == o.Odd && slices.Equal(r.Routes, o.Routes) &&
		slices.EqualFunc(r.Ports, o.Ports, func(a, b RouterPort) bool {
			return a.Inside == b.Inside && a.MAC == b.MAC && a.MTU == b.MTU && slices.Equal(a.Addrs, b.Addrs)
		})
}

func (r Router) String() string {
	s := r.Name
	for _, p := range r.Ports {
		s += fmt.Sprintf(" %s mac=%s addrs=%v", p.Inside, p.MAC, p.Addrs)
	}
	return s
}

// InterfaceName is the end of a router's interface inside its namespace, and GatewayName that of its gateway.
func InterfaceName(port string) string { return "qr-" + short(port) }

// GatewayName is the end of a router's gateway inside its namespace.
func GatewayName(port string) string { return "qg-" + short(port) }

// routerPort reports that a device in a router's namespace has a name of the agent's making.
func routerPort(name string) bool { return shortID(name, "qr-") || shortID(name, "qg-") }
