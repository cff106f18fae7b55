// Package ml2 is the contract of type drivers and mechanism drivers. A type says which segments its networks may have;
// a mechanism says whether and how a host can carry a port of a segment. Both only decide: the rows are the caller's,
// so a driver has nothing to clean up.
package ml2

import (
	"context"
	"time"

	"hypernova/neutron"
)

// Segment is the segment of a network on the wire. ID is a VLAN or VNI; zero is none, or not chosen yet.
type Segment struct {
	Type, Physical string
	ID             int64
}

// Range is a stretch of segments that are given out to projects, both ends included.
type Range struct {
	Physical    string
	First, Last int64
}

// Type is one type of network. Its methods are pure, do not block and may be called at any time.
type Type interface {
	// Name is the value of provider:network_type.
	Name() string
	// Check refuses (fault.Invalid) a segment that an administrator asks for and the type cannot have. Without an ID the
	// caller takes a free one of Ranges with that physical network.
	Check(s Segment) error
	// Ranges are what projects get their segments from. None for a type that projects cannot have; a type that has
	// no segments at all answers Unsegmented.
	Ranges() []Range
	// Unsegmented types need no number, and any number of networks may have one.
	Unsegmented() bool
	// MTU is the largest packet of a network of this type, zero where the type does not bound it.
	MTU() int
}

// Agent is a host's agent at the time when a port is bound to the host.
type Agent struct {
	Type  string
	Alive bool
}

// BindArgs asks whether a host can carry a port.
type BindArgs struct {
	Port    neutron.Port
	Host    string
	Segment Segment
	Agents  []Agent // of the host
}

// Binding is how a host carries a port.
type Binding struct {
	VIFType string
	Details map[string]string
	// Wired is set by a mechanism whose ports need no agent: they are ACTIVE as soon as they are bound.
	Wired bool
}

// Mechanism decides bindings. Bind is pure apart from reading its arguments: it may be called again for the same port,
// and binds nothing by itself; the host's agent realises what was decided. ok false lets the next mechanism try.
type Mechanism interface {
	Name() string
	Bind(ctx context.Context, a BindArgs) (b Binding, ok bool, why string)
}

// Config are the options of types and mechanisms.
type Config struct {
	TypeDrivers  []string // types that may be used
	TenantTypes  []string // what projects' networks get: the first one with a free segment
	Mechanisms   []string // in the order they are asked
	FlatNetworks []string // physical networks that may carry flat networks; * is any
	// physical networks that may carry VLANs, with what projects may have: name:first:last or name
	VLANRanges         []string
	VNIRanges          []string      // VXLAN identifiers for projects: first:last
	PathMTU            int           // largest packet between hosts; 0: GlobalMTU
	GlobalMTU          int           // largest packet of the physical networks
	AgentDownTime      time.Duration // an agent silent for longer is down
	PaginationMaxLimit int           // most items of one answer; -1 is unlimited
	BaseMAC            string        // the first three or four octets of MACs that are made
}
