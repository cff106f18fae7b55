package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"hypernova/app"
	"hypernova/app/rest"
	"hypernova/oslo/fault"
	"hypernova/oslo/service"
)

type upFlags struct {
	state, virt   string
	memory        bool
	portBase      int
	adminPassword string
}

func upCommand(p *program) *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "Start a whole cloud in this process",
		Long: "Start a whole cloud in this process and keep it running until it is told to end. The first start creates " +
			"its users, flavors, demo network\n" +
			"and guest image; openrc and clouds.yaml for the openstack client are written into the state folder at each start.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return p.runUp(c.Context(), f) },
	}
	c.Flags().StringVar(&f.state, "state", "", "the folder that keeps the cloud (default "+p.stateDir()+")")
	c.Flags().BoolVar(&f.memory, "memory", false, "keep databases, images, keys and the fake driver's servers in "+
		"memory; the state folder gets only what clients need")
	c.Flags().StringVar(&f.virt, "virt", "", "the hypervisor: libvirt runs real servers and needs root; fake runs "+
		"none, anywhere (default libvirt for root on Linux, else fake)")
	c.Flags().IntVar(&f.portBase, "port-base", -1, "move all APIs: keystone listens on this port, glance, placement, "+
		"nova, metadata and neutron on the next ones; 0 takes any that are free")
	c.Flags().StringVar(&f.adminPassword, "admin-password", "", "the password of admin at the first start (default: a "+
		"random one, kept in the state folder)")
	return c
}

func (p *program) runUp(ctx context.Context, f upFlags) error {
	began := time.Now()
	if f.virt == "" {
		f.virt = "fake"
		if os.Geteuid() == 0 && runtime.GOOS == "linux" {
			f.virt = "libvirt"
		}
	}
	if f.virt == "libvirt" && os.Geteuid() != 0 {
		return fault.Forbiddenf("real servers need root: run with sudo, or use --virt fake")
	}
	c, err := p.upConfig(f)
	if err != nil {
		return err
	}
	state, err := app.OpenState(c.Default.StatePath, c.HypervisorPasses())
	if err != nil {
		return err
	}
	defer state.Close() // the lock ends with the process in any case
	if err := state.Lost(&c); err != nil {
		return err
	}
	passwords, _, err := state.Passwords(c.GivenPasswords())
	if err != nil {
		return err
	}
	logger, err := c.Logging(p.env.Err)
	if err != nil {
		return err
	}
	defer logger.Close()
	for _, r := range c.Remarks() {
		logger.WarnContext(ctx, r)
	}
	roles, err := app.Expand([]string{"all"})
	if err != nil {
		return err
	}
	o, err := p.options(roles, logger, func() (app.Config, error) { return p.upConfig(f) })
	if err != nil {
		return err
	}
	if err := state.Remember(&c); err != nil {
		return err
	}
	proc, err := app.New(ctx, c, o)
	if err != nil {
		return err
	}
	if err := proc.Bootstrap(ctx, passwords); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	ctx, stop := proc.Signals(ctx)
	defer stop()
	return proc.Run(ctx, service.Func("ready", func(ctx context.Context, ready func()) error {
		if f.memory || !state.Seeded() {
			admin, err := rest.Login(ctx, http.DefaultClient, proc.Endpoint("keystone"),
				rest.Credentials{User: "admin", Password: passwords.Admin, Project: "admin"})
			if err != nil {
				return fmt.Errorf("first content: %w", err)
			}
			if err := c.SeedCloud(ctx, admin); err != nil {
				return fmt.Errorf("first content: %w", err)
			}
			if err := c.SeedExternal(ctx, admin); err != nil {
				return fmt.Errorf("external network: %w", err)
			}
			if !f.memory {
				if err := state.MarkSeeded(); err != nil {
					return err
				}
			}
		}
		if err := state.WriteClients(proc.Endpoint("keystone"), c.Seed.Region, passwords); err != nil {
			return err
		}
		if err := state.WriteListening(proc.Listening()); err != nil {
			return err
		}
		p.sayReady(proc, c.Default.StatePath, time.Since(began))
		if c.NetAgent.External.IsValid() && f.virt != "fake" {
			p.sayFloating()
		}
		ready()
		<-ctx.Done()
		fmt.Fprintln(p.env.Out, "hypernova: ending; a second signal ends at once")
		return nil
	}))
}

// upConfig is the configuration with what the flags of "up" stand for.
func (p *program) upConfig(f upFlags) (app.Config, error) {
	dir := f.state
	if dir == "" {
		dir = p.stateDir()
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return app.Config{}, err
	}
	var sets []string
	if f.state != "" {
		sets = append(sets, "DEFAULT.state_path="+dir)
	}
	if f.virt == "fake" {
		sets = append(sets, "DEFAULT.compute_driver=fake", "ml2.mechanism_drivers=fake")
	}
	if f.memory {
		sets = append(sets, "database.connection=sqlite://", "glance_store.default_backend=mem",
			"fernet_tokens.key_repository=",
			"credential.key_repository=", "fake.state_dir=")
	}
	if f.portBase >= 0 {
		sets = append(sets, "listen.port_base="+strconv.Itoa(f.portBase))
	}
	if f.adminPassword != "" {
		sets = append(sets, "bootstrap.admin_password="+f.adminPassword)
	}
	c, err := p.load(func(c *app.Config) { c.Default.StatePath = dir }, sets)
	if err != nil {
		return c, err
	}
	return c, c.OneMachine()
}

// sayFloating says how this machine reaches a server.
func (p *program) sayFloating() {
	fmt.Fprintln(p.env.Out, "Reach a server from here:  openstack floating ip create public && "+
		"openstack server add floating ip SERVER ADDRESS && ssh ADDRESS\n"+
		"  (its security group must let ssh in: "+
		"openstack security group rule create --protocol tcp --dst-port 22 default)")
}

func (p *program) sayReady(proc *app.Process, dir string, took time.Duration) {
	fmt.Fprintf(p.env.Out, "hypernova: ready after %.2f s\n", took.Seconds())
	for _, s := range app.Services() {
		fmt.Fprintf(p.env.Out, "  %-9s %s%s\n", s.Type, proc.Endpoint(s.APIs[0]), s.Path)
	}
	fmt.Fprintf(p.env.Out, "Go on with:  . %s && openstack server list\n", filepath.Join(dir, "openrc"))
}
