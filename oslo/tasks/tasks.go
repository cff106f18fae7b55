// Package tasks is the durable queue. (CONTRACT SKELETON: owner replaces bodies, keeps signatures.)
package tasks

import (
	"context"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/steps"
)

type ID string

// Kind is a declared sort of work whose arguments are a T (kept as JSON).
type Kind[T any] struct{}

type Options struct {
	MaxAttempts int           // tries before it is dead; default 10
	Backoff     time.Duration // first pause, doubled each time, jittered, at most 1 min; default 1 s
	Deadline    time.Duration // from enqueue; 0: none
	Priority    int           // higher first
}

func NewKind[T any](name string, o Options) *Kind[T] { panic("x") }

// Enqueue writes the task in the caller's transaction and wakes a worker after the commit. Tasks of one key (a server id) run
// one at a time in the order they were enqueued. The request id and caller of ctx go along.
func (k *Kind[T]) Enqueue(ctx context.Context, tx *db.Tx, q *Queue, key string, args T) (ID, error) {
	panic("x")
}

// Handle registers the worker. A nil error ends the task; fault.Unavailable and unclassified errors are retried with backoff;
// Fail(err) ends it as dead at once; OnDead of the handler is called (in a retried way) when a task dies, so that a server can be put in ERROR.
func (k *Kind[T]) Handle(q *Queue, h func(ctx context.Context, t *Task, args T) error, onDead func(ctx context.Context, t *Task, args T, reason error) error) {
	panic("x")
}

// Task is a claimed task.
type Task struct {
	ID      ID
	Key     string
	Attempt int
	Fence   int64
	Request string
}

// Journal is where the task's steps record themselves; each save is guarded by lease and fence: ErrLost when another worker took over.
func (t *Task) Journal() steps.Journal { panic("x") }

// Fail wraps an error that must not be retried.
func Fail(err error) error { panic("x") }

// Queue lives in one database. Run claims and works until ctx ends, then finishes what is in flight.
type Queue struct{}
type Config struct {
	Owner   string        // host/process name for the lease
	Workers int           // default 16
	Lease   time.Duration // default 15 s, renewed at a third
	Poll    time.Duration // how often to look without a hint; default 1 s
}

func New(d *db.DB, c Config) *Queue                          { panic("x") }
func (q *Queue) Run(ctx context.Context, ready func()) error { panic("x") }
func (q *Queue) Name() string                                { return "tasks" }

// ProcessOne claims and works one due task, for tests; false when there is none.
func (q *Queue) ProcessOne(ctx context.Context) (bool, error) { panic("x") }

// Idle blocks until no task is queued or running, for tests.
func (q *Queue) Idle(ctx context.Context) error { panic("x") }
