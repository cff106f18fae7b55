package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/oslo/conf"
)

func configCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Show options", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(&cobra.Command{
		Use: "sample", Short: "Write a configuration file with every option, commented out", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return conf.Sample(p.env.Out, new(app.Config)) },
	}, &cobra.Command{
		Use: "dump", Short: "Write the values in force, without secrets", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load(nil, nil)
			if err != nil {
				return err
			}
			return conf.Dump(p.env.Out, &cfg)
		},
	})
	return c
}

func versionCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which version this is", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.env.Out, "hypernova %s (%s, %s/%s)\n", p.env.Version, runtime.Version(), runtime.GOOS,
				runtime.GOARCH)
			return err
		},
	}
}
