// Package netdev is the agent's netlink layer: links, network namespaces, forwarding entries and connection tracking.
// It is the only room that speaks netlink.
//
// What it makes is found again by its name and its owner, so an agent needs no memory of its own: brq… bridges, tap…
// guest taps, tap…/ns-… veth pairs and qdhcp-… namespaces per network, tap…/qr-… and tap…/qg-… veth pairs and
// qrouter-… namespaces per router, int…/phy… veth pairs to bridges of the host, an hvext-… bridge, vxlan-… tunnels.
// The owner is the number of the cloud: it is the group of its links, and of the loopback device in its namespaces,
// from the moment they exist. So several clouds share one machine, and none touches what another made. A Host bound
// to another namespace than the process's own lets tests run several hosts on one machine.
package netdev

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Kind is what a link is.
type Kind string

// The kinds of links the agent makes; the kernel's own names.
const (
	Bridge Kind = "bridge"
	Tap    Kind = "tuntap"
	Tunnel Kind = "vxlan"
	Veth   Kind = "veth"
)

// Link is a network device, wanted or found.
type Link struct {
	Name   string
	Kind   Kind
	MTU    int
	Master string // bridge it is a port of
	Up     bool
	Note   string       // kernel alias; bridges keep their conntrack zone in it across restarts of the agent
	VNI    int64        // tunnels
	Local  netip.Addr   // tunnels
	Port   int          // tunnels: UDP port
	Addr   netip.Prefix // the host's, on the bridge that leads outside
	Odd    string       // found only: what of that which all links of the kind have this one has not
}

// OddTunnel is an oddity that only a tunnel made anew is free of.
const OddTunnel = "vxlan learning"

// ForwardNote is the note of an outside bridge that was made when the host forwarded no packets.
const ForwardNote = "hypernova switched forwarding on"

// Space is a network's DHCP and metadata namespace with its veth pair: Outside is a port of the bridge Master, Inside
// has the addresses.
type Space struct {
	Name            string
	Outside, Inside string
	Master          string
	MAC             string
	MTU             int
	Addrs           []netip.Prefix // sorted
	Odd             string         // found only: what is not as it must be besides
}

// Equal compares what can differ between a wanted and a found namespace.
func (s Space) Equal(o Space) bool {
	return s.Name == o.Name && s.Inside == o.Inside && s.MAC == o.MAC && s.MTU == o.MTU && s.Odd == o.Odd &&
		slices.Equal(s.Addrs, o.Addrs)
}

// Forward says behind which tunnel end a MAC is; FloodMAC stands for broadcast and multicast.
type Forward struct {
	Dev, MAC string
	To       netip.Addr
}

// FloodMAC is the entry by which a tunnel replicates broadcasts.
const FloodMAC = "00:00:00:00:00:00"

// Neighbour lets a bridge answer ARP for a remote port itself.
type Neighbour struct {
	Dev string
	IP  netip.Addr
	MAC string
}

// Uplink is a device of the host, not of the agent's making, that is a port of a network's bridge.
type Uplink struct{ Dev, Master string }

// Snapshot is what a host has of the agent's making, plus the generation of its packet filter: it changes with every
// committed change of any ruleset by anybody.
type Snapshot struct {
	Links      map[string]Link
	Others     map[string]Link // with names of the agent's form, but of another owner
	Spaces     map[string]Space
	Routers    map[string]Router
	Forwards   []Forward
	Neighbours []Neighbour
	Uplinks    []Uplink
	Forwarding bool            // the host forwards IPv4 packets
	Plugged    map[string]bool // taps that a guest has open
	Generation uint32
}

// Filter is what the kernel holds of some tables: a sum for each object by its name, as "bridge hypernova_ports chain
// input", and the generation at which they were read. Two filters of one process with equal sums have equal content.
type Filter struct {
	Generation uint32
	Parts      map[string]uint64
}

// Differences names what differs between two filters, sorted.
func (f Filter) Differences(o Filter) []string {
	var out []string
	for name, sum := range f.Parts {
		if other, ok := o.Parts[name]; !ok || other != sum {
			out = append(out, name)
		}
	}
	for name := range o.Parts {
		if _, ok := f.Parts[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Flow is a tracked connection in its original direction, and where its answers come from and go to, which differs
// where addresses are translated. For ICMP the ports are zero.
type Flow struct {
	Zone               uint16
	Src, Dst           netip.Addr
	Proto              uint8
	SrcPort, DstPort   uint16
	ReplySrc, ReplyDst netip.Addr
	ReplySrcPort       uint16
}

// Verb is what an operation does.
type Verb string

// The verbs of operations. Each is idempotent: adding what is there and removing what is gone succeed.
const (
	AddLink      Verb = "add link"
	SetLink      Verb = "set link"
	RemoveLink   Verb = "remove link"
	AddSpace     Verb = "add namespace"
	SetSpace     Verb = "set namespace"
	RemoveSpace  Verb = "remove namespace"
	AddRouter    Verb = "add router" // its namespace alone, which forwards nothing
	SetRouter    Verb = "set router"
	RemoveRouter Verb = "remove router"
	Announce     Verb = "announce router" // tell its neighbours about its addresses
	AddForward   Verb = "add forward"
	RemoveFwd    Verb = "remove forward"
	AddUplink    Verb = "add uplink"
	AddNeighbour Verb = "add neighbour"
	RemoveNeigh  Verb = "remove neighbour"
)

// Op is one change of the host; the verb says which of the values counts.
type Op struct {
	Verb      Verb
	Link      Link
	Space     Space
	Router    Router
	Forward   Forward
	Uplink    Uplink
	Neighbour Neighbour
}

// String is the operation in one line, for logs and tests.
func (o Op) String() string {
	switch o.Verb {
	case AddLink, SetLink:
		l := o.Link
		s := fmt.Sprintf("%s %s %s mtu=%d up=%t", o.Verb, l.Kind, l.Name, l.MTU, l.Up)
		if l.Master != "" {
			s += " master=" + l.Master
		}
		if l.Kind == Tunnel {
			s += fmt.Sprintf(" vni=%d local=%s", l.VNI, l.Local)
		}
		if l.Addr.IsValid() {
			s += " addr=" + l.Addr.String()
		}
		return s
	case AddUplink:
		return fmt.Sprintf("%s %s master=%s", o.Verb, o.Uplink.Dev, o.Uplink.Master)
	case RemoveLink:
		return fmt.Sprintf("%s %s", o.Verb, o.Link.Name)
	case AddSpace, SetSpace:
		return fmt.Sprintf("%s %s mac=%s addrs=%v", o.Verb, o.Space.Name, o.Space.MAC, o.Space.Addrs)
	case RemoveSpace:
		return fmt.Sprintf("%s %s", o.Verb, o.Space.Name)
	case AddRouter, RemoveRouter, Announce:
		return fmt.Sprintf("%s %s", o.Verb, o.Router.Name)
	case SetRouter:
		return fmt.Sprintf("%s %s", o.Verb, o.Router)
	case AddForward, RemoveFwd:
		return fmt.Sprintf("%s %s %s to %s", o.Verb, o.Forward.Dev, o.Forward.MAC, o.Forward.To)
	case AddNeighbour, RemoveNeigh:
		return fmt.Sprintf("%s %s %s %s", o.Verb, o.Neighbour.Dev, o.Neighbour.IP, o.Neighbour.MAC)
	}
	return string(o.Verb)
}

// Compare orders forwards.
func (f Forward) Compare(o Forward) int {
	return cmp.Or(cmp.Compare(f.Dev, o.Dev), cmp.Compare(f.MAC, o.MAC), f.To.Compare(o.To))
}

// Compare orders neighbours.
func (n Neighbour) Compare(o Neighbour) int {
	return cmp.Or(cmp.Compare(n.Dev, o.Dev), n.IP.Compare(o.IP), cmp.Compare(n.MAC, o.MAC))
}

const idLength = 11 // of an id in a device name, of which the kernel allows 15 bytes

func short(id string) string { return id[:min(len(id), idLength)] }

// BridgeName is the bridge of a network.
func BridgeName(network string) string { return "brq" + short(network) }

// TapName is the guest's tap of a port.
func TapName(port string) string { return "tap" + short(port) }

// OutsideName and InsideName are the two ends of the veth pair between a network's bridge and its namespace.
func OutsideName(network string) string { return "tap" + short(network) }

// InsideName is the end inside the namespace.
func InsideName(network string) string { return "ns-" + short(network) }

// TunnelName is the tunnel device of an overlay network.
func TunnelName(vni int64) string { return fmt.Sprintf("vxlan-%d", vni) }

// PatchNames are the two ends of the veth pair between a network's bridge and a bridge of the host: ours is a port of
// the network's, theirs of the host's.
func PatchNames(network string) (ours, theirs string) {
	return "int" + short(network), "phy" + short(network)
}

// OutsideBridge is the bridge of a cloud on which the host has an address of an external network.
func OutsideBridge(owner uint32) string { return fmt.Sprintf("%s%08x", outsidePrefix, owner) }

const outsidePrefix = "hvext-"

// outsideBridge reports that a name is that of a cloud's outside bridge.
func outsideBridge(name string) bool {
	digits, ok := strings.CutPrefix(name, outsidePrefix)
	return ok && len(digits) == 8 && hexDigits(digits)
}

// Ours reports that a link of this kind and name is of an agent's making, by the strict form of the name. Of which
// agent's, its group says.
func Ours(kind Kind, name string) bool {
	switch kind {
	case Bridge:
		return shortID(name, "brq") || outsideBridge(name)
	case Tap:
		return shortID(name, "tap")
	case Veth:
		return shortID(name, "tap") || shortID(name, "int") || shortID(name, "phy")
	case Tunnel:
		digits, ok := strings.CutPrefix(name, "vxlan-")
		return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
	}
	return false
}

// shortID accepts prefix and the first 11 characters of a dashed UUID: 8 hex digits, a dash, 2 hex digits.
func shortID(name, prefix string) bool {
	id, ok := strings.CutPrefix(name, prefix)
	return ok && len(id) == idLength && id[8] == '-' && hexDigits(id[:8]) && hexDigits(id[9:])
}

func hexDigits(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
