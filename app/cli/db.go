package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/oslo/log"
)

func dbCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "db", Short: "Look after the databases", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(&cobra.Command{
		Use:   "sync",
		Short: "Create the databases' tables, or bring them up to date",
		Long: "Create the databases' tables, or bring them up to date. Services of the release before go on working " +
			"while and after this runs.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load(nil, nil)
			if err != nil {
				return err
			}
			logger, done, err := cfg.Logger(p.env.Err)
			if err != nil {
				return err
			}
			defer done()
			return app.SyncDatabases(log.With(c.Context(), logger), cfg, func(service string) {
				fmt.Fprintf(p.env.Out, "%-10s up to date\n", service)
			})
		},
	})
	c.AddCommand(purgeCommand(p, false), purgeCommand(p, true))
	return c
}

func bootstrapCommand(p *program) *cobra.Command {
	var content bool
	c := &cobra.Command{
		Use:   "bootstrap",
		Short: "Create the first users, projects, roles and the catalog in the identity database",
		Long: "Create the first users, projects, roles and the catalog in the identity database. Needs [database] " +
			"connection and the passwords of\n" +
			"[bootstrap] and [keystone_authtoken]; may be repeated, and leaves alone what is there. With --content, it then " +
			"creates flavors, a demo network\n" +
			"and the guest image through the APIs, which must run.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load(nil, nil)
			if err != nil {
				return err
			}
			return p.runBootstrap(c.Context(), cfg, content)
		},
	}
	c.Flags().BoolVar(&content, "content", false, "also create flavors, the demo network and the guest image through "+
		"the APIs")
	return c
}

func (p *program) runBootstrap(ctx context.Context, cfg app.Config, content bool) error {
	logger, done, err := cfg.Logger(p.env.Err)
	if err != nil {
		return err
	}
	defer done()
	ctx = log.With(ctx, logger)
	w := cfg.GivenPasswords()
	if err := app.BootstrapIdentity(ctx, cfg, w); err != nil {
		return err
	}
	fmt.Fprintln(p.env.Out, "identity is bootstrapped")
	if !content {
		return nil
	}
	if err := cfg.FirstContent(ctx, w); err != nil {
		return err
	}
	fmt.Fprintln(p.env.Out, "flavors, network and image are there")
	return nil
}
