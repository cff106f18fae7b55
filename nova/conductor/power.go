package conductor

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// operations are the actions whose job is more than one request to the server's host, by the key of their action. All
// others are hostAction. Deletion has a kind of task of its own.
func (c *Conductor) operations() map[string]func(server string) job {
	return map[string]func(string) job{
		nova.DeleteServer.Key:   func(server string) job { return c.deleting(server) },
		nova.OffloadServer.Key:  func(server string) job { return shelves{c}.offloading(server) },
		nova.UnshelveServer.Key: func(server string) job { return shelves{c}.returning(server) },
	}
}

// operationOf returns the job of an action of the table. An unknown key fails the task for good.
func (c *Conductor) operationOf(a jobs.PowerArgs) (job, error) {
	action, ok := nova.ServerActionOf(a.Op)
	if !ok {
		return nil, tasks.Fail(fault.Invalidf("there is no power operation %q", a.Op))
	}
	if o, ok := c.operations()[a.Op]; ok {
		return o(a.Server), nil
	}
	return c.hostAction(action, a.Server), nil
}

// powered is the record of an action that is one request to the server's host.
type powered struct {
	Power nova.PowerState
}

// hostAction is an action that is one request to the server's host. If the host cannot be reached, the queue repeats it
// a few times. Other failures give the server back as it was, with the reason in the action and the fault.
func (c *Conductor) hostAction(action nova.ServerAction, server string) operation[powered] {
	return operation[powered]{
		action: action,
		change: func(r *powered) store.Change { return store.Change{Power: &r.Power} },
		finish: func(ctx context.Context, tx *db.Tx, r *powered) error {
			return powerStates{c}.late(ctx, tx, server, r.Power)
		},
		steps: []steps.Step[powered]{{Name: "host", Do: func(ctx context.Context, r *powered) (err error) {
			r.Power, err = c.onHost(ctx, server, action.Key)
			return err
		}}},
	}
}

// onHost has the server's host do one operation (compute.hostOperations) and returns the power state after it. A host
// that cannot be reached is fault.Unavailable.
func (c *Conductor) onHost(ctx context.Context, server, op string) (nova.PowerState, error) {
	v, err := store.AnyServer(ctx, c.DB, server)
	if err != nil {
		return nova.NoState, err
	}
	ports, err := store.Ports(ctx, c.DB, server)
	if err != nil {
		return nova.NoState, err
	}
	r, err := rpcapi.Power.Do(ctx, c.Bus, v.Host, rpcapi.PowerArgs{Op: op, Spec: v.Spec(ports),
		Grace: c.c.ShutdownTimeout})
	if fault.Is(err, fault.Unavailable) {
		return nova.NoState, fault.Unavailablef("Host %s cannot be reached.", v.Host).Because(err)
	}
	return r.Power, err
}

// late tells what a guest does after an action whose server an operator's reset has taken from the job meanwhile:
// nobody else would before the host's next look. A server that has an owner, the job or another, is left to it.
func (c powerStates) late(ctx context.Context, tx *db.Tx, server string, power nova.PowerState) error {
	f, err := store.PlacementOf(ctx, tx, server)
	if err != nil || f.Deleted || f.State.Task != nova.Idle {
		return absentIsFine(err)
	}
	p := rpcapi.ServerPower{Server: server, Power: power}
	found := findingOf(f.State.VM, &p)
	if found.action == "" || found.move.To == nova.Active {
		return store.SetPower(ctx, tx, server, power, c.Now())
	}
	return c.found(ctx, tx, f.Host, &p, found)
}

func (c *Conductor) power(ctx context.Context, t *tasks.Task, a jobs.PowerArgs) error {
	o, err := c.operationOf(a)
	if err != nil {
		return err
	}
	return o.perform(ctx, c, t, a.Server)
}

func (c *Conductor) powerDied(ctx context.Context, t *tasks.Task, a jobs.PowerArgs, why error) error {
	o, err := c.operationOf(a)
	if err != nil {
		return nil // an operation that no release knows has nothing to give back
	}
	return o.giveUp(ctx, c, t, a.Server, why)
}
