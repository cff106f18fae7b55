package conductor

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// rebuilding is the record of a rebuild.
type rebuilding struct {
	Ran   bool // the guest ran before
	Power nova.PowerState
}

// rebuildOf gives a server new disks. The old ones are kept on the host until the new guest is there, and a failed
// rebuild puts them back: see virt.Rebuilder.
func (c *Conductor) rebuildOf(asker *auth.Caller, a *jobs.RebuildArgs) (operation[rebuilding], error) {
	action, ok := nova.ServerActionOf(a.Op)
	if !ok {
		return operation[rebuilding]{}, tasks.Fail(fault.Invalidf("there is no rebuild %q", a.Op))
	}
	boot := action.Done.To == nova.Active
	step := func(ctx context.Context, name string, boot bool, change func(*nova.Spec)) (nova.PowerState, error) {
		v, spec, err := c.specOf(ctx, a.Server)
		if err != nil {
			return nova.NoState, err
		}
		change(&spec)
		r, err := rpcapi.Rebuild.Do(ctx, c.Bus, v.Host, rpcapi.RebuildArgs{Step: name, Spec: spec, Boot: boot,
			KeepEphemeral: a.KeepEphemeral})
		return r.Power, answered(err)
	}
	with := func(s *nova.Spec) { s.Files, s.AdminPass = a.Files, a.AdminPass }
	was := func(s *nova.Spec) {
		s.Image, s.KeyName, s.PublicKey = a.Was.Image, a.Was.KeyName, a.Was.PublicKey
		s.UserData, s.ConfigDrive = a.Was.UserData, a.Was.ConfigDrive
	}
	return operation[rebuilding]{
		action: action,
		steps: []steps.Step[rebuilding]{
			{Name: "check", Do: func(ctx context.Context, r *rebuilding) error {
				v, err := store.AnyServer(ctx, c.DB, a.Server)
				if err != nil {
					return err
				}
				r.Ran = v.Power == nova.Running
				return c.mayStay(ctx, &v, &a.Was.Image)
			}},
			{Name: "prepare", Do: func(ctx context.Context, _ *rebuilding) error {
				_, err := step(auth.With(ctx, asker), rpcapi.StepPrepare, false, with)
				return err
			}, Undo: func(ctx context.Context, r *rebuilding) error {
				_, err := step(ctx, rpcapi.StepUndo, r.Ran, was)
				return nothingToUndo(err)
			}},
			{Name: "switch", Do: func(ctx context.Context, r *rebuilding) (err error) {
				r.Power, err = step(ctx, rpcapi.StepSwitch, boot, with)
				return err
			}},
			{Name: "finish", Do: func(ctx context.Context, _ *rebuilding) error {
				_, err := step(ctx, rpcapi.StepFinish, false, with)
				if fault.Is(err, fault.Unavailable) {
					return nil // the new guest runs: the host removes the old disks by itself when it is back
				}
				return err
			}},
		},
		change: func(r *rebuilding) store.Change {
			now := c.Now()
			return store.Change{Power: &r.Power, Launched: &now, Relaunched: true, ClearFault: true}
		},
		finish: func(ctx context.Context, tx *db.Tx, r *rebuilding) error {
			return powerStates{c}.late(ctx, tx, a.Server, r.Power)
		},
		revert: func(ctx context.Context, tx *db.Tx) error {
			image := a.Was.Image
			return store.SaveDisk(ctx, tx, &nova.Server{ID: a.Server, Image: &image, KeyName: a.Was.KeyName,
				PublicKey: a.Was.PublicKey, UserData: a.Was.UserData, ConfigDrive: a.Was.ConfigDrive}, c.Now())
		},
	}, nil
}

// specOf returns a server with all that its host must know of it.
func (c *Conductor) specOf(ctx context.Context, server string) (nova.Server, nova.Spec, error) {
	v, err := store.AnyServer(ctx, c.DB, server)
	if err != nil {
		return v, nova.Spec{}, err
	}
	ports, err := store.Ports(ctx, c.DB, server)
	if err != nil {
		return v, nova.Spec{}, err
	}
	s := v.Spec(ports)
	groups, err := c.Networks.GroupNames(asNova(ctx), []string{server})
	s.SecurityGroups = groups[server]
	return v, s, err
}

// mayStay asks the scheduler whether the server may stay on its host if its image is another one than before;
// fault.NoValidHost.
func (c *Conductor) mayStay(ctx context.Context, v *nova.Server, before *nova.ImageMeta) error {
	if v.Image.ID == before.ID {
		return nil
	}
	_, err := c.Scheduler.Select(ctx, nova.Request{Server: v.ID, Project: v.Project, User: v.User, Flavor: *v.Flavor,
		Image: *v.Image, Host: v.Host, Node: v.Node, Rebuild: true})
	return err
}

// nothingToUndo passes an error of an undo on the host, unless the host has nothing of it: it knows no such server, or
// its hypervisor cannot do such a thing at all.
func nothingToUndo(err error) error {
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.NotImplemented) {
		return nil
	}
	return err
}

func (c *Conductor) rebuild(ctx context.Context, t *tasks.Task, a jobs.RebuildArgs) error {
	o, err := c.rebuildOf(askerOf(ctx, a.User, a.Project), &a)
	if err != nil {
		return err
	}
	return o.perform(ctx, c, t, a.Server)
}

func (c *Conductor) rebuildDied(ctx context.Context, t *tasks.Task, a jobs.RebuildArgs, why error) error {
	o, err := c.rebuildOf(askerOf(ctx, a.User, a.Project), &a)
	if err != nil {
		return nil // an operation that no release knows has nothing to give back
	}
	return o.giveUp(ctx, c, t, a.Server, why)
}
