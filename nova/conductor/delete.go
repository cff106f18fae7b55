package conductor

import (
	"context"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// deletion is the record of a delete. Its steps have no undo: a deletion only goes forward, again and again if it must.
type deletion struct{ Host string }

func (c *Conductor) delete(ctx context.Context, t *tasks.Task, a jobs.DeleteArgs) error {
	var d deletion
	again := func(do func(context.Context, *deletion) error) func(context.Context, *deletion) error {
		return func(ctx context.Context, d *deletion) error { return steps.Again(do(asNova(ctx), d)) }
	}
	return steps.Run(ctx, t.Journal(), &d,
		steps.Step[deletion]{Name: "host", Do: again(func(ctx context.Context, d *deletion) error {
			f, err := c.Store.Fate(ctx, c.Store.DB, a.Server)
			if err != nil {
				return err
			}
			d.Host = f.Host
			err = c.Store.Tx(ctx, func(tx *db.Tx) error {
				return c.Store.StartEvent(ctx, tx, a.Server, t.Request, nova.EventDelete, f.Host)
			})
			if err != nil {
				return err
			}
			return c.destroy(ctx, f.Host, a.Server)
		})},
		steps.Step[deletion]{Name: "network", Do: again(func(ctx context.Context, _ *deletion) error {
			return c.Networks.Deallocate(ctx, a.Server)
		})},
		steps.Step[deletion]{Name: "claim", Do: again(func(ctx context.Context, _ *deletion) error {
			return c.Placement.Release(ctx, a.Server)
		})},
		steps.Step[deletion]{Name: "finish", Do: again(func(ctx context.Context, d *deletion) error {
			return c.deleted(ctx, t.Request, a.Server, d.Host)
		})},
	)
}

func (c *Conductor) deleted(ctx context.Context, request, server, host string) error {
	return c.Store.Tx(ctx, func(tx *db.Tx) error {
		now := c.Store.Now()()
		_, _, err := c.Store.Move(ctx, tx, server, nova.MoveDeleted,
			store.Change{Power: ptr(nova.NoState), Terminated: &now, Ports: &[]neutron.PortInfo{}})
		if fault.Is(err, fault.NotFound) { // an earlier run got this far
			return nil
		}
		if err != nil {
			return err
		}
		return c.Store.FinishEvent(ctx, tx, server, request, nova.EventDelete, store.Outcome{Host: host, Last: true})
	})
}

// deleteDied leaves a server that could not be taken away in ERROR; it may be deleted again.
func (c *Conductor) deleteDied(ctx context.Context, t *tasks.Task, a jobs.DeleteArgs, reason error) error {
	return c.Store.Tx(ctx, func(tx *db.Tx) error {
		_, refusal, err := c.Store.Move(ctx, tx, a.Server, nova.MoveDeleteFailed, store.Change{Fault: c.fault(reason)})
		if fault.Is(err, fault.NotFound) || err == nil && refusal != nil {
			return nil
		}
		if err != nil {
			return err
		}
		return c.Store.FinishEvent(ctx, tx, a.Server, t.Request, nova.EventDelete,
			store.Outcome{Details: fault.Message(reason), Traceback: reason.Error(), Last: true})
	})
}

func (c *Conductor) fault(err error) *nova.Fault {
	return &nova.Fault{Code: 500, Message: fault.Message(err), Details: err.Error(), Created: c.Store.Now()()}
}
