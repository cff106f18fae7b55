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
	"hypernova/oslo/log"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// imaging is the record of a snapshot. Its journal keeps how far it is.
type imaging struct{}

// snapshots makes images and backups of servers.
type snapshots struct{ *Conductor }

// imagingOf copies the server's disk on its host, sends the copy to the image service in the user's name, and removes
// it. A failure removes the copy and deletes the image.
func (c snapshots) imagingOf(asker *auth.Caller, a *jobs.SnapshotArgs) (operation[imaging], error) {
	action, ok := nova.ServerActionOf(a.Op)
	if !ok {
		return operation[imaging]{}, tasks.Fail(fault.Invalidf("there is no snapshot %q", a.Op))
	}
	asAsker := func(ctx context.Context) context.Context { return auth.With(ctx, asker) }
	take, upload, drop := copySteps[imaging](c, asker, a, []nova.Move{nova.MoveSnapshot},
		[]nova.Move{nova.MoveSnapshotTaken, nova.MoveSnapshotSent})
	return operation[imaging]{
		action: action,
		steps: []steps.Step[imaging]{
			{Name: "image", Light: true, Do: func(context.Context, *imaging) error { return nil },
				Undo: func(ctx context.Context, _ *imaging) error {
					return absentIsFine(c.Images.Delete(asAsker(ctx), a.Image))
				}},
			take, upload, drop,
			{Name: "rotate", Do: func(ctx context.Context, _ *imaging) error { return c.rotate(asAsker(ctx), a) }},
		},
	}, nil
}

// copySteps have the server's host copy its disk, send the copy to the image service in the asker's name, and remove
// it. The server makes the moves of the list before ahead of the copy, and those of the list between ahead of the
// upload.
func copySteps[R any](c snapshots, asker *auth.Caller, a *jobs.SnapshotArgs, before, between []nova.Move) (
	take, upload, drop steps.Step[R]) {
	staged := func(ctx context.Context, moves []nova.Move) error {
		for _, m := range moves {
			if err := c.stage(ctx, a.Server, m); err != nil {
				return err
			}
		}
		return nil
	}
	remove := func(ctx context.Context, _ *R) error {
		return nothingToUndo(c.snapshotOnHost(ctx, a, rpcapi.StepDrop))
	}
	take = steps.Step[R]{Name: "take", Do: func(ctx context.Context, _ *R) error {
		if err := staged(ctx, before); err != nil {
			return err
		}
		return c.snapshotOnHost(ctx, a, rpcapi.StepTake)
	}, Undo: remove}
	upload = steps.Step[R]{Name: "upload", Do: func(ctx context.Context, _ *R) error {
		if err := staged(ctx, between); err != nil {
			return err
		}
		return c.snapshotOnHost(auth.With(ctx, asker), a, rpcapi.StepUpload)
	}}
	return take, upload, steps.Step[R]{Name: "drop", Do: remove}
}

// snapshotOnHost has the server's host do a step of a snapshot.
func (c snapshots) snapshotOnHost(ctx context.Context, a *jobs.SnapshotArgs, step string) error {
	v, spec, err := c.specOf(ctx, a.Server)
	if err != nil {
		return err
	}
	_, err = rpcapi.Snapshot.Do(ctx, c.Bus, v.Host, rpcapi.SnapshotArgs{Step: step, Spec: spec, Image: a.Image,
		Format: a.Format})
	return answered(err)
}

// stage changes the task state of a server whose snapshot goes on. A server that another request has taken stays as it
// is: the next step finds that out.
func (c snapshots) stage(ctx context.Context, server string, m nova.Move) error {
	return c.DB.Tx(ctx, func(tx *db.Tx) error {
		_, _, err := store.Move(ctx, tx, server, m, store.Change{}, c.Now())
		return err
	})
}

// rotate deletes the oldest backups of a server and kind until Rotation are left. One that cannot be deleted stays, as
// with nova.
func (c snapshots) rotate(ctx context.Context, a *jobs.SnapshotArgs) error {
	if a.Kind == "" && a.Op != nova.BackupServer.Key {
		return nil
	}
	found, err := c.Images.Find(ctx, map[string]string{"image_type": "backup", "backup_type": a.Kind,
		"instance_uuid": a.Server})
	if err != nil {
		return err
	}
	for _, i := range found[min(a.Rotation, len(found)):] {
		if err := c.Images.Delete(ctx, i.ID); fault.Is(err, fault.Unavailable) {
			return err
		}
	}
	return nil
}

// snapshotJob is the job of a snapshot, or of shelving, which makes one.
func (c snapshots) snapshotJob(ctx context.Context, a *jobs.SnapshotArgs) (job, error) {
	asker := askerOf(ctx, a.User, a.Project)
	if a.Op == nova.ShelveServer.Key {
		return shelves(c).shelvingOf(asker, a), nil
	}
	return c.imagingOf(asker, a)
}

func (c snapshots) snapshot(ctx context.Context, t *tasks.Task, a jobs.SnapshotArgs) error {
	o, err := c.snapshotJob(ctx, &a)
	if err != nil {
		return err
	}
	return o.perform(ctx, c.Conductor, t, a.Server)
}

func (c snapshots) snapshotDied(ctx context.Context, t *tasks.Task, a jobs.SnapshotArgs, why error) error {
	o, err := c.snapshotJob(ctx, &a)
	if err != nil {
		return nil // an operation that no release knows has nothing to give back
	}
	return o.giveUp(ctx, c.Conductor, t, a.Server, why)
}

// unclaimed deletes the image of a request that did not come to enqueue its snapshot, or of a server that is not
// shelved any more. One that its user may not delete stays.
func (c snapshots) unclaimed(ctx context.Context, _ *tasks.Task, a jobs.UnclaimedArgs) error {
	err := c.Images.Delete(auth.With(ctx, askerOf(ctx, a.User, a.Project)), a.Image)
	if fault.Is(err, fault.Forbidden) {
		log.From(ctx).WarnContext(ctx, "an image of a server cannot be deleted", log.Server, a.Server, "image", a.Image,
			log.Err, err.Error())
		return nil
	}
	return retried(absentIsFine(err))
}
