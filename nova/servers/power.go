package servers

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
)

// verb is one thing asked of a server that becomes a job: its name in messages and actions, its move, its operation.
type verb struct {
	name, action string
	move         nova.Move
	op           rpcapi.Op
}

// Start powers a stopped server on.
func (s *Servers) Start(ctx context.Context, id string) error {
	return s.power(ctx, id, verb{"start", nova.ActionStart, nova.MoveStart, rpcapi.OpStart})
}

// Stop shuts a server down.
func (s *Servers) Stop(ctx context.Context, id string) error {
	return s.power(ctx, id, verb{"stop", nova.ActionStop, nova.MoveStop, rpcapi.OpStop})
}

// Reboot restarts a server: soft asks the guest, hard does not.
func (s *Servers) Reboot(ctx context.Context, id string, hard bool) error {
	if hard {
		return s.power(ctx, id, verb{"reboot", nova.ActionReboot, nova.MoveRebootHard, rpcapi.OpRebootHard})
	}
	return s.power(ctx, id, verb{"reboot", nova.ActionReboot, nova.MoveReboot, rpcapi.OpRebootSoft})
}

// Pause freezes a server.
func (s *Servers) Pause(ctx context.Context, id string) error {
	return s.power(ctx, id, verb{"pause", nova.ActionPause, nova.MovePause, rpcapi.OpPause})
}

// Unpause thaws it.
func (s *Servers) Unpause(ctx context.Context, id string) error {
	return s.power(ctx, id, verb{"unpause", nova.ActionUnpause, nova.MoveUnpause, rpcapi.OpUnpause})
}

// power takes the server for a job: the guarded move decides between requests that come at the same time; the loser gets fault.Conflict.
func (s *Servers) power(ctx context.Context, id string, v verb) error {
	return s.Store.Tx(ctx, func(tx *db.Tx) error {
		server, err := s.Store.Server(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := unlocked(ctx, &server); err != nil {
			return err
		}
		if err := placed(&server); err != nil {
			return err
		}
		if err := s.take(ctx, tx, &server, v.name, v.move, v.action); err != nil {
			return err
		}
		_, err = jobs.Power.Enqueue(ctx, tx, s.Queue, id, jobs.PowerArgs{Server: id, Op: v.op})
		return err
	})
}

// take moves the server and records the action.
func (s *Servers) take(ctx context.Context, tx *db.Tx, v *nova.Server, name string, m nova.Move, action string) error {
	_, refusal, err := s.Store.Move(ctx, tx, v.ID, m, noChange)
	if err != nil {
		return err
	}
	if refusal != nil {
		return refusal.Fault(name, v.ID)
	}
	return s.record(ctx, tx, v, action)
}

func (s *Servers) record(ctx context.Context, on db.Querier, v *nova.Server, actions ...string) error {
	var as []nova.Action
	caller := auth.From(ctx)
	for _, name := range actions {
		a := nova.Action{Server: v.ID, Name: name, Request: auth.RequestID(ctx)}
		if caller != nil {
			a.User, a.Project = caller.UserID, caller.ProjectID
		}
		as = append(as, a)
	}
	return s.Store.StartActions(ctx, on, as)
}
