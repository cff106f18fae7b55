// Package neutron is the vocabulary of networking: types and contracts that its other packages share.
package neutron

import (
	"context"
	"net/netip"
)

// FixedIP is an address of a port on a subnet.
type FixedIP struct {
	Subnet string
	IP     netip.Addr
}

// HostRoute is a route a subnet hands to its ports.
type HostRoute struct {
	Destination netip.Prefix
	NextHop     netip.Addr
}

// SubnetInfo is what a host or guest must know of a subnet.
type SubnetInfo struct {
	ID, Name, Network string
	CIDR              netip.Prefix
	Gateway           netip.Addr // invalid: none
	DHCP              bool
	DNS               []netip.Addr
	Routes            []HostRoute
	Version           int    // 4 or 6
	AddressMode       string // how an IPv6 guest gets its address: empty, slaac, dhcpv6-stateful, dhcpv6-stateless
}

// PortInfo is a port with its network and subnets: all that compute needs to build a NIC, metadata and the view of
// addresses.
type PortInfo struct {
	ID, Name, Project, Network, NetworkName string
	MAC                                     string
	FixedIPs                                []FixedIP
	Subnets                                 []SubnetInfo // one per distinct subnet of FixedIPs
	MTU                                     int
	AdminUp                                 bool
	Status                                  string // ACTIVE, DOWN, BUILD
	DeviceID, DeviceOwner, Host             string
	VNICType, VIFType                       string // normal; "tap", "fake", unbound, binding_failed
	// host interface name ("tap" + first 11 of the id); the agent creates it
	Device         string
	SecurityGroups []string
	PortSecurity   bool
	AddressPairs   []AddressPair // what the guest may use beside its own addresses
	DNSName        string        // host name for DHCP; empty: made from the address
	Created        bool          // made by compute, so deleted with the server
	Tag            string
	Floating       []FloatingPair `json:",omitempty"` // only in answers to compute
}

// FloatingPair is a floating IP beside the address of a port that it stands for.
type FloatingPair struct{ Fixed, IP netip.Addr }

// PortSpec asks for one NIC of a server. Either Port or Network is given.
type PortSpec struct {
	Port, Network string
	FixedIP       netip.Addr // invalid: any
	Tag           string
}

// NetworkInfo is a network as compute sees it when it checks a request.
type NetworkInfo struct {
	ID, Name, Project string
	Shared, AdminUp   bool
	External          bool // it carries routers' and administrators' ports, unless it is shared too
	Subnets           []string
	MTU               int
}

// API is the contract of networking with compute. The caller in ctx determines the rights. Values that a user chose are
// checked by networking's policy as in that user's own requests; a service's own work (auth.Caller.Own) is not checked.
// The binding to a host, device owners and look-ups always use the service's rights. docs/whose-rights.md lists the
// calls.
type API interface {
	// Available lists the networks a project's server may be put on (its own and shared ones).
	Available(ctx context.Context, project string) ([]NetworkInfo, error)
	Network(ctx context.Context, id string) (NetworkInfo, error)
	Port(ctx context.Context, id string) (PortInfo, error)
	// SecurityGroup finds a project's group by id or name: fault.NotFound, or fault.Conflict for an ambiguous name.
	// Returns its id.
	SecurityGroup(ctx context.Context, project, idOrName string) (string, error)
	// Allocate makes (or takes, where Port is given) and binds to host the ports of a server, in order of specs.
	// Idempotent: ports that the server already has for a spec are returned, not made again. On error everything made by
	// this call is gone. project and az go into the ports.
	Allocate(ctx context.Context, a AllocateArgs) ([]PortInfo, error)
	// CheckAllocate returns the error that Allocate would return for those of a.Specs that name a network: a network that
	// the caller may not use, or an address that the caller may not choose, that the network does not have, or that is
	// taken (code FixedIPTaken). It creates nothing. The result may be outdated at once. Host is ignored.
	CheckAllocate(ctx context.Context, a AllocateArgs) error
	// PortsOf lists a server's ports in order of creation.
	PortsOf(ctx context.Context, server string) ([]PortInfo, error)
	// Deallocate deletes the ports that Allocate made for the server and unbinds (device_id, host cleared) the ones it
	// took. Idempotent.
	Deallocate(ctx context.Context, server string) error
	// DeallocatePort is Deallocate for one port. A port that is not the server's is left alone. Idempotent.
	DeallocatePort(ctx context.Context, server, port string) error
	// AddGroup gives a security group (its id) to all ports of a server that the caller may see, and RemoveGroup takes it
	// from them. A port that has it already, or none, stays as it is. Faults: NotFound (code NoPorts) for a server without
	// ports, and of RemoveGroup (code NotInGroup) where no port has the group; Invalid (code GroupNeedsAddress) for a port
	// without addresses or port security.
	AddGroup(ctx context.Context, server, group string) error
	RemoveGroup(ctx context.Context, server, group string) error
	// AddFixedIP gives a free address of a network to the server's port on it; fault.NotFound without such a port or
	// address. RemoveFixedIP takes an address from the server's port; fault.NotFound.
	AddFixedIP(ctx context.Context, server, network string) error
	RemoveFixedIP(ctx context.Context, server string, ip netip.Addr) error
	// Unbind takes a server's ports off their host. They stay the server's, with their addresses. Idempotent.
	Unbind(ctx context.Context, server string) error
	// GroupNames are the names of the security groups that servers' ports have now, by server: in order of the ports, once
	// for each port. Of a group that the caller may not see nothing is said. A server without groups is not in the answer.
	GroupNames(ctx context.Context, servers []string) (map[string][]string, error)
	// PortQuotaFree is how many more ports the project may have; -1 is unlimited.
	PortQuotaFree(ctx context.Context, project string) (int, error)
}

// AllocateArgs says which ports a server wants, where.
type AllocateArgs struct {
	Server, Project, Host, AZ string
	Specs                     []PortSpec
	SecurityGroups            []string // ids, for ports that are made
	DNSName                   string   // hostname
	Except                    []string // ports of the server that are not for these specs
}

// HostState is all that an agent on one host must realise: it is pulled by the agent, compared with the kernel, and
// applied.
type HostState struct {
	Revision int64 // of the whole; the agent sends the last it has applied
	Networks []HostNetwork
	Groups   []HostGroup // security groups that the ports below use
	Routers  []HostRouter
}

// HostNetwork is a network with at least one port on the host.
type HostNetwork struct {
	ID, Name string
	Type     string // local, flat, vlan, vxlan
	Segment  int64  // VNI or VLAN
	Physical string
	MTU      int
	Subnets  []SubnetInfo
	Ports    []PortInfo   // on this host
	Remote   []RemotePort // on other hosts: forwarding and neighbour entries
	DHCPIP   []FixedIP    // the address of this network's DHCP and metadata namespace on this host
	DHCPMAC  string
	// Names are the DNS names of all ports by their address, for DHCP's resolver.
	Names map[string]string
}

// RemotePort is a port elsewhere and the tunnel endpoint behind which it is.
type RemotePort struct {
	MAC  string
	IPs  []netip.Addr
	Host netip.Addr
}

// HostGroup is a security group with its members' addresses expanded, so that an agent needs nothing else.
type HostGroup struct {
	ID        string
	Stateless bool // replies need rules of their own
	Rules     []HostRule
}

// HostRule is one allowance. Remote is a list of prefixes (remote group members and prefixes expanded); empty means
// anywhere.
type HostRule struct {
	Ingress          bool
	Ether            int    // 4 or 6
	Protocol         string // "", tcp, udp, icmp, icmpv6, or a number
	PortMin, PortMax int    // -1: none; for ICMP: type, code
	Remote           []netip.Prefix
	RemoteAny        bool // false with an empty Remote: matches nothing (a group without members)
}
