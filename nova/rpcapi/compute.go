// Package rpcapi declares the RPC methods between nova-api, nova-scheduler, nova-conductor and nova-compute.
package rpcapi

import (
	"time"

	"hypernova/nova"
	"hypernova/oslo/messaging"
)

// Compute is the agent's topic; every message is for one host.
var Compute = messaging.NewAPI("compute")

// Every operation is idempotent and joins the same operation on the same server if that is already under way. Destroy
// interrupts what is under way for the server.
var (
	Prepare = messaging.NewCall[SpecArgs, messaging.None](Compute, "prepare", messaging.Timeout(30*time.Minute))
	Spawn   = messaging.NewCall[SpecArgs, PowerReply](Compute, "spawn", messaging.Timeout(5*time.Minute))
	Destroy = messaging.NewCall[ServerArgs, messaging.None](Compute, "destroy", messaging.Timeout(5*time.Minute))
	// Reap destroys the guest only if the conductor, asked while the server's lock is held, says that its server does not
	// belong here.
	Reap       = messaging.NewCall[ServerArgs, messaging.None](Compute, "reap", messaging.Timeout(5*time.Minute))
	Power      = messaging.NewCall[PowerArgs, PowerReply](Compute, "power", messaging.Timeout(10*time.Minute))
	ConsoleLog = messaging.NewCall[ConsoleLogArgs, ConsoleLogReply](Compute, "console_log")
	Uptime     = messaging.NewCall[messaging.None, UptimeReply](Compute, "uptime", messaging.Timeout(10*time.Second))
	// Reconcile asks the agent to report its resources now, after an operator enabled or disabled it.
	Reconcile = messaging.NewCast[messaging.None](Compute, "reconcile")
)

// SpecArgs is a server with all its host must know.
type SpecArgs struct{ Spec nova.Spec }

// ServerArgs names a server.
type ServerArgs struct{ Server string }

// PowerArgs asks for one operation that needs nothing but the server; Op is the key of its action (nova.ServerAction).
// Grace is how long a guest may take to go down by itself.
type PowerArgs struct {
	Op    string
	Spec  nova.Spec
	Grace time.Duration
}

// PowerReply is what the hypervisor says afterwards.
type PowerReply struct{ Power nova.PowerState }

// ConsoleLogArgs asks for the last Max bytes.
type ConsoleLogArgs struct {
	Server string
	Max    int64
}

// ConsoleLogReply is the console's output.
type ConsoleLogReply struct{ Data []byte }

// UptimeReply is what uptime(1) would say on the host.
type UptimeReply struct{ Text string }
