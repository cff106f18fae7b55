package sqlite

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"hypernova/oslo/db"
)

// writer passes the one writing connection from transaction to transaction, as a baton.
//
// Each transaction runs on its caller's goroutine, as a savepoint of the batch that the baton carries. The first of a
// batch needs no savepoint: if it fails, the batch is undone, and the next one begins another. When it ends and
// another one waits, the baton goes on within the same batch; when none waits or the batch is long enough, the holder
// commits and tells all members at once. So a member fails alone (its savepoint is undone), and succeeds only with the
// commit.
type writer struct {
	mu      sync.Mutex
	busy    bool // somebody holds the baton
	closed  bool // the connection is closed when the baton is put down
	waiting []chan *batch

	conn     *conn         // the holder's
	patience time.Duration // how long a transaction waits before it asks whether it waits for itself
}

// patience is longer than transactions wait for others.
const patience = 10 * time.Second

// batch is what one commit makes durable.
type batch struct {
	begun   bool
	lost    bool // SQLite undid the whole transaction
	members int
	since   time.Time
	done    chan struct{} // closed after the commit
	err     error         // of the commit; read after done
}

const (
	batchMembers = 64
	batchTime    = 5 * time.Millisecond // most that a member waits for others to join
)

// errLost says that the batch was undone for a fault of another member; the transaction runs again.
var errLost = errors.New("sqlite: transaction undone together with another")

var errSavepoint = errors.New("sqlite: the transaction was undone by a failed statement")

// acquire waits for the baton.
func (w *writer) acquire(ctx context.Context) (*batch, error) {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil, errClosed
	}
	if !w.busy {
		w.busy = true
		w.mu.Unlock()
		return newBatch(), nil
	}
	turn := make(chan *batch, 1) // the giver does not wait
	w.waiting = append(w.waiting, turn)
	w.mu.Unlock()
	long := time.NewTimer(w.patience)
	defer long.Stop()
	var nested error
	for waits := true; waits; {
		select {
		case b := <-turn:
			return b, nil
		case <-ctx.Done():
			waits = false
		case <-long.C:
			nested = db.Nested()
			waits = nested == nil
		}
	}
	w.mu.Lock()
	for i, t := range w.waiting {
		if t == turn {
			w.waiting = append(w.waiting[:i], w.waiting[i+1:]...)
			w.mu.Unlock()
			return nil, cmp.Or(nested, ctx.Err())
		}
	}
	w.mu.Unlock()
	w.pass(context.WithoutCancel(ctx), <-turn) // it was given in the same moment
	return nil, cmp.Or(nested, ctx.Err())
}

func newBatch() *batch { return &batch{since: time.Now(), done: make(chan struct{})} }

// next takes the first waiter off the queue; without one the baton is put down if drop is set.
func (w *writer) next(drop bool) chan *batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		if drop {
			w.busy = false
			if w.closed {
				_ = w.conn.close() // whoever closed the database did not wait
			}
		}
		return nil
	}
	t := w.waiting[0]
	w.waiting = w.waiting[1:]
	return t
}

// close closes the connection, at once if nobody holds the baton.
func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if w.busy {
		return nil
	}
	return w.conn.close()
}

// pass hands the baton on: within the batch where that may grow, else after its commit. ctx must not end.
func (w *writer) pass(ctx context.Context, b *batch) {
	if b.begun && !b.lost && b.members < batchMembers && time.Since(b.since) < batchTime {
		if t := w.next(false); t != nil {
			t <- b
			return
		}
	}
	switch {
	case !b.begun:
	case b.lost:
		b.err = errLost
		_ = w.conn.do(ctx, "ROLLBACK") // fails where SQLite has rolled back already, which is as good
	default:
		if b.err = w.conn.do(ctx, "COMMIT"); b.err != nil {
			_ = w.conn.do(ctx, "ROLLBACK") // as above
		}
	}
	close(b.done)
	if t := w.next(true); t != nil {
		t <- newBatch()
	}
}

// Write runs fn as a member of a batch.
func (e *engine) Write(ctx context.Context, fn func(db.Conn) error) error {
	b, err := e.w.acquire(ctx)
	if err != nil {
		return err
	}
	broke, err := e.w.member(ctx, b, fn)
	<-b.done
	// What fn decided, for better or worse, stands on the work of the members before it; so their commit decides first.
	if b.err != nil && !broke {
		return b.err
	}
	return err
}

// member runs fn in a savepoint and passes the baton, also when fn panics. broke says that its error undid the whole
// batch.
func (w *writer) member(ctx context.Context, b *batch, fn func(db.Conn) error) (broke bool, err error) {
	free := context.WithoutCancel(ctx) // an interrupted statement would undo the other members' work too
	ran, first := false, !b.begun
	defer func() {
		switch failed := !ran || err != nil; {
		case failed && first && b.begun && !b.lost:
			_ = w.conn.do(free, "ROLLBACK") // fails where SQLite has rolled back already, which is as good
			b.begun, b.members = false, 0
		case failed && b.begun && !b.lost:
			if w.conn.do(free, "ROLLBACK TO member") != nil || w.conn.do(free, "RELEASE member") != nil {
				b.lost, broke = true, true
			}
		}
		w.pass(free, b)
	}()
	if !b.begun {
		if err := w.conn.do(ctx, "BEGIN IMMEDIATE"); err != nil {
			ran = true
			_ = w.conn.do(free, "ROLLBACK") // fails unless BEGIN got through and its answer did not
			return true, err
		}
		b.begun = true
	}
	b.members++
	if !first {
		if err := w.conn.do(free, "SAVEPOINT member"); err != nil {
			b.lost, ran = true, true
			return true, err
		}
	}
	err = fn(held{w.conn})
	ran = true
	if err != nil {
		return false, err
	}
	if !first && w.conn.do(free, "RELEASE member") != nil {
		b.lost = true
		return true, errSavepoint
	}
	return false, nil
}

// alone runs fn holding the baton, without a transaction.
func (w *writer) alone(ctx context.Context, fn func() error) error {
	b, err := w.acquire(ctx)
	for err == nil && b.begun { // let that batch commit first
		b.members = batchMembers
		w.pass(context.WithoutCancel(ctx), b)
		b, err = w.acquire(ctx)
	}
	if err != nil {
		return err
	}
	defer w.pass(context.WithoutCancel(ctx), b)
	return fn()
}

// held is the writing connection in the hands of a member. The end of its context stops it between statements only.
type held struct{ c *conn }

func (h held) Query(ctx context.Context, text string, args []any) (db.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return h.c.Query(context.WithoutCancel(ctx), text, args)
}

func (h held) Exec(ctx context.Context, text string, args []any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return h.c.Exec(context.WithoutCancel(ctx), text, args)
}

func (h held) Check(ctx context.Context, text string) error { return h.c.Check(ctx, text) }
