package libvirt

import (
	"testing"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova"
)

// TestEveryStateHasAMeaning tests all states and reasons that libvirt has, and one more of each.
func TestEveryStateHasAMeaning(t *testing.T) {
	t.Parallel()
	type row struct {
		power nova.PowerState
		phase phase
	}
	on, paused, busy, down := row{nova.Running, running}, row{nova.PowerPaused, paused}, row{nova.Running, passing},
		row{nova.Shutdown, off}
	for _, c := range []struct {
		name  string
		state wire.DomainState
		want  []row // by reason
	}{
		{"no state", wire.DomainNostate, []row{wire.DomainNostateUnknown: {nova.NoState, off}}},
		{"running", wire.DomainRunning, []row{wire.DomainRunningUnknown: on, wire.DomainRunningBooted: on,
			wire.DomainRunningMigrated: on,
			wire.DomainRunningRestored: on, wire.DomainRunningFromSnapshot: on, wire.DomainRunningUnpaused: on,
			wire.DomainRunningMigrationCanceled: on,
			wire.DomainRunningSaveCanceled:      on, wire.DomainRunningWakeup: on, wire.DomainRunningCrashed: on,
			wire.DomainRunningPostcopy:       on,
			wire.DomainRunningPostcopyFailed: on}},
		{"blocked", wire.DomainBlocked, []row{wire.DomainBlockedUnknown: on}},
		{"paused", wire.DomainPaused, []row{wire.DomainPausedUnknown: paused, wire.DomainPausedUser: paused,
			wire.DomainPausedMigration: busy,
			wire.DomainPausedSave:      busy, wire.DomainPausedDump: busy, wire.DomainPausedIoerror: paused,
			wire.DomainPausedWatchdog:     paused,
			wire.DomainPausedFromSnapshot: paused, wire.DomainPausedShuttingDown: busy, wire.DomainPausedSnapshot: busy,
			wire.DomainPausedCrashed: {nova.Crashed, broken}, wire.DomainPausedStartingUp: {nova.NoState, passing},
			wire.DomainPausedPostcopy:       busy,
			wire.DomainPausedPostcopyFailed: {nova.PowerPaused, broken}, wire.DomainPausedAPIError: paused}},
		{"shutting down", wire.DomainShutdown, []row{wire.DomainShutdownUnknown: busy, wire.DomainShutdownUser: busy}},
		{"shut off", wire.DomainShutoff, []row{wire.DomainShutoffUnknown: down, wire.DomainShutoffShutdown: down,
			wire.DomainShutoffDestroyed: down,
			wire.DomainShutoffCrashed:   down, wire.DomainShutoffMigrated: down, wire.DomainShutoffSaved: down,
			wire.DomainShutoffFailed:       down,
			wire.DomainShutoffFromSnapshot: down, wire.DomainShutoffDaemon: down}},
		{"crashed", wire.DomainCrashed, []row{wire.DomainCrashedUnknown: {nova.Crashed, broken},
			wire.DomainCrashedPanicked: {nova.Crashed, broken}}},
		{"suspended by the guest", wire.DomainPmsuspended,
			[]row{wire.DomainPmsuspendedUnknown: {nova.PowerSuspended, suspended}}},
		{"an unknown state", 99, []row{{nova.NoState, off}}},
	} {
		for reason := range len(c.want) + 1 {
			want := c.want[0] // the meaning of an unknown reason
			if reason < len(c.want) {
				want = c.want[reason]
			}
			m := status{int32(c.state), int32(reason)}.guest()
			if got := (row{m.power, m.phase}); got != want {
				t.Errorf("%s, reason %d: got %+v, want %+v", c.name, reason, got, want)
			}
			if stopped := m.power == nova.Crashed || m.phase == broken; stopped && m.cause == "" {
				t.Errorf("%s, reason %d: no cause", c.name, reason)
			}
			if m.cause != "" && (m.phase == running || m.phase == passing) {
				t.Errorf("%s, reason %d: cause %q for a guest that runs", c.name, reason, m.cause)
			}
			if m.why == "" {
				t.Errorf("%s, reason %d: no text", c.name, reason)
			}
		}
	}
	for s := range byReason {
		if _, ok := byState[wire.DomainState(s.state)]; !ok {
			t.Errorf("%+v is a reason of a state that does not exist", s)
		}
	}
}
