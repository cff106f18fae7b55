// Package db runs typed, registered, portable SQL statements on SQLite and PostgreSQL.
//
// A package declares its statements as package values in a Set. It runs them on a *DB (each in a transaction of its
// own) or in a *Tx. The same SQL runs on every dialect: TEXT, BIGINT, BOOLEAN and DOUBLE PRECISION columns, "?"
// placeholders, "ON CONFLICT" and "RETURNING", no autoincrement. Instants are BIGINT microseconds (Time), documents are
// TEXT (JSON).
//
// Writes are serializable on every dialect: data that a Tx read is unchanged when it commits.
//
// Binaries of two releases share a schema during an upgrade: migrations expand first and contract a release later
// (migrate.go). If the database is unavailable, callers get fault.Unavailable and the log gets one line with the cause
// and the remedy (outage.go). A transaction whose COMMIT got no answer is Unavailable too. It may have committed, so a
// retry must be idempotent.
package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"hypernova/oslo/backoff"
	"hypernova/oslo/fault"
)

// DB is one service's database. Open makes it. All methods are safe for concurrent use.
type DB struct {
	dialect Dialect
	engine  Engine
	rebound sync.Map // SQL with "?" → SQL in the dialect's placeholders
	inTx    sync.Map // in tests: goroutine ids that run a Tx function now
	lanes   *semaphore.Weighted
	address string       // without secrets, for the log
	lost    atomic.Bool  // the last use failed
	told    atomic.Bool  // the loss has been logged
	toldAt  atomic.Int64 // time of that log line, in Unix nanoseconds
}

// A transaction that keeps failing because of conflicts finally takes all lanes, so that no transaction of this process
// conflicts with it. The number of lanes also bounds the open transactions of a process.
const (
	lanes    = 64
	allLanes = 4 // the attempt that takes all lanes
)

// Querier is a *DB (each statement on its own), a *Tx, a Lone, or a struct that embeds one of them.
type Querier interface{ querier() Querier }

func (d *DB) querier() Querier  { return d }
func (t *Tx) querier() Querier  { return t }
func (l Lone) querier() Querier { return l }

// attempts bounds how often a transaction is retried on the engine's request.
const attempts = 12

// Open opens url with the dialect of its scheme ("sqlite:///path", "sqlite://" or "sqlite:///:memory:" for memory,
// "postgresql://…"). It accepts and ignores a driver suffix as in "postgresql+psycopg2://", which OpenStack's
// configuration files contain.
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

// Close closes the database. It does not wait for running transactions. The content of a memory database is lost.
func (d *DB) Close() error { return d.engine.Close() }

// Dialect returns the engine.
func (d *DB) Dialect() Dialect { return d.dialect }

// Tx runs fn in a serializable write transaction. If it returns nil, the changes are durable. The engine may require
// the transaction to run again (busy, serialization failure), so fn must have no effects outside of it; use AfterCommit
// for those. A failed statement fails the transaction: Tx returns its error even if fn ignored it. fn must not call Tx
// or write through the *DB, because a database with one writer would deadlock: in tests that returns an error at once,
// in the program after a wait (see Nested). Reads through the *DB inside fn see the state before the transaction.
//
// SQLite runs waiting transactions as savepoints of one commit, so that they share its cost.
func (d *DB) Tx(ctx context.Context, fn func(*Tx) error) error {
	var hooks []func()
	err := d.write(ctx, func(t *Tx) error {
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

// write runs fn until it commits or fails.
func (d *DB) write(ctx context.Context, fn func(*Tx) error) error {
	if strict() {
		g := goroutine()
		if _, nested := d.inTx.LoadOrStore(g, struct{}{}); nested {
			return errNested
		}
		defer d.inTx.Delete(g)
	}
	return d.again(ctx, func(n int) error { return d.attempt(ctx, n, fn) })
}

// again repeats attempt while the engine requests a retry.
func (d *DB) again(ctx context.Context, attempt func(n int) error) error {
	for n := 1; ; n++ {
		err := attempt(n)
		if err == nil {
			return d.observe(ctx, nil)
		}
		if ctx.Err() != nil || d.dialect.Classify(err) != ClassRetry {
			return d.observe(ctx, err)
		}
		if n == attempts {
			return fault.Unavailablef("The database is busy; try again.").Because(err)
		}
		if err := conflict().Wait(ctx, n); err != nil {
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

// laned runs attempt n of a transaction with its share of the lanes.
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

// View runs fn in a read-only snapshot: all its reads see the same state.
func (d *DB) View(ctx context.Context, fn func(*Tx) error) error {
	for n := 1; ; n++ {
		err := d.engine.View(ctx, func(c Conn) error {
			t := &Tx{db: d, conn: c}
			defer t.end()
			return fn(t)
		})
		if err == nil || ctx.Err() != nil || n == attempts || d.dialect.Classify(err) != ClassRetry {
			return d.observe(ctx, err)
		}
		if err := conflict().Wait(ctx, n); err != nil {
			return err
		}
	}
}

// conflict is the pauses between attempts of a transaction that met another one.
func conflict() backoff.Policy {
	return backoff.Policy{First: 1500 * time.Microsecond, Most: 192 * time.Millisecond}
}

// Tx is one transaction. Only the goroutine that runs its function may use it, and only until the function returns.
type Tx struct {
	db     *DB
	conn   Conn
	hooks  []func()
	failed error // of the first failed statement
	ended  bool
}

func (t *Tx) end() { t.ended = true }

// AfterCommit registers fn to run once the transaction is durable (wake a worker, send a hint). It never runs if the
// transaction fails. The functions run in order on the caller's goroutine, before Tx returns.
func (t *Tx) AfterCommit(fn func()) { t.hooks = append(t.hooks, fn) }

var (
	// ErrDuplicate marks unique violations. The error is a fault.Conflict.
	ErrDuplicate = errors.New("duplicate")
	// ErrReference marks foreign key violations. The error is a fault.Conflict.
	ErrReference = errors.New("reference to a row that is not there, or from one that is")

	errNested = errors.New("db: a transaction inside a transaction on the same database; pass the *Tx on instead")
	errEnded  = errors.New("db: transaction used after its function returned")
)

// toFault gives the engine's error a fault kind. Faults and context errors pass through.
func toFault(d Dialect, err error) error {
	if err == nil || fault.Of(err) != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	switch d.Classify(err) {
	case ClassDuplicate:
		return fault.Conflictf("It exists already.").Because(errors.Join(ErrDuplicate, err))
	case ClassReference:
		return fault.Conflictf("It is in use, or refers to something that does not exist.").Because(errors.Join(ErrReference,
			err))
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

// run gives f a connection of on to run one statement.
func run(ctx context.Context, on Querier, sql string, f func(c Conn, sql string) error) error {
	switch q := on.querier().(type) {
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
		// A retryable error must stay recognizable for write, so the engine's error is kept in the chain.
		if q.db.dialect.Classify(err) == ClassRetry {
			return err
		}
		return q.db.observe(ctx, err)
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
				return q.observe(ctx, err)
			}
			if err := conflict().Wait(ctx, n); err != nil {
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

// dialectOf returns the dialect of on.
func dialectOf(on Querier) Dialect {
	switch q := on.querier().(type) {
	case *Tx:
		return q.db.dialect
	case Lone:
		return q.db.dialect
	}
	return on.querier().(*DB).dialect
}

func (d *DB) rebind(sql string) string {
	if s, ok := d.rebound.Load(sql); ok {
		return s.(string)
	}
	s := d.dialect.Rebind(sql)
	d.rebound.Store(sql, s)
	return s
}

// reads reports whether a statement only reads, so that any reader may run it.
func reads(sql string) bool {
	s := strings.TrimLeft(sql, " \t\r\n(")
	return len(s) >= 4 && (strings.EqualFold(s[:4], "WITH") || len(s) >= 6 && strings.EqualFold(s[:6], "SELECT"))
}
