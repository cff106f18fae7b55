package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/app/rest"
	"hypernova/oslo/fault"
)

func statusCommand(p *program) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the APIs and services of a cloud, and whether they are well",
		Long: "Show the APIs and services of a cloud, and whether they are well. Asks the cloud that OS_AUTH_URL and the " +
			"like name, else the one that\n" +
			"\"up\" keeps in the state folder, else the one of the configuration with [bootstrap] admin_password. The exit " +
			"status is 0 if everything is well, 3 if not.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := p.folder(dir)
			if err != nil && p.getenv("OS_AUTH_URL") == "" {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
			defer cancel()
			return p.runStatus(ctx, dir)
		},
	}
	c.Flags().StringVar(&dir, "state", "", "the folder that keeps the cloud (default "+p.stateDir()+")")
	return c
}

// target is where to ask, and as whom.
type target struct {
	url string
	rest.Credentials
}

func (p *program) target(dir string) (target, error) {
	if url := p.getenv("OS_AUTH_URL"); url != "" {
		return target{strings.TrimSuffix(strings.TrimRight(url, "/"), "/v3"), rest.Credentials{User: p.getenv("OS_USERNAME"),
			Password: p.getenv("OS_PASSWORD"),
			Project:  p.getenv("OS_PROJECT_NAME"), Domain: p.getenv("OS_USER_DOMAIN_NAME")}}, nil
	}
	pid, err := app.Running(dir)
	if err != nil {
		return target{}, err
	}
	if pid == 0 {
		if t, ok, err := p.configured(); ok || err != nil {
			return t, err
		}
		return target{}, fault.Unavailablef("no cloud runs on %s; start one with \"hypernova up\", or name one with "+
			"OS_AUTH_URL, OS_USERNAME and so on", dir)
	}
	fmt.Fprintf(p.env.Out, "process %d, state in %s\n", pid, dir)
	url, passwords, err := app.Known(dir)
	return target{url, rest.Credentials{User: "admin", Password: passwords.Admin, Project: "admin"}}, err
}

// folder is the folder that a command looks at: the one that its flag names, or the configuration, or where "up"
// keeps a cloud.
func (p *program) folder(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	c, err := p.loadState("")
	return c.Default.StatePath, err
}

// configured is the cloud of a configuration whose services run as processes of their own, where it has the
// administrator's password.
func (p *program) configured() (t target, ok bool, err error) {
	c, err := p.loadState("")
	if err != nil || c.Seed.AdminPassword == "" {
		return target{}, false, err
	}
	return target{c.IdentityURL(), rest.Credentials{User: "admin", Password: c.Seed.AdminPassword, Project: "admin"}},
		true, nil
}

// well collects what is not.
type well struct{ bad bool }

func (w *well) word(ok bool, good, bad string) string {
	if ok {
		return good
	}
	w.bad = true
	return bad
}

func (p *program) runStatus(ctx context.Context, dir string) error {
	t, err := p.target(dir)
	if err != nil {
		return err
	}
	c, err := rest.Login(ctx, http.DefaultClient, t.url, t.Credentials)
	if err != nil {
		return err
	}
	w := &well{}
	tab := tabwriter.NewWriter(p.env.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "API\tADDRESS\tHEALTH")
	for _, s := range app.Services() {
		kind, health := s.Type, "no endpoint"
		base := strings.TrimSuffix(c.Endpoints[kind], s.Path)
		if base != "" {
			health = probe(ctx, base+"/readyz")
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\n", kind, c.Endpoints[kind], w.word(health == "well", "well", health))
	}
	fmt.Fprintln(tab, "\nSERVICE\tHOST\tSTATE")
	if err := computeServices(ctx, c, tab, w); err != nil {
		return err
	}
	if err := networkAgents(ctx, c, tab, w); err != nil {
		return err
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if w.bad {
		return exitCode(3)
	}
	return nil
}

func computeServices(ctx context.Context, c *rest.Client, out io.Writer, w *well) error {
	var reply struct {
		Services []struct {
			Binary, Host, State, Status string
			Reason                      string `json:"disabled_reason"`
		}
	}
	if err := c.Do(ctx, http.MethodGet, "compute", "/os-services", nil, &reply); err != nil {
		return err
	}
	for _, s := range reply.Services {
		state := w.word(s.State == "up", "up", s.State)
		if s.Status == "disabled" {
			state += ", disabled"
		}
		if s.Reason != "" {
			state += ": " + s.Reason
		}
		fmt.Fprintf(out, "%s\t%s\t%s\n", s.Binary, s.Host, state)
	}
	return nil
}

func networkAgents(ctx context.Context, c *rest.Client, out io.Writer, w *well) error {
	var reply struct {
		Agents []struct {
			Binary, Host, Description string
			Alive                     bool
		}
	}
	err := c.Do(ctx, http.MethodGet, "network", "/v2.0/agents", nil, &reply)
	if fault.Is(err, fault.NotFound) { // a network service without agents
		return nil
	}
	for _, a := range reply.Agents {
		state := w.word(a.Alive, "up", "down")
		if a.Description != "" {
			state += ": " + a.Description
		}
		fmt.Fprintf(out, "%s\t%s\t%s\n", a.Binary, a.Host, state)
	}
	return err
}

func probe(ctx context.Context, url string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "does not answer"
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return "well"
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 500))
	if err != nil || len(text) == 0 {
		return resp.Status
	}
	return strings.TrimSpace(string(text))
}
