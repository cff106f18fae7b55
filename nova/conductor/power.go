package conductor

import (
	"context"
	"errors"
	"fmt"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/tasks"
)

// operation is how one power operation begins, ends and is told of.
type operation struct {
	owns         []nova.TaskState // the server's task state while the job owns it
	done, failed nova.Move
	event        string
}

func operationOf(op rpcapi.Op) (operation, bool) {
	switch op {
	case rpcapi.OpStart:
		return operation{[]nova.TaskState{nova.PoweringOn}, nova.MoveStarted, nova.MoveStartFailed, nova.EventStart}, true
	case rpcapi.OpStop:
		return operation{[]nova.TaskState{nova.PoweringOff}, nova.MoveStopped, nova.MoveStopFailed, nova.EventStop}, true
	case rpcapi.OpRebootSoft:
		return operation{[]nova.TaskState{nova.Rebooting}, nova.MoveRebooted, nova.MoveRebootFailed, nova.EventReboot}, true
	case rpcapi.OpRebootHard:
		return operation{[]nova.TaskState{nova.RebootingHard}, nova.MoveRebooted, nova.MoveRebootFailed, nova.EventReboot}, true
	case rpcapi.OpPause:
		return operation{[]nova.TaskState{nova.Pausing}, nova.MovePaused, nova.MovePauseFailed, nova.EventPause}, true
	case rpcapi.OpUnpause:
		return operation{[]nova.TaskState{nova.Unpausing}, nova.MoveUnpaused, nova.MoveUnpauseFailed, nova.EventUnpause}, true
	}
	return operation{}, false
}

// power does one operation. A host that cannot be reached is tried a few times; other failures give the server back as it was, with the
// reason in the action and the fault. Operations may be repeated, so there is nothing to record on the way.
func (c *Conductor) power(ctx context.Context, t *tasks.Task, a jobs.PowerArgs) error {
	op, ok := operationOf(a.Op)
	if !ok {
		return tasks.Fail(fault.Invalidf("there is no power operation %q", a.Op))
	}
	c.point("power begins")
	host, power, err := c.act(asNova(ctx), t.Request, a, op)
	c.point("power acted")
	switch {
	case err == nil:
		return c.acted(ctx, working(t), a, op, host, power)
	case ctx.Err() != nil:
		return ctx.Err()
	case fault.Is(err, fault.Unavailable):
		return err
	case errors.Is(err, errUnwanted):
		err = fault.Conflictf("Another request took the server.")
	}
	return c.powerFailed(ctx, working(t), a, op, host, err)
}

func (c *Conductor) act(ctx context.Context, request string, a jobs.PowerArgs, op operation) (string, nova.PowerState, error) {
	v, err := c.Store.AnyServer(ctx, c.Store.DB, a.Server)
	if err != nil {
		return "", 0, err
	}
	if v.Gone() || !owns(op, v.Task) {
		return v.Host, 0, errUnwanted
	}
	ports, err := c.Store.Ports(ctx, c.Store.DB, a.Server)
	if err != nil {
		return v.Host, 0, err
	}
	err = c.Store.Tx(ctx, func(tx *db.Tx) error {
		return c.Store.StartEvent(ctx, tx, a.Server, request, op.event, v.Host)
	})
	if err != nil {
		return v.Host, 0, err
	}
	ctx, _, stop := c.hub.listen(ctx, a.Server)
	defer stop()
	r, err := rpcapi.Power.Do(ctx, c.Bus, v.Host, rpcapi.PowerArgs{Op: a.Op, Spec: v.Spec(ports), Grace: c.c.ShutdownTimeout})
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errUnwanted):
		return v.Host, 0, errUnwanted
	case fault.Is(err, fault.Unavailable):
		return v.Host, 0, fault.Unavailablef("Host %s cannot be reached.", v.Host).Because(err)
	}
	return v.Host, r.Power, err
}

func owns(op operation, task nova.TaskState) bool {
	for _, t := range op.owns {
		if t == task {
			return true
		}
	}
	return false
}

// acted gives the server back in its new state. A newer request that has taken it meanwhile keeps it.
func (c *Conductor) acted(ctx context.Context, t job, a jobs.PowerArgs, op operation, host string, power nova.PowerState) error {
	return c.giveBack(ctx, t, a, op, op.done, store.Change{Power: &power}, store.Outcome{Host: host, Last: true}, nil)
}

func (c *Conductor) powerFailed(ctx context.Context, t job, a jobs.PowerArgs, op operation, host string, why error) error {
	return c.giveBack(ctx, t, a, op, op.failed, store.Change{Fault: c.fault(why)},
		store.Outcome{Host: host, Details: reason(why), Traceback: why.Error(), Last: true}, why)
}

// giveBack ends a job on a server; why is nil where it was done.
func (c *Conductor) giveBack(ctx context.Context, t job, a jobs.PowerArgs, op operation, m nova.Move, change store.Change, o store.Outcome, why error) error {
	return c.Store.Tx(ctx, func(tx *db.Tx) error {
		f, err := c.Store.Fate(ctx, tx, a.Server)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err == nil && !f.Deleted && owns(op, f.State.Task) {
			if _, _, err := c.Store.Move(ctx, tx, a.Server, m, change); err != nil {
				return err
			}
		}
		if err := c.Store.FinishEvent(ctx, tx, a.Server, t.request, op.event, o); err != nil {
			return err
		}
		if why != nil {
			t.failed(ctx, tx, "server not changed", a.Server, o.Host, fmt.Errorf("%s: %w", a.Op, why))
		}
		return t.end(ctx, tx)
	})
}

func (c *Conductor) powerDied(ctx context.Context, t *tasks.Task, a jobs.PowerArgs, why error) error {
	op, ok := operationOf(a.Op)
	if !ok {
		return nil
	}
	return c.powerFailed(ctx, dying(t), a, op, "", why)
}
