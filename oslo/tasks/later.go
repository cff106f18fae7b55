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

// later is the error of a try that was none.
type later struct {
	err   error
	pause time.Duration
}

func (l *later) Error() string { return l.err.Error() }
func (l *later) Unwrap() error { return l.err }

// Later wraps the error of a try that was none, because what it needs is away: the task goes back to the queue for the pause, its tries
// stay as they are, and whoever looks finds the error as its reason. How long it may go on so is the handler's to decide.
func Later(err error, pause time.Duration) error {
	if err == nil {
		return nil
	}
	return &later{err, pause}
}

// postpone gives a task back whose try was none; false for any other error.
func (q *Queue) postpone(ctx context.Context, r *row, err error) bool {
	var l *later
	if !errors.As(err, &l) {
		return false
	}
	r.Reason = reasonOf(l.err)
	q.c.Log.LogAttrs(ctx, slog.LevelInfo, "task waits", slog.Any("task", r.ID), slog.String("kind", r.Kind), slog.String("key", r.Key),
		slog.String(log.Request, r.Request), slog.Duration("wait", l.pause), slog.String("for", l.err.Error()))
	q.giveBack(ctx, *r, q.c.Now().Add(l.pause), r.Attempt-1)
	q.wakeIn(l.pause)
	return true
}

// Now is the queue's clock, which deadlines of tasks are told by.
func (q *Queue) Now() time.Time { return q.c.Now() }

// Served by tasks_next.
var hurry = db.NewExec(stmts, `
UPDATE tasks
SET due = ?
WHERE state = 'queued'
  AND due > ?
  AND kind = ?
  AND SUBSTR(task_key, 1, ?) = ?`)

// Hurry makes those of a kind due that wait for their time and whose key begins with the given text: what they wait for has come.
func (k *Kind[T]) Hurry(ctx context.Context, q *Queue, keys string) error {
	now := db.At(q.c.Now())
	n, err := hurry.Do(ctx, q.d, now, now, k.name, utf8.RuneCountInString(keys), keys)
	if n > 0 {
		q.wake()
	}
	return err
}
