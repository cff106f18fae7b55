package conductor

import (
	"context"
	"errors"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/steps"
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

// powering is the record of a power job.
type powering struct {
	Host  string
	Power nova.PowerState
}

// power does one operation. A host that cannot be reached is tried a few times; other failures give the server back as it was, with the
// reason in the action and the fault.
func (c *Conductor) power(ctx context.Context, t *tasks.Task, a jobs.PowerArgs) error {
	op, ok := operationOf(a.Op)
	if !ok {
		return tasks.Fail(fault.Invalidf("there is no power operation %q", a.Op))
	}
	var p powering
	err := steps.Run(ctx, t.Journal(), &p,
		steps.Step[powering]{Name: "act", Do: func(ctx context.Context, p *powering) error { return c.act(asNova(ctx), t.Request, a, op, p) }},
		steps.Step[powering]{Name: "finish", Do: func(ctx context.Context, p *powering) error { return c.acted(ctx, t.Request, a, op, p) }},
	)
	var failed *steps.Failed
	if !errors.As(err, &failed) {
		return err
	}
	if codeOf(failed.Err) == errUnwanted.Code {
		return c.powerFailed(ctx, t.Request, a, op, p.Host, fault.Conflictf("Another request took the server."))
	}
	return c.powerFailed(ctx, t.Request, a, op, p.Host, failed.Err)
}

func (c *Conductor) act(ctx context.Context, request string, a jobs.PowerArgs, op operation, p *powering) error {
	v, err := c.Store.AnyServer(ctx, c.Store.DB, a.Server)
	if err != nil {
		return err
	}
	if v.Gone() || !owns(op, v.Task) {
		return errUnwanted
	}
	ports, err := c.Store.Ports(ctx, c.Store.DB, a.Server)
	if err != nil {
		return err
	}
	p.Host = v.Host
	err = c.Store.Tx(ctx, func(tx *db.Tx) error {
		return c.Store.StartEvent(ctx, tx, a.Server, request, op.event, v.Host)
	})
	if err != nil {
		return err
	}
	ctx, _, stop := c.hub.listen(ctx, a.Server)
	defer stop()
	r, err := rpcapi.Power.Do(ctx, c.Bus, v.Host, rpcapi.PowerArgs{Op: a.Op, Spec: v.Spec(ports), Grace: c.c.ShutdownTimeout})
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errUnwanted):
		return errUnwanted
	case fault.Is(err, fault.Unavailable):
		return steps.Again(fault.Unavailablef("Host %s cannot be reached.", v.Host).Because(err))
	}
	p.Power = r.Power
	return err
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
func (c *Conductor) acted(ctx context.Context, request string, a jobs.PowerArgs, op operation, p *powering) error {
	return c.Store.Tx(ctx, func(tx *db.Tx) error {
		f, err := c.Store.Fate(ctx, tx, a.Server)
		if err != nil {
			return err
		}
		if !f.Deleted && owns(op, f.State.Task) {
			if _, _, err := c.Store.Move(ctx, tx, a.Server, op.done, store.Change{Power: &p.Power}); err != nil {
				return err
			}
		}
		return c.Store.FinishEvent(ctx, tx, a.Server, request, op.event, store.Outcome{Host: p.Host, Last: true})
	})
}

func (c *Conductor) powerFailed(ctx context.Context, request string, a jobs.PowerArgs, op operation, host string, reason error) error {
	return c.Store.Tx(ctx, func(tx *db.Tx) error {
		f, err := c.Store.Fate(ctx, tx, a.Server)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !f.Deleted && owns(op, f.State.Task) {
			if _, _, err := c.Store.Move(ctx, tx, a.Server, op.failed, store.Change{Fault: c.fault(reason)}); err != nil {
				return err
			}
		}
		return c.Store.FinishEvent(ctx, tx, a.Server, request, op.event,
			store.Outcome{Host: host, Details: fault.Message(reason), Traceback: reason.Error(), Last: true})
	})
}

func (c *Conductor) powerDied(ctx context.Context, t *tasks.Task, a jobs.PowerArgs, reason error) error {
	op, ok := operationOf(a.Op)
	if !ok {
		return nil
	}
	return c.powerFailed(ctx, t.Request, a, op, "", reason)
}
