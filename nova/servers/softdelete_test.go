package servers_test

import (
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

// TestDeletedServersCanBeRestored puts a server aside, restores it, and has an old one reclaimed.
func TestDeletedServersCanBeRestored(t *testing.T) {
	t.Parallel()
	a := newAround(t, dbtest.Memory(t, tables...))
	id := a.create().ID
	a.put(id, nova.Active, nova.Idle)
	aside := *a.Servers
	aside.ReclaimAfter = time.Hour
	trash := servers.Trash{Servers: &aside}
	ctx := auth.WithRequest(a.ctx, "req-delete")
	moved := func(m nova.Move) {
		t.Helper()
		err := a.d.Tx(ctx, func(tx *db.Tx) error {
			_, refusal, err := store.Move(ctx, tx, id, m, store.Change{}, a.Now())
			if err == nil && refusal != nil {
				err = refusal.Fault(m.Name, id)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	state := func(want nova.State) {
		t.Helper()
		if v, err := a.Server(ctx, id); err != nil || v.State() != want {
			t.Errorf("the state is %v, %v, want %v", v.State(), err, want)
		}
	}
	if err := trash.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	state(nova.State{VM: nova.Active, Task: nova.SoftDeleting})
	moved(nova.SoftDeleteServer.Done)
	state(nova.State{VM: nova.SoftDeleted})
	if err := trash.Delete(ctx, id); err != nil { // again
		t.Error(err)
	}
	state(nova.State{VM: nova.SoftDeleted})
	if used, err := store.Usage(ctx, a.d, "p1", ""); err != nil || used.Instances != 0 {
		t.Errorf("it counts: %+v, %v", used, err)
	}
	if err := trash.Reclaim(ctx); err != nil {
		t.Error(err)
	}
	state(nova.State{VM: nova.SoftDeleted})
	if err := trash.Restore(auth.WithRequest(ctx, "req-restore"), id); err != nil {
		t.Fatal(err)
	}
	moved(nova.RestoreServer.Done)
	state(nova.State{VM: nova.Active})
	if err := trash.Restore(ctx, id); !fault.Is(err, fault.Conflict) {
		t.Errorf("an active server: got %v, want a Conflict fault", err)
	}
	if err := trash.Delete(auth.WithRequest(ctx, "req-again"), id); err != nil {
		t.Fatal(err)
	}
	moved(nova.SoftDeleteServer.Done)
	aside.ReclaimAfter = time.Nanosecond
	if err := trash.Reclaim(ctx); err != nil {
		t.Error(err)
	}
	state(nova.State{VM: nova.SoftDeleted, Task: nova.Deleting})
}
