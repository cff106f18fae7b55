package cli

import (
	"context"
	"log/slog"
	"os"
	"strings"

	"hypernova/app"
	"hypernova/oslo/fault"
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
	logger, done, err := p.logger(&c)
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

// logger opens the log of a configuration.
func (p *program) logger(c *app.Config) (*slog.Logger, func(), error) {
	w, done := p.env.Err, func() {}
	if c.Default.LogFile != "" {
		f, err := os.OpenFile(c.Default.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, nil, fault.Invalidf("[DEFAULT] log_file: %s cannot be written", c.Default.LogFile).Because(err)
		}
		w, done = f, func() { f.Close() } // every line was written when it was logged
	}
	format, level := "text", "info"
	if c.Default.UseJSON {
		format = "json"
	}
	if c.Default.Debug {
		level = "debug"
	}
	l, _, err := log.New(w, log.Config{Format: format, Level: level})
	return l, done, err
}
