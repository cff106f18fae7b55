package libvirt

import (
	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova"
)

// status is the state of a domain and its reason, as libvirt numbers them. The numbers of reasons depend on the state.
type status struct{ state, reason int32 }

// guest is the state of a server as the driver understands it. All operations, reports and events use it, none the
// status.
type guest struct {
	power nova.PowerState
	phase phase
	why   string     // completes "the guest is ..." in messages for operators
	cause nova.Cause // why the guest does not run; empty if it runs or this was requested
}

// phase says which operations are possible on a domain.
type phase int

const (
	off       phase = iota // no QEMU process: it can be started
	running                // the vCPUs run; the guest can receive the power button
	paused                 // the vCPUs are stopped, until somebody resumes them
	suspended              // the guest has suspended itself (ACPI S3)
	broken                 // a QEMU process exists, but its guest can only be started anew
	passing                // libvirt is changing the state; it is no result of an operation yet
)

// alive reports whether a QEMU process exists, so that the domain cannot be started.
func (g guest) alive() bool { return g.phase != off }

// started reports whether the guest has been started: it runs, is paused or has suspended itself.
func (g guest) started() bool { return g.phase == running || g.phase == paused || g.phase == suspended }

// byState is the meaning of each state of libvirt with a reason that byReason does not have, for example one of a newer
// libvirt.
var byState = map[wire.DomainState]guest{
	wire.DomainNostate:     {nova.NoState, off, "in a state that libvirt does not know", ""},
	wire.DomainRunning:     {nova.Running, running, "running", ""},
	wire.DomainBlocked:     {nova.Running, running, "waiting for a device", ""},
	wire.DomainPaused:      {nova.PowerPaused, paused, "paused", ""},
	wire.DomainShutdown:    {nova.Running, passing, "shutting down", ""},
	wire.DomainShutoff:     {nova.Shutdown, off, "shut off", ""},
	wire.DomainCrashed:     {nova.Crashed, broken, "crashed", nova.CauseCrash},
	wire.DomainPmsuspended: {nova.PowerSuspended, suspended, "asleep", ""},
}

// byReason has the reasons whose meaning differs from byState. If libvirt stops a guest for an operation of its own,
// such as a migration, the power state is the one before the operation: for its user the guest runs.
var byReason = map[status]guest{
	{int32(wire.DomainRunning), int32(wire.DomainRunningPostcopy)}: {nova.Running, running,
		"running while its memory is still being moved here", ""},
	{int32(wire.DomainRunning), int32(wire.DomainRunningPostcopyFailed)}: {nova.Running, running,
		"running without all of its memory: its move here failed", ""},

	{int32(wire.DomainPaused), int32(wire.DomainPausedUser)}: {nova.PowerPaused, paused,
		"paused on request", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedMigration)}: {nova.Running, passing, "being moved", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedSave)}:      {nova.Running, passing, "being saved", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedDump)}:      {nova.Running, passing, "being dumped", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedIoerror)}: {nova.PowerPaused, paused,
		"paused after an error of a disk", nova.CauseDisk},
	{int32(wire.DomainPaused), int32(wire.DomainPausedWatchdog)}: {nova.PowerPaused, paused,
		"paused by its watchdog", nova.CauseHost},
	{int32(wire.DomainPaused), int32(wire.DomainPausedFromSnapshot)}: {nova.PowerPaused, paused,
		"paused as its snapshot was", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedShuttingDown)}: {nova.Running, passing, "shutting down", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedSnapshot)}: {nova.Running, passing,
		"having its snapshot taken", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedCrashed)}:    {nova.Crashed, broken, "crashed", nova.CauseCrash},
	{int32(wire.DomainPaused), int32(wire.DomainPausedStartingUp)}: {nova.NoState, passing, "starting", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedPostcopy)}:   {nova.Running, passing, "being moved", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedPostcopyFailed)}: {nova.PowerPaused, broken,
		"paused without all of its memory: its move failed", nova.CauseHost},
	{int32(wire.DomainPaused), int32(wire.DomainPausedAPIError)}: {nova.PowerPaused, paused,
		"paused after an operation of libvirt failed", nova.CauseHost},

	{int32(wire.DomainShutoff), int32(wire.DomainShutoffShutdown)}: {nova.Shutdown, off, "shut off by itself",
		nova.CauseGuest},
	{int32(wire.DomainShutoff), int32(wire.DomainShutoffDestroyed)}: {nova.Shutdown, off,
		"shut off at once", nova.CauseHost},
	{int32(wire.DomainShutoff), int32(wire.DomainShutoffDaemon)}: {nova.Shutdown, off, "shut off: libvirt lost it",
		nova.CauseHost},
	{int32(wire.DomainShutoff), int32(wire.DomainShutoffCrashed)}: {nova.Shutdown, off, "shut off: QEMU died",
		nova.CauseCrash},
	{int32(wire.DomainShutoff), int32(wire.DomainShutoffFailed)}: {nova.Shutdown, off, "shut off: it did not start",
		nova.CauseHost},
}

// guest returns the meaning of a status. An unknown state means that there is no guest.
func (s status) guest() guest {
	if g, ok := byReason[s]; ok {
		return g
	}
	if g, ok := byState[wire.DomainState(s.state)]; ok {
		return g
	}
	return byState[wire.DomainNostate]
}
