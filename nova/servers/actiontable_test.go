package servers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

// gate is what nova's decorators say of an action (nova/compute/api.py): the vm_states that allow it, the task states
// besides none, and whether a missing host is named before a wrong state.
type gate struct {
	name     string // in refusals
	vm       []nova.VMState
	tasks    []nova.TaskState
	hosted   bool
	unlocked bool // a lock does not matter
	open     bool // in any state, also of a server that was never launched
}

// gates has a row for each key of the table of actions. It is written from nova, not from that table.
var gates = map[string]gate{
	"start":       {name: "start", vm: []nova.VMState{nova.Stopped}, hosted: true},
	"stop":        {name: "stop", vm: []nova.VMState{nova.Active, nova.Error}, hosted: true},
	"reboot-soft": {name: "reboot", vm: []nova.VMState{nova.Active}},
	"reboot-hard": {name: "reboot", vm: []nova.VMState{nova.Active, nova.Stopped, nova.Paused, nova.Suspended, nova.Error},
		tasks: []nova.TaskState{nova.Rebooting, nova.RebootingHard, nova.Pausing, nova.Unpausing, nova.Suspending,
			nova.Resuming}},
	"pause":   {name: "pause", vm: []nova.VMState{nova.Active}},
	"unpause": {name: "unpause", vm: []nova.VMState{nova.Paused}},
	"suspend": {name: "suspend", vm: []nova.VMState{nova.Active}},
	"resume":  {name: "resume", vm: []nova.VMState{nova.Suspended}},
	// Of a stopped server there is another row, with the same words.
	"rebuild":         {name: "rebuild", vm: []nova.VMState{nova.Active, nova.Stopped, nova.Error}},
	"rebuild-stopped": {name: "rebuild", vm: []nova.VMState{nova.Active, nova.Stopped, nova.Error}},
	"rescue":          {name: "rescue", vm: []nova.VMState{nova.Active, nova.Stopped, nova.Error}},
	"unrescue":        {name: "unrescue", vm: []nova.VMState{nova.Rescued}},
	"change-password": {name: "changePassword", vm: []nova.VMState{nova.Active}},
	"crash-dump": {name: "trigger_crash_dump", hosted: true,
		vm: []nova.VMState{nova.Active, nova.Paused, nova.Rescued, nova.Error}},
	"create-image": {name: "createImage", unlocked: true,
		vm: []nova.VMState{nova.Active, nova.Stopped, nova.Paused, nova.Suspended}},
	"create-backup": {name: "createBackup", unlocked: true,
		vm: []nova.VMState{nova.Active, nova.Stopped, nova.Paused, nova.Suspended}},
	"attach-interface": {name: "attach_interface", vm: []nova.VMState{nova.Active, nova.Paused, nova.Stopped}},
	"detach-interface": {name: "detach_interface", vm: []nova.VMState{nova.Active, nova.Paused, nova.Stopped}},
	"shelve":           {name: "shelve", vm: []nova.VMState{nova.Active, nova.Stopped, nova.Paused, nova.Suspended}},
	"shelve-offload":   {name: "shelveOffload", vm: []nova.VMState{nova.Shelved}},
	// Of an offloaded server there is another row, with the same words.
	"unshelve":           {name: "unshelve", vm: []nova.VMState{nova.Shelved, nova.ShelvedOffloaded}},
	"unshelve-offloaded": {name: "unshelve", vm: []nova.VMState{nova.Shelved, nova.ShelvedOffloaded}},
	"soft-delete":        {name: "delete", open: true},
	"restore":            {name: "restore", vm: []nova.VMState{nova.SoftDeleted}},
	"delete":             {name: "delete", open: true},
}

// doers ask for the actions that have arguments or an operation of their own.
var doers = map[string]func(a *around, ctx context.Context, id string) error{
	"rebuild": rebuildIt, "rebuild-stopped": rebuildIt,
	"rescue": func(a *around, ctx context.Context, id string) error {
		return servers.Disks{Servers: a.Servers}.Rescue(ctx, id, "", "secret")
	},
	"change-password": func(a *around, ctx context.Context, id string) error {
		err := servers.Guests{Servers: a.Servers}.ChangePassword(ctx, id, "secret")
		if fault.Is(err, fault.Unavailable) { // no host listens: it was let through
			return nil
		}
		return err
	},
	"create-image": func(a *around, ctx context.Context, id string) error {
		_, err := servers.Snapshots{Servers: a.Servers}.CreateImage(ctx, id, servers.SnapshotArgs{Name: "shot"})
		return err
	},
	"create-backup": func(a *around, ctx context.Context, id string) error {
		_, err := servers.Snapshots{Servers: a.Servers}.Backup(ctx, id, servers.SnapshotArgs{Name: "shot", Kind: "daily"})
		return err
	},
	"attach-interface": func(a *around, ctx context.Context, id string) error {
		_, err := servers.Interfaces{Servers: a.Servers}.BeginAttach(ctx, id, servers.AttachArgs{
			NICRequest: nova.NICRequest{Network: a.nets[0].ID}})
		return err
	},
	"detach-interface": func(a *around, ctx context.Context, id string) error {
		return servers.Interfaces{Servers: a.Servers}.Detach(ctx, id, "p")
	},
	"shelve": func(a *around, ctx context.Context, id string) error {
		return servers.Shelves{Servers: a.Servers}.Shelve(ctx, id)
	},
	"unshelve": unshelveIt, "unshelve-offloaded": unshelveIt,
	"soft-delete": func(a *around, ctx context.Context, id string) error {
		aside := *a.Servers
		aside.ReclaimAfter = time.Hour
		return servers.Trash{Servers: &aside}.Delete(ctx, id)
	},
	"restore": func(a *around, ctx context.Context, id string) error {
		return servers.Trash{Servers: a.Servers}.Restore(ctx, id)
	},
	"delete": func(a *around, ctx context.Context, id string) error { return a.Delete(ctx, id) },
}

func unshelveIt(a *around, ctx context.Context, id string) error {
	return servers.Shelves{Servers: a.Servers}.Unshelve(ctx, id, servers.UnshelveArgs{})
}

func rebuildIt(a *around, ctx context.Context, id string) error {
	_, err := servers.Disks{Servers: a.Servers}.Rebuild(ctx, id, servers.RebuildArgs{Image: "i1"})
	return err
}

// refusal is what nova answers to an action in a state; empty: it is begun.
func (g *gate) refusal(id string, s nova.State, locked, host, launched bool) string {
	switch {
	case locked && !g.unlocked:
		return "Instance " + id + " is locked"
	case g.open:
		return ""
	case g.hosted && !host:
		return "Instance " + id + " is not ready"
	case !slices.Contains(g.vm, s.VM):
		return fmt.Sprintf("Cannot '%s' instance %s while it is in vm_state %s", g.name, id, s.VM)
	case s.Task != nova.Idle && !slices.Contains(g.tasks, s.Task):
		return fmt.Sprintf("Cannot '%s' instance %s while it is in task_state %s", g.name, id, s.Task)
	case !launched:
		return fmt.Sprintf("Instance %s is in an invalid state for '%s'", id, g.name)
	}
	return ""
}

// TestActionsInEveryState asks for every action of the table in every state of a server, locked and not, with and
// without a host, launched and not.
func TestActionsInEveryState(t *testing.T) {
	t.Parallel()
	tasks := map[nova.TaskState]bool{nova.Idle: true}
	for _, m := range nova.Moves() {
		if m.Task != nova.Kept {
			tasks[m.Task] = true
		}
	}
	set := db.NewExec(db.NewSet("test"), `UPDATE servers
SET vm_state = ?, task_state = ?, host = ?, launched_at = ?, locked = ?, locked_by = 'owner'
WHERE id = ?`)
	for _, action := range nova.ServerActions() {
		t.Run(action.Key, func(t *testing.T) {
			t.Parallel()
			g, ok := gates[action.Key]
			if !ok {
				t.Fatal("nobody has said which states allow this action")
			}
			do := doers[action.Key]
			if do == nil {
				do = func(a *around, ctx context.Context, id string) error { return a.Act(ctx, id, action) }
			}
			a := newAround(t, dbtest.Memory(t, tables...))
			id := a.create().ID
			try := func(s nova.State, locked, host, launched bool) {
				name, at := "", any(nil)
				if host {
					name = "h1"
				}
				if launched {
					at = int64(1)
				}
				if _, err := set.Do(t.Context(), a.d, string(s.VM), string(s.Task), name, at, locked, id); err != nil {
					t.Fatal(err)
				}
				// Requests of their own, so that each has an action.
				ctx := auth.WithRequest(a.ctx, fmt.Sprintf("req-%s-%s-%v-%v-%v", s.VM, s.Task, locked, host, launched))
				got, want := "", g.refusal(id, s, locked, host, launched)
				err := do(a, ctx, id)
				if err != nil {
					got = fault.Message(err)
				}
				if got != want || want != "" && !fault.Is(err, fault.Conflict) {
					t.Errorf("%s, %q, locked %v, host %v, launched %v: got %q (%v), want %q", s.VM, s.Task, locked, host, launched,
						got, err, want)
				}
			}
			for _, vm := range nova.VMStates() {
				if vm == nova.Deleted {
					continue
				}
				for task := range tasks {
					try(nova.State{VM: vm, Task: task}, false, true, true)
					try(nova.State{VM: vm, Task: task}, true, true, true)
				}
				try(nova.State{VM: vm}, false, false, true)
				try(nova.State{VM: vm}, false, false, false)
				try(nova.State{VM: vm}, false, true, false)
			}
		})
	}
	for key := range gates {
		if _, ok := nova.ServerActionOf(key); !ok {
			t.Errorf("there is no action %s", key)
		}
	}
}
