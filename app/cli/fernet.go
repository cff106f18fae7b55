package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"hypernova/app"
)

func fernetCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "fernet", Short: "Look after the keys that tokens are sealed with", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	for _, sub := range []struct {
		use, short, long, done string
		rotate                 bool
	}{
		{"setup", "Make the first keys", "Make the first keys in [fernet_tokens] key_repository, if there are none. Every " +
			"keystone process does the same when it starts.",
			"there are keys in", false},
		{"rotate", "Make the next key sign, and drop the oldest", "Make the next key sign, and drop the oldest over " +
			"[fernet_tokens] max_active_keys. Running processes\n" +
			"notice within seconds; tokens stay good as long as their key is kept.", "rotated the keys in", true},
	} {
		c.AddCommand(&cobra.Command{Use: sub.use, Short: sub.short, Long: sub.long, Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				cfg, err := p.load(nil, nil)
				if err != nil {
					return err
				}
				if err := app.TokenKeys(cfg, sub.rotate); err != nil {
					return err
				}
				fmt.Fprintln(p.env.Out, sub.done, cfg.FernetTokens.Repository)
				return nil
			}})
	}
	return c
}
