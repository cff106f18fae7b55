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

// deletion is the record of a server that is taken away.
type deletion struct {
	host string
	owed bool // the host could not be reached: a clean-up waits for it
	// unbuilt: the server may never have run, and a request of its build may still be under way.
	unbuilt bool
}

// deleting takes a server away: the guest, the ports, the claim, then the server itself. It only goes forward, and
// everything in it may be repeated.
func (c *Conductor) deleting(server string) operation[deletion] {
	return operation[deletion]{
		action: nova.DeleteServer, forward: true,
		steps: []steps.Step[deletion]{
			{Name: "host", Do: func(ctx context.Context, r *deletion) error {
				f, err := store.PlacementOf(ctx, c.DB, server)
				if err != nil {
					return err
				}
				r.host, r.unbuilt = f.Host, f.State.VM == nova.Building || f.State.VM == nova.Error
				r.owed, err = c.destroy(ctx, f.Host, server)
				return err
			}},
			{Name: "network", Do: func(ctx context.Context, _ *deletion) error { return c.Networks.Deallocate(ctx, server) }},
			{Name: "claim", Do: func(ctx context.Context, _ *deletion) error { return c.Placement.Release(ctx, server) }},
		},
		change: func(*deletion) store.Change {
			now := c.Now()
			return store.Change{Power: ptr(nova.NoState), Terminated: &now, Ports: &[]nova.NIC{}}
		},
		// What the host owes from now on is written down with the end: before, the server is still somebody's.
		finish: func(ctx context.Context, tx *db.Tx, r *deletion) error {
			if r.owed {
				if err := c.owe(ctx, tx, r.host, server); err != nil {
					return err
				}
			}
			if !r.unbuilt {
				return nil
			}
			_, err := jobs.Forget.EnqueueAfter(ctx, tx, c.Queue, "forget:"+server, lateness, jobs.DeleteArgs{Server: server})
			return err
		},
	}
}

func (c *Conductor) delete(ctx context.Context, t *tasks.Task, a jobs.DeleteArgs) error {
	return c.deleting(a.Server).perform(ctx, c, t, a.Server)
}

// deleteDied leaves a server that could not be taken away in ERROR; it may be deleted again.
func (c *Conductor) deleteDied(ctx context.Context, t *tasks.Task, a jobs.DeleteArgs, why error) error {
	return c.deleting(a.Server).giveUp(ctx, c, t, a.Server, why)
}

func (c *Conductor) fault(err error) *nova.Fault {
	return &nova.Fault{Code: 500, Message: reason(err), Details: err.Error(), Created: c.Now()}
}

// lateness is how long a request may be under way in a service that has meanwhile answered others.
const lateness = 15 * time.Second

// buildOrTell builds. One that was halted for longer than its lease may have made something after the server was
// deleted: whoever finds that it has lost the job says so, and what it made is looked for.
func (c *Conductor) buildOrTell(ctx context.Context, t *tasks.Task, a jobs.BuildArgs) error {
	err := c.build(ctx, t, a)
	if err == nil || !errors.Is(err, tasks.ErrLost) && !errors.Is(context.Cause(ctx), tasks.ErrLost) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateness) // the job is lost, not its trace
	defer cancel()
	return errors.Join(err, c.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := jobs.Forget.EnqueueAfter(ctx, tx, c.Queue, "forget:"+a.Server, time.Second,
			jobs.DeleteArgs{Server: a.Server})
		return err
	}))
}

// forget gives back once more what a deleted server held. A build that was cut off, by the death of its conductor or
// its patience, may have left a request behind in a service that stood still, and that came to life together with the
// deletion's.
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
