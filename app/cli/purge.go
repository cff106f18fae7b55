package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/private"
)

// Exit statuses of "db archive" and "db purge" that nova-manage has, too.
const (
	exitNothing  = 3 // purge: there was nothing to delete
	exitPurgeBad = 2 // a value makes no sense
	exitPurgeErr = 4 // a database could not be used
)

type purgeFlags struct {
	before, file, state             string
	all, untilComplete, purge, verb bool
	most, sleep                     int
}

// purge is "db purge" and, with archive, "db archive": the same rows go, but into a file before.
func purgeCommand(p *program, archive bool) *cobra.Command {
	var f purgeFlags
	what := "Delete from the databases what has ended: deleted servers with their actions and events, trusts and " +
		"memberships that have expired,\n" +
		"entries of image services that are gone, quotas of projects that are gone. Services may run: rows go in short " +
		"transactions.\n\n"
	c := &cobra.Command{
		Use:   "purge",
		Short: "Delete rows of what has ended: deleted servers, their actions, expired trusts",
		Long: what + "The exit status is 0 if something was deleted, 3 if there was nothing to delete, 2 if an argument " +
			"makes no sense, 4 if a database could not\n" +
			"be used.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return p.runPurge(c.Context(), f, false) },
	}
	if archive {
		c.Use, c.Short = "archive", "Move rows of what has ended into a file: deleted servers, their actions, expired trusts"
		c.Long = what + "Each row is a line of JSON at the end of the file, safe on disk before it is deleted: " +
			"{\"service\", \"table\", \"row\"}. After a failure a row may be\n" +
			"there twice, never less than once. Nothing reads such a file back. With --purge the rows are only deleted.\n\n" +
			"The exit status is 0 if there was nothing to do or, with --until-complete, nothing is left; 1 if rows were " +
			"moved and more may be left; 2 if an\n" +
			"argument makes no sense; 4 if a database or the file could not be used."
		c.RunE = func(c *cobra.Command, _ []string) error { return p.runPurge(c.Context(), f, true) }
		c.Flags().StringVar(&f.file, "file", "", "the file that rows are appended to; it is made where it is missing, "+
			"readable for its owner only")
		c.Flags().BoolVar(&f.untilComplete, "until-complete", false, "go on until nothing is left, not only --max-rows")
		c.Flags().BoolVar(&f.purge, "purge", false, "only delete, without a file")
		c.Flags().IntVar(&f.most, "max-rows", 1000, "at most so many rows")
	}
	c.Flags().StringVar(&f.before, "before", "", "what ended earlier: a date, or a date and time, of UTC")
	c.Flags().BoolVar(&f.all, "all", false, "whatever has ended until now")
	c.Flags().IntVar(&f.sleep, "sleep", 0, "seconds between two transactions")
	c.Flags().BoolVar(&f.verb, "verbose", false, "tell of each table")
	c.Flags().StringVar(&f.state, "state", "", p.stateHelp())
	return c
}

func (p *program) runPurge(ctx context.Context, f purgeFlags, archive bool) error {
	a, err := f.args(archive)
	if err != nil {
		return &failure{exitPurgeBad, err}
	}
	cfg, err := p.loadState(f.state)
	if err != nil {
		return &failure{exitPurgeErr, err}
	}
	logger, done, err := cfg.Logger(p.env.Err)
	if err != nil {
		return &failure{exitPurgeErr, err}
	}
	defer done()
	a.Tell = func(service, table string, rows int) {
		if f.verb {
			fmt.Fprintf(p.env.Out, "%-10s %-20s %d\n", service, table, rows)
		}
	}
	ctx = log.With(ctx, logger)
	closeFile := func() error { return nil }
	if f.file != "" {
		if a.Keep, closeFile, err = keepIn(f.file); err != nil {
			return &failure{exitPurgeErr, err}
		}
	}
	n, err := app.Purge(ctx, cfg, a)
	if err == nil && !archive {
		var quotas int
		quotas, err = app.PurgeQuotas(ctx, cfg, a.Tell)
		n += quotas
	}
	if err = errors.Join(err, closeFile()); err != nil {
		return &failure{exitPurgeErr, err}
	}
	switch {
	case n == 0:
		fmt.Fprintln(p.env.Out, "nothing has ended that could go")
	case f.file != "":
		fmt.Fprintf(p.env.Out, "%d rows moved to %s\n", n, f.file)
	default:
		fmt.Fprintf(p.env.Out, "%d rows deleted\n", n)
	}
	switch {
	case n == 0 && !archive:
		return exitCode(exitNothing)
	case n > 0 && archive && !f.untilComplete:
		return exitCode(1)
	}
	return nil
}

func (f *purgeFlags) args(archive bool) (app.PurgeArgs, error) {
	a := app.PurgeArgs{Pause: time.Duration(f.sleep) * time.Second}
	switch {
	case f.all == (f.before != ""):
		return a, fault.Invalidf("give either --before DATE or --all")
	case archive && f.purge == (f.file != ""):
		return a, fault.Invalidf("give either --file, where the rows go, or --purge, which only deletes them")
	case archive && f.most < 1:
		return a, fault.Invalidf("--max-rows must be at least 1")
	case f.sleep < 0:
		return a, fault.Invalidf("--sleep must not be negative")
	}
	if archive && !f.untilComplete {
		a.Most = f.most
	}
	if f.all {
		a.Before = time.Now().Add(24 * time.Hour) // whatever the clocks of the databases say; nothing ends later than now
		return a, nil
	}
	for _, form := range []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(form, f.before); err == nil {
			a.Before = t.UTC()
			return a, nil
		}
	}
	return a, fault.Invalidf("--before: %q is no date such as 2026-01-31 or \"2026-01-31 12:00:00\"", f.before)
}

// keepIn appends rows to a file. A batch that comes again, because its transaction was repeated, replaces nothing: it
// is there twice.
func keepIn(name string) (keep func(string, []db.Gone) error, done func() error, err error) {
	f, err := private.File(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return nil, nil, err
	}
	keep = func(service string, gone []db.Gone) error {
		var text []byte
		for _, g := range gone {
			line, err := json.Marshal(struct {
				Service string `json:"service"`
				db.Gone
			}{service, g})
			if err != nil {
				return err
			}
			text = append(append(text, line...), '\n')
		}
		if _, err := f.Write(text); err != nil {
			return fault.Unavailablef("%s cannot be written; nothing was deleted that is not in it", name).Because(err)
		}
		return f.Sync()
	}
	return keep, f.Close, nil
}
