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
	Reap  = messaging.NewCall[ServerArgs, messaging.None](Compute, "reap", messaging.Timeout(5*time.Minute))
	Power = messaging.NewCall[PowerArgs, PowerReply](Compute, "power", messaging.Timeout(10*time.Minute))
	// Rebuild and Rescue are the steps of a rebuild and of a rescue on the host, one call each (RebuildStep, RescueStep).
	Rebuild = messaging.NewCall[RebuildArgs, PowerReply](Compute, "rebuild", messaging.Timeout(30*time.Minute))
	Rescue  = messaging.NewCall[RescueArgs, PowerReply](Compute, "rescue", messaging.Timeout(30*time.Minute))
	// Snapshot is a step of a snapshot on the host (SnapshotStep).
	Snapshot = messaging.NewCall[SnapshotArgs, messaging.None](Compute, "snapshot", messaging.Timeout(2*time.Hour))
	// Interface attaches a NIC to a server, or detaches one from it.
	Interface = messaging.NewCall[InterfaceArgs, messaging.None](Compute, "interface", messaging.Timeout(30*time.Minute))
	// SetPassword sets a password in the guest. It is not repeated: the caller waits for the result.
	SetPassword = messaging.NewCall[PasswordArgs, messaging.None](Compute, "set_password")
	Diagnose    = messaging.NewCall[SpecArgs, DiagnosticsReply](Compute, "diagnose")
	ConsoleLog  = messaging.NewCall[ConsoleLogArgs, ConsoleLogReply](Compute, "console_log")
	// Console finds out where a console of a server listens.
	Console = messaging.NewCall[ConsoleArgs, ConsoleReply](Compute, "console")
	// CacheImage has the host fetch an image ahead of servers.
	CacheImage = messaging.NewCall[CacheImageArgs, CacheImageReply](Compute, "cache_image",
		messaging.Timeout(30*time.Minute))
	Uptime = messaging.NewCall[messaging.None, UptimeReply](Compute, "uptime", messaging.Timeout(10*time.Second))
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

// Steps of a rebuild and of a rescue on the host (virt.Rebuilder, virt.Rescuer).
const (
	StepPrepare = "prepare"
	StepSwitch  = "switch" // to the new disks, or to the rescue disk
	StepUndo    = "undo"
	StepFinish  = "finish" // of a rebuild only
)

// RebuildArgs asks for one step of a rebuild. Boot: the server runs afterwards.
type RebuildArgs struct {
	Step                string
	Spec                nova.Spec
	Boot, KeepEphemeral bool
}

// RescueArgs asks for one step of a rescue with the image. Boot is for StepUndo: the server runs afterwards. Grace is
// how long the guest may take to shut down.
type RescueArgs struct {
	Step  string
	Spec  nova.Spec
	Image nova.ImageMeta
	Boot  bool
	Grace time.Duration
}

// Steps of a snapshot on the host (virt.Snapshotter).
const (
	StepTake   = "take"
	StepUpload = "upload"
	StepDrop   = "drop"
)

// SnapshotArgs asks for one step of a snapshot of a server. Image is the image, and the snapshot's name on the host.
type SnapshotArgs struct {
	Step          string
	Spec          nova.Spec
	Image, Format string
}

// InterfaceArgs names a NIC of a server to attach, or with Detach to detach. The server's spec has the ports that it
// has afterwards.
type InterfaceArgs struct {
	Spec   nova.Spec
	NIC    nova.NIC
	Detach bool
}

// PasswordArgs has the password for the guest's administrator.
type PasswordArgs struct {
	Spec     nova.Spec
	Password string
}

// DiagnosticsReply has the figures of a guest and its power state.
type DiagnosticsReply struct {
	Power       nova.PowerState
	Diagnostics nova.Diagnostics
}

// ConsoleLogArgs asks for the last Max bytes.
type ConsoleLogArgs struct {
	Server string
	Max    int64
}

// ConsoleLogReply is the console's output.
type ConsoleLogReply struct{ Data []byte }

// ConsoleArgs names a console of a server. Other is the type that was asked for instead of Type, where the two do not
// fit together: the host refuses it, once it is known that it offers consoles like Type at all.
type ConsoleArgs struct {
	Server string
	Type   nova.ConsoleType
	Other  string
}

// ConsoleReply is where the console listens, and the base of the URL of its proxy.
type ConsoleReply struct {
	Address nova.ConsoleAddress
	URL     string
}

// CacheImageArgs names the image to fetch.
type CacheImageArgs struct{ Image nova.ImageMeta }

// CacheImageReply reports whether the image was fetched now; otherwise the host had it.
type CacheImageReply struct{ Fetched bool }

// UptimeReply is what uptime(1) would say on the host.
type UptimeReply struct{ Text string }
