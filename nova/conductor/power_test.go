package conductor_test

import (
	"fmt"
	"testing"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
)

// TestGuestsAndServersAreBroughtTogether compares each state of a server with each power state of its guest, as nova's
// periodic look does.
func TestGuestsAndServersAreBroughtTogether(t *testing.T) {
	t.Parallel()
	const off, on, held, none = nova.Shutdown, nova.Running, nova.PowerPaused, nova.NoState
	type end struct {
		vm    nova.VMState
		power nova.PowerState
	}
	stopped := end{nova.Stopped, off}
	powers := []nova.PowerState{none, on, held, off, nova.Crashed, nova.PowerSuspended}
	for vm, ends := range map[nova.VMState][]end{
		nova.Active:  {{nova.Active, none}, {nova.Active, on}, {nova.Active, held}, stopped, stopped, stopped},
		nova.Stopped: {{nova.Stopped, none}, stopped, stopped, stopped, {nova.Stopped, nova.Crashed}, stopped},
		nova.Paused: {{nova.Paused, none}, {nova.Paused, on}, {nova.Paused, held}, stopped, stopped,
			{nova.Paused, nova.PowerSuspended}},
		nova.Suspended: {{nova.Suspended, none}, {nova.Suspended, on}, {nova.Suspended, held}, {nova.Suspended, off},
			{nova.Suspended, nova.Crashed}, {nova.Suspended, nova.PowerSuspended}},
		nova.Error: {{nova.Error, none}, {nova.Error, on}, {nova.Error, held}, {nova.Error, off},
			{nova.Error, nova.Crashed}, {nova.Error, nova.PowerSuspended}},
	} {
		for i, want := range ends {
			t.Run(fmt.Sprintf("%s, guest %d", vm, powers[i]), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, "h1")
				id := power()(w)
				h := w.hosts["h1"]
				err := w.d.Tx(w.ctx, func(tx *db.Tx) error {
					_, refusal, err := store.Move(w.ctx, tx, id, nova.Move{Name: "test", To: vm}, store.Change{}, clock.Real())
					if err == nil && refusal != nil {
						err = refusal.Fault("test", id)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if powers[i] == none {
					err = h.driver.Destroy(t.Context(), id)
				} else {
					err = h.driver.Change(id, powers[i])
				}
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // what is together stays so
					h.sync()
					w.work()
				}
				if v := w.get(id); v.VM != want.vm || v.Power != want.power || v.Task != nova.Idle {
					t.Errorf("server is %s with power %d, %q, want %s with %d", v.VM, v.Power, v.Task, want.vm, want.power)
				}
				if powers[i] == none {
					return
				}
				if g, err := h.driver.Info(t.Context(), id); err != nil || g.Power != want.power {
					t.Errorf("guest is %+v, %v, want %d", g, err, want.power)
				}
			})
		}
	}
}

// An operator's reset takes a server from its job, and the job may end on the host all the same.
func TestWhatAJobDidAfterAResetIsTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key, op  string
		toActive bool
		vm       nova.VMState
		power    nova.PowerState
	}{
		{nova.StopServer.Key, "after stop", true, nova.Stopped, nova.Shutdown},
		{nova.StopServer.Key, "after stop", false, nova.Error, nova.Shutdown},
		{nova.StopServer.Key, "before stop", true, nova.Stopped, nova.Shutdown},
	} {
		t.Run(fmt.Sprintf("%s, reset %s, active %v", c.key, c.op, c.toActive), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "h1")
			id := power()(w)
			w.hosts["h1"].hook = func(op string) {
				if op != c.op || w.get(id).Task == nova.Idle {
					return
				}
				if err := w.verbs.ResetState(auth.WithRequest(w.ctx, "req-reset"), id, c.toActive); err != nil {
					t.Error(err)
				}
			}
			w.ask(id, c.key, "req-act")
			w.work()
			if v := w.get(id); v.VM != c.vm || v.Power != c.power || v.Task != nova.Idle {
				t.Errorf("server is %s with power %d, %q, want %s with %d", v.VM, v.Power, v.Task, c.vm, c.power)
			}
		})
	}
}
