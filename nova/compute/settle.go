package compute

import (
	"context"
	"errors"
	"slices"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/log"
)

// leftovers ends what operations have left on the host.
type leftovers struct{ *Manager }

// settle removes what operations left here that have ended meanwhile: copies of disks, and the disks of rebuilds. A job
// that could not reach the host has given up and left them. A rescue disk that nobody uses goes too; a guest that runs
// from one is left to its user, whose hard reboot ends that.
func (m leftovers) settle(ctx context.Context) error {
	finder, ok := m.Driver.(virt.LeftoverFinder)
	if !ok {
		return nil
	}
	left, err := finder.Leftovers(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	servers, err := m.servers(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for i := range left {
		l := &left[i]
		if w, ok := servers[l.ID]; ok && stale(l, &w) && !m.busy(l.ID) {
			errs = append(errs, m.settleOne(ctx, finder, l.ID))
		}
	}
	return errors.Join(errs...)
}

func (m leftovers) servers(ctx context.Context) (map[string]rpcapi.Wanted, error) {
	reply, err := rpcapi.HostServers.Do(ctx, m.Bus, "", rpcapi.HostArgs{Host: m.c.Host})
	out := map[string]rpcapi.Wanted{}
	for _, w := range reply.Servers {
		out[w.Spec.ID] = w
	}
	return out, err
}

// stale reports whether no operation of the server needs what is left: each of those that make it has a task state.
func stale(l *virt.Leftover, w *rpcapi.Wanted) bool {
	return w.State.Task == nova.Idle && !w.State.BeingBuilt() &&
		(len(l.Snapshots) > 0 || l.NewDisks || l.OldDisks || unusedRescue(l, w))
}

func unusedRescue(l *virt.Leftover, w *rpcapi.Wanted) bool {
	return l.RescueDisk && !l.Rescued && w.State.VM != nova.Rescued
}

// settleOne ends what is left of one server. A rebuild whose image is the server's has succeeded, and another one has
// failed. It asks again under the server's lock, so that an operation which begins meanwhile keeps what it makes: its
// task state is set before the host is asked for anything.
func (m leftovers) settleOne(ctx context.Context, finder virt.LeftoverFinder, id string) error {
	return m.run(ctx, id, "settle", func(ctx context.Context) error {
		left, err := finder.Leftovers(ctx)
		if err != nil {
			return err
		}
		servers, err := m.servers(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(left, func(l virt.Leftover) bool { return l.ID == id })
		w, ok := servers[id]
		if i < 0 || !ok || !stale(&left[i], &w) {
			return nil
		}
		l := &left[i]
		log.From(ctx).Warn("what an operation left of a server is removed", log.Host, m.c.Host, log.Server, l.ID,
			"snapshots", len(l.Snapshots), "new_disks", l.NewDisks, "old_disks", l.OldDisks, "rescue_disk", l.RescueDisk)
		var errs []error
		if d, ok := m.Driver.(virt.Snapshotter); ok {
			for _, name := range l.Snapshots {
				errs = append(errs, d.DropSnapshot(ctx, l.ID, name))
			}
		}
		if d, ok := m.Driver.(virt.Rebuilder); ok {
			switch {
			case l.OldDisks && !l.NewDisks && l.Image == w.Spec.Image.ID:
				errs = append(errs, d.FinishRebuild(ctx, l.ID))
			case l.OldDisks || l.NewDisks:
				errs = append(errs, d.UndoRebuild(ctx, &w.Spec, w.State.VM == nova.Active))
			}
		}
		if d, ok := m.Driver.(virt.Rescuer); ok && unusedRescue(l, &w) {
			errs = append(errs, d.Unrescue(ctx, &w.Spec, false))
		}
		return errors.Join(errs...)
	})
}
