package db

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// Clock tells the time as the database's server has it, so that instants which several hosts write and compare are one clock's. Between
// looks it runs with this machine's monotonic clock: nobody who sets the time of a host moves it. The zero value is not ready; see
// DB.Clock. Methods may be called concurrently.
type Clock struct {
	db    *DB
	local func() time.Time

	mu   sync.Mutex // guards what follows
	base time.Time  // the server's instant
	mark time.Time  // this machine's, with its monotonic reading
}

// Clock is the clock of the database's server. Where the engine is a part of this process it is local, which every process of the machine
// has. Sync looks at the server; until it did, the clock is local.
func (d *DB) Clock(local func() time.Time) *Clock { return &Clock{db: d, local: local} }

// Now answers the time without asking anybody.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mark.IsZero() {
		return c.local()
	}
	return c.base.Add(time.Since(c.mark)).UTC()
}

// Sync looks at the server's clock and answers how far this machine's is ahead of it. While the server cannot be asked the clock runs on as
// it does.
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
