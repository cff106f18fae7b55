package cli

import (
	"context"
	"fmt"
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
	c, err := p.loadFor(roles, nil, nil)
	if err != nil {
		return fmt.Errorf("%s cannot start: %w", strings.Join(roles, ", "), err)
	}
	logger, err := c.Logging(p.env.Err)
	if err != nil {
		return err
	}
	defer logger.Close()
	for _, r := range c.Remarks() {
		logger.WarnContext(ctx, r)
	}
	o, err := p.options(roles, logger, func() (app.Config, error) { return p.loadFor(roles, nil, nil) })
	if err != nil {
		return err
	}
	proc, err := app.New(ctx, c, o)
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

// options are what a process that serves is made of. load reads its configuration again.
func (p *program) options(roles []string, l *app.Logging, load func() (app.Config, error)) (app.Options, error) {
	sockets, err := service.Sockets()
	return app.Options{Roles: roles, Version: p.env.Version, Log: l.Logger, Level: l.Level, Sockets: sockets,
		Reload: load, Reopen: l.Reopen}, err
}
