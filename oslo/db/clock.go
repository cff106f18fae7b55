package db

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// Clock is the time of the database server, so that instants which several hosts write and compare come from one clock.
// Between two Sync calls it advances with this machine's monotonic clock, so setting a host's time does not change it.
// The zero value is not ready; see DB.Clock. Methods may be called concurrently.
type Clock struct {
	db    *DB
	local func() time.Time

	mu   sync.Mutex // guards the fields below
	base time.Time  // the server's time at the last Sync
	mark time.Time  // this machine's time at the last Sync, with its monotonic reading
}

// Clock returns the clock of the database server. If the engine runs in this process, it is local. Until the first Sync
// it is local too.
func (d *DB) Clock(local func() time.Time) *Clock { return &Clock{db: d, local: local} }

// Now returns the time. It does not block.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mark.IsZero() {
		return c.local()
	}
	return c.base.Add(time.Since(c.mark)).UTC()
}

// Sync reads the server's clock. It returns how far this machine's clock is ahead. On error the clock continues as
// before.
func (c *Clock) Sync(ctx context.Context) (ahead time.Duration, err error) {
	text := c.db.dialect.Caps().Now
	if text == "" {
		return 0, nil
	}
	var micros int64
	var before, after time.Time
	err = c.db.engine.Read(ctx, func(conn Conn) (err error) {
		before = time.Now()
		rows, err := conn.Query(ctx, text, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		if !rows.Next() {
			return errors.Join(sql.ErrNoRows, rows.Err())
		}
		err = rows.Scan(&micros)
		after = time.Now()
		return err
	})
	if err != nil {
		return 0, toFault(c.db.dialect, err)
	}
	base, mark := time.UnixMicro(micros), before.Add(after.Sub(before)/2)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.mark = base, mark
	return mark.Round(0).Sub(base), nil
}
