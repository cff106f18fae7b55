package tasks

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
	"hypernova/oslo/log"
)

// Config configures a process's use of the queue. A zero value means the default.
type Config struct {
	Owner   string        // name of the process in leases, host/process
	Workers int           // default 16
	Lease   time.Duration // default 15 s, renewed after a third
	Poll    time.Duration // time between polls without a hint; default 1 s
	// Exclusive means that no other live process has this Owner. Tasks that a former process held are claimed at once
	// instead of after their lease.
	Exclusive bool
	// Hint, if not nil, is called after the commit of a task that is due and that this process does not handle. It should
	// make a process that handles the task call Wake. Without a hint it finds the task at its next poll.
	Hint func(ctx context.Context)
	Keep time.Duration // how long dead tasks are kept; default 30 days
	Now  clock.Now     // default the system clock; clocks of several hosts must agree to well within Lease
	Log  *slog.Logger  // default: discard
	// Crash is called at named points ("claimed", "saved", "done": before the end is written, "ended": after it). Tests
	// use it to end the process or, by runtime.Goexit, the worker there.
	Crash func(point string)
}

// Queue is the task queue in one database: enqueue with Kind.Enqueue, handle with Kind.Handle and Run, and see and
// change the tasks as an operator with List, Show, Retry and Cancel. Its methods are safe for concurrent use.
type Queue struct {
	d        *db.DB
	c        Config
	handlers map[string]handler
	wakeup   chan struct{} // capacity 1: one pending hint is enough
	seq      atomic.Int64
	stats    counters

	claimer claimer
	leases  leases
	pool    pool
	ends    ends
}

type counters struct{ claimed, done, retried, dead, panics, lost atomic.Int64 }

// Stats counts the queue's work since it was created.
type Stats struct{ Claimed, Done, Retried, Dead, Panics, Lost int64 }

// New makes a queue. A process without handlers uses it only to enqueue.
func New(d *db.DB, c Config) *Queue {
	if c.Workers <= 0 {
		c.Workers = 16
	}
	if c.Lease <= 0 {
		c.Lease = 15 * time.Second
	}
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.Keep <= 0 {
		c.Keep = 30 * 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = clock.Real
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{d: d, c: c, handlers: map[string]handler{}, wakeup: make(chan struct{}, 1)}
	q.leases = leases{d: d, length: c.Lease, now: c.Now, log: c.Log, holds: map[*hold]bool{}}
	q.pool = pool{workers: c.Workers, pace: shortTask}
	q.claimer = claimer{d: d, owner: c.Owner, rivals: d.Dialect().Caps().Rivals, leases: &q.leases,
		claimed: func(n int) { q.stats.claimed.Add(int64(n)) }, now: c.Now, log: c.Log}
	if !c.Exclusive {
		q.claimer.owner += "/" + ids.Hex()
	}
	return q
}

// Name is the service's name.
func (q *Queue) Name() string { return "tasks" }

// Stats returns the counters.
func (q *Queue) Stats() Stats {
	s := &q.stats
	return Stats{s.claimed.Load(), s.done.Load(), s.retried.Load(), s.dead.Load(), s.panics.Load(), s.lost.Load()}
}

// sequence numbers tasks by their time of enqueue, unique within the process.
func (q *Queue) sequence(now time.Time) int64 {
	for {
		last := q.seq.Load()
		next := max(now.UnixMicro(), last+1)
		if q.seq.CompareAndSwap(last, next) {
			return next
		}
	}
}

// Wake hints that another process enqueued a task. It does not block and is safe to call at any time.
func (q *Queue) Wake() { q.wake() }

// wake hints that a task may be due.
func (q *Queue) wake() {
	select {
	case q.wakeup <- struct{}{}:
	default:
	}
}

// wakeIn hints that a task will be due after d. Beyond Poll a poll finds it.
func (q *Queue) wakeIn(d time.Duration) {
	switch {
	case d <= 0:
		q.wake()
	case d < q.c.Poll:
		time.AfterFunc(d, q.wake)
	}
}

// enqueued runs after the commit of a task that was not claimed with its enqueue.
func (q *Queue) enqueued(ctx context.Context, wait time.Duration) {
	if !q.pool.started() && wait <= 0 && q.c.Hint != nil {
		q.c.Hint(context.WithoutCancel(ctx)) // committed, even if the caller's context has ended
		return
	}
	q.wakeIn(wait)
}

func (q *Queue) crash(point string) {
	if q.c.Crash != nil {
		q.c.Crash(point)
	}
}

// claimable reports whether a worker of this process can start a task of the kind at once, and whether to claim it in
// the transaction of its enqueue. With concurrent writers that is not worthwhile: the check for other tasks of the key
// would conflict with other transactions.
func (q *Queue) claimable(kind string) bool {
	_, ok := q.handlers[kind]
	return ok && !q.claimer.rivals && q.pool.free()
}

// insertClaimed inserts a row as claimed, unless another task has its key. A rollback of the caller's transaction
// undoes the claim.
func (q *Queue) insertClaimed(ctx context.Context, tx *db.Tx, r row) (bool, error) {
	if r.Key != "" {
		n, err := othersOfKey.One(ctx, tx, r.Key)
		if err != nil || n > 0 {
			return false, err
		}
	}
	r.State, r.Owner, r.Due, r.Attempt, r.Fence = running, q.claimer.owner, db.At(q.leases.end()), 1, 1
	ok, err := insertRow.Absent(ctx, tx, r)
	if ok {
		tx.AfterCommit(func() { q.accept(ctx, r) })
	}
	return ok, err
}

// accept runs after the commit of a task that was enqueued as claimed.
func (q *Queue) accept(ctx context.Context, r row) {
	up := q.pool.addOne(func() *hold {
		q.stats.claimed.Add(1)
		return q.leases.add(r)
	})
	if !up { // Run has ended: release the lease now
		q.requeue(context.WithoutCancel(ctx), r, q.c.Now(), r.Attempt-1)
	}
	q.wake()
}

// requeue returns a claimed task to the queue, due at the given time.
func (q *Queue) requeue(ctx context.Context, r row, at time.Time, attempt int) {
	_, err := release.Do(ctx, q.d.Lone(), db.At(at), attempt, r.Reason, r.ID, r.Fence)
	if err != nil {
		q.c.Log.Warn("cannot requeue a task; it is claimed again when its lease ends", "task", r.ID,
			"kind", r.Kind, log.Err, err)
	}
}

// Run claims tasks and runs their handlers until ctx ends; it calls ready when it begins. After ctx has ended the
// handlers' contexts end, steps stop at their next boundary, and unfinished tasks return to the queue; Run returns when
// the last handler has returned. It fails if the queue runs already or the database does not answer.
func (q *Queue) Run(ctx context.Context, ready func()) error {
	if q.c.Exclusive {
		if _, err := takeBack.Do(ctx, q.d.Lone(), q.claimer.owner); err != nil {
			return err
		}
	}
	if !q.pool.start() {
		return errors.New("tasks: the queue runs already")
	}
	ready()
	q.dispatch(ctx)
	return nil
}
