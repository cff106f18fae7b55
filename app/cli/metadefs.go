package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/glance/metadefs"
	"hypernova/oslo/log"
)

func metadefsCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "metadefs", Short: "Look after the metadata definitions of the image service",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	var merge, prefer, overwrite bool
	load := &cobra.Command{
		Use:   "load [folder]",
		Short: "Load metadata definitions from JSON files",
		Long: "Load metadata definitions from the JSON files of a folder, in the form of Glance; without one from [image] " +
			"metadata_source_path, or else\n" +
			"those that come with the program. Namespaces that are there are left as they are, unless a flag says otherwise.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load(nil, nil)
			if err != nil {
				return err
			}
			logger, done, err := cfg.Logger(p.env.Err)
			if err != nil {
				return err
			}
			defer done()
			folder, mode := "", metadefs.Skip
			if len(args) > 0 {
				folder = args[0]
			}
			switch {
			case overwrite:
				mode = metadefs.Overwrite
			case prefer:
				mode = metadefs.PreferNew
			case merge:
				mode = metadefs.Merge
			}
			return app.LoadMetadefs(log.With(c.Context(), logger), cfg, folder, mode, func(o metadefs.Outcome) {
				what := "loaded"
				if !o.Loaded {
					what = "there already"
				}
				fmt.Fprintf(p.env.Out, "%-40s %s\n", o.Namespace, what)
			})
		},
	}
	load.Flags().BoolVar(&merge, "merge", false, "add to namespaces that are there what they lack")
	load.Flags().BoolVar(&prefer, "prefer-new", false, "add to them what they lack, and replace what they have by what "+
		"is loaded")
	load.Flags().BoolVar(&overwrite, "overwrite", false, "replace them whole")
	load.MarkFlagsMutuallyExclusive("merge", "overwrite")
	load.MarkFlagsMutuallyExclusive("prefer-new", "overwrite")
	c.AddCommand(load)
	return c
}
