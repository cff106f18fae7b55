package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// hold is a lease of this process.
type hold struct {
	row   row
	since time.Time // time of the claim

	mu    sync.Mutex
	until time.Time
	end   context.CancelCauseFunc // cancels the running handler; nil before it runs
	ended error                   // the cause that end was or will be called with
}

// hold records a lease. The caller holds the mutex.
func (q *Queue) hold(r row) *hold {
	h := &hold{row: r, since: time.Now(), until: r.Due.Time}
	q.holds[h] = true
	return h
}

func (q *Queue) drop(h *hold) {
	q.mu.Lock()
	delete(q.holds, h)
	q.mu.Unlock()
}

// cancel ends the handler's context. ErrLost takes precedence over ErrCancelled.
func (h *hold) cancel(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended == nil || why == ErrLost {
		h.ended = why
	}
	if h.end != nil {
		h.end(why)
	}
}

// lose records that cancel will be called with ErrLost.
func (h *hold) lose() {
	h.mu.Lock()
	h.ended = ErrLost
	h.mu.Unlock()
}

func (h *hold) renewed(until time.Time) {
	h.mu.Lock()
	h.until = until
	h.mu.Unlock()
}

// begin makes the context of a handler. The handler of a cancelled task's death (burying) is not cancelled.
func (h *hold) begin(ctx context.Context, burying bool) (context.Context, context.CancelCauseFunc) {
	c, end := context.WithCancelCause(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end = end
	if h.ended != nil && !(burying && h.ended == ErrCancelled) {
		end(h.ended)
	}
	return c, end
}

func (h *hold) outcome() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}

// work runs a claimed task and writes its end. ctx ends with the queue. It calls free when the worker can take another
// task, which may be before the end is written.
func (q *Queue) work(ctx context.Context, h *hold, free func()) {
	defer q.drop(h)
	leave := sync.OnceFunc(func() {
		q.mu.Lock()
		q.working--
		q.mu.Unlock()
		free()
	})
	defer leave()
	q.crash("claimed")
	r := &h.row
	kind := q.handlers[r.Kind]
	t := &Task{ID: r.ID, Key: r.Key, Attempt: r.Attempt, Fence: r.Fence, Request: r.Request, q: q, h: h}
	began := time.Now()
	now := q.c.Now()
	switch {
	case h.outcome() == ErrLost: // the lease was lost while it waited
		q.lost(t)
		return
	case r.Dying:
		q.bury(ctx, kind, t, nil)
		return
	case !r.Deadline.IsZero() && !now.Before(r.Deadline.Time):
		q.bury(ctx, kind, t, errLate)
		return
	case r.Attempt > kind.o.MaxAttempts:
		q.bury(ctx, kind, t, fmt.Errorf("given up: the worker ended %d times", r.Attempt-1))
		return
	}
	hctx, end := h.begin(carry(ctx, r), false)
	defer end(nil)
	if !r.Deadline.IsZero() {
		var cancel context.CancelFunc
		hctx, cancel = context.WithDeadlineCause(hctx, time.Now().Add(r.Deadline.Sub(now)), errLate)
		defer cancel()
	}
	err := q.guarded(func() error { return kind.work(hctx, t, r.Args) })
	q.paced(time.Since(began))
	q.finish(ctx, hctx, kind, t, err, leave)
	q.c.Log.Debug("task worked", "task", r.ID, "kind", r.Kind, "key", r.Key, "request", r.Request, "took", time.Since(began), log.Err, err)
}

// paced adds a handler's duration to the moving average.
func (q *Queue) paced(took time.Duration) {
	q.mu.Lock()
	q.pace += (took - q.pace) / 8
	q.mu.Unlock()
}

var errLate = fault.New(fault.Unavailable, "it was not done in time")

// carry returns ctx with the request id and caller of the enqueue.
func carry(ctx context.Context, r *row) context.Context {
	ctx = auth.WithRequest(ctx, r.Request)
	if r.Caller.V != nil {
		ctx = auth.With(ctx, r.Caller.V)
	}
	return ctx
}

// guarded runs f and returns its panic as an error.
func (q *Queue) guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			q.stats.panics.Add(1)
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// finish writes the result of an attempt.
func (q *Queue) finish(ctx, hctx context.Context, kind handler, t *Task, err error, leave func()) {
	r := &t.h.row
	free := context.WithoutCancel(ctx) // a shutdown must not prevent the write
	outcome := t.h.outcome()
	if outcome == nil && errors.Is(err, ErrLost) {
		outcome = ErrLost
	}
	switch {
	case outcome == ErrLost:
		q.lost(t)
	case err == nil:
		q.remove(free, t, leave)
	case outcome == ErrCancelled:
		q.bury(ctx, kind, t, ErrCancelled)
	case context.Cause(hctx) == error(errLate):
		q.bury(ctx, kind, t, errors.Join(errLate, err))
	case ctx.Err() != nil:
		q.requeue(free, *r, q.c.Now(), r.Attempt-1)
	case q.postpone(free, r, err):
	case retriable(err) && r.Attempt < kind.o.MaxAttempts:
		q.stats.retried.Add(1)
		wait := kind.o.pause(r.Attempt)
		r.Reason = reasonOf(err)
		q.c.Log.Warn("retrying task: attempt failed", "task", r.ID, "kind", r.Kind, "key", r.Key, "request", r.Request,
			"attempt", r.Attempt, "wait", wait, log.Err, err)
		q.requeue(free, *r, q.c.Now().Add(wait), r.Attempt)
		q.wakeIn(wait)
	default:
		q.bury(ctx, kind, t, err)
	}
}

func (q *Queue) lost(t *Task) {
	q.stats.lost.Add(1)
	q.c.Log.Warn("task lost: another worker claimed it", "task", t.ID, "kind", t.h.row.Kind, "key", t.Key, "request", t.Request)
}

func (q *Queue) remove(free context.Context, t *Task, leave func()) {
	q.crash("done")
	if !t.done {
		ok, err := q.ends.write(free, q.d, t, leave)
		if err != nil {
			q.c.Log.Error("cannot write the end of a task; it will run again", "task", t.ID, "kind", t.h.row.Kind, log.Err, err)
			return
		}
		if !ok {
			q.lost(t)
			return
		}
	}
	q.stats.done.Add(1)
	q.crash("ended")
}

// bury makes a task dead: it marks the row, calls onDead, and stores the row as dead. A failing onDead is retried
// without limit. why is nil if the row is marked already.
func (q *Queue) bury(ctx context.Context, kind handler, t *Task, why error) {
	r := &t.h.row
	free := context.WithoutCancel(ctx)
	if why != nil {
		r.Reason = reasonOf(why)
		n, err := doom.Do(free, q.d.Lone(), r.Reason, t.ID, t.Fence)
		if err != nil {
			q.c.Log.Error("cannot mark a task as failed; it will run again", "task", t.ID, "kind", r.Kind, log.Err, err)
			return
		}
		if n == 0 {
			q.lost(t)
			return
		}
		r.Dying = true
	}
	if kind.dead != nil {
		hctx, end := t.h.begin(carry(ctx, r), true)
		defer end(nil)
		err := q.guarded(func() error { return kind.dead(hctx, t, r.Args, errorOf(r.Reason)) })
		if err != nil {
			wait := kind.o.pause(r.Attempt)
			q.c.Log.Error("retrying onDead of a failed task", "task", r.ID, "kind", r.Kind, "key", r.Key,
				"request", r.Request, "wait", wait, log.Err, err)
			q.requeue(free, *r, q.c.Now().Add(wait), r.Attempt)
			q.wakeIn(wait)
			return
		}
	}
	n, err := bury.Do(free, q.d.Lone(), db.At(q.c.Now()), t.ID, t.Fence)
	if err != nil || n == 0 {
		q.c.Log.Error("cannot store a failed task as dead; onDead will run again", "task", r.ID, "kind", r.Kind, log.Err, err)
		return
	}
	q.stats.dead.Add(1)
	q.c.Log.Error("task failed", "task", r.ID, "kind", r.Kind, "key", r.Key, "request", r.Request, "attempt", r.Attempt, "reason", errorOf(r.Reason))
}

const longestPause = time.Minute

// pause is the wait after a failed attempt: doubled each time, with jitter.
func (o Options) pause(attempt int) time.Duration {
	d := min(o.Backoff, longestPause)
	for range attempt - 1 {
		if d *= 2; d >= longestPause {
			d = longestPause
			break
		}
	}
	return d*3/4 + rand.N(d/4+1)
}

// reason is the stored reason of a failure.
type reason struct {
	Kind string `json:"kind"`
	Msg  string `json:"msg"`
	Code string `json:"code,omitempty"`
	Text string `json:"text"`
}

func reasonOf(err error) string {
	r := reason{Kind: fault.KindOf(err).String(), Msg: fault.Message(err), Text: err.Error()}
	if f := fault.Of(err); f != nil {
		r.Code = f.Code
	}
	b, jerr := json.Marshal(r)
	if jerr != nil {
		return "" // strings always marshal
	}
	return string(b)
}

func errorOf(s string) error {
	var r reason
	if json.Unmarshal([]byte(s), &r) != nil {
		return fault.New(fault.Internal, "unknown")
	}
	f := &fault.Fault{Kind: fault.ParseKind(r.Kind), Msg: r.Msg, Code: r.Code}
	if r.Text != r.Msg {
		f.Err = errors.New(strings.TrimPrefix(r.Text, r.Msg+": "))
	}
	return f
}
