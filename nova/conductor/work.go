package conductor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"

	"hypernova/oslo/auth"
)

// work is one job on one server under way: what all such jobs share, whatever they do.
type work struct {
	*Conductor
	server, request string
	event           string                              // of the instance action
	owns            func(f *store.Placement) bool       // whether the job still owns the server
	end             func(context.Context, *db.Tx) error // takes the task out of the queue, in the job's last transaction
	logged          bool                                // the queue logs the failure, so the job does not
	host            string                              // that the step under way speaks to; empty: none
	journal         *attempts                           // nil: the job keeps no record
	waiter          *waiter                             // of the step under way
	current         *nova.Server                        // as the step under way found it
}

// workOn returns the work of a task that the queue runs.
func (c *Conductor) workOn(t *tasks.Task, server, event string, owns func(f *store.Placement) bool) *work {
	return &work{Conductor: c, server: server, request: t.Request, event: event, owns: owns, end: t.Done}
}

// givenUp makes w the work of a dead task, which the queue keeps for the operator.
func (w *work) givenUp() *work {
	w.end, w.logged = func(context.Context, *db.Tx) error { return nil }, true
	return w
}

// operation implements one action on a server: steps on a record R. If no step has an undo, no progress is stored, and
// an interrupted job begins again with the first step. If one has, the progress is stored, and a failed step and those
// before it are undone.
type operation[R any] struct {
	action nova.ServerAction
	steps  []steps.Step[R]
	host   func(r *R) string // the host that the steps call; nil: the server's
	// forward operations are never undone. An error of a step repeats the job until its attempts are used. At the end the
	// job changes the server also if another task owns it.
	forward bool
	// change returns the changes of the server's row besides its states, after the last step. finish makes further
	// changes in the same transaction. Both may be nil.
	change func(r *R) store.Change
	finish func(ctx context.Context, tx *db.Tx, r *R) error
	// revert takes back what the request changed in the server's row, in the transaction that records the failure. It is
	// not called while another task owns the server. It may be nil.
	revert func(ctx context.Context, tx *db.Tx) error
	// failing tells why the job failed, in the transaction that records it, also if another task owns the server. It may
	// be nil.
	failing func(ctx context.Context, tx *db.Tx, why error) error
}

// job is an operation with a record of any type.
type job interface {
	perform(ctx context.Context, c *Conductor, t *tasks.Task, server string) error
	giveUp(ctx context.Context, c *Conductor, t *tasks.Task, server string, why error) error
}

// perform does the operation as the task's job and gives the server back. It returns an error only when the job is to
// be repeated.
func (o operation[R]) perform(ctx context.Context, c *Conductor, t *tasks.Task, server string) error {
	return o.performAs(ctx, c, t, server, new(work))
}

// performAs is perform with the work w, which it fills and which the steps may use.
func (o operation[R]) performAs(ctx context.Context, c *Conductor, t *tasks.Task, server string, w *work) error {
	*w = *c.workOn(t, server, o.action.Event, func(f *store.Placement) bool { return o.action.Owns(f.State.Task) })
	w.point(o.action.Key + " begins")
	var r R
	err := w.begin(ctx)
	if err == nil {
		err = o.run(ctx, w, t, &r)
	}
	w.point(o.action.Key + " acted")
	var failed *steps.Failed
	switch {
	case err == nil:
		return o.succeeded(ctx, w, &r)
	case ctx.Err() != nil:
		return ctx.Err()
	case o.forward:
		return retried(err)
	case errors.As(err, &failed) && failed.Undo != nil:
		return retried(failed.Undo)
	case errors.As(err, &failed):
		err = failed.Err
	case fault.Is(err, fault.Unavailable) && w.journal != nil && !w.journal.rec.Since.IsZero():
		return w.wait(ctx, err)
	case fault.Is(err, fault.Unavailable):
		return err
	}
	if errors.Is(err, errUnwanted) || codeOf(err) == errUnwanted.Code {
		err = fault.Conflictf("Another request took the server.")
	}
	return o.failed(ctx, w, err)
}

// giveUp ends the job of an operation that the queue has given up: what was done is undone as far as it goes, and the
// server is given back.
func (o operation[R]) giveUp(ctx context.Context, c *Conductor, t *tasks.Task, server string, why error) error {
	w := c.workOn(t, server, o.action.Event, func(f *store.Placement) bool {
		return o.action.Owns(f.State.Task)
	}).givenUp()
	if o.undoable() {
		j, err := openAttempts(ctx, t, o.steps[0].Name)
		if err != nil {
			return err
		}
		w.journal = j
		var r R
		var failed *steps.Failed
		if err := steps.Unwind(ctx, j, &r, why, o.plan(w)...); err != nil && !errors.As(err, &failed) {
			return err
		}
	}
	return o.failed(ctx, w, why)
}

func (o *operation[R]) undoable() bool {
	return slices.ContainsFunc(o.steps, func(s steps.Step[R]) bool { return s.Undo != nil })
}

// plan returns the steps with compute's own rights, each done only while the job owns the server.
func (o *operation[R]) plan(w *work) []steps.Step[R] {
	host := o.host
	if host == nil {
		host = func(*R) string { return w.host }
	}
	plan := slices.Clone(o.steps)
	for i := range plan {
		if !o.forward {
			plan[i].Do = whileOwned(w, host, plan[i].Do)
		}
		if undo := plan[i].Undo; undo != nil {
			plan[i].Undo = func(ctx context.Context, r *R) error { return undo(asNova(ctx), r) }
		}
	}
	return plan
}

func (o *operation[R]) run(ctx context.Context, w *work, t *tasks.Task, r *R) error {
	if o.undoable() {
		j, err := openAttempts(ctx, t, o.steps[0].Name)
		if err != nil {
			return err
		}
		w.journal = j
		return steps.Run(ctx, j, r, o.plan(w)...)
	}
	for _, s := range o.plan(w) {
		w.point(o.action.Key + " " + s.Name)
		if err := s.Do(asNova(ctx), r); err != nil {
			return fmt.Errorf("step %s: %w", s.Name, err)
		}
	}
	return nil
}

// begin finds out where the server is and opens the event of its action.
func (w *work) begin(ctx context.Context) error {
	return w.DB.Tx(ctx, func(tx *db.Tx) error {
		f, err := store.PlacementOf(ctx, tx, w.server)
		if err != nil {
			return err
		}
		w.host = f.Host
		return store.StartEvent(ctx, tx, w.server, w.request, w.event, w.host, w.Now())
	})
}

func (o *operation[R]) succeeded(ctx context.Context, w *work, r *R) error {
	var change store.Change
	if o.change != nil {
		change = o.change(r)
	}
	return w.DB.Tx(ctx, func(tx *db.Tx) error {
		if o.finish != nil {
			if err := o.finish(ctx, tx, r); err != nil {
				return err
			}
		}
		if o.forward { // the guest is gone, so the server is deleted also if another task owns it
			if err := w.takeBack(ctx, tx, &o.action); err != nil {
				return err
			}
		}
		return w.giveBack(ctx, tx, o.action.Done, change, store.Outcome{Host: w.host, Last: true})
	})
}

func (o *operation[R]) failed(ctx context.Context, w *work, why error) error {
	return w.DB.Tx(ctx, func(tx *db.Tx) error {
		if err := o.reverted(ctx, w, tx); err != nil {
			return err
		}
		if o.failing != nil {
			if err := o.failing(ctx, tx, why); err != nil {
				return err
			}
		}
		if !w.logged {
			tx.AfterCommit(func() { w.logFailure(ctx, "server not changed", fmt.Errorf("%s: %w", o.action.Key, why)) })
		}
		return w.giveBack(ctx, tx, o.action.Failed, store.Change{Fault: w.fault(why)},
			store.Outcome{Host: w.host, Details: reason(why), Traceback: why.Error(), Last: true})
	})
}

func (o *operation[R]) reverted(ctx context.Context, w *work, tx *db.Tx) error {
	if o.revert == nil {
		return nil
	}
	f, err := store.PlacementOf(ctx, tx, w.server)
	if err != nil || f.Deleted || f.State.Task != nova.Idle && !w.owns(&f) {
		return absentIsFine(err)
	}
	return o.revert(ctx, tx)
}

// logFailure writes the one line of a job that failed.
func (w *work) logFailure(ctx context.Context, what string, why error) {
	log.From(ctx).ErrorContext(auth.WithRequest(ctx, w.request), what, log.Server, w.server, log.Host, w.host, log.Err,
		why.Error())
}

// takeBack makes the job own a server that an operator's reset took from it.
func (w *work) takeBack(ctx context.Context, tx *db.Tx, a *nova.ServerAction) error {
	f, err := store.PlacementOf(ctx, tx, w.server)
	if err != nil || f.Deleted || w.owns(&f) {
		return absentIsFine(err)
	}
	_, _, err = store.Move(ctx, tx, w.server, a.Begin, store.Change{}, w.Now())
	return err
}

// giveBack ends the job: the server moves if the job still owns it, the event ends, the task leaves the queue.
func (w *work) giveBack(ctx context.Context, tx *db.Tx, m nova.Move, change store.Change, o store.Outcome) error {
	f, err := store.PlacementOf(ctx, tx, w.server)
	if absentIsFine(err) != nil {
		return err
	}
	if err == nil && !f.Deleted && w.owns(&f) {
		if _, _, err := store.Move(ctx, tx, w.server, m, change, w.Now()); err != nil {
			return err
		}
	}
	if err := store.FinishEvent(ctx, tx, w.server, w.request, w.event, o, w.Now()); err != nil {
		return err
	}
	return w.end(ctx, tx)
}

func absentIsFine(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// whileOwned returns a step that runs only while the job owns the server. It checks that before the step, and an
// interrupt cancels the step; both return errUnwanted. It listens for interrupts before the check, so that none is
// missed. For errors of unreachable services see retryOrFail.
func whileOwned[R any](w *work, host func(*R) string,
	do func(context.Context, *R) error) func(context.Context, *R) error {
	return whileOwnedAs(w, w.look, host, do)
}

// look reads the server as it is now.
func (w *work) look(ctx context.Context) (store.Placement, error) {
	v, err := store.AnyServer(ctx, w.DB, w.server)
	if err != nil {
		return store.Placement{}, err
	}
	w.current = &v
	return store.Placement{ID: v.ID, Host: v.Host, State: v.State(), Power: v.Power, Deleted: v.Gone()}, nil
}

// glance reads who owns the server. The rest of it stays as an earlier step of this run found it.
func (w *work) glance(ctx context.Context) (store.Placement, error) {
	if w.current == nil {
		return w.look(ctx)
	}
	return store.PlacementOf(ctx, w.DB, w.server)
}

// whileOwnedAs is whileOwned with a function that reads what the step must know of the server.
func whileOwnedAs[R any](w *work, read func(context.Context) (store.Placement, error), host func(*R) string,
	do func(context.Context, *R) error) func(context.Context, *R) error {
	return func(ctx context.Context, r *R) error {
		inner, waiter, stop := w.hub.listen(asNova(ctx), w.server)
		defer stop()
		w.waiter, w.host = waiter, host(r)
		f, err := read(inner)
		if err != nil {
			return w.retryOrFail(inner, err)
		}
		if f.Deleted || !w.owns(&f) {
			return errUnwanted
		}
		err = do(inner, r)
		w.host = host(r)
		w.point("did")
		if err != nil && ctx.Err() == nil && errors.Is(context.Cause(inner), errUnwanted) {
			return errUnwanted
		}
		if err != nil && ctx.Err() == nil {
			return w.retryOrFail(inner, err)
		}
		return err
	}
}
