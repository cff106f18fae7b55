package rpcapi

import (
	"hypernova/nova"
	"hypernova/oslo/messaging"
)

// Conductor is the topic of nova-conductor, which reads and writes the database for the hosts.
var Conductor = messaging.NewAPI("conductor")

// Calls of nova-compute: its membership in the service group, reported facts, and the servers of its host.
var (
	Join  = messaging.NewCall[JoinArgs, JoinReply](Conductor, "join", messaging.Urgent())
	Beat  = messaging.NewCall[MemberArgs, messaging.None](Conductor, "beat", messaging.Urgent())
	Leave = messaging.NewCall[MemberArgs, messaging.None](Conductor, "leave", messaging.Urgent())
	// ReportNode finds or creates the node's record and returns its id.
	ReportNode = messaging.NewCall[NodeArgs, NodeReply](Conductor, "report_node")
	// HostServers returns the servers that belong on a host, in order of creation.
	HostServers = messaging.NewCall[HostArgs, HostServersReply](Conductor, "host_servers")
	// Judge returns which of the guests found on a host must be destroyed.
	Judge = messaging.NewCall[JudgeArgs, JudgeReply](Conductor, "judge")
	// CheckConsole returns what a console token stands for, by the token's hash; fault.NotFound for one that does not hold
	// or not any more. Only the proxies of consoles call it.
	CheckConsole = messaging.NewCall[CheckConsoleArgs, CheckConsoleReply](Conductor, "check_console")
	// ReportPower reports the power states of guests. The host holds the server's lock during the call, so that no
	// operation runs before the report is recorded.
	ReportPower = messaging.NewCall[PowerReport, messaging.None](Conductor, "report_power")
)

// Hints to conductors. They may be lost.
var (
	// Wake makes the jobs that wait for these servers read the state again.
	Wake = messaging.NewFanout[WakeArgs](Conductor, "wake")
	// Work makes conductors with a free worker poll the queue, because there is a new job.
	Work = messaging.NewFanout[messaging.None](Conductor, "work")
	// RefreshNetwork makes one conductor read the server's ports again.
	RefreshNetwork = messaging.NewCast[ServerArgs](Conductor, "refresh_network")
)

// JoinArgs describes a member of the service group.
type JoinArgs struct {
	Host, Binary, Topic string
	Level               int
	Pulse               string
}

// JoinReply has the id of the member's record.
type JoinReply struct{ ID string }

// MemberArgs names a record.
type MemberArgs struct{ ID string }

// NodeArgs describes a hypervisor; the node's ID and Number are not set.
type NodeArgs struct {
	Node nova.Node
	// Trouble is the reason, for operators, why the host accepts no new servers at present; empty if it does.
	Trouble string
}

// NodeReply has the node's id, which is also its provider's, and whether an operator disabled the service.
type NodeReply struct {
	ID       string
	Disabled bool
}

// HostArgs names a host.
type HostArgs struct{ Host string }

// HostServersReply lists servers.
type HostServersReply struct{ Servers []Wanted }

// Wanted is a server that belongs on a host, with its states.
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

// JudgeReply lists the guests to destroy, because their servers are deleted or on another host. Guests of unknown
// servers are listed apart and are left alone.
type JudgeReply struct{ Destroy, Unknown []string }

// PowerReport has the power states of guests on a host.
type PowerReport struct {
	Host    string
	Servers []ServerPower
}

// ServerPower is the power state of one guest. If the guest stopped without a request, Cause and Why are the reason,
// and Words is the last output of its process, for operators. Restart: start the guest again, which has crashed.
type ServerPower struct {
	Server     string
	Power      nova.PowerState
	Cause      nova.Cause
	Why, Words string
	Restart    bool
}

// WakeArgs names servers. Interrupt: they are being deleted, so their builds are cancelled. Failed: ports whose
// plugging failed.
type WakeArgs struct {
	Servers   []string
	Interrupt bool
	Failed    []string
}

// CheckConsoleArgs has the hash of a token (nova.ConsoleGrant).
type CheckConsoleArgs struct{ Hash string }

// CheckConsoleReply is what the token stands for.
type CheckConsoleReply struct{ Grant nova.ConsoleGrant }
