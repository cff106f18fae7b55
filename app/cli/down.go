package cli

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/oslo/fault"
)

func (p *program) down() *cobra.Command {
	var dir string
	var wait time.Duration
	c := &cobra.Command{
		Use:   "down",
		Short: "End the cloud that \"up\" started; its data stays",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				dir = p.stateDir()
			}
			return p.runDown(c.Context(), dir, wait)
		},
	}
	c.Flags().StringVar(&dir, "state", "", "the folder that keeps the cloud (default "+p.stateDir()+")")
	c.Flags().DurationVar(&wait, "wait", 90*time.Second, "how long to wait for work under way to end")
	return c
}

func (p *program) runDown(ctx context.Context, dir string, wait time.Duration) error {
	pid, err := app.Running(dir)
	if err != nil {
		return err
	}
	if pid == 0 {
		fmt.Fprintln(p.env.Out, "hypernova: no cloud runs on", dir)
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fault.Forbiddenf("process %d cannot be told to end", pid).Because(err)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fault.Unavailablef("process %d has not ended after %s; \"kill %d\" once more ends it at once", pid, wait, pid)
		case <-tick.C:
			if now, err := app.Running(dir); err == nil && now != pid {
				fmt.Fprintln(p.env.Out, "hypernova: ended; the data stays in", dir)
				return nil
			}
		}
	}
}
