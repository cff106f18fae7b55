package servers

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/db"
)

var noChange store.Change

// Delete takes a server away, in whatever state it is: also while it is built, which interrupts the build. Deleting one that is being deleted
// asks nothing more. Only a lock refuses (fault.Conflict).
func (s *Servers) Delete(ctx context.Context, id string) error {
	var before nova.State
	err := s.Store.Tx(ctx, func(tx *db.Tx) error {
		v, err := s.Store.Server(ctx, tx, id)
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
	if before.VM == nova.Building {
		_ = jobs.Build.Hurry(ctx, s.Queue, id)
	}
	_ = rpcapi.Wake.Do(ctx, s.Bus, rpcapi.WakeArgs{Servers: []string{id}, Interrupt: true})
	return nil
}

// ResetState sets active or error by an operator's decision and takes the server from whatever job had it.
func (s *Servers) ResetState(ctx context.Context, id string, active bool) error {
	move := nova.MoveResetError
	if active {
		move = nova.MoveResetActive
	}
	return s.Store.Tx(ctx, func(tx *db.Tx) error {
		_, refusal, err := s.Store.Move(ctx, tx, id, move, noChange)
		if err == nil && refusal != nil {
			return refusal.Fault("os-resetState", id)
		}
		return err
	})
}
