package tasks

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
)

// Config is how a process works the queue; zero values mean the defaults.
type Config struct {
	Owner   string        // host/process name for the lease
	Workers int           // default 16
	Lease   time.Duration // default 15 s, renewed at a third
	Poll    time.Duration // how often to look without a hint; default 1 s
	// Exclusive says that no other living process has this Owner: what a former one held is taken back at once, not after its lease.
	Exclusive bool
	// Hint, if not nil, is called after the commit of a task that can begin at once and that this process does not work: whoever else works the
	// queue may be told, and calls Wake. Without it they find the task when they look next.
	Hint func(ctx context.Context)
	Keep time.Duration // how long dead tasks are kept for the operator; default 30 days
	Now  clock.Now     // default the machine's clock; those of several hosts must agree to well within Lease
	Log  *slog.Logger  // default none
	// Crash is called at named instants ("claimed", "saved", "done": before the end is written, "ended": after it), for tests that end
	// the process there or, by runtime.Goexit, the worker.
	Crash func(point string)
}

// Queue lives in one database. Run claims and works until ctx ends, then asks what is in flight to stop and waits for it.
type Queue struct {
	d        *db.DB
	c        Config
	owner    string // of this queue alone: Owner and a random part, unless Exclusive
	rivals   bool   // the database has several writers at once
	handlers map[string]handler
	wakeup   chan struct{} // holds one hint: more say no more
	seq      atomic.Int64
	stats    counters

	mu      sync.Mutex
	up      bool           // Run claims
	backlog bool           // the last look found as much as it was to find, or more
	holds   map[*hold]bool // every task that this process has a lease on
	taken   []*hold        // claimed with their enqueueing or ahead, waiting for a worker
	working int            // tasks that are with a worker
	pace    time.Duration  // about what a handler takes
	counted time.Time      // when analyze ran last

	ends ends
}

type counters struct{ claimed, done, retried, dead, panics, lost atomic.Int64 }

// Stats counts what the queue has done since it was made.
type Stats struct{ Claimed, Done, Retried, Dead, Panics, Lost int64 }

// New makes a queue. To enqueue is all that a process without handlers does with it.
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
	q := &Queue{d: d, c: c, owner: c.Owner, rivals: d.Dialect().Caps().Rivals, handlers: map[string]handler{}, wakeup: make(chan struct{}, 1), holds: map[*hold]bool{}, pace: shortTask}
	if !c.Exclusive {
		q.owner += "/" + ids.Hex()
	}
	return q
}

// Name is the service's name.
func (q *Queue) Name() string { return "tasks" }

// Stats answers the counters.
func (q *Queue) Stats() Stats {
	s := &q.stats
	return Stats{s.claimed.Load(), s.done.Load(), s.retried.Load(), s.dead.Load(), s.panics.Load(), s.lost.Load()}
}

// sequence numbers tasks by the time they were enqueued at, never twice the same within a process.
func (q *Queue) sequence(now time.Time) int64 {
	for {
		last := q.seq.Load()
		next := max(now.UnixMicro(), last+1)
		if q.seq.CompareAndSwap(last, next) {
			return next
		}
	}
}

func (q *Queue) leaseEnd() time.Time { return q.c.Now().Add(q.c.Lease) }

// Wake hints that somebody else enqueued work. It does not block, and may be called at any time.
func (q *Queue) Wake() { q.wake() }

// wake hints that there may be work.
func (q *Queue) wake() {
	select {
	case q.wakeup <- struct{}{}:
	default:
	}
}

// wakeIn hints that there will be work. What is further off than Poll is found without a hint.
func (q *Queue) wakeIn(d time.Duration) {
	switch {
	case d <= 0:
		q.wake()
	case d < q.c.Poll:
		time.AfterFunc(d, q.wake)
	}
}

// enqueued is called after the commit of a task that this process has not claimed with it.
func (q *Queue) enqueued(ctx context.Context, wait time.Duration) {
	q.mu.Lock()
	up := q.up
	q.mu.Unlock()
	if !up && wait <= 0 && q.c.Hint != nil {
		q.c.Hint(context.WithoutCancel(ctx)) // the commit is done, whoever still waits for the answer
		return
	}
	q.wakeIn(wait)
}

func (q *Queue) crash(point string) {
	if q.c.Crash != nil {
		q.c.Crash(point)
	}
}

// free says whether a worker of this process could begin a task of the kind at once, and whether it is cheap to claim the task with its
// enqueueing: that takes a look at the others of its key, which rivals that enqueue in the same instant would pay for with a repetition.
func (q *Queue) free(kind string) bool {
	if _, ok := q.handlers[kind]; !ok || q.rivals {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.up && !q.backlog && q.working+len(q.taken) < q.c.Workers
}

// insertClaimed writes a new row that is claimed already, unless another task has its key. The claim is undone with the caller's
// transaction.
func (q *Queue) insertClaimed(ctx context.Context, tx *db.Tx, r row) (bool, error) {
	if r.Key != "" {
		n, err := othersOfKey.One(ctx, tx, r.Key)
		if err != nil || n > 0 {
			return false, err
		}
	}
	r.State, r.Owner, r.Due, r.Attempt, r.Fence = running, q.owner, db.At(q.leaseEnd()), 1, 1
	ok, err := insertRow.Absent(ctx, tx, r)
	if ok {
		tx.AfterCommit(func() { q.take(ctx, r) })
	}
	return ok, err
}

// take is called after the commit of a task that was enqueued as claimed.
func (q *Queue) take(ctx context.Context, r row) {
	q.mu.Lock()
	up := q.up
	if up {
		q.taken = append(q.taken, q.hold(r))
		q.stats.claimed.Add(1)
	}
	q.mu.Unlock()
	if !up { // it stopped meanwhile: nobody need wait for the lease to end
		q.giveBack(context.WithoutCancel(ctx), r, q.c.Now(), r.Attempt-1)
	}
	q.wake()
}

// giveBack puts a claimed task back into the queue, due at the given time.
func (q *Queue) giveBack(ctx context.Context, r row, at time.Time, attempt int) {
	_, err := release.Do(ctx, q.d.Lone(), db.At(at), attempt, r.Reason, r.ID, r.Fence)
	if err != nil {
		q.c.Log.Warn("task not given back; its lease will end", "task", r.ID, "kind", r.Kind, "error", err)
	}
}

// Run claims and works until ctx ends. Then the handlers' contexts end too: steps stop at the next boundary, and what
// did not finish goes back to the queue for whoever is next.
func (q *Queue) Run(ctx context.Context, ready func()) error {
	if q.c.Exclusive {
		if _, err := takeBack.Do(ctx, q.d.Lone(), q.owner); err != nil {
			return err
		}
	}
	q.mu.Lock()
	if q.up {
		q.mu.Unlock()
		return errors.New("tasks: the queue runs already")
	}
	q.up = true
	q.mu.Unlock()
	ready()
	q.dispatch(ctx)
	return nil
}
