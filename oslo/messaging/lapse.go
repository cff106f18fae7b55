package messaging

import (
	"context"
	"sync"
	"time"
)

// lapse is a context with a deadline whose timer is set when somebody waits for its end. Most handlers are done before they do, and a timer
// costs as much as a short handler.
type lapse struct {
	context.Context // of the message; it does not end
	at              time.Time

	mu    sync.Mutex // guards what follows
	timed context.Context
	end   context.CancelFunc
	ended bool // before it was timed
}

// lapsing gives ctx, which must not end by itself, a deadline.
func lapsing(ctx context.Context, at time.Time) (context.Context, context.CancelFunc) {
	l := &lapse{Context: ctx, at: at}
	return l, l.cancel
}

func (l *lapse) Deadline() (time.Time, bool) { return l.at, true }

func (l *lapse) Done() <-chan struct{} { return l.watched().Done() }

// Value answers for the timer too, so that a child of the context finds it and needs nobody who waits for both.
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
	return l.watched().Err() // which has ended, and stays so
}

// watched is the context with its timer.
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
