// Package db is SQL with typed, registered, portable statements.
//
// A room declares its statements as package values in a Set and runs them on a *DB (each on its own) or in a *Tx. The same SQL serves
// every dialect: TEXT, BIGINT, BOOLEAN and DOUBLE PRECISION columns, "?" placeholders, "ON CONFLICT" and "RETURNING", no
// autoincrement. Instants are BIGINT microseconds (Time), documents are TEXT (JSON).
//
// Writes are serializable on every dialect: what a Tx read is still true when it commits.
//
// Binaries of two ages share a schema during an upgrade: migrations expand first and contract a release later (migrate.go).
// A database that cannot be used is fault.Unavailable to whoever asked, and one line in the log, with its cure, to the operator (outage.go). A
// transaction whose COMMIT got no answer is Unavailable too: it may have happened, so what is tried again must be idempotent.
package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"hypernova/oslo/fault"
)

// DB is one service's database: a writer and readers. Open makes it; all methods may be called by many goroutines.
type DB struct {
	dialect Dialect
	engine  Engine
	rebound sync.Map // SQL with "?" → SQL in the dialect's placeholders
	inTx    sync.Map // goroutine id → nothing: who is inside a Tx function now
	lanes   *semaphore.Weighted
	address string       // without its secrets, for the log
	lost    atomic.Bool  // it could not be used the last time
	told    atomic.Bool  // the log says so
	toldAt  atomic.Int64 // when the log last said so, in Unix nanoseconds
}

// A transaction that rivals keep undoing asks for all lanes in the end, and then has none of this process. lanes also bounds how
// many transactions a process has open.
const (
	lanes    = 64
	allLanes = 4 // the attempt that asks for all
)

// Querier is a *DB (each statement on its own), a *Tx, or a Lone.
type Querier interface{ querier() }

func (*DB) querier()  {}
func (*Tx) querier()  {}
func (Lone) querier() {}

// attempts bounds how often a transaction is run again because the engine asked for it.
const attempts = 12

// Open opens url with the dialect of its scheme ("sqlite:///path", "sqlite://" or "sqlite:///:memory:" for memory, "postgresql://…").
// A driver suffix as in "postgresql+psycopg2://" is accepted and ignored, because configuration files carry it.
func Open(ctx context.Context, url string, dialects ...Dialect) (*DB, error) {
	scheme, _, ok := strings.Cut(url, "://")
	if !ok {
		return nil, fault.Invalidf("A database URL looks like sqlite:///path or postgresql://user@host/name.")
	}
	name, _, _ := strings.Cut(scheme, "+")
	for _, d := range dialects {
		for _, s := range d.Schemes() {
			if s != name {
				continue
			}
			e, err := d.Open(ctx, name+url[len(scheme):])
			if err != nil {
				return nil, opening(d, err)
			}
			return &DB{dialect: d, engine: e, lanes: semaphore.NewWeighted(lanes), address: masked(url)}, nil
		}
	}
	return nil, fault.Invalidf("No database dialect is called %q.", scheme)
}

// Close waits for nobody: end the users first. Nothing of a memory database is left.
func (d *DB) Close() error { return d.engine.Close() }

// Dialect says which engine this is.
func (d *DB) Dialect() Dialect { return d.dialect }

// Tx runs fn in a write transaction. When Tx returns nil the changes are durable. The engine may ask for the transaction to be run
// again (busy, serialization), so fn must have no effects outside; AfterCommit is for those. A statement that failed
// dooms the transaction: Tx answers its error even if fn swallowed it. fn must not call Tx, nor write through the *DB: that is
// answered with an error, because on a database with one writer it could only wait for itself. Reads
// through the *DB inside fn see the state before the transaction.
//
// SQLite runs transactions that wait for each other as savepoints of one commit, so that they share its cost.
func (d *DB) Tx(ctx context.Context, fn func(*Tx) error) error {
	g := goroutine()
	if _, nested := d.inTx.LoadOrStore(g, struct{}{}); nested {
		return errNested
	}
	var hooks []func()
	err := d.write(ctx, g, func(t *Tx) error {
		hooks = hooks[:0]
		err := fn(t)
		hooks = append(hooks, t.hooks...)
		return err
	})
	if err != nil {
		return err
	}
	for _, h := range hooks {
		h()
	}
	return nil
}

// write runs fn until the engine is content; it takes g off the list of those inside a Tx before it returns, or panics.
func (d *DB) write(ctx context.Context, g uint64, fn func(*Tx) error) error {
	defer d.inTx.Delete(g)
	return d.again(ctx, func(n int) error { return d.attempt(ctx, n, fn) })
}

// again makes attempts until the engine is content.
func (d *DB) again(ctx context.Context, attempt func(n int) error) error {
	for n := 1; ; n++ {
		err := attempt(n)
		if err == nil {
			return d.settle(ctx, nil)
		}
		if ctx.Err() != nil || d.dialect.Classify(err) != ClassRetry {
			return d.settle(ctx, err)
		}
		if n == attempts {
			return fault.Unavailablef("The database is busy; try again.").Because(err)
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

func (d *DB) attempt(ctx context.Context, n int, fn func(*Tx) error) error {
	return d.laned(ctx, n, func() error {
		return d.engine.Write(ctx, func(c Conn) error {
			t := &Tx{db: d, conn: c}
			defer t.end()
			if err := fn(t); err != nil {
				return err
			}
			return t.failed
		})
	})
}

// laned runs attempt n of a transaction on its share of the lanes.
func (d *DB) laned(ctx context.Context, n int, f func() error) error {
	wide := int64(1)
	if n >= allLanes {
		wide = lanes
	}
	if err := d.lanes.Acquire(ctx, wide); err != nil {
		return err
	}
	defer d.lanes.Release(wide)
	return f()
}

// View runs fn on a read-only snapshot: all its reads see one moment.
func (d *DB) View(ctx context.Context, fn func(*Tx) error) error {
	for n := 1; ; n++ {
		err := d.engine.View(ctx, func(c Conn) error {
			t := &Tx{db: d, conn: c}
			defer t.end()
			return fn(t)
		})
		if err == nil || ctx.Err() != nil || n == attempts || d.dialect.Classify(err) != ClassRetry {
			return d.settle(ctx, err)
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

// pause waits before attempt n+1, longer each time and never the same for two rivals.
func pause(ctx context.Context, n int) error {
	most := time.Millisecond << min(n, 7)
	t := time.NewTimer(most/2 + rand.N(most))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Tx is one transaction. It belongs to the goroutine that runs the function it was given to, and ends with it.
type Tx struct {
	db     *DB
	conn   Conn
	hooks  []func()
	failed error // of the first statement that failed
	ended  bool
}

func (t *Tx) end() { t.ended = true }

// AfterCommit runs fn once the transaction is durable (wake a worker, send a hint); never if it fails. The functions run in order, on the
// caller's goroutine, before Tx returns.
func (t *Tx) AfterCommit(fn func()) { t.hooks = append(t.hooks, fn) }

var (
	// ErrDuplicate marks unique violations; the error is a fault.Conflict.
	ErrDuplicate = errors.New("duplicate")
	// ErrReference marks foreign key violations; the error is a fault.Conflict.
	ErrReference = errors.New("reference to a row that is not there, or from one that is")

	errNested = errors.New("db: a transaction inside a transaction on the same database; pass the *Tx on instead")
	errEnded  = errors.New("db: transaction used after its function returned")
)

// toFault gives the engine's error a kind. Errors that have one, and those of contexts, pass through.
func toFault(d Dialect, err error) error {
	if err == nil || fault.Of(err) != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	switch d.Classify(err) {
	case ClassDuplicate:
		return fault.Conflictf("It exists already.").Because(errors.Join(ErrDuplicate, err))
	case ClassReference:
		return fault.Conflictf("It is in use, or refers to something that does not exist.").Because(errors.Join(ErrReference, err))
	case ClassRetry:
		return fault.Unavailablef("The database is busy; try again.").Because(err)
	case ClassUnavailable, ClassRefused:
		why, _ := d.Explain(err)
		return fault.Unavailablef("The database cannot be used: %s.", why).Because(err)
	case ClassInvalid:
		return fault.Invalidf("The filter is not valid.").Because(err)
	}
	return err
}

// run gives f a connection to run one statement of sql on, whatever on is.
func run(ctx context.Context, on Querier, sql string, f func(c Conn, sql string) error) error {
	switch q := on.(type) {
	case *Tx:
		if q.ended {
			return errEnded
		}
		err := f(q.conn, q.db.rebind(sql))
		if err == nil || errors.Is(err, errNoRows) {
			return err
		}
		if q.failed == nil {
			q.failed = err
		}
		// A retry must stay recognizable for write, so the engine's own error is kept in the chain.
		if q.db.dialect.Classify(err) == ClassRetry {
			return err
		}
		return q.db.settle(ctx, err)
	case *DB:
		if !reads(sql) {
			return q.Tx(ctx, func(t *Tx) error { return run(ctx, t, sql, f) })
		}
		text := q.rebind(sql)
		for n := 1; ; n++ {
			err := q.engine.Read(ctx, func(c Conn) error { return f(c, text) })
			if errors.Is(err, errNoRows) || ctx.Err() != nil {
				return err
			}
			if err == nil || n == attempts || q.dialect.Classify(err) != ClassRetry {
				return q.settle(ctx, err)
			}
			if err := pause(ctx, n); err != nil {
				return err
			}
		}
	case Lone:
		if reads(sql) {
			return run(ctx, q.db, sql, f)
		}
		return q.run(ctx, sql, f)
	}
	return fmt.Errorf("db: statement on %T", on)
}

// dialectOf is the dialect that on speaks.
func dialectOf(on Querier) Dialect {
	switch q := on.(type) {
	case *Tx:
		return q.db.dialect
	case Lone:
		return q.db.dialect
	}
	return on.(*DB).dialect
}

func (d *DB) rebind(sql string) string {
	if s, ok := d.rebound.Load(sql); ok {
		return s.(string)
	}
	s := d.dialect.Rebind(sql)
	d.rebound.Store(sql, s)
	return s
}

// reads tells a statement that only reads, which any reader may run.
func reads(sql string) bool {
	s := strings.TrimLeft(sql, " \t\r\n(")
	return len(s) >= 4 && (strings.EqualFold(s[:4], "WITH") || len(s) >= 6 && strings.EqualFold(s[:6], "SELECT"))
}
