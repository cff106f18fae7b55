package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/app/audit"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

func (p *program) check() *cobra.Command {
	var o app.CheckOptions
	var format, state string
	c := &cobra.Command{
		Use:   "check",
		Short: "Look for stuck work, and for what is held for servers that are gone",
		Long: "Look for stuck work, and for what is held for servers that are gone: task states without a task, allocations and ports without a server,\n" +
			"servers without an allocation, guests and devices of this host without a server. Reads the databases of the configuration and, on a compute\n" +
			"host, the host itself; changes nothing. The cloud may run meanwhile: what is found is looked at twice.\n\n" +
			"The exit status is 0 if nothing is wrong, 1 if something is. Notes, such as services that are down, are nothing wrong.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return p.runCheck(c.Context(), o, state, format) },
	}
	c.Flags().DurationVar(&o.Patience, "patience", 2*time.Minute, "work that is overdue by more is stuck")
	c.Flags().DurationVar(&o.Settle, "settle", 2*time.Second, "how long after the first look the second one is")
	c.Flags().StringVar(&state, "state", "", p.stateHelp())
	formatFlag(c, &format)
	return c
}

func (p *program) runCheck(ctx context.Context, o app.CheckOptions, state, format string) error {
	if err := goodFormat(format); err != nil {
		return err
	}
	cfg, err := p.loadState(state)
	if err != nil {
		return err
	}
	logger, done, err := cfg.Logger(p.env.Err)
	if err != nil {
		return err
	}
	defer done()
	found, err := app.Check(log.With(ctx, logger), cfg, o)
	if err != nil {
		return err
	}
	if format == "json" {
		err = writeJSON(p.env.Out, found)
	} else {
		err = tell(p.env.Out, found)
	}
	if err == nil && audit.Wrong(found) > 0 {
		return exitCode(1)
	}
	return err
}

func tell(w io.Writer, found []audit.Finding) error {
	for _, f := range found {
		kind := "wrong"
		if f.Note {
			kind = "note"
		}
		if _, err := fmt.Fprintf(w, "%-5s %-20s %s\n", kind, f.Rule, f); err != nil {
			return err
		}
	}
	if n := audit.Wrong(found); n > 0 {
		_, err := fmt.Fprintf(w, "%d wrong\n", n)
		return err
	}
	_, err := fmt.Fprintln(w, "nothing is wrong")
	return err
}

// stateHelp is for commands that look at the databases of a cloud: of one that "up" started, unless a configuration says otherwise.
func (p *program) stateHelp() string {
	return "the folder that keeps the cloud, where \"up\" started it (default " + p.stateDir() + ")"
}

// loadState is load for a cloud whose state is in a folder; empty is what the configuration says, or where "up" keeps it.
func (p *program) loadState(state string) (app.Config, error) {
	var sets []string
	if state != "" {
		sets = append(sets, "DEFAULT.state_path="+state)
	}
	return p.load(func(c *app.Config) { c.Default.StatePath = p.stateDir() }, sets)
}

func formatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVarP(format, "format", "f", "table", "table, or json for programs")
}

func goodFormat(format string) error {
	if format != "table" && format != "json" {
		return fault.Invalidf("--format is table or json, not %q", format)
	}
	return nil
}

// writeJSON writes a list; one without items is [].
func writeJSON[T any](w io.Writer, list []T) error {
	if list == nil {
		list = []T{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(list)
}
