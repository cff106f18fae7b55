package store

import (
	"context"
	"sync"
	"time"

	"hypernova/oslo/db"
)

var (
	epoch     = db.NewQuery[int64](Statements, `SELECT epoch FROM epochs WHERE id = 1`)
	moveEpoch = db.NewExec(Statements, `UPDATE epochs SET epoch = epoch + 1 WHERE id = 1`)
)

// Fresh is the longest time for which a process trusts its last reading of the epoch.
const Fresh = 500 * time.Millisecond

// readTimeout bounds one reading of the epoch. It is longer than the time for which a request waits for the database.
const readTimeout = time.Minute

// Epochs counts the changes that can invalidate a token. Each process that caches validated tokens compares the
// epoch first. A change made by this process shows at once, one made by another process within Fresh.
//
// At most one reading of the database is under way. Callers share its result and no lock is held meanwhile, so that a
// slow database delays only callers whose last reading is older than Fresh, and each of them no longer than its own
// context allows.
type Epochs struct {
	db   *db.DB
	read func(ctx context.Context) (int64, error)

	mu      sync.Mutex
	value   int64
	began   time.Time // when the reading of value began; zero: no reading is valid
	moves   int64     // changes by this process; a reading that began before one is not valid after it
	reading *reading  // under way, or nil
}

// reading is one SELECT of the epoch that several callers wait for. value and err are valid once done is closed.
type reading struct {
	began time.Time
	moves int64
	done  chan struct{}
	value int64
	err   error
}

// NewEpochs returns the epoch that is stored in d.
func NewEpochs(d *db.DB) *Epochs {
	return newEpochs(d, func(ctx context.Context) (int64, error) { return epoch.One(ctx, d) })
}

func newEpochs(d *db.DB, read func(ctx context.Context) (int64, error)) *Epochs {
	return &Epochs{db: d, read: read}
}

// Current returns the epoch. It reads the database, and blocks meanwhile, if the last reading is older than Fresh; one
// that is older than half of Fresh is renewed in the background. It returns ctx's error if ctx ends first.
func (e *Epochs) Current(ctx context.Context) (int64, error) {
	called := time.Now()
	e.mu.Lock()
	moves := e.moves
	e.mu.Unlock()
	for {
		e.mu.Lock()
		if !e.began.IsZero() {
			age := called.Sub(e.began)
			if age > Fresh/2 && age <= Fresh && e.reading == nil {
				e.start(ctx)
			}
			if age <= Fresh {
				defer e.mu.Unlock()
				return e.value, nil
			}
		}
		r := e.reading
		if r == nil {
			r = e.start(ctx)
		}
		e.mu.Unlock()
		select {
		case <-r.done:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		// A reading that began too long before this call, or before a change that this process committed before this
		// call, is not valid for it. The next one begins after the call and is.
		if called.Sub(r.began) <= Fresh && r.moves >= moves {
			return r.value, r.err
		}
	}
}

// Read reads the epoch from the database, after the call has begun. A value that was read from the database after an
// earlier reading of the same epoch is as the database has it now. Current uses the result too.
func (e *Epochs) Read(ctx context.Context) (int64, error) {
	e.mu.Lock()
	moves := e.moves
	e.mu.Unlock()
	began := time.Now()
	v, err := e.read(ctx)
	if err != nil {
		return 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keep(v, began, moves)
	return v, nil
}

// keep makes the result of a reading the one that Current returns, unless it began before a change of this process or
// before the reading that Current returns now. The caller holds e.mu.
func (e *Epochs) keep(value int64, began time.Time, moves int64) {
	if moves == e.moves && began.After(e.began) {
		e.value, e.began = value, began
	}
}

// start begins a reading, which goes on if the caller's context ends. The caller holds e.mu.
func (e *Epochs) start(ctx context.Context) *reading {
	r := &reading{began: time.Now(), moves: e.moves, done: make(chan struct{})}
	e.reading = r
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout) // others wait for the result too
	go func() {
		defer cancel()
		r.value, r.err = e.read(ctx)
		e.mu.Lock()
		e.reading = nil
		if r.err == nil {
			e.keep(r.value, r.began, r.moves)
		}
		e.mu.Unlock()
		close(r.done)
	}()
	return r
}

// Change runs fn in a transaction that can invalidate tokens: every process discards the tokens it has cached.
func (e *Epochs) Change(ctx context.Context, d *db.DB, fn func(tx *db.Tx) error) error {
	return d.Tx(ctx, func(tx *db.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return e.Move(ctx, tx)
	})
}

// Move makes every process discard the tokens it has cached. The caller runs it in the transaction of the change.
func (e *Epochs) Move(ctx context.Context, tx *db.Tx) error {
	if _, err := moveEpoch.Do(ctx, tx); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		e.mu.Lock()
		e.began = time.Time{}
		e.moves++
		e.mu.Unlock()
	})
	return nil
}
