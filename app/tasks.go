package app

import (
	"context"
	"errors"

	"hypernova/oslo/log"
	"hypernova/oslo/tasks"
)

// Tasks gives fn the queue of compute's durable work, in a process that works none of it. Workers elsewhere see what fn decides when they
// look at the database next.
func Tasks(ctx context.Context, c Config, fn func(context.Context, *tasks.Queue) error) error {
	c.Database.Sync = false
	p := newProcess(&c, Options{Log: log.From(ctx)})
	n, err := p.nova(ctx)
	if err == nil {
		err = fn(ctx, n.queue)
	}
	return errors.Join(err, p.Close(ctx))
}
