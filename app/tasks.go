package app

import (
	"context"
	"errors"
	"os"
	"strings"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/tasks"
)

// Tasks gives fn the queue of compute's durable work, in a process that works none of it. Workers elsewhere see what
// fn decides when they look at the database next.
func Tasks(ctx context.Context, c Config, fn func(context.Context, *tasks.Queue) error) error {
	if err := c.mustExist("nova"); err != nil {
		return err
	}
	c.Database.Sync = false
	p := newProcess(&c, Options{Log: log.From(ctx)})
	n, err := p.nova.base(ctx)
	if err == nil {
		err = fn(ctx, n.queue)
	}
	return errors.Join(err, p.Close(ctx))
}

// mustExist keeps a command that only looks from making an empty database where it was told to look in the wrong place.
func (c *Config) mustExist(service string) error {
	address := forService(c.Database.Connection, service)
	if address == "sqlite://" || address == "sqlite://:memory:" {
		return fault.Invalidf("[database] connection: a database in memory is seen by its own process only")
	}
	path, embedded := strings.CutPrefix(address, "sqlite:///")
	if path, _, _ = strings.Cut(path, "?"); embedded {
		if _, err := os.Stat(path); err != nil {
			return fault.NotFoundf("there is no database %s; name the cloud's configuration with --config-file, or its "+
				"folder with --state (nobody but the cloud itself sees what one with --memory keeps)", path)
		}
	}
	return nil
}
