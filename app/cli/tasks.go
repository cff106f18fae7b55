package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/oslo/log"
	"hypernova/oslo/tasks"
)

func tasksCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "tasks", Short: "Look after the durable work of compute: builds, deletions, power operations",
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	var state string
	c.PersistentFlags().StringVar(&state, "state", "", p.stateHelp())
	c.AddCommand(tasksListCommand(p, &state), tasksShowCommand(p, &state),
		tasksDoCommand(p, &state, "retry", "Put a task that was given up back into the queue, with all its tries",
			func(ctx context.Context, q *tasks.Queue, id tasks.ID) error { return q.Retry(ctx, id) }),
		tasksDoCommand(p, &state, "cancel", "Give a task up; its server is told of as after any failure",
			func(ctx context.Context, q *tasks.Queue, id tasks.ID) error { return q.Cancel(ctx, id) }))
	return c
}

func tasksListCommand(p *program, state *string) *cobra.Command {
	var a tasks.ListArgs
	var format string
	c := &cobra.Command{
		Use: "list", Short: "List tasks, oldest first; those that are done are not kept", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := goodFormat(format); err != nil {
				return err
			}
			return p.withTasks(c.Context(), *state, func(ctx context.Context, q *tasks.Queue) error {
				found, err := q.List(ctx, a)
				if err != nil {
					return err
				}
				if format == "json" {
					return writeJSON(p.env.Out, views(found))
				}
				return tasksTable(p.env.Out, found, time.Now())
			})
		},
	}
	c.Flags().Var(stateOrFolder{&a.State, state}, "state",
		"only those that are queued, running or dead; any other value names "+p.stateHelp())
	c.Flags().StringVar(&a.Kind, "kind", "", "only those of a kind, such as server.build")
	c.Flags().StringVar(&a.Key, "server", "", "only those of a server, by its id")
	c.Flags().IntVar(&a.Limit, "limit", 1000, "at most so many; 0 is all")
	c.Flags().StringVar((*string)(&a.Marker), "marker", "", "only those after this task")
	formatFlag(c, &format)
	return c
}

// stateOrFolder is the flag --state of "tasks list", which may be given twice. The state of a task selects tasks. Any
// other value is the folder that keeps the cloud, as in the other commands.
type stateOrFolder struct{ state, folder *string }

// String is pflag.Value; neither has a default.
func (stateOrFolder) String() string { return "" }

// Set is pflag.Value.
func (f stateOrFolder) Set(text string) error {
	switch text {
	case "queued", "running", "dead":
		*f.state = text
	default:
		*f.folder = text
	}
	return nil
}

// Type is pflag.Value.
func (stateOrFolder) Type() string { return "string" }

func tasksShowCommand(p *program, state *string) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "show <task>", Short: "Show a task with its arguments and its steps", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := goodFormat(format); err != nil {
				return err
			}
			return p.withTasks(c.Context(), *state, func(ctx context.Context, q *tasks.Queue) error {
				t, err := q.Show(ctx, tasks.ID(args[0]))
				if err != nil {
					return err
				}
				if format == "json" {
					return writeJSON(p.env.Out, views([]tasks.Info{t}))
				}
				return showTask(p.env.Out, t)
			})
		},
	}
	formatFlag(c, &format)
	return c
}

func tasksDoCommand(p *program, state *string, verb, short string,
	do func(context.Context, *tasks.Queue, tasks.ID) error) *cobra.Command {
	return &cobra.Command{
		Use: verb + " <task>...", Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTasks(c.Context(), *state, func(ctx context.Context, q *tasks.Queue) error {
				for _, id := range args {
					if err := do(ctx, q, tasks.ID(id)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (p *program) withTasks(ctx context.Context, state string, fn func(context.Context, *tasks.Queue) error) error {
	cfg, err := p.loadState(state)
	if err != nil {
		return err
	}
	logger, done, err := cfg.Logger(p.env.Err)
	if err != nil {
		return err
	}
	defer done()
	return app.Tasks(log.With(ctx, logger), cfg, fn)
}

// taskView is a task as programs read it.
type taskView struct {
	ID       tasks.ID  `json:"id"`
	Kind     string    `json:"kind"`
	Server   string    `json:"server"`
	State    string    `json:"state"`
	Attempt  int       `json:"attempt"`
	Owner    string    `json:"owner"`
	Due      time.Time `json:"due"`
	Created  time.Time `json:"created"`
	Request  string    `json:"request"`
	Reason   string    `json:"reason"`
	Args     rawJSON   `json:"args"`
	Progress rawJSON   `json:"progress"`
}

// rawJSON is a text that is JSON already; nothing is null.
type rawJSON string

// MarshalJSON is json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return []byte(r), nil
}

func views(found []tasks.Info) []taskView {
	var out []taskView
	for _, t := range found {
		out = append(out, taskView{t.ID, t.Kind, t.Key, t.State, t.Attempt, t.Owner, t.Due, t.Created, t.Request, t.Reason,
			rawJSON(t.Args), rawJSON(t.Progress)})
	}
	return out
}

func tasksTable(w io.Writer, found []tasks.Info, now time.Time) error {
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "ID\tKIND\tSERVER\tSTATE\tTRY\tAGE\tOWNER\tREASON")
	for _, t := range found {
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", t.ID, t.Kind, t.Key, t.State, t.Attempt,
			now.Sub(t.Created).Round(time.Second), t.Owner, t.Reason)
	}
	return tab.Flush()
}

func showTask(w io.Writer, t tasks.Info) error {
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, l := range []struct {
		name  string
		value any
	}{{"id", t.ID}, {"kind", t.Kind}, {"server", t.Key}, {"state", t.State}, {"try", t.Attempt}, {"owner", t.Owner},
		{"created", t.Created.Format(time.RFC3339)},
		{"due", t.Due.Format(time.RFC3339)}, {"request", t.Request}, {"reason", t.Reason}, {"arguments", t.Args},
		{"progress", t.Progress}} {
		fmt.Fprintf(tab, "%s\t%v\n", l.name, l.value)
	}
	return tab.Flush()
}
