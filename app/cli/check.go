package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/app/audit"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// exitBlind is the status of a check that could not look everywhere.
const exitBlind = 2

type checkFlags struct {
	app.CheckOptions
	format, state       string
	json, repair, agree bool
}

func checkCommand(p *program) *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Look for stuck work, what is held for servers that are gone, and damaged databases; repair it",
		Long: "Look for stuck work, and for what is held for servers that are gone: task states without a task, " +
			"allocations and ports without a server,\n" +
			"servers without an allocation, guests and devices of this host without a server; for databases that are damaged " +
			"and rows that cannot be\n" +
			"read. Reads the databases of the configuration and, on a compute host, the host itself. The cloud may run " +
			"meanwhile: what is found is\n" +
			"looked at twice. Without --repair nothing is changed.\n\n" +
			"--repair prints what it would do, asks, does it and checks again. It looks once more before each step, and " +
			"leaves alone what has changed.\n" +
			"Where only a person can decide, the finding says why and names the command.\n\n" +
			"The exit status is 0 if nothing is wrong, 1 if something is, 2 if it could not look everywhere, or not at all. " +
			"Notes, such as services that\n" +
			"are down, are nothing wrong.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return p.runCheck(c.Context(), f, c.InOrStdin()) },
	}
	c.Flags().DurationVar(&f.Patience, "patience", 2*time.Minute, "work that is overdue by more is stuck")
	c.Flags().DurationVar(&f.Settle, "settle", 2*time.Second, "how long after the first look the second one is")
	c.Flags().BoolVar(&f.repair, "repair", false, "repair what is found, after asking")
	c.Flags().BoolVarP(&f.agree, "yes", "y", false, "do not ask before a repair")
	c.Flags().BoolVar(&f.json, "json", false, "the same as --format json")
	c.Flags().StringVar(&f.state, "state", "", p.stateHelp())
	formatFlag(c, &f.format)
	return c
}

func (p *program) runCheck(ctx context.Context, f checkFlags, answers io.Reader) error {
	if err := goodFormat(f.format); err != nil {
		return &failure{exitBlind, err}
	}
	cfg, err := p.loadState(f.state)
	if err != nil {
		return &failure{exitBlind, err}
	}
	logger, done, err := cfg.Logger(p.env.Err)
	if err != nil {
		return &failure{exitBlind, err}
	}
	defer done()
	ctx = log.With(ctx, logger)
	found, err := app.Check(ctx, cfg, f.CheckOptions)
	if err != nil {
		return &failure{exitBlind, err}
	}
	if f.repair {
		if found, err = p.repair(ctx, cfg, f, found, answers); err != nil {
			return err
		}
	}
	if f.json || f.format == "json" {
		err = writeJSON(p.env.Out, found)
	} else {
		err = tell(p.env.Out, found)
	}
	switch {
	case err != nil:
		return err
	case audit.Blind(found) > 0:
		return exitCode(exitBlind)
	case audit.Wrong(found) > 0:
		return exitCode(1)
	}
	return nil
}

// repair shows what it would do, asks, does it, and answers what is found afterwards. What it says goes to the error
// output: the other one may be read by a program.
func (p *program) repair(ctx context.Context, cfg app.Config, f checkFlags, found []audit.Finding,
	answers io.Reader) ([]audit.Finding, error) {
	n, others := 0, 0
	for _, x := range found {
		if x.Repair == "" && !x.Note {
			others++
		}
		if x.Repair != "" {
			n++
			fmt.Fprintf(p.env.Err, "%d. %s: %s\n   %s\n", n, x.Rule, x, x.Repair)
		}
	}
	if n == 0 {
		return found, nil
	}
	if others > 0 {
		fmt.Fprintf(p.env.Err, "%d more that only a person can decide; they are listed at the end\n", others)
	}
	if !f.agree {
		fmt.Fprintf(p.env.Err, "Do all that? [y/N] ")
		line, err := bufio.NewReader(answers).ReadString('\n')
		if line = strings.ToLower(strings.TrimSpace(line)); line != "y" && line != "yes" {
			if err != nil && line == "" {
				return nil, &failure{1, fault.Invalidf("nobody answered; --yes repairs without asking")}
			}
			fmt.Fprintln(p.env.Err, "nothing was changed")
			return found, nil
		}
	}
	err := app.Repair(ctx, cfg, found, func(x audit.Finding, err error) {
		outcome := "done"
		if app.RepairsLater(x.Rule) {
			outcome = "handed to the cloud, which does it next; check again after that"
		}
		if err != nil {
			outcome = fault.Message(err)
			if fault.Of(err) == nil {
				outcome = err.Error()
			}
		}
		fmt.Fprintf(p.env.Err, "%s: %s: %s\n", x.Rule, x.Subject, outcome)
	})
	if err != nil {
		return nil, err
	}
	return app.Check(ctx, cfg, f.CheckOptions)
}

func tell(w io.Writer, found []audit.Finding) error {
	for _, f := range found {
		kind := "wrong"
		switch {
		case f.Blind:
			kind = "blind"
		case f.Note:
			kind = "note"
		}
		line := fmt.Sprintf("%-5s %-20s %s\n", kind, f.Rule, f)
		if c := f.Cure(); c != "" {
			line += "      " + c + "\n"
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	wrong, blind := audit.Wrong(found), audit.Blind(found)
	text := "nothing is wrong\n"
	switch {
	case blind > 0:
		text = fmt.Sprintf("%d wrong, and %d things could not be looked at\n", wrong, blind)
	case wrong > 0:
		text = fmt.Sprintf("%d wrong\n", wrong)
	}
	_, err := io.WriteString(w, text)
	return err
}

// stateHelp is for commands that look at the databases of a cloud: of one that "up" started, unless a configuration
// says otherwise.
func (p *program) stateHelp() string {
	return "the folder that keeps the cloud, where \"up\" started it (default " + p.stateDir() + ")"
}

// loadState is load for a cloud whose state is in a folder; empty is what the configuration says, or where "up" keeps
// it.
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
