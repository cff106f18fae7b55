package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"hypernova/oslo/db"
)

// engine is an open file: one connection that writes and a few that read. A connection has one user at a time.
type engine struct {
	d          *dialect
	path, sync string
	w          *writer
	idle       chan *conn    // readers that wait for work
	more       chan struct{} // one token per reader that may still be opened

	mu     sync.Mutex
	closed bool // readers that come back are closed
}

var errClosed = errors.New("sqlite: the database is closed")

func readerCount() int { return min(max(runtime.GOMAXPROCS(0), 4), 16) }

// open opens path. eager readers are opened at once, the rest when they are needed.
func open(ctx context.Context, d *dialect, path, sync string, eager int) (*engine, error) {
	n := max(readerCount(), eager)
	if eager > 0 {
		n = eager
	}
	e := &engine{d: d, path: path, sync: sync,
		idle: make(chan *conn, n),    // never blocks the one that returns a reader
		more: make(chan struct{}, n), // filled below, only taken from
	}
	err := e.start(ctx, n, eager)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *engine) start(ctx context.Context, n, eager int) error {
	c, err := e.d.connect(ctx, e.path, e.sync, true)
	if err != nil {
		return err
	}
	e.w = &writer{conn: c, patience: patience}
	// The first read tells a file that is no database, and makes SQLite open the log beside it.
	if err := c.touch(ctx); err != nil {
		return err
	}
	c.c.SetBusyTimeout(busyBeginTime)
	for i := range n {
		if i >= eager {
			e.more <- struct{}{}
			continue
		}
		r, err := e.d.connect(ctx, e.path, e.sync, false)
		if err != nil {
			return err
		}
		e.idle <- r
		if err := r.touch(ctx); err != nil {
			return err
		}
	}
	return nil
}

// memoryReaders are all opened at the start, because the file has no name afterwards.
const memoryReaders = 6

// openMemory opens a file for this process alone and takes its name away, so that nothing is left of it however the
// process ends.
func openMemory(ctx context.Context, d *dialect) (_ *engine, err error) {
	dir, err := os.MkdirTemp("", "hypernova-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return open(ctx, d, filepath.Join(dir, "db"), "OFF", memoryReaders)
}

// reader hands out an idle reader, or opens one more.
func (e *engine) reader(ctx context.Context) (*conn, error) {
	select {
	case c := <-e.idle:
		return c, nil
	default:
	}
	select {
	case c := <-e.idle:
		return c, nil
	case <-e.more:
		e.mu.Lock()
		closed := e.closed
		e.mu.Unlock()
		var c *conn
		err := errClosed
		if !closed {
			c, err = e.d.connect(ctx, e.path, e.sync, false)
		}
		if err != nil {
			e.more <- struct{}{}
			return nil, err
		}
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// back takes a reader back. After Close it closes it, and lets others find that the database is closed.
func (e *engine) back(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.idle <- c
		return
	}
	_ = c.close() // nobody is there who could be told
	e.more <- struct{}{}
}

// Read lends a reader for one statement.
func (e *engine) Read(ctx context.Context, fn func(db.Conn) error) error {
	c, err := e.reader(ctx)
	if err != nil {
		return err
	}
	defer e.back(c)
	return fn(c)
}

// Lone is a member of a batch like any other: one writer means that nothing is cheaper than that.
func (e *engine) Lone(ctx context.Context, fn func(db.Conn) error) error { return e.Write(ctx, fn) }

// View lends a reader inside a transaction, whose first read fixes the moment it sees.
func (e *engine) View(ctx context.Context, fn func(db.Conn) error) (err error) {
	c, err := e.reader(ctx)
	if err != nil {
		return err
	}
	defer e.back(c)
	free := context.WithoutCancel(ctx) // the end of the caller must not leave the transaction open
	if err := c.do(free, "BEGIN"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.do(free, "ROLLBACK")) }()
	return fn(c)
}

// Migrate lends the writing connection to a migration library.
func (e *engine) Migrate(ctx context.Context, fn func(*sql.DB) error) error {
	return e.w.alone(ctx, func() (err error) {
		e.w.conn.c.SetBusyTimeout(busyTime)
		defer e.w.conn.c.SetBusyTimeout(busyBeginTime)
		d := lend(e.w.conn)
		defer func() { err = errors.Join(err, d.Close()) }()
		return fn(d)
	})
}

// Close closes the connections; those in use are closed when they come back. The last one to close a file moves the log
// into it.
func (e *engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	var errs []error
	for more := true; more; {
		select {
		case c := <-e.idle:
			errs = append(errs, c.close())
			e.more <- struct{}{}
		default:
			more = false
		}
	}
	e.mu.Unlock()
	if e.w != nil {
		errs = append(errs, e.w.close())
	}
	return errors.Join(errs...)
}
