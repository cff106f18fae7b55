package tasks

import (
	"context"
	"errors"
	"log/slog"
	"time"
	"unicode/utf8"

	"hypernova/oslo/db"
	"hypernova/oslo/log"
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

// postpone returns the task to the queue if err is from Later. It returns false for any other error.
func (q *Queue) postpone(ctx context.Context, r *row, err error) bool {
	var l *later
	if !errors.As(err, &l) {
		return false
	}
	r.Reason = reasonOf(l.err)
	q.c.Log.LogAttrs(ctx, slog.LevelInfo, "task postponed: a dependency is unavailable", slog.Any("task", r.ID), slog.String("kind", r.Kind), slog.String("key", r.Key),
		slog.String(log.Request, r.Request), slog.Duration("wait", l.pause), slog.String(log.Err, l.err.Error()))
	q.requeue(ctx, *r, q.c.Now().Add(l.pause), r.Attempt-1)
	q.wakeIn(l.pause)
	return true
}

// Now returns the time of the queue's clock. Deadlines of tasks are compared with it.
func (q *Queue) Now() time.Time { return q.c.Now() }

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
