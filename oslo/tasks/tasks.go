package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/steps"
)

// ID identifies a task.
type ID string

// Options are the settings of a kind. A zero value means the default.
type Options struct {
	MaxAttempts int           // attempts before the task is dead; default 10
	Backoff     time.Duration // first pause, doubled after each attempt, with jitter, at most 1 min; default 1 s
	Deadline    time.Duration // from the enqueue; 0: none
	Priority    int           // higher runs first
}

// Kind is a declared kind of task. Its arguments are a T, stored as JSON.
type Kind[T any] struct {
	name string
	o    Options
}

// NewKind declares a kind. The name is stored in the rows; tasks of a kind that no process handles stay queued.
func NewKind[T any](name string, o Options) *Kind[T] {
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 10
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	return &Kind[T]{name, o}
}

// Name returns the kind's stored name.
func (k *Kind[T]) Name() string { return k.name }

// Enqueue inserts the task in the caller's transaction and wakes a worker after the commit. Tasks with the same key (a
// server id) run one at a time in the order of their enqueue. Tasks without a key run as soon as a worker is free. The
// request id and caller of ctx are stored with the task.
func (k *Kind[T]) Enqueue(ctx context.Context, tx *db.Tx, q *Queue, key string, args T) (ID, error) {
	return k.EnqueueAfter(ctx, tx, q, key, 0, args)
}

// EnqueueAfter is Enqueue for a task that is due after wait.
func (k *Kind[T]) EnqueueAfter(ctx context.Context, tx *db.Tx, q *Queue, key string,
	wait time.Duration, args T) (ID, error) {
	b, err := json.Marshal(args)
	if err != nil {
		return "", fmt.Errorf("arguments of task %s: %w", k.name, err)
	}
	now := q.c.Now()
	r := row{
		ID: ID(ids.Ordered(now)), Kind: k.name, Key: key, Seq: q.sequence(now), Priority: k.o.Priority, State: queued,
		Due: db.At(now.Add(wait)), Request: auth.RequestID(ctx), Caller: db.JSON[*auth.Caller]{V: auth.From(ctx)},
		Args: string(b), Created: db.At(now),
	}
	if k.o.Deadline > 0 {
		r.Deadline = db.At(now.Add(wait + k.o.Deadline))
	}
	if wait <= 0 && q.claimable(k.name) {
		own, err := q.insertClaimed(ctx, tx, r)
		if err != nil || own {
			return r.ID, err
		}
	}
	tx.AfterCommit(func() { q.enqueued(ctx, wait) })
	return r.ID, insertRow.Do(ctx, tx, r)
}

// Handle registers the handler of a kind. Call it before Run. A nil error finishes the task. fault.Unavailable,
// unclassified errors and panics are retried with backoff. An error of any other kind, or one wrapped by Fail, makes
// the task dead at once. onDead may be nil; it is called when a task becomes dead, for example to set a server to
// ERROR, and is retried until it succeeds.
//
// The context of h carries the request id and caller of the enqueue. It ends when the task's deadline passes, the lease
// is lost, an operator cancels the task, or the process shuts down. After a shutdown the task returns to the queue
// unchanged.
func (k *Kind[T]) Handle(q *Queue, h func(ctx context.Context, t *Task, args T) error,
	onDead func(ctx context.Context, t *Task, args T, reason error) error) {
	if _, ok := q.handlers[k.name]; ok {
		panic("tasks: two handlers for " + k.name)
	}
	e := handler{o: k.o}
	e.work = func(ctx context.Context, t *Task, b string) error {
		var args T
		if err := json.Unmarshal([]byte(b), &args); err != nil {
			return Fail(fmt.Errorf("arguments of task %s: %w", k.name, err))
		}
		return h(ctx, t, args)
	}
	if onDead != nil {
		e.dead = func(ctx context.Context, t *Task, b string, reason error) error {
			var args T
			if err := json.Unmarshal([]byte(b), &args); err != nil {
				return nil // the arguments cannot be read; the row keeps the reason
			}
			return onDead(ctx, t, args, reason)
		}
	}
	q.handlers[k.name] = e
}

// handler is a registered kind without its type parameter.
type handler struct {
	o    Options
	work func(ctx context.Context, t *Task, args string) error
	dead func(ctx context.Context, t *Task, args string, reason error) error
}

// Task is a claimed task.
type Task struct {
	ID      ID
	Key     string
	Attempt int
	Fence   int64
	Request string

	q    *Queue
	h    *hold
	done bool // set by Done
}

// Journal stores the progress of the task's steps. A save returns ErrLost if another worker has claimed the task.
func (t *Task) Journal() steps.Journal { return journal{t} }

// Done deletes the task in the handler's own last transaction, so that the work and its end commit together. If the
// transaction commits, the handler must return nil. Done returns ErrLost if another worker has claimed the task.
func (t *Task) Done(ctx context.Context, tx *db.Tx) error {
	n, err := remove.Do(ctx, tx, t.ID, t.Fence)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrLost
	}
	tx.AfterCommit(func() { t.done = true })
	return nil
}

type journal struct{ t *Task }

func (j journal) Load(ctx context.Context) ([]byte, error) {
	s, err := journalOf.One(ctx, j.t.q.d, j.t.ID, j.t.Fence)
	if fault.Is(err, fault.NotFound) {
		return nil, ErrLost
	}
	return []byte(s), err
}

// SaveIn stores the progress of the task's steps in the transaction of the handler. The Save of Journal does it alone.
func (t *Task) SaveIn(ctx context.Context, tx *db.Tx, record []byte) error {
	until := t.q.leases.end()
	n, err := save.Do(ctx, tx, string(record), db.At(until), t.ID, t.Fence)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrLost
	}
	tx.AfterCommit(func() {
		t.h.renewed(until)
		t.q.crash("saved")
	})
	return nil
}

func (j journal) Save(ctx context.Context, record []byte) error {
	until := j.t.q.leases.end()
	n, err := save.Do(ctx, j.t.q.d.Lone(), string(record), db.At(until), j.t.ID, j.t.Fence)
	if err != nil {
		return err
	}
	if n == 0 {
		j.t.h.cancel(ErrLost)
		return ErrLost
	}
	j.t.h.renewed(until)
	j.t.q.crash("saved")
	return nil
}

var (
	// ErrLost means that another worker has claimed the task. The handler must return at once and change nothing.
	ErrLost = errors.New("tasks: the lease was lost")
	// ErrCancelled is the cancellation cause if an operator cancelled the task.
	ErrCancelled = errors.New("tasks: cancelled")
)

type final struct{ err error }

func (f *final) Error() string { return f.err.Error() }
func (f *final) Unwrap() error { return f.err }

// Fail wraps an error so that it is not retried.
func Fail(err error) error {
	if err == nil {
		return nil
	}
	return &final{err}
}

// retriable reports whether another attempt may succeed.
func retriable(err error) bool {
	var f *final
	if errors.As(err, &f) {
		return false
	}
	k := fault.KindOf(err)
	return k == fault.Unavailable || k == fault.Internal
}
