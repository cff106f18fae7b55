package tasks

import (
	"context"
	"time"
	"unicode/utf8"

	"hypernova/oslo/db"
)

// later is the error of an attempt that does not count.
type later struct {
	err   error
	pause time.Duration
}

func (l *later) Error() string { return l.err.Error() }
func (l *later) Unwrap() error { return l.err }

// Later wraps an error so that the attempt does not count, because something the task needs is unavailable. The task
// returns to the queue for the pause and keeps its attempts; the error becomes its recorded reason. The handler decides
// how long to go on like this.
func Later(err error, pause time.Duration) error {
	if err == nil {
		return nil
	}
	return &later{err, pause}
}

// Now returns the time of the queue's clock. Deadlines of tasks are compared with it.
func (q *Queue) Now() time.Time { return q.c.Now() }

// By the primary key.
var withdraw = db.NewExec(stmts, `
DELETE FROM tasks
WHERE id = ?
  AND state = 'queued'`)

// Withdraw removes a task that waits, in the caller's transaction. A task that has begun, or has ended, is left alone.
func (q *Queue) Withdraw(ctx context.Context, tx *db.Tx, id ID) error {
	_, err := withdraw.Do(ctx, tx, id)
	return err
}

// Served by tasks_next.
var hurry = db.NewExec(stmts, `
UPDATE tasks
SET due = ?
WHERE state = 'queued'
  AND due > ?
  AND kind = ?
  AND SUBSTR(task_key, 1, ?) = ?`)

// Hurry makes the waiting tasks of a kind due now if their key begins with keys. Use it when the dependency they wait
// for is available again.
func (k *Kind[T]) Hurry(ctx context.Context, q *Queue, keys string) error {
	now := db.At(q.c.Now())
	n, err := hurry.Do(ctx, q.d, now, now, k.name, utf8.RuneCountInString(keys), keys)
	if n > 0 {
		q.wake()
	}
	return err
}
