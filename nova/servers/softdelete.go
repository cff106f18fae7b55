package servers

import (
	"context"
	"slices"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Trash implements deletion that can be taken back.
type Trash struct{ *Servers }

// Delete deletes a server at once, or puts it aside where the operator wants that (Deps.ReclaimAfter). One that was
// never launched is deleted at once; one that is put aside stays so.
func (s Trash) Delete(ctx context.Context, id string) error {
	if s.ReclaimAfter <= 0 {
		return s.Servers.Delete(ctx, id)
	}
	atOnce, was := false, nova.State{}
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		v, err := store.Server(ctx, tx, id)
		if err != nil {
			return err
		}
		was = v.State()
		if v.VM == nova.SoftDeleted || v.Task == nova.SoftDeleting {
			atOnce = false
			return unlocked(ctx, &v)
		}
		action := nova.SoftDeleteServer
		if atOnce = v.Launched.IsZero() || v.Host == "" || v.Task == nova.Deleting ||
			!slices.Contains(action.Begin.From, v.VM); atOnce {
			return nil
		}
		if err := s.take(ctx, tx, &v, action); err != nil {
			return err
		}
		_, err = jobs.Power.Enqueue(ctx, tx, s.Queue, id, jobs.PowerArgs{Server: id, Op: action.Key})
		return err
	})
	if err == nil && atOnce {
		return s.Servers.Delete(ctx, id)
	}
	if err == nil && was.Task != nova.Idle {
		// A running job checks between its steps whether it is still wanted. This only makes it check earlier.
		_ = rpcapi.Wake.Do(ctx, s.Bus, rpcapi.WakeArgs{Servers: []string{id}, Interrupt: true})
	}
	return err
}

// Restore takes the deletion of a server back. fault.OverQuota if the project has no room for it.
func (s Trash) Restore(ctx context.Context, id string) error {
	v, err := s.Server(ctx, id)
	if err != nil {
		return err
	}
	action := nova.RestoreServer
	if err := open(ctx, &v, &action); err != nil {
		return err
	}
	// The quota is the owner's, also where an administrator restores.
	owner, one := &auth.Caller{ProjectID: v.Project, UserID: v.User}, &CreateArgs{Min: 1, Max: 1}
	limits, err := s.bounds(ctx, &resolved{}, one, owner)
	if err != nil {
		return err
	}
	return s.DB.Tx(ctx, func(tx *db.Tx) error {
		if v, err = store.Server(ctx, tx, id); err != nil {
			return err
		}
		if _, err := s.fit(ctx, tx, limits, *v.Flavor, one, owner); err != nil {
			return err
		}
		if err := s.take(ctx, tx, &v, action); err != nil {
			return err
		}
		_, err = jobs.Power.Enqueue(ctx, tx, s.Queue, id, jobs.PowerArgs{Server: id, Op: action.Key})
		return err
	})
}

// Reclaim deletes servers that were put aside longer ago than ReclaimAfter, up to 100 of them.
func (s Trash) Reclaim(ctx context.Context) error {
	if s.ReclaimAfter <= 0 {
		return nil
	}
	ids, err := store.SoftDeleted(ctx, s.DB, s.Now().Add(-s.ReclaimAfter))
	if err != nil {
		return err
	}
	for _, id := range ids {
		ctx := auth.WithRequest(auth.With(ctx, &auth.Caller{Roles: []string{"admin"}}), "req-reclaim-"+id)
		if err := s.Servers.Delete(ctx, id); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}
