// Package cli is the program's commands. Each is a thin layer over package app: flags in, text out.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/oslo/conf"
	"hypernova/oslo/fault"
)

// Env is what the operating system gives to a program.
type Env struct {
	Args    []string // the first is the name the program was called by
	Environ []string
	In      io.Reader // answers to questions; nil: standard input
	Out     io.Writer
	Err     io.Writer
	Version string
}

// program is one run of the command line.
type program struct {
	env         Env
	configFiles []string
	configDirs  []string
	sets        []string
}

// Main runs the command line and answers the exit status. Called by the name of a role, as a link nova-scheduler →
// hypernova is, the program is that role.
func Main(ctx context.Context, env Env) int {
	p := &program{env: env}
	root := rootCommand(p)
	args := env.Args[1:]
	if name := filepath.Base(env.Args[0]); isRole(name) {
		args = append([]string{name}, args...)
	}
	root.SetArgs(args)
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var silent exitCode
	if errors.As(err, &silent) {
		return int(silent)
	}
	fmt.Fprintln(env.Err, "hypernova: "+explain(err))
	var coded *failure
	if errors.As(err, &coded) {
		return coded.code
	}
	return 1
}

// failure is an error whose command has another exit status for it than 1.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return explain(f.err) }

func (f *failure) Unwrap() error { return f.err }

// exitCode is a failure that has said everything already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// explain is an error's text for the person at the terminal, who may see causes that a client of an API may not.
func explain(err error) string {
	// what is around it names the service
	if f, ok := err.(*fault.Fault); ok && f.Kind == fault.Invalid && f.Err == nil {
		return f.Msg
	}
	return err.Error()
}

func isRole(name string) bool {
	_, err := app.Expand([]string{name})
	// Groups have names too common to be taken from a link's name.
	return err == nil && strings.Contains(name, "-") || name == app.RoleKeystone
}

func rootCommand(p *program) *cobra.Command {
	var roles strings.Builder
	for _, r := range app.Roles() {
		fmt.Fprintf(&roles, "  %-16s %s\n", r.Name, r.Help)
	}
	c := &cobra.Command{
		Use:   "hypernova",
		Short: "An OpenStack-compatible cloud in one program",
		Long: "An OpenStack-compatible cloud in one program.\n\n\"hypernova up\" starts a whole cloud here. \"hypernova " +
			"<role>...\" runs the named services of a larger one:\n\n" +
			roles.String() + "\nA link with the name of a role, such as nova-scheduler, is that role.",
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return p.runRoles(c.Context(), args)
		},
	}
	f := c.PersistentFlags()
	f.StringArrayVar(&p.configFiles, "config-file", nil, "a configuration file; may be given several times, later ones "+
		"win (default /etc/hypernova/hypernova.conf if it is there)")
	f.StringArrayVar(&p.configDirs, "config-dir", nil, "a folder whose *.conf files are read after the files (default "+
		"/etc/hypernova/hypernova.conf.d if it is there)")
	f.StringArrayVar(&p.sets, "set", nil, "one option, as section.option=value; wins over files and environment")
	c.CompletionOptions.HiddenDefaultCmd = true
	c.AddCommand(upCommand(p), downCommand(p), statusCommand(p), doctorCommand(p), checkCommand(p), tasksCommand(p),
		dbCommand(p), fernetCommand(p), credentialCommand(p), metadefsCommand(p), bootstrapCommand(p), configCommand(p),
		dumpCommand(p), versionCommand(p))
	return c
}

// load reads the configuration. adjust, which may be nil, changes the program's defaults; extra are settings that
// flags stand for.
func (p *program) load(adjust func(*app.Config), extra []string) (app.Config, error) {
	return p.loadFor(nil, adjust, extra)
}

// loadFor is load for a process with roles.
func (p *program) loadFor(roles []string, adjust func(*app.Config), extra []string) (app.Config, error) {
	c := app.Defaults()
	if adjust != nil {
		adjust(&c)
	}
	files, dirs := p.configFiles, p.configDirs
	if len(files) == 0 && len(dirs) == 0 {
		if f := "/etc/hypernova/hypernova.conf"; exists(f) {
			files = []string{f}
		}
		if d := "/etc/hypernova/hypernova.conf.d"; exists(d) {
			dirs = []string{d}
		}
	}
	all, err := conf.Expand(files, dirs)
	if err != nil {
		return c, err
	}
	return c, c.LoadFor(roles, all, p.env.Environ, append(extra, p.sets...))
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func (p *program) getenv(name string) string {
	for _, e := range p.env.Environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// stateDir is where a cloud started by hand keeps its state: the system's place for root, the user's for everybody
// else.
func (p *program) stateDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/hypernova"
	}
	if d := p.getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "hypernova")
	}
	return filepath.Join(p.getenv("HOME"), ".local", "state", "hypernova")
}
