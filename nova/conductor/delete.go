package conductor

import (
	"context"
	"errors"
	"time"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// deletion is the record of a deletion.
type deletion struct {
	host string
	// unreachable: the host could not be reached, so a clean-up is enqueued for it.
	unreachable bool
	// unbuilt: the server may never have run, and a request of its build may still be running.
	unbuilt bool
}

// deleting deletes the guest, the ports, the allocation and then the server. It has no undo, and each step may be
// repeated.
func (c *Conductor) deleting(server string) operation[deletion] {
	return operation[deletion]{
		action: nova.DeleteServer, forward: true,
		steps: []steps.Step[deletion]{
			{Name: "host", Do: func(ctx context.Context, r *deletion) error {
				f, err := store.PlacementOf(ctx, c.DB, server)
				if err != nil {
					return err
				}
				r.host, r.unbuilt = f.Host, f.State.VM == nova.Building || f.State.VM == nova.Error ||
					f.State.VM == nova.ShelvedOffloaded
				r.unreachable, err = c.destroy(ctx, f.Host, server)
				return err
			}},
			{Name: "network", Do: func(ctx context.Context, _ *deletion) error { return c.Networks.Deallocate(ctx, server) }},
			{Name: "claim", Do: func(ctx context.Context, _ *deletion) error { return c.Placement.Release(ctx, server) }},
		},
		change: func(*deletion) store.Change {
			now := c.Now()
			return store.Change{Power: ptr(nova.NoState), Terminated: &now, Ports: &[]nova.NIC{}}
		},
		// The clean-up is enqueued in the transaction that marks the server as deleted. Before that it would find the server
		// on its host and do nothing.
		finish: func(ctx context.Context, tx *db.Tx, r *deletion) error {
			if r.unreachable {
				if err := c.cleanUpLater(ctx, tx, r.host, server); err != nil {
					return err
				}
			}
			if err := (shelves{c}).deleteShelved(ctx, tx, server); err != nil || !r.unbuilt {
				return err
			}
			_, err := jobs.Forget.EnqueueAfter(ctx, tx, c.Queue, "forget:"+server, lateness, jobs.DeleteArgs{Server: server})
			return err
		},
	}
}

func (c *Conductor) delete(ctx context.Context, t *tasks.Task, a jobs.DeleteArgs) error {
	return c.deleting(a.Server).perform(ctx, c, t, a.Server)
}

// deleteDied sets a server that could not be deleted to ERROR. It can be deleted again.
func (c *Conductor) deleteDied(ctx context.Context, t *tasks.Task, a jobs.DeleteArgs, why error) error {
	return c.deleting(a.Server).giveUp(ctx, c, t, a.Server, why)
}

func (c *Conductor) fault(err error) *nova.Fault {
	return &nova.Fault{Code: 500, Message: reason(err), Details: err.Error(), Created: c.Now()}
}

// lateness is how long a service may still work on an old request while it answers newer ones.
const lateness = 15 * time.Second

// buildOrTell runs a build. If the process was suspended for longer than the lease of the job, it may have created
// ports or an allocation after the server was deleted. In that case it enqueues a task that deletes them.
func (c *Conductor) buildOrTell(ctx context.Context, t *tasks.Task, a jobs.BuildArgs) error {
	return c.toldIfLost(ctx, a.Server, c.build(ctx, t, a))
}

func (c *Conductor) toldIfLost(ctx context.Context, server string, err error) error {
	if err == nil || !errors.Is(err, tasks.ErrLost) && !errors.Is(context.Cause(ctx), tasks.ErrLost) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateness) // ctx has ended with the lease
	defer cancel()
	return errors.Join(err, c.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := jobs.Forget.EnqueueAfter(ctx, tx, c.Queue, "forget:"+server, time.Second,
			jobs.DeleteArgs{Server: server})
		return err
	}))
}

// forget deletes the ports and the allocation of a deleted server again. A request of an interrupted build may have
// waited in a suspended service and have run after the deletion's requests.
func (c *Conductor) forget(ctx context.Context, _ *tasks.Task, a jobs.DeleteArgs) error {
	f, err := store.PlacementOf(ctx, c.DB, a.Server)
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return err
	case err == nil && !f.Deleted:
		return nil
	}
	ctx = asNova(ctx)
	return retried(errors.Join(c.Networks.Deallocate(ctx, a.Server), c.Placement.Release(ctx, a.Server)))
}
