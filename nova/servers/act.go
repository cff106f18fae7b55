package servers

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Act begins an action of the table that has no arguments, such as nova.StopServer: it changes the task state,
// enqueues the job and returns. Of concurrent requests one succeeds and the others get fault.Conflict, as do requests
// that the server's state, its lock or a missing host forbids.
func (s *Servers) Act(ctx context.Context, id string, a nova.ServerAction) error {
	return s.DB.Tx(ctx, func(tx *db.Tx) error {
		v, err := store.Server(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.take(ctx, tx, &v, a); err != nil {
			return err
		}
		_, err = jobs.Power.Enqueue(ctx, tx, s.Queue, id, jobs.PowerArgs{Server: id, Op: a.Key})
		return err
	})
}

// take checks the conditions of the action, changes the server's state and records the action. The caller enqueues
// the job in the same transaction.
func (s *Servers) take(ctx context.Context, tx *db.Tx, v *nova.Server, a nova.ServerAction) error {
	if err := open(ctx, v, &a); err != nil {
		return err
	}
	_, refusal, err := store.Move(ctx, tx, v.ID, a.Begin, noChange, s.Now())
	if err != nil {
		return err
	}
	if refusal != nil {
		return refusal.Fault(a.Name, v.ID)
	}
	return s.record(ctx, tx, v, a.Name)
}

// open returns fault.Conflict if the server's lock, host or state forbids that an action begins. An action with
// arguments asks before it looks at them, as nova does.
func open(ctx context.Context, v *nova.Server, a *nova.ServerAction) error {
	if err := unlocked(ctx, v); err != nil && !a.Locked {
		return err
	}
	if err := placed(v); err != nil && a.Hosted {
		return err
	}
	if _, refusal := a.Begin.Next(v.State()); refusal != nil {
		return refusal.Fault(a.Name, v.ID)
	}
	if !a.Unplaced {
		if err := launched(v, a.Name); err != nil {
			return err
		}
	}
	return nil
}

// launched returns fault.Conflict for a server that never ran.
func launched(v *nova.Server, action string) error {
	if v.Launched.IsZero() {
		return fault.Conflictf("Instance %s is in an invalid state for '%s'", v.ID, action)
	}
	return nil
}

// recordDone records an action that the transaction itself does; event is empty where nova records none.
func recordDone(ctx context.Context, s *Servers, tx *db.Tx, v *nova.Server, action, event string) error {
	if err := s.record(ctx, tx, v, action); err != nil {
		return err
	}
	request := auth.RequestID(ctx)
	if event == "" {
		return store.FinishAction(ctx, tx, v.ID, request, s.Now())
	}
	return store.FinishEvent(ctx, tx, v.ID, request, event, store.Outcome{Host: s.Host, Last: true}, s.Now())
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
	return store.StartActions(ctx, on, as, s.Now())
}
