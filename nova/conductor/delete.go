package conductor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/tasks"
)

// delete takes a server away: the guest, the ports, the claim, then the server itself. It only goes forward, and everything in it may be
// repeated, so it keeps no record: a job that was cut off begins again.
func (c *Conductor) delete(ctx context.Context, t *tasks.Task, a jobs.DeleteArgs) error {
	var host string
	var unbuilt bool
	err := c.Store.Tx(ctx, func(tx *db.Tx) error {
		f, err := c.Store.Fate(ctx, tx, a.Server)
		if err != nil {
			return err
		}
		host, unbuilt = f.Host, f.State.VM == nova.Building || f.State.VM == nova.Error
		return c.Store.StartEvent(ctx, tx, a.Server, t.Request, nova.EventDelete, host)
	})
	if err != nil {
		return insist(err)
	}
	owed := false
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"host", func(ctx context.Context) (err error) { owed, err = c.destroy(ctx, host, a.Server); return err }},
		{"network", func(ctx context.Context) error { return c.Networks.Deallocate(ctx, a.Server) }},
		{"claim", func(ctx context.Context) error { return c.Placement.Release(ctx, a.Server) }},
	} {
		c.point("delete " + step.name)
		if err := step.do(asNova(ctx)); err != nil {
			return insist(fmt.Errorf("step %s: %w", step.name, err))
		}
	}
	c.point("delete finish")
	return c.deleted(ctx, t, a.Server, host, owed, unbuilt)
}

// deleted ends the job. What the host owes from then on is written down with it: before, the server is still somebody's.
func (c *Conductor) deleted(ctx context.Context, t *tasks.Task, server, host string, owed, unbuilt bool) error {
	return c.Store.Tx(ctx, func(tx *db.Tx) error {
		if owed {
			if err := c.owe(ctx, tx, host, server); err != nil {
				return err
			}
		}
		if unbuilt {
			if _, err := jobs.Forget.EnqueueAfter(ctx, tx, c.Queue, "forget:"+server, lateness, jobs.DeleteArgs{Server: server}); err != nil {
				return err
			}
		}
		now := c.Store.Now()()
		_, refusal, err := c.Store.Move(ctx, tx, server, nova.MoveDeleted,
			store.Change{Power: ptr(nova.NoState), Terminated: &now, Ports: &[]neutron.PortInfo{}})
		if err == nil && refusal != nil {
			// An operator reset the state meanwhile. What the server was made of is gone, so it goes too.
			_, _, err = c.Store.Move(ctx, tx, server, nova.MoveDelete, store.Change{})
			if err == nil {
				_, _, err = c.Store.Move(ctx, tx, server, nova.MoveDeleted, store.Change{Power: ptr(nova.NoState), Terminated: &now, Ports: &[]neutron.PortInfo{}})
			}
		}
		if err != nil && !fault.Is(err, fault.NotFound) { // not found: it is deleted already
			return err
		}
		if err := c.Store.FinishEvent(ctx, tx, server, t.Request, nova.EventDelete, store.Outcome{Host: host, Last: true}); err != nil {
			return err
		}
		return t.Done(ctx, tx)
	})
}

// deleteDied leaves a server that could not be taken away in ERROR; it may be deleted again.
func (c *Conductor) deleteDied(ctx context.Context, t *tasks.Task, a jobs.DeleteArgs, why error) error {
	return c.Store.Tx(ctx, func(tx *db.Tx) error {
		_, refusal, err := c.Store.Move(ctx, tx, a.Server, nova.MoveDeleteFailed, store.Change{Fault: c.fault(why)})
		if fault.Is(err, fault.NotFound) || err == nil && refusal != nil {
			return nil
		}
		if err != nil {
			return err
		}
		return c.Store.FinishEvent(ctx, tx, a.Server, t.Request, nova.EventDelete,
			store.Outcome{Details: reason(why), Traceback: why.Error(), Last: true})
	})
}

func (c *Conductor) fault(err error) *nova.Fault {
	return &nova.Fault{Code: 500, Message: reason(err), Details: err.Error(), Created: c.Store.Now()()}
}

// lateness is how long a request may be under way in a service that has meanwhile answered others.
const lateness = 15 * time.Second

// buildOrTell builds. One that was halted for longer than its lease may have made something after the server was deleted: whoever finds that it
// has lost the job says so, and what it made is looked for.
func (c *Conductor) buildOrTell(ctx context.Context, t *tasks.Task, a jobs.BuildArgs) error {
	err := c.build(ctx, t, a)
	if err == nil || !errors.Is(err, tasks.ErrLost) && !errors.Is(context.Cause(ctx), tasks.ErrLost) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateness) // the job is lost, not its trace
	defer cancel()
	return errors.Join(err, c.Store.Tx(ctx, func(tx *db.Tx) error {
		_, err := jobs.Forget.EnqueueAfter(ctx, tx, c.Queue, "forget:"+a.Server, time.Second, jobs.DeleteArgs{Server: a.Server})
		return err
	}))
}

// forget gives back once more what a deleted server held. A build that was cut off, by the death of its conductor or its patience, may have
// left a request behind in a service that stood still, and that came to life together with the deletion's.
func (c *Conductor) forget(ctx context.Context, _ *tasks.Task, a jobs.DeleteArgs) error {
	f, err := c.Store.Fate(ctx, c.Store.DB, a.Server)
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return err
	case err == nil && !f.Deleted:
		return nil
	}
	ctx = asNova(ctx)
	return insist(errors.Join(c.Networks.Deallocate(ctx, a.Server), c.Placement.Release(ctx, a.Server)))
}
