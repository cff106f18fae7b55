package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/oslo/log"
)

func credentialCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "credential", Short: "Look after the keys that users' credentials are sealed with",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	for _, sub := range []struct {
		use, short, long string
		run              func(context.Context, app.Config, *app.CredentialKeys) error
	}{
		{"setup", "Make the first keys", "Make the first keys in [credential] key_repository, if there are none. Every " +
			"keystone process does the same when it starts,\n" +
			"unless there are credentials already: the keys that sealed those were lost then, and making new ones does not " +
			"bring them back.",
			func(_ context.Context, cfg app.Config, _ *app.CredentialKeys) error {
				fmt.Fprintln(p.env.Out, "there are keys in", cfg.Credentials.Repository)
				return nil
			}},
		{"rotate", "Make the next key seal, and drop the oldest", "Make the next key seal, and drop the oldest. Refused " +
			"while a credential is sealed with an older key than the present one:\n" +
			"\"migrate\" comes first. Copy the repository to the other hosts of keystone before and after.",
			func(ctx context.Context, cfg app.Config, k *app.CredentialKeys) error {
				if err := k.Rotate(ctx); err != nil {
					return err
				}
				fmt.Fprintf(p.env.Out, "rotated the keys in %s; seal what there is with the new one: hypernova credential "+
					"migrate\n", cfg.Credentials.Repository)
				return nil
			}},
		{"migrate", "Seal every credential with the newest key", "Seal every credential with the newest key, after which " +
			"older keys may go. May be repeated, and run beside the services.",
			func(ctx context.Context, _ app.Config, k *app.CredentialKeys) error {
				n, err := k.Migrate(ctx)
				fmt.Fprintf(p.env.Out, "%d credentials sealed anew\n", n)
				return err
			}},
	} {
		var state string
		s := &cobra.Command{Use: sub.use, Short: sub.short, Long: sub.long, Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				cfg, err := p.loadState(state)
				if err != nil {
					return err
				}
				logger, done, err := cfg.Logger(p.env.Err)
				if err != nil {
					return err
				}
				defer done()
				ctx := log.With(c.Context(), logger)
				if sub.use == "setup" {
					if err := app.FirstCredentialKeys(cfg); err != nil {
						return err
					}
				}
				k, err := app.OpenCredentialKeys(ctx, cfg)
				if err != nil {
					return err
				}
				return errors.Join(sub.run(ctx, cfg, k), k.Close(ctx))
			}}
		s.Flags().StringVar(&state, "state", "", p.stateHelp())
		c.AddCommand(s)
	}
	return c
}
