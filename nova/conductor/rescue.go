package conductor

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// rescuing is the record of a rescue.
type rescuing struct {
	Ran   bool // the guest ran before
	Power nova.PowerState
}

// rescueOf starts a server from a rescue disk, beside its own disks. A failed rescue is undone: the server runs from
// its own disks if it did before.
func (c *Conductor) rescueOf(asker *auth.Caller, a *jobs.RescueArgs) operation[rescuing] {
	step := func(ctx context.Context, name string, boot bool) (nova.PowerState, error) {
		v, spec, err := c.specOf(ctx, a.Server)
		if err != nil {
			return nova.NoState, err
		}
		spec.AdminPass = a.AdminPass
		r, err := rpcapi.Rescue.Do(ctx, c.Bus, v.Host, rpcapi.RescueArgs{Step: name, Spec: spec, Image: a.Image, Boot: boot,
			Grace: c.c.ShutdownTimeout})
		return r.Power, answered(err)
	}
	return operation[rescuing]{
		action: nova.RescueServer,
		steps: []steps.Step[rescuing]{
			{Name: "look", Light: true, Do: func(ctx context.Context, r *rescuing) error {
				f, err := store.PlacementOf(ctx, c.DB, a.Server)
				r.Ran = f.Power == nova.Running
				return err
			}},
			{Name: "prepare", Do: func(ctx context.Context, _ *rescuing) error {
				_, err := step(auth.With(ctx, asker), rpcapi.StepPrepare, false)
				return err
			}, Undo: func(ctx context.Context, r *rescuing) error {
				_, err := step(ctx, rpcapi.StepUndo, r.Ran)
				return nothingToUndo(err)
			}},
			{Name: "switch", Do: func(ctx context.Context, r *rescuing) (err error) {
				r.Power, err = step(ctx, rpcapi.StepSwitch, true)
				return err
			}},
		},
		change: func(r *rescuing) store.Change {
			now := c.Now()
			return store.Change{Power: &r.Power, Launched: &now, Relaunched: true}
		},
		finish: func(ctx context.Context, tx *db.Tx, r *rescuing) error {
			return powerStates{c}.late(ctx, tx, a.Server, r.Power)
		},
	}
}

func (c *Conductor) rescue(ctx context.Context, t *tasks.Task, a jobs.RescueArgs) error {
	return c.rescueOf(askerOf(ctx, a.User, a.Project), &a).perform(ctx, c, t, a.Server)
}

func (c *Conductor) rescueDied(ctx context.Context, t *tasks.Task, a jobs.RescueArgs, why error) error {
	return c.rescueOf(askerOf(ctx, a.User, a.Project), &a).giveUp(ctx, c, t, a.Server, why)
}
