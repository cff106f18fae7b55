package messaging

import (
	"context"
	"sync"
	"time"
)

// lapse is a context with a deadline whose timer is created only if somebody waits for its end. Most handlers finish
// before that, and a timer costs as much as a short handler.
type lapse struct {
	context.Context // of the message; it does not end
	at              time.Time

	mu    sync.Mutex // guards the fields below
	timed context.Context
	end   context.CancelFunc
	ended bool // ended before the timer was created
}

// lapsing returns ctx, which must not end by itself, with a deadline.
func lapsing(ctx context.Context, at time.Time) (context.Context, context.CancelFunc) {
	l := &lapse{Context: ctx, at: at}
	return l, l.cancel
}

func (l *lapse) Deadline() (time.Time, bool) { return l.at, true }

func (l *lapse) Done() <-chan struct{} { return l.watched().Done() }

// Value also serves the timer's context, so that child contexts find it and need no goroutine.
func (l *lapse) Value(key any) any {
	l.mu.Lock()
	timed := l.timed
	l.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return l.Context.Value(key)
}

func (l *lapse) Err() error {
	l.mu.Lock()
	timed, ended := l.timed, l.ended
	l.mu.Unlock()
	switch {
	case timed != nil:
		return timed.Err()
	case ended:
		return context.Canceled
	case time.Now().Before(l.at):
		return nil
	}
	return l.watched().Err() // ended, and it stays ended
}

// watched returns the context with its timer.
func (l *lapse) watched() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.timed != nil:
	case l.ended:
		l.timed, l.end = context.WithCancel(l.Context)
		l.end()
	default:
		l.timed, l.end = context.WithDeadline(l.Context, l.at)
	}
	return l.timed
}

func (l *lapse) cancel() {
	l.mu.Lock()
	l.ended = true
	end := l.end
	l.mu.Unlock()
	if end != nil {
		end()
	}
}
