package servers

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

var noChange store.Change

// Delete begins the deletion of a server in any state; it interrupts a build. Deleting a server again has no effect.
// A lock is fault.Conflict.
func (s *Servers) Delete(ctx context.Context, id string) error {
	var before nova.State
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		v, err := store.Server(ctx, tx, id)
		if err != nil {
			return err
		}
		before = v.State()
		if v.Task == nova.Deleting { // its job exists: invariant of task_state
			return unlocked(ctx, &v)
		}
		if err := s.take(ctx, tx, &v, nova.DeleteServer); err != nil {
			return err
		}
		_, err = jobs.Delete.Enqueue(ctx, tx, s.Queue, id, jobs.DeleteArgs{Server: id})
		return err
	})
	if err != nil || before.Task == nova.Idle || before.Task == nova.Deleting {
		return err
	}
	// A running job checks between its steps whether it is still wanted. These messages only make it check earlier, so a
	// lost one does no harm.
	if before.BeingBuilt() {
		_ = jobs.Build.Hurry(ctx, s.Queue, id)
		_ = jobs.Unshelve.Hurry(ctx, s.Queue, id)
	}
	_ = rpcapi.Wake.Do(ctx, s.Bus, rpcapi.WakeArgs{Servers: []string{id}, Interrupt: true})
	return nil
}

// ResetState is os-resetState: it sets the state to active or error and cancels the operation under way. After error,
// a cancelled build is undone before another operation may begin. Active is fault.Conflict for a server that was
// never built or whose deletion has begun.
func (s *Servers) ResetState(ctx context.Context, id string, active bool) error {
	var before nova.State
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		v, err := store.Server(ctx, tx, id)
		if err != nil {
			return err
		}
		before = v.State()
		move := nova.MoveResetError
		switch {
		case active:
			move = nova.MoveResetActive
		case before.BeingBuilt():
			move = nova.MoveResetBuild
		}
		if active && before.Task == nova.Idle {
			if err := whole(ctx, tx, &v); err != nil {
				return err
			}
		}
		_, refusal, err := store.Move(ctx, tx, id, move, noChange, s.Now())
		if err == nil && refusal != nil {
			return refusal.Fault("os-resetState", id)
		}
		if err != nil {
			return err
		}
		return recordDone(ctx, s, tx, &v, nova.ActionReset, "")
	})
	if err != nil || !before.BeingBuilt() {
		return err
	}
	// The build checks between its steps. These messages only make it check earlier.
	_ = jobs.Build.Hurry(ctx, s.Queue, id)
	_ = jobs.Unshelve.Hurry(ctx, s.Queue, id)
	_ = rpcapi.Wake.Do(ctx, s.Bus, rpcapi.WakeArgs{Servers: []string{id}, Interrupt: true})
	return nil
}

// whole returns fault.Conflict for a server without the parts of an active one.
func whole(ctx context.Context, tx *db.Tx, v *nova.Server) error {
	if v.Host == "" || v.Launched.IsZero() {
		return fault.Conflictf("Instance %s was never built to its end: it cannot be set to active.", v.ID)
	}
	began, err := store.DeletionBegan(ctx, tx, v.ID)
	if err == nil && began {
		err = fault.Conflictf("The deletion of instance %s has begun: it cannot be set to active. Delete it again.", v.ID)
	}
	return err
}
