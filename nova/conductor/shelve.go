package conductor

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// shelves shelves servers and brings them back.
type shelves struct{ *Conductor }

// shelving is the record of a server that is being shelved.
type shelving struct {
	Ran bool // the guest ran before
}

// shelvingOf ends the guest, copies its disk on its host, and sends the copy to the image service in the user's name. A
// failure starts the guest again if it ran, and deletes the image. A guest that is paused or suspended is ended last.
func (c shelves) shelvingOf(asker *auth.Caller, a *jobs.SnapshotArgs) operation[shelving] {
	off := func(ctx context.Context) error {
		_, err := c.onHost(ctx, a.Server, nova.StopServer.Key)
		return err
	}
	take, upload, drop := copySteps[shelving](snapshots(c), asker, a, nil,
		[]nova.Move{nova.MoveShelveTaken, nova.MoveShelveSent})
	return operation[shelving]{
		action: nova.ShelveServer,
		steps: []steps.Step[shelving]{
			{Name: "image", Do: func(ctx context.Context, r *shelving) error {
				v, err := store.AnyServer(ctx, c.DB, a.Server)
				r.Ran = v.VM == nova.Active
				return err
			}, Undo: func(ctx context.Context, _ *shelving) error {
				return absentIsFine(c.Images.Delete(auth.With(ctx, asker), a.Image))
			}},
			{Name: "stop", Do: func(ctx context.Context, r *shelving) error {
				if !r.Ran {
					return nil
				}
				return off(ctx)
			}, Undo: func(ctx context.Context, r *shelving) error {
				if !r.Ran {
					return nil
				}
				_, err := c.onHost(ctx, a.Server, nova.StartServer.Key)
				return nothingToUndo(err)
			}},
			take, upload, drop,
			{Name: "off", Do: func(ctx context.Context, _ *shelving) error { return off(ctx) }},
		},
		change: func(*shelving) store.Change { return store.Change{Power: ptr(nova.Shutdown)} },
		finish: func(ctx context.Context, tx *db.Tx, _ *shelving) error { return c.shelved(ctx, tx, asker, a) },
	}
}

// shelved writes down what the server comes back from, and begins to take it from its host if that is to be at once.
// The image of a server that another request has taken is deleted.
func (c shelves) shelved(ctx context.Context, tx *db.Tx, asker *auth.Caller, a *jobs.SnapshotArgs) error {
	f, err := store.PlacementOf(ctx, tx, a.Server)
	if absentIsFine(err) != nil {
		return err
	}
	if err != nil || f.Deleted || !nova.ShelveServer.Owns(f.State.Task) {
		return c.deleteLater(auth.With(ctx, asker), tx, a.Image, a.Server, a.User, a.Project)
	}
	if err := store.SaveShelved(ctx, tx, a.Server, a.Image, c.Now()); err != nil || c.c.OffloadAfter != 0 {
		return err
	}
	// The action's own move finds the server with another owner then, and leaves it.
	_, _, err = store.Move(ctx, tx, a.Server, nova.MoveShelvedOff, store.Change{Power: ptr(nova.Shutdown)}, c.Now())
	if err != nil {
		return err
	}
	_, err = jobs.Power.Enqueue(ctx, tx, c.Queue, a.Server, jobs.PowerArgs{Server: a.Server, Op: nova.OffloadServer.Key})
	return err
}

// deleteLater enqueues the deletion of an image of a server.
func (c shelves) deleteLater(ctx context.Context, tx *db.Tx, image, server, user, project string) error {
	_, err := jobs.Unclaimed.Enqueue(ctx, tx, c.Queue, "image:"+image, jobs.UnclaimedArgs{Image: image, Server: server,
		User: user, Project: project})
	return err
}

// deleteShelved enqueues the deletion of the image of a shelved server; for one that is not shelved it does nothing.
func (c shelves) deleteShelved(ctx context.Context, tx *db.Tx, server string) error {
	v, err := store.AnyServer(ctx, tx, server)
	if err != nil {
		return absentIsFine(err)
	}
	image, err := store.ShelvedImage(ctx, tx, server)
	if err != nil || image == "" {
		return err
	}
	return c.deleteLater(ctx, tx, image, server, v.User, v.Project)
}

// offload is the record of a server that is taken from its host.
type offload struct {
	host        string
	unreachable bool // the host did not answer, so a clean-up is enqueued for it
}

// offloading takes a shelved server from its host: the guest with its disks, the bindings of the ports, and the
// allocation go. It cannot be undone; each step may be repeated, and one that fails leaves the server shelved.
func (c shelves) offloading(server string) operation[offload] {
	return operation[offload]{
		action: nova.OffloadServer,
		steps: []steps.Step[offload]{
			{Name: "host", Do: func(ctx context.Context, r *offload) error {
				f, err := store.PlacementOf(ctx, c.DB, server)
				if err != nil {
					return err
				}
				r.host = f.Host
				r.unreachable, err = c.destroy(ctx, f.Host, server)
				return err
			}},
			{Name: "network", Do: func(ctx context.Context, _ *offload) error { return c.Networks.Unbind(ctx, server) }},
			{Name: "claim", Do: func(ctx context.Context, _ *offload) error { return c.Placement.Release(ctx, server) }},
		},
		change: func(*offload) store.Change {
			return store.Change{Host: ptr(""), Node: ptr(""), Zone: ptr(""), Power: ptr(nova.NoState)}
		},
		finish: func(ctx context.Context, tx *db.Tx, r *offload) error {
			if !r.unreachable {
				return nil
			}
			return c.cleanUpLater(ctx, tx, r.host, server)
		},
	}
}

// offloadShelved begins to take servers from their hosts that have been shelved for long enough.
func (c powerStates) offloadShelved(ctx context.Context) error {
	if c.c.OffloadAfter <= 0 {
		return nil
	}
	due, err := store.ShelvedBefore(ctx, c.DB, c.Now().Add(-c.c.OffloadAfter))
	if err != nil {
		return err
	}
	for _, id := range due {
		err := c.DB.Tx(ctx, func(tx *db.Tx) error { return c.begin(ctx, tx, id, nova.OffloadServer) })
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		log.From(ctx).Info("a shelved server is taken from its host", log.Server, id)
	}
	return nil
}

// returning starts a shelved server that is still on its host. Its image is deleted then.
func (c shelves) returning(server string) operation[powered] {
	return operation[powered]{
		action: nova.UnshelveServer,
		change: func(r *powered) store.Change { return store.Change{Power: &r.Power} },
		finish: func(ctx context.Context, tx *db.Tx, r *powered) error {
			f, err := store.PlacementOf(ctx, tx, server)
			if err != nil || f.Deleted || !nova.UnshelveServer.Owns(f.State.Task) {
				return absentIsFine(err)
			}
			return c.forgetShelved(ctx, tx, server)
		},
		steps: []steps.Step[powered]{{Name: "host", Do: func(ctx context.Context, r *powered) (err error) {
			r.Power, err = c.onHost(ctx, server, nova.StartServer.Key)
			return err
		}}},
	}
}

// forgetShelved makes a server one that is not shelved any more.
func (c shelves) forgetShelved(ctx context.Context, tx *db.Tx, server string) error {
	if err := c.deleteShelved(ctx, tx, server); err != nil {
		return err
	}
	return store.SaveShelved(ctx, tx, server, "", c.Now())
}

// unshelving is the build of a shelved server that is on no host: the same steps, with the server's ports and its
// image.
func (c shelves) unshelving(ctx context.Context, t *tasks.Task, a *jobs.UnshelveArgs, j *attempts) *building {
	b := c.building(ctx, t, &a.Build, j)
	b.shelved = a
	b.event = nova.UnshelveOffloadedServer.Event
	b.moves = buildMoves{nova.MoveUnshelvePlace, nova.MoveUnshelveSpawn, nova.MoveUnshelveAgain,
		nova.UnshelveOffloadedServer.Done, nova.MoveUnshelveEnd}
	b.owns = func(f *store.Placement) bool {
		return f.State.VM == nova.ShelvedOffloaded && nova.UnshelveOffloadedServer.Owns(f.State.Task)
	}
	return b
}

// unshelved has the image deleted of a server that has come back; ok is whether nobody took it meanwhile.
func (b *building) unshelved(ctx context.Context, tx *db.Tx, ok bool) error {
	if b.shelved == nil || !ok {
		return nil
	}
	return shelves{b.Conductor}.forgetShelved(ctx, tx, b.server)
}

func (c shelves) unshelve(ctx context.Context, t *tasks.Task, a jobs.UnshelveArgs) error {
	j, err := openAttempts(ctx, t, "claim")
	if err != nil {
		return err
	}
	return c.unshelving(ctx, t, &a, j).run(ctx)
}

// unshelveOrTell is buildOrTell for a server that comes back.
func (c shelves) unshelveOrTell(ctx context.Context, t *tasks.Task, a jobs.UnshelveArgs) error {
	return c.toldIfLost(ctx, a.Build.Server, c.unshelve(ctx, t, a))
}

func (c shelves) unshelveDied(ctx context.Context, t *tasks.Task, a jobs.UnshelveArgs, reason error) error {
	j, err := openAttempts(ctx, t, "claim")
	if err != nil {
		return err
	}
	return c.unshelving(ctx, t, &a, j).died(ctx, reason)
}
