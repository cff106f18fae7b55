package cli

import (
	"github.com/spf13/cobra"

	"hypernova/app"
)

func dumpCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "dump", Short: "Write what is declared: routes, schemas, policies, options, messages",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	for _, d := range app.Dumps() {
		c.AddCommand(&cobra.Command{Use: d.Name, Short: d.Help, Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return d.Write(p.env.Out) }})
	}
	return c
}
