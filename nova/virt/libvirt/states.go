package libvirt

import (
	"context"
	"time"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova"
	"hypernova/oslo/fault"
)

// status is libvirt's own word for what a domain does: its state, and the reason, whose numbers depend on the state.
type status struct{ state, reason int32 }

// meaning is what a status says to the rest of the program. It is the only thing that verbs, reports and events may judge by.
type meaning struct {
	power nova.PowerState
	// phase says whether there is a guest that can be spoken to.
	phase phase
	// why completes "the guest is ..." in an operator's words.
	why string
	// cause is why there is no running guest, unless libvirt was asked for that.
	cause nova.Cause
}

// phase is what may be done with a domain.
type phase int

const (
	off     phase = iota // no QEMU process: it can be started
	running              // the guest's processors run, and it can hear the power button
	frozen               // they do not, and the domain stays so until somebody changes it
	asleep               // the guest has suspended itself
	broken               // a QEMU process is there whose guest will never go on: only a new start helps
	passing              // libvirt is at work on it and will itself end this: no verb may take it for an end
)

// alive: a QEMU process is there, so the domain cannot be started.
func (m meaning) alive() bool { return m.phase != off }

// started: the guest runs, or has run and is kept from it on purpose.
func (m meaning) started() bool { return m.phase == running || m.phase == frozen || m.phase == asleep }

// stateMeanings is what each state of libvirt means whatever the reason; a reason that is not listed below, as a newer libvirt may give one,
// means this.
var stateMeanings = map[wire.DomainState]meaning{
	wire.DomainNostate:     {nova.NoState, off, "in a state that libvirt does not know", ""},
	wire.DomainRunning:     {nova.Running, running, "running", ""},
	wire.DomainBlocked:     {nova.Running, running, "waiting for a device", ""},
	wire.DomainPaused:      {nova.PowerPaused, frozen, "paused", ""},
	wire.DomainShutdown:    {nova.Running, passing, "shutting down", ""},
	wire.DomainShutoff:     {nova.Shutdown, off, "shut off", ""},
	wire.DomainCrashed:     {nova.Crashed, broken, "crashed", nova.CauseCrash},
	wire.DomainPmsuspended: {nova.PowerSuspended, asleep, "asleep", ""},
}

// reasonMeanings is what differs by the reason. Where libvirt stops a guest for work of its own, the power state is the one from which it
// began: that guest runs, for its user, and will go on.
var reasonMeanings = map[status]meaning{
	{int32(wire.DomainRunning), int32(wire.DomainRunningPostcopy)}:       {nova.Running, running, "running while its memory is still being moved here", ""},
	{int32(wire.DomainRunning), int32(wire.DomainRunningPostcopyFailed)}: {nova.Running, running, "running without all of its memory: its move here failed", ""},

	{int32(wire.DomainPaused), int32(wire.DomainPausedUser)}:           {nova.PowerPaused, frozen, "paused on request", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedMigration)}:      {nova.Running, passing, "being moved", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedSave)}:           {nova.Running, passing, "being saved", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedDump)}:           {nova.Running, passing, "being dumped", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedIoerror)}:        {nova.PowerPaused, frozen, "paused after an error of a disk", nova.CauseDisk},
	{int32(wire.DomainPaused), int32(wire.DomainPausedWatchdog)}:       {nova.PowerPaused, frozen, "paused by its watchdog", nova.CauseHost},
	{int32(wire.DomainPaused), int32(wire.DomainPausedFromSnapshot)}:   {nova.PowerPaused, frozen, "paused as its snapshot was", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedShuttingDown)}:   {nova.Running, passing, "shutting down", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedSnapshot)}:       {nova.Running, passing, "having its snapshot taken", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedCrashed)}:        {nova.Crashed, broken, "crashed", nova.CauseCrash},
	{int32(wire.DomainPaused), int32(wire.DomainPausedStartingUp)}:     {nova.NoState, passing, "starting", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedPostcopy)}:       {nova.Running, passing, "being moved", ""},
	{int32(wire.DomainPaused), int32(wire.DomainPausedPostcopyFailed)}: {nova.PowerPaused, broken, "paused without all of its memory: its move failed", nova.CauseHost},
	{int32(wire.DomainPaused), int32(wire.DomainPausedAPIError)}:       {nova.PowerPaused, frozen, "paused after an operation of libvirt failed", nova.CauseHost},

	{int32(wire.DomainShutoff), int32(wire.DomainShutoffShutdown)}:  {nova.Shutdown, off, "shut off by itself", nova.CauseGuest},
	{int32(wire.DomainShutoff), int32(wire.DomainShutoffDestroyed)}: {nova.Shutdown, off, "shut off at once", nova.CauseHost},
	{int32(wire.DomainShutoff), int32(wire.DomainShutoffDaemon)}:    {nova.Shutdown, off, "shut off: libvirt lost it", nova.CauseHost},
	{int32(wire.DomainShutoff), int32(wire.DomainShutoffCrashed)}:   {nova.Shutdown, off, "shut off: QEMU died", nova.CauseCrash},
	{int32(wire.DomainShutoff), int32(wire.DomainShutoffFailed)}:    {nova.Shutdown, off, "shut off: it did not start", nova.CauseHost},
}

// meaning of a status; of one that nobody knows, that there is none.
func (s status) meaning() meaning {
	if m, ok := reasonMeanings[s]; ok {
		return m
	}
	if m, ok := stateMeanings[wire.DomainState(s.state)]; ok {
		return m
	}
	return stateMeanings[wire.DomainNostate]
}

// look is what the domain of a server does at this instant, which may be passing; fault.NotFound without a domain.
func (d *Driver) look(ctx context.Context, id string) (meaning, error) {
	var s status
	err := d.on(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		var err error
		s.state, s.reason, err = lv.DomainGetState(dom, 0)
		return err
	})
	if err != nil {
		return meaning{}, err // a call that was given up may still be writing s
	}
	return s.meaning(), nil
}

// settled is what the domain does once libvirt is done with it: it waits as long as libvirt may take for one answer, then fault.Unavailable.
func (d *Driver) settled(ctx context.Context, id string) (meaning, error) {
	m, over, err := d.settledWithin(ctx, id, d.c.CallTimeout)
	if err == nil && over {
		return m, fault.Unavailablef("Server %s is still %s.", id, m.why)
	}
	return m, err
}

// settledWithin waits at most so long, and says whether that was too short: then the domain is passing still.
func (d *Driver) settledWithin(ctx context.Context, id string, most time.Duration) (m meaning, over bool, err error) {
	late := time.NewTimer(most)
	defer late.Stop()
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		m, err := d.look(ctx, id)
		if err != nil || m.phase != passing {
			return m, false, err
		}
		select {
		case <-again.C:
		case <-late.C:
			return m, true, nil
		case <-ctx.Done():
			return m, false, ctx.Err()
		}
	}
}
