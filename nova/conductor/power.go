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

// powered is the record of an action that is one request to the server's host.
type powered struct {
	Power nova.PowerState
}

// hostAction is an action that is one request to the server's host. A host that cannot be reached is tried a few times; other failures give
// the server back as it was, with the reason in the action and the fault.
func (c *Conductor) hostAction(a jobs.PowerArgs) (operation[powered], error) {
	action, ok := nova.ServerActionOf(a.Op)
	if !ok {
		return operation[powered]{}, tasks.Fail(fault.Invalidf("there is no power operation %q", a.Op))
	}
	return operation[powered]{
		action: action,
		change: func(r *powered) store.Change { return store.Change{Power: &r.Power} },
		finish: func(ctx context.Context, tx *db.Tx, r *powered) error { return c.late(ctx, tx, a.Server, r.Power) },
		steps: []steps.Step[powered]{{Name: "host", Do: func(ctx context.Context, r *powered) error {
			v, err := store.AnyServer(ctx, c.DB, a.Server)
			if err != nil {
				return err
			}
			ports, err := store.Ports(ctx, c.DB, a.Server)
			if err != nil {
				return err
			}
			reply, err := rpcapi.Power.Do(ctx, c.Bus, v.Host, rpcapi.PowerArgs{Op: a.Op, Spec: v.Spec(ports), Grace: c.c.ShutdownTimeout})
			if fault.Is(err, fault.Unavailable) {
				return fault.Unavailablef("Host %s cannot be reached.", v.Host).Because(err)
			}
			r.Power = reply.Power
			return err
		}}},
	}, nil
}

// late tells what a guest does after an action whose server an operator's reset has taken from the job meanwhile: nobody else would before the
// host's next look. A server that has an owner, the job or another, is left to it.
func (c *Conductor) late(ctx context.Context, tx *db.Tx, server string, power nova.PowerState) error {
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
	o, err := c.hostAction(a)
	if err != nil {
		return err
	}
	return perform(ctx, c, t, a.Server, o)
}

func (c *Conductor) powerDied(ctx context.Context, t *tasks.Task, a jobs.PowerArgs, why error) error {
	o, err := c.hostAction(a)
	if err != nil {
		return nil // what no release knows gives nothing back
	}
	return giveUp(ctx, c, t, a.Server, o, why)
}
