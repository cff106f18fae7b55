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

// Delete takes a server away, in whatever state it is: also while it is built, which interrupts the build. Deleting one that is being deleted
// asks nothing more. Only a lock refuses (fault.Conflict).
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
	// A job is under way and looks between its steps; the hints make it look at once. Lost, they cost only time.
	if before.BeingBuilt() {
		_ = jobs.Build.Hurry(ctx, s.Queue, id)
	}
	_ = rpcapi.Wake.Do(ctx, s.Bus, rpcapi.WakeArgs{Servers: []string{id}, Interrupt: true})
	return nil
}

// ResetState sets active or error by an operator's decision and takes the server from whatever operation had it. A build is given up by error: what it
// made is given back before anything else may begin. Active is refused (fault.Conflict) for a server that has not all that an active one has: it was
// never built, or its deletion has begun.
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
			if err := s.whole(ctx, tx, &v); err != nil {
				return err
			}
		}
		_, refusal, err := store.Move(ctx, tx, id, move, noChange, s.Now())
		if err == nil && refusal != nil {
			return refusal.Fault("os-resetState", id)
		}
		return err
	})
	if err != nil || !before.BeingBuilt() {
		return err
	}
	// The build looks between its steps; the hints make it look at once. Lost, they cost only time.
	_ = jobs.Build.Hurry(ctx, s.Queue, id)
	_ = rpcapi.Wake.Do(ctx, s.Bus, rpcapi.WakeArgs{Servers: []string{id}, Interrupt: true})
	return nil
}

// whole refuses a server that lacks what an active one has.
func (s *Servers) whole(ctx context.Context, tx *db.Tx, v *nova.Server) error {
	if v.Host == "" || v.Launched.IsZero() {
		return fault.Conflictf("Instance %s was never built to its end: it cannot be set to active.", v.ID)
	}
	began, err := store.DeletionBegan(ctx, tx, v.ID)
	if err == nil && began {
		err = fault.Conflictf("The deletion of instance %s has begun: it cannot be set to active. Delete it again.", v.ID)
	}
	return err
}
