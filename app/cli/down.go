package cli

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/oslo/fault"
)

func downCommand(p *program) *cobra.Command {
	var dir string
	var wait time.Duration
	var destroy bool
	c := &cobra.Command{
		Use:   "down",
		Short: "End the cloud that \"up\" started; its data stays",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := p.folder(dir)
			if err != nil {
				return err
			}
			if err := p.runDown(c.Context(), dir, wait); err != nil || !destroy {
				return err
			}
			return p.runDestroy(c.Context(), dir)
		},
	}
	c.Flags().StringVar(&dir, "state", "", "the folder that keeps the cloud (default "+p.stateDir()+")")
	c.Flags().DurationVar(&wait, "wait", 90*time.Second, "how long to wait for work under way to end")
	c.Flags().BoolVar(&destroy, "destroy", false, "also remove all servers and networks from this host; the state "+
		"folder stays")
	return c
}

// runDestroy removes guests and networks, and says what there was. A folder that keeps no cloud is an error: nobody
// has looked for anything.
func (p *program) runDestroy(ctx context.Context, dir string) error {
	if !exists(dir) {
		return fault.NotFoundf("there is no folder %s, so it is not known what to remove; name the cloud's with --state", dir)
	}
	made, err := app.MadeBy(dir)
	if err != nil {
		return err
	}
	c, err := p.upConfig(upFlags{state: dir, virt: "libvirt", portBase: -1})
	if err != nil {
		return err
	}
	if made.Driver == "" && !exists(c.Default.InstancesPath) && exists(c.Fake.Dir) {
		made.Driver = "fake" // by an earlier release, which did not write it down
	}
	if made.Driver == "fake" {
		fmt.Fprintln(p.env.Out, "hypernova: the cloud pretended its servers: nothing of it is on this host")
		return nil
	}
	n := 0
	err = app.Destroy(ctx, c, made, slog.New(slog.DiscardHandler), func(what string) {
		n++
		fmt.Fprintln(p.env.Out, "hypernova: removed", what)
	})
	if err == nil && n == 0 {
		fmt.Fprintln(p.env.Out, "hypernova: libvirt and the kernel have nothing of this cloud")
	}
	return err
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
