package nova

import "net/netip"

// FixedIP is an address of a NIC on a subnet.
type FixedIP struct {
	Subnet string
	IP     netip.Addr
}

// HostRoute is a route that a subnet gives to the guests on it.
type HostRoute struct {
	Destination netip.Prefix
	NextHop     netip.Addr
}

// Subnet is a subnet of a NIC's network, as far as metadata and config drives show it.
type Subnet struct {
	ID, Name, Network string
	CIDR              netip.Prefix
	Gateway           netip.Addr // invalid: none
	DHCP              bool
	DNS               []netip.Addr
	Routes            []HostRoute
	Version           int    // 4 or 6
	AddressMode       string // of IPv6: empty, slaac, dhcpv6-stateful or dhcpv6-stateless
}

// AddressPair is a source address that a guest may use besides its NIC's own: an address or a CIDR.
type AddressPair struct{ MAC, IP string }

// NIC is a server's network interface: compute's copy of networking's port, whose id it has (nova calls it a VIF). It
// travels in messages to hosts, where the JSON keys are the names of the fields; nova/store has its stored form.
// Package nova/network makes NICs of ports.
type NIC struct {
	ID, Name, Project, Network, NetworkName string
	MAC                                     string
	FixedIPs                                []FixedIP
	Subnets                                 []Subnet // one per distinct subnet of FixedIPs
	MTU                                     int
	AdminUp                                 bool
	Status                                  string // of the port: ACTIVE, DOWN or BUILD
	DeviceID, DeviceOwner, Host             string
	VNICType, VIFType                       string // normal; tap, fake, unbound or binding_failed
	Device                                  string // name of the host's interface
	SecurityGroups                          []string
	PortSecurity                            bool
	AddressPairs                            []AddressPair
	DNSName                                 string
	Created                                 bool // compute made the port and deletes it with the server
	Tag                                     string
	Floating                                []FloatingPair `json:",omitempty"` // what networking said last
}

// FloatingPair is a floating IP beside the address of a NIC that it stands for.
type FloatingPair struct{ Fixed, IP netip.Addr }

// NICRequest asks for one NIC of a server: an existing port, or a new one on a network. It is stored in build tasks;
// the JSON keys are the names of the fields.
type NICRequest struct {
	Port, Network string     // one of them
	FixedIP       netip.Addr // invalid: any
	Tag           string
}
