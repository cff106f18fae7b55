package rpcapi

import (
	"hypernova/nova"
	"hypernova/oslo/messaging"
)

// Conductor is the topic of those who hold the database for those who do not.
var Conductor = messaging.NewAPI("conductor")

// The agent's side: membership, facts, and what it should run.
var (
	Join  = messaging.NewCall[JoinArgs, JoinReply](Conductor, "join", messaging.Urgent())
	Beat  = messaging.NewCall[MemberArgs, messaging.None](Conductor, "beat", messaging.Urgent())
	Leave = messaging.NewCall[MemberArgs, messaging.None](Conductor, "leave", messaging.Urgent())
	// ReportNode finds or creates the node's record and answers its id.
	ReportNode = messaging.NewCall[NodeArgs, NodeReply](Conductor, "report_node")
	// HostServers is what the cloud wants on a host, in order of creation.
	HostServers = messaging.NewCall[HostArgs, HostServersReply](Conductor, "host_servers")
	// Judge says of guests found on a host which ones must go.
	Judge = messaging.NewCall[JudgeArgs, JudgeReply](Conductor, "judge")
	// ReportPower tells what guests do. The agent holds the server's lock while it reports, so no operation overtakes the
	// report.
	ReportPower = messaging.NewCall[PowerReport, messaging.None](Conductor, "report_power")
)

// Hints to every conductor.
var (
	// Wake makes whoever waits for something about these servers look again.
	Wake = messaging.NewFanout[WakeArgs](Conductor, "wake")
	// Work says that there is a new job: whoever has hands free looks at once.
	Work = messaging.NewFanout[messaging.None](Conductor, "work")
	// RefreshNetwork asks any one conductor to read the server's ports again.
	RefreshNetwork = messaging.NewCast[ServerArgs](Conductor, "refresh_network")
)

// JoinArgs is a member of the service group.
type JoinArgs struct {
	Host, Binary, Topic string
	Level               int
	Pulse               string
}

// JoinReply is the id of its record.
type JoinReply struct{ ID string }

// MemberArgs names a record.
type MemberArgs struct{ ID string }

// NodeArgs describes a hypervisor; the node's ID and Number are not set.
type NodeArgs struct {
	Node nova.Node
	// Trouble is why the host can take no new servers for now, in an operator's words; empty: it can.
	Trouble string
}

// NodeReply is the node's id, also its provider's, and what an operator decided about the service.
type NodeReply struct {
	ID       string
	Disabled bool
}

// HostArgs names a host.
type HostArgs struct{ Host string }

// HostServersReply lists servers.
type HostServersReply struct{ Servers []Wanted }

// Wanted is a server the cloud has on a host, and its states.
type Wanted struct {
	Spec  nova.Spec
	State nova.State
	Power nova.PowerState
}

// JudgeArgs lists guests that were found on a host.
type JudgeArgs struct {
	Host    string
	Servers []string
}

// JudgeReply says which must be destroyed: their servers are deleted or live elsewhere. Unknown ones are named apart;
// nobody touches them.
type JudgeReply struct{ Destroy, Unknown []string }

// PowerReport says what guests on a host do.
type PowerReport struct {
	Host    string
	Servers []ServerPower
}

// ServerPower is one guest's state. Cause and Why tell why it does not run where nobody asked for that, Words what its
// process on the host said last, both for operators. Restart: a guest that crashed shall be started again.
type ServerPower struct {
	Server     string
	Power      nova.PowerState
	Cause      nova.Cause
	Why, Words string
	Restart    bool
}

// WakeArgs names servers. Interrupt: they are being deleted, so a build gives up at once. Failed: ports whose plugging
// failed.
type WakeArgs struct {
	Servers   []string
	Interrupt bool
	Failed    []string
}
