package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	sqlite "modernc.org/sqlite"

	"hypernova/oslo/db"
)

// engine is an open file: one connection that writes and a few that read. A connection has one user at a time.
type engine struct {
	writers, readers *sql.DB
	w                *writer
	idle             chan *conn    // readers that wait for work
	more             chan struct{} // one token per reader that may still be opened
	closing          sync.Once
	closeErr         error
}

func readerCount() int { return min(max(runtime.GOMAXPROCS(0), 4), 16) }

// open opens path. eager readers are opened at once, the rest when they are needed.
func open(ctx context.Context, d *sqlite.Driver, path, sync string, eager int) (*engine, error) {
	n := max(readerCount(), eager)
	if eager > 0 {
		n = eager
	}
	e := &engine{
		writers: pool(d, dsn(path, sync, true), 1),
		readers: pool(d, dsn(path, sync, false), n),
		idle:    make(chan *conn, n),    // never blocks the one that returns a reader
		more:    make(chan struct{}, n), // filled below, only taken from
	}
	err := e.start(ctx, n, eager)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *engine) start(ctx context.Context, n, eager int) error {
	c, err := pin(ctx, e.writers)
	if err != nil {
		return err
	}
	e.w = &writer{conn: c, patience: patience}
	// The first read tells a file that is no database, and makes SQLite open the log beside it.
	if err := c.touch(ctx); err != nil {
		return err
	}
	for i := range n {
		if i >= eager {
			e.more <- struct{}{}
			continue
		}
		r, err := pin(ctx, e.readers)
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
func openMemory(ctx context.Context, d *sqlite.Driver) (_ *engine, err error) {
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
		c, err := pin(ctx, e.readers)
		if err != nil {
			e.more <- struct{}{}
			return nil, err
		}
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Read lends a reader for one statement.
func (e *engine) Read(ctx context.Context, fn func(db.Conn) error) error {
	c, err := e.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { e.idle <- c }()
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
	defer func() { e.idle <- c }()
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
		if err := e.w.conn.unpin(); err != nil {
			return err
		}
		err = fn(e.writers)
		c, perr := pin(context.WithoutCancel(ctx), e.writers)
		if perr == nil {
			e.w.conn = c
		}
		return errors.Join(err, perr)
	})
}

// Close closes the connections. The last one to close a file moves the log into it.
func (e *engine) Close() error {
	e.closing.Do(func() {
		for {
			select {
			case c := <-e.idle:
				e.closeErr = errors.Join(e.closeErr, c.unpin())
				continue
			default:
			}
			break
		}
		e.closeErr = errors.Join(e.closeErr, e.readers.Close())
		if e.w != nil {
			e.closeErr = errors.Join(e.closeErr, e.w.conn.unpin())
		}
		e.closeErr = errors.Join(e.closeErr, e.writers.Close())
	})
	return e.closeErr
}
