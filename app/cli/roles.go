package cli

import (
	"context"
	"strings"

	"hypernova/app"
	"hypernova/oslo/log"
	"hypernova/oslo/service"
)

// runRoles runs services in the foreground until a signal ends them.
func (p *program) runRoles(ctx context.Context, names []string) error {
	roles, err := app.Expand(names)
	if err != nil {
		return err
	}
	c, err := p.load(nil, nil)
	if err != nil {
		return err
	}
	logger, done, err := c.Logger(p.env.Err)
	if err != nil {
		return err
	}
	defer done()
	proc, err := app.New(ctx, c, app.Options{Roles: roles, Version: p.env.Version, Log: logger})
	if err != nil {
		return err
	}
	ctx, stop := proc.Signals(ctx)
	defer stop()
	return proc.Run(ctx, service.Func("ready", func(ctx context.Context, ready func()) error {
		logger.InfoContext(ctx, "ready", "roles", strings.Join(roles, " "), log.Host, c.Default.Host)
		ready()
		<-ctx.Done()
		return nil
	}))
}
