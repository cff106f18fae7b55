package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/backoff"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// attempt is one run of a claimed task by a worker: its handler, and the write of its result.
type attempt struct {
	q    *Queue
	h    *hold
	r    *row // the row of h, as this worker last wrote it
	t    *Task
	kind handler
}

// attempt prepares a run of a claimed task.
func (q *Queue) attempt(h *hold) *attempt {
	r := &h.row
	t := &Task{ID: r.ID, Key: r.Key, Attempt: r.Attempt, Fence: r.Fence, Request: r.Request, q: q, h: h}
	return &attempt{q: q, h: h, r: r, t: t, kind: q.handlers[r.Kind]}
}

var errLate = fault.New(fault.Unavailable, "it was not done in time")

// run runs the handler and writes the result. ctx ends with the queue. It calls free when the worker can take another
// task, which may be before the result is written.
func (a *attempt) run(ctx context.Context, free func()) {
	q, r := a.q, a.r
	defer q.leases.drop(a.h)
	leave := sync.OnceFunc(func() {
		q.pool.leave()
		free()
	})
	defer leave()
	q.crash("claimed")
	began := time.Now()
	now := q.c.Now()
	switch {
	case a.h.outcome() == ErrLost: // the lease was lost while it waited
		a.lost()
		return
	case r.Dying:
		a.bury(ctx, nil)
		return
	case !r.Deadline.IsZero() && !now.Before(r.Deadline.Time):
		a.bury(ctx, errLate)
		return
	case r.Attempt > a.kind.o.MaxAttempts:
		a.bury(ctx, fmt.Errorf("given up: the worker ended %d times", r.Attempt-1))
		return
	}
	hctx, end := a.h.begin(carry(ctx, r), false)
	defer end(nil)
	if !r.Deadline.IsZero() {
		var cancel context.CancelFunc
		hctx, cancel = context.WithDeadlineCause(hctx, time.Now().Add(r.Deadline.Sub(now)), errLate)
		defer cancel()
	}
	err := a.guarded(func() error { return a.kind.work(hctx, a.t, r.Args) })
	q.pool.took(time.Since(began))
	a.finish(ctx, hctx, err, leave)
	q.c.Log.Debug("task worked", "task", r.ID, "kind", r.Kind, "key", r.Key, "request", r.Request,
		"took", time.Since(began), log.Err, err)
}

// carry returns ctx with the request id and caller of the enqueue.
func carry(ctx context.Context, r *row) context.Context {
	ctx = auth.WithRequest(ctx, r.Request)
	if r.Caller.V != nil {
		ctx = auth.With(ctx, r.Caller.V)
	}
	return ctx
}

// guarded runs f and returns its panic as an error.
func (a *attempt) guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			a.q.stats.panics.Add(1)
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// finish writes the result of an attempt: it deletes the row, returns the task to the queue, or makes it dead.
func (a *attempt) finish(ctx, hctx context.Context, err error, leave func()) {
	q, r := a.q, a.r
	free := context.WithoutCancel(ctx) // a shutdown must not prevent the write
	outcome := a.h.outcome()
	if outcome == nil && errors.Is(err, ErrLost) {
		outcome = ErrLost
	}
	switch {
	case outcome == ErrLost:
		a.lost()
	case err == nil:
		a.remove(free, leave)
	case outcome == ErrCancelled:
		a.bury(ctx, ErrCancelled)
	case context.Cause(hctx) == error(errLate):
		a.bury(ctx, errors.Join(errLate, err))
	case ctx.Err() != nil:
		q.requeue(free, *r, q.c.Now(), r.Attempt-1)
	case a.postpone(free, err):
	case retriable(err) && r.Attempt < a.kind.o.MaxAttempts:
		q.stats.retried.Add(1)
		wait := a.kind.o.pause(r.Attempt)
		r.Reason = reasonOf(err)
		q.c.Log.Warn("retrying task: attempt failed", "task", r.ID, "kind", r.Kind, "key", r.Key, "request", r.Request,
			"attempt", r.Attempt, "wait", wait, log.Err, err)
		q.requeue(free, *r, q.c.Now().Add(wait), r.Attempt)
		q.wakeIn(wait)
	default:
		a.bury(ctx, err)
	}
}

// postpone returns the task to the queue if err is from Later. It returns false for any other error.
func (a *attempt) postpone(ctx context.Context, err error) bool {
	var l *later
	if !errors.As(err, &l) {
		return false
	}
	q, r := a.q, a.r
	r.Reason = reasonOf(l.err)
	q.c.Log.LogAttrs(ctx, slog.LevelInfo, "task postponed: a dependency is unavailable", slog.Any("task", r.ID),
		slog.String("kind", r.Kind), slog.String("key", r.Key), slog.String(log.Request, r.Request),
		slog.Duration("wait", l.pause), slog.String(log.Err, l.err.Error()))
	q.requeue(ctx, *r, q.c.Now().Add(l.pause), r.Attempt-1)
	q.wakeIn(l.pause)
	return true
}

// lost records that another worker has the task. It writes nothing to the row.
func (a *attempt) lost() {
	a.q.stats.lost.Add(1)
	a.q.c.Log.Warn("task lost: another worker claimed it", "task", a.t.ID, "kind", a.r.Kind, "key", a.t.Key,
		"request", a.t.Request)
}

// remove deletes the row of a finished task, unless the handler did so with Task.Done.
func (a *attempt) remove(free context.Context, leave func()) {
	q := a.q
	q.crash("done")
	if !a.t.done {
		ok, err := q.ends.write(free, q.d, a.t, leave)
		if err != nil {
			q.c.Log.Error("cannot write the end of a task; it will run again", "task", a.t.ID, "kind", a.r.Kind,
				log.Err, err)
			return
		}
		if !ok {
			a.lost()
			return
		}
	}
	q.stats.done.Add(1)
	q.crash("ended")
}

// bury makes a task dead: it marks the row, calls onDead, and stores the row as dead. A failing onDead is retried
// without limit. why is nil if the row is marked already.
func (a *attempt) bury(ctx context.Context, why error) {
	q, r, t := a.q, a.r, a.t
	free := context.WithoutCancel(ctx)
	if why != nil {
		r.Reason = reasonOf(why)
		n, err := doom.Do(free, q.d.Lone(), r.Reason, t.ID, t.Fence)
		if err != nil {
			q.c.Log.Error("cannot mark a task as failed; it will run again", "task", t.ID, "kind", r.Kind, log.Err, err)
			return
		}
		if n == 0 {
			a.lost()
			return
		}
		r.Dying = true
	}
	if a.kind.dead != nil {
		hctx, end := a.h.begin(carry(ctx, r), true)
		defer end(nil)
		err := a.guarded(func() error { return a.kind.dead(hctx, t, r.Args, errorOf(r.Reason)) })
		if err != nil {
			wait := a.kind.o.pause(r.Attempt)
			q.c.Log.Error("retrying onDead of a failed task", "task", r.ID, "kind", r.Kind, "key", r.Key,
				"request", r.Request, "wait", wait, log.Err, err)
			q.requeue(free, *r, q.c.Now().Add(wait), r.Attempt)
			q.wakeIn(wait)
			return
		}
	}
	n, err := bury.Do(free, q.d.Lone(), db.At(q.c.Now()), t.ID, t.Fence)
	if err != nil || n == 0 {
		q.c.Log.Error("cannot store a failed task as dead; onDead will run again", "task", r.ID, "kind", r.Kind,
			log.Err, err)
		return
	}
	q.stats.dead.Add(1)
	q.c.Log.Error("task failed", "task", r.ID, "kind", r.Kind, "key", r.Key, "request", r.Request,
		"attempt", r.Attempt, "reason", errorOf(r.Reason))
}

const longestPause = time.Minute

// pause is the wait after a failed attempt, counted from 1: doubled each time, with jitter.
func (o Options) pause(attempt int) time.Duration {
	return backoff.Policy{First: min(o.Backoff, longestPause), Most: longestPause}.Pause(attempt - 1)
}
