// Package app is the composition root: it turns the configuration and a list of roles into running services.
// For each contract it decides whether the implementation is in this process or behind a client.
//
//	services.go    the table of services: APIs, catalog, databases, rules, messages, roles, checks
//	roles.go       roles and groups of roles
//	listeners.go   how an API gets its listener, and hands it to the next process
//	addresses.go   ports and endpoints
//	databases.go   the services' databases, with the tables of this release
//	policies.go    what an API's handler has in common with others: validator of tokens, policy rules
//	drivers.go     every driver compiled in, by kind and name
//	keystone.go, placement.go, glance.go, neutron.go, nova.go, compute.go   construction of each service
//	state.go       the folder of one cloud on one host: lock, passwords, client files
//	seed.go        the first content of a cloud
//	cli/           the commands
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hypernova/nova/virt"
	"hypernova/oslo/clock"
	"hypernova/oslo/conns"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
	"hypernova/oslo/metric"
	"hypernova/oslo/service"
)

// Options are what a process is made of besides its configuration. Only Roles is required.
type Options struct {
	Roles   []string // names of roles, without groups; see Expand
	Version string
	Log     *slog.Logger   // nil: discarded
	Level   *slog.LevelVar // of Log, for a reload; nil: it cannot be changed
	Now     clock.Now      // nil: Machine, and the databases' own clocks for what hosts compare
	Machine clock.Now      // this machine's clock; nil: the one it has. Tests make it wrong
	Sync    bool           // bring schemas up to date whatever the configuration says
	// Listen opens the listener of an API; nil: where the configuration says.
	Listen func(ctx context.Context, api string) (net.Listener, error)
	// Sockets are the listeners that the process inherited, by the APIs' names; see service.Sockets.
	Sockets map[string][]net.Listener
	// Reload reads the configuration again, for SIGHUP; nil: only policies and files are read again. Reopen opens the
	// log's file again.
	Reload func() (Config, error)
	Reopen func() (string, error)
	// Schemes are the bus transports; nil: all that are compiled in. Database opens a service's database; nil: where the
	// configuration says. A test that restarts processes on one bus and one memory database sets both; what Database
	// answers is not closed.
	Schemes  []messaging.Scheme
	Database func(ctx context.Context, service string) (*db.DB, error)
	// Hypervisor is the driver of nova-compute; nil: the one that the configuration names.
	Hypervisor virt.Driver
	// Crash is called at named instants of durable work, for tests that end the process there.
	Crash func(point string)
}

// Process is the services of one process, put together and listening, but not yet started. Run or Close ends it.
type Process struct {
	c   *Config
	o   Options
	now clock.Now
	bus *messaging.Bus

	parts
	listeners *listeners
	databases *databases
	policies  *policies
	services  []service.Service
	closers   []func(context.Context) error // in order of construction; called in reverse
	bounds    *conns.Bounds                 // of all listeners' connections

	metrics    *metric.Registry
	apiMetrics *prometheus.Registry
	reloads    []func(context.Context) (string, error) // answers to SIGHUP
}

// New puts the roles together. The context carries the logger and bounds the construction only.
func New(ctx context.Context, c Config, o Options) (*Process, error) {
	p := newProcess(&c, o)
	if err := p.build(log.With(ctx, p.o.Log)); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

func newProcess(c *Config, o Options) *Process {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	now := clock.Real
	if o.Machine != nil {
		now = o.Machine
	}
	if o.Now != nil {
		now = o.Now
	}
	if o.Schemes == nil {
		o.Schemes = c.schemes()
	}
	total := c.Listen.MaxConns
	if total == 0 {
		total = conns.Total()
	}
	p := &Process{c: c, o: o, now: now, bounds: conns.New(total, c.Listen.PerAddress, o.Log), metrics: metric.New(),
		apiMetrics: prometheus.NewRegistry()}
	p.parts, p.listeners, p.databases, p.policies = newParts(p), newListeners(p), newDatabases(p), newPolicies(p)
	return p
}

func (p *Process) build(ctx context.Context) error {
	if err := p.openBus(ctx); err != nil {
		return notStarted(strings.Join(p.o.Roles, ", "), fmt.Errorf("message bus: %w", err))
	}
	if err := p.listeners.openPulse(ctx); err != nil {
		return err
	}
	if err := p.profiles(ctx); err != nil {
		return err
	}
	for _, r := range roles() {
		if !p.has(r.name) {
			continue
		}
		if err := r.build(ctx, p); err != nil {
			return notStarted(r.name, err)
		}
	}
	return p.keepTables(ctx)
}

// notStarted names the role that cannot start; the cause names the cure.
func notStarted(role string, err error) error {
	if f, ok := err.(*fault.Fault); ok && f.Err == nil { // exact: what is around it would be lost
		return fault.New(f.Kind, "%s cannot start: %s", role, f.Msg)
	}
	return fmt.Errorf("%s cannot start: %w", role, err)
}

// openBus connects to the bus, having started it first where this process is to serve it.
func (p *Process) openBus(ctx context.Context) error {
	if p.c.Default.EmbedBus {
		if err := p.embedBus(ctx); err != nil {
			return err
		}
	}
	bus, err := messaging.Open(ctx, p.c.Default.TransportURL, p.o.Schemes...)
	if err != nil {
		return err
	}
	p.bus = bus
	p.closers = append(p.closers, bus.Close)
	return nil
}

// Run starts the services in order, waits until ctx ends or one of them fails, and stops them in reverse order. last
// are services that start after all others.
func (p *Process) Run(ctx context.Context, last ...service.Service) error {
	ctx = metric.With(log.With(ctx, p.o.Log), p.metrics)
	for api, ls := range p.o.Sockets {
		for _, l := range ls {
			p.o.Log.Warn("systemd opened a socket that no API of this process has a use for; see FileDescriptorName= of its "+
				"unit", "name", api, "address", l.Addr().String())
		}
	}
	err := service.Launch(ctx, p.c.Default.Grace, slices.Concat(p.listeners.pulseService(), p.services,
		p.listeners.offers(), last, []service.Service{started()})...)
	return errors.Join(err, p.Close(context.WithoutCancel(ctx))) // ctx has ended; closing must still happen
}

// afterStart is the time for what follows a start: first heartbeats, first requests.
const afterStart = 2 * time.Second

// started is the last service to start. It gives back the memory that only the start needed, and has the collector of
// garbage adapt to the load from then on.
func started() service.Service {
	return service.Func("memory of the start", func(ctx context.Context, ready func()) error {
		ready()
		t := time.NewTimer(afterStart)
		defer t.Stop()
		select {
		case <-t.C:
			releaseStart()
			defer adaptCollector()()
			<-ctx.Done()
		case <-ctx.Done():
		}
		return nil
	})
}

// Close gives back what construction took. Run does it; a process that was never run needs it.
func (p *Process) Close(ctx context.Context) error {
	var errs []error
	for _, c := range slices.Backward(p.closers) {
		errs = append(errs, c(ctx))
	}
	p.closers = nil
	return errors.Join(append(errs, p.listeners.close())...)
}

// Signals answers the operating system's signals for this process: SIGTERM and SIGINT end the context, SIGHUP reads
// configuration, policies and so on again, SIGUSR2 writes a state report.
func (p *Process) Signals(ctx context.Context) (context.Context, func()) {
	ctx = metric.With(log.With(ctx, p.o.Log), p.metrics)
	var reloads []func(context.Context) (string, error)
	if p.o.Reload != nil {
		reloads = append(reloads, p.reload)
	}
	if p.o.Reopen != nil {
		reloads = append(reloads, func(context.Context) (string, error) { return p.o.Reopen() })
	}
	return service.Signals(ctx, service.SignalOptions{Reload: append(reloads, p.reloads...),
		Report: func(w io.Writer) { p.report(ctx, w) }})
}

// Endpoint is the base URL of an API: "keystone", "glance", "placement", "nova", "nova-metadata", "neutron".
func (p *Process) Endpoint(api string) string { return p.c.endpoint(api, p.listeners.open[api]) }

func (p *Process) has(role string) bool { return slices.Contains(p.o.Roles, role) }

// serve adds an API: its listener is opened now, so that a taken port is known before anything runs.
func (p *Process) serve(ctx context.Context, name, api string, h http.Handler) error {
	if err := p.listeners.listen(ctx, api); err != nil {
		return err
	}
	h, err := p.listeners.edge(api, used(api, h))
	if err != nil {
		return err
	}
	var stay time.Duration
	if p.listeners.shared[api] {
		stay = linger
	}
	p.services = append(p.services, service.HTTP(name, p.listeners.open[api], h, service.HTTPOptions{
		Grace: p.c.Default.Grace, Linger: stay, Bounds: p.bounds, Metrics: prometheus.Gatherers{p.metrics.Gatherer(),
			p.apiMetrics}}))
	return nil
}

// upkeep adds periodic tasks that belong to no manager.
func (p *Process) upkeep(name string, tasks ...service.Periodic) {
	p.services = append(p.services, service.New(service.Manager{Binary: name + "-upkeep", Host: p.c.Default.Host,
		Periodic: tasks}, service.Deps{},
		p.serviceOptions()))
}

func (p *Process) serviceOptions() service.Options {
	return service.Options{ReportInterval: p.c.Default.Report, DownTime: p.c.Default.Down, Grace: p.c.Default.Grace,
		FuzzyDelay: min(p.c.Default.Report, time.Minute),
		Disabled:   p.c.Default.DisabledTasks, Pulse: p.listeners.pulse}
}

// forService puts a service's name into an option that has one value for all of them.
func forService(text, name string) string { return strings.ReplaceAll(text, "{service}", name) }
