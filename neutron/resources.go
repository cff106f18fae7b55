package neutron

import (
	"net/netip"
	"time"
)

// Status of networks and ports.
const (
	StatusActive = "ACTIVE"
	StatusDown   = "DOWN"
	StatusBuild  = "BUILD"
	StatusError  = "ERROR"
	StatusNone   = "N/A" // of the ports of floating IPs
)

// Owners of ports that networking itself makes. A port whose owner begins with OwnerComputePrefix belongs to a server.
const (
	OwnerDHCP          = "network:dhcp"
	OwnerNetworkPrefix = "network:"
	OwnerComputePrefix = "compute:"
)

// VIF types that bind nothing; a mechanism names the others.
const (
	VIFUnbound = "unbound"
	VIFFailed  = "binding_failed"
)

// Types of networks.
const (
	TypeLocal = "local"
	TypeFlat  = "flat"
	TypeVLAN  = "vlan"
	TypeVXLAN = "vxlan"
)

// Meta is what every resource carries. Revision grows by one with each change of the resource.
type Meta struct {
	Project, Description string
	Tags                 []string
	Revision             int64
	Created, Updated     time.Time
}

// Network is a layer 2 segment and its attributes.
type Network struct {
	Meta
	ID, Name          string
	Status            string
	AdminUp           bool
	Shared, External  bool
	Default           bool // the external network that is chosen when none is named
	PortSecurity      bool // what new ports get
	MTU               int
	Type, Physical    string // local, flat, vlan, vxlan; physical network of flat and vlan
	Segment           int64  // VLAN or VNI, zero where the type has none
	Subnets           []string
	AvailabilityHints []string
	Scope4, Scope6    string // the address scopes of its subnets, by IP version; empty: none
}

// Pool is a range of addresses, both ends included.
type Pool struct{ Start, End netip.Addr }

// Subnet is a block of addresses on a network.
type Subnet struct {
	Meta
	ID, Name, Network string
	Version           int // 4 or 6
	CIDR              netip.Prefix
	Gateway           netip.Addr // invalid: none
	Pools             []Pool
	DHCP              bool
	DNS               []netip.Addr
	Routes            []HostRoute
	RAMode, AddrMode  string // IPv6: empty, slaac, dhcpv6-stateful, dhcpv6-stateless
	SubnetPool        string // the pool that the prefix is of; empty: none
	NetworkShared     bool   // the network's, as of the read
	NetworkProject    string // the network's owner, as of the read
}

// Auto reports that ports make their own addresses of the prefix and their MAC.
func (s Subnet) Auto() bool { return s.AddrMode == "slaac" || s.AddrMode == "dhcpv6-stateless" }

// AddressScope is a set of subnet pools whose prefixes do not overlap.
type AddressScope struct {
	Meta
	ID, Name string
	Version  int // 4 or 6
	Shared   bool
}

// SubnetPool is a set of prefixes from which subnets get theirs.
type SubnetPool struct {
	Meta
	ID, Name                      string
	Shared, Default               bool // Default: for subnets that ask for the default pool of their IP version
	Version                       int  // 4 or 6
	Prefixes                      []netip.Prefix
	DefaultBits, MinBits, MaxBits int    // prefix lengths of subnets
	Quota                         *int64 // a project's limit, in addresses of IPv4 or in /64s of IPv6; nil: none
	Scope                         string // address scope; empty: none
}

// AddressPair is a further source address that anti-spoofing lets a port use.
type AddressPair struct{ MAC, IP string } // IP is an address or a CIDR

// Port is an attachment point.
type Port struct {
	Meta
	ID, Name, Network     string
	MAC                   string
	FixedIPs              []FixedIP
	AdminUp               bool
	Status                string
	DeviceID, DeviceOwner string
	PortSecurity          bool
	SecurityGroups        []string
	AddressPairs          []AddressPair
	Host                  string // binding:host_id
	VNICType, VIFType     string
	VIFDetails            map[string]string
	Profile               string // binding:profile, the JSON object as it was given
	Made                  bool   // Allocate made it, so Deallocate deletes it
	Tag                   string // the server's tag for the NIC
	DNSName               string
	NetworkProject        string // the network's owner, as of the read
}

// Device is the name of a port's interface on its host; Linux takes 15 characters.
func Device(port string) string { return "tap" + port[:min(11, len(port))] }

// SecurityGroup is a named list of allowances.
type SecurityGroup struct {
	Meta
	ID, Name string
	Stateful bool
	Default  bool // the project's own, made by itself, which stays
	Rules    []SecurityGroupRule
}

// SecurityGroupRule is one allowance of a group.
type SecurityGroupRule struct {
	Meta
	ID, Group        string
	Ingress          bool
	Ether            int    // 4 or 6
	Protocol         string // as asked for: a name, a number, or empty for any
	PortMin, PortMax *int   // nil: any; for ICMP: type, code
	RemoteGroup      string
	RemotePrefix     string // as asked for
}

// Agent is a process on a host that realises networks, as the list of agents shows it.
type Agent struct {
	ID, Host, Binary, Topic, Type string
	AdminUp, Alive                bool
	Description                   string
	Config                        map[string]string
	TunnelIP                      netip.Addr
	Created, Started, Heartbeat   time.Time
	Pulse                         string // URL at which its process answers beside the message bus
	Note                          string // what was found there while its heartbeats did not arrive
}

// AliveAt reports whether the agent sent a heartbeat within the last down.
func (a Agent) AliveAt(now time.Time, down time.Duration) bool { return now.Sub(a.Heartbeat) <= down }
