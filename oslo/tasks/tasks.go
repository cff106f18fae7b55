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

// ID names a task.
type ID string

// Options are a kind's habits; zero values mean the defaults.
type Options struct {
	MaxAttempts int           // tries before it is dead; default 10
	Backoff     time.Duration // first pause, doubled each time, jittered, at most 1 min; default 1 s
	Deadline    time.Duration // from enqueue; 0: none
	Priority    int           // higher first
}

// Kind is a declared sort of work whose arguments are a T (kept as JSON).
type Kind[T any] struct {
	name string
	o    Options
}

// NewKind declares a kind. Its name is in the rows: a kind that is no longer handled leaves them waiting.
func NewKind[T any](name string, o Options) *Kind[T] {
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 10
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	return &Kind[T]{name, o}
}

// Name is the kind's name in the rows.
func (k *Kind[T]) Name() string { return k.name }

// Enqueue writes the task in the caller's transaction and wakes a worker after the commit. Tasks of one key (a server id) run
// one at a time in the order they were enqueued; tasks without a key run whenever a worker is free. The request id and caller of ctx go along.
func (k *Kind[T]) Enqueue(ctx context.Context, tx *db.Tx, q *Queue, key string, args T) (ID, error) {
	return k.EnqueueAfter(ctx, tx, q, key, 0, args)
}

// EnqueueAfter is Enqueue for work that must not begin before some time has passed.
func (k *Kind[T]) EnqueueAfter(ctx context.Context, tx *db.Tx, q *Queue, key string, wait time.Duration, args T) (ID, error) {
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
	if wait <= 0 && q.free(k.name) {
		own, err := q.insertClaimed(ctx, tx, r)
		if err != nil || own {
			return r.ID, err
		}
	}
	tx.AfterCommit(func() { q.enqueued(ctx, wait) })
	return r.ID, insertRow.Do(ctx, tx, r)
}

// Handle registers the worker; it must be called before Run. A nil error ends the task; fault.Unavailable and unclassified
// errors are retried with backoff, as are panics; an error of another kind, or one wrapped by Fail, ends it as dead at once. onDead, if not nil, is called
// (in a retried way) when a task dies, so that a server can be put in ERROR.
//
// The context of h carries the request id and caller of the one who enqueued. It ends when the task's deadline passes, when the lease is
// lost, when the task is cancelled, and at shutdown; then the task goes back to the queue as it was.
func (k *Kind[T]) Handle(q *Queue, h func(ctx context.Context, t *Task, args T) error, onDead func(ctx context.Context, t *Task, args T, reason error) error) {
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
				return nil // nobody could say what it was about; the row keeps it
			}
			return onDead(ctx, t, args, reason)
		}
	}
	q.handlers[k.name] = e
}

// handler is a registered kind without its type.
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
	done bool // by Done
}

// Journal is where the task's steps record themselves; each save is guarded by lease and fence: ErrLost when another worker took over.
func (t *Task) Journal() steps.Journal { return journal{t} }

// Done ends the task in the handler's own last transaction: one write less, and the work and its end are one. The handler must
// then return nil if the transaction commits. ErrLost when another worker took over.
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

func (j journal) Save(ctx context.Context, record []byte) error {
	until := j.t.q.leaseEnd()
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
	// ErrLost says that another worker has the task now: return at once, and touch nothing.
	ErrLost = errors.New("tasks: the lease was lost")
	// ErrCancelled is the cause of a context that ended because an operator cancelled the task.
	ErrCancelled = errors.New("tasks: cancelled")
)

type final struct{ err error }

func (f *final) Error() string { return f.err.Error() }
func (f *final) Unwrap() error { return f.err }

// Fail wraps an error that must not be retried.
func Fail(err error) error {
	if err == nil {
		return nil
	}
	return &final{err}
}

// retriable says whether another try may help.
func retriable(err error) bool {
	var f *final
	if errors.As(err, &f) {
		return false
	}
	k := fault.KindOf(err)
	return k == fault.Unavailable || k == fault.Internal
}
