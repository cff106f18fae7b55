// Package conductor works the jobs of compute: it builds, deletes and powers servers, cleans up after hosts, and
// holds the database for agents that have none. Each job is a list of steps with undo; killed anywhere, it goes on or
// unwinds where its record says.
package conductor

import (
	"context"
	"time"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/conf"
	"hypernova/oslo/db"
	"hypernova/oslo/messaging"
	"hypernova/oslo/service"
	"hypernova/oslo/tasks"
	"hypernova/placement"
)

// Scheduler chooses hosts: the scheduler itself, or a remote one.
type Scheduler interface {
	Select(ctx context.Context, r nova.Request) (nova.Selection, error)
}

// Config is the options of the conductor.
type Config struct {
	Options
	Scheduling
	VIFTimeout      time.Duration // how long ports may take to come up; default 5 min
	VIFPoll         time.Duration // how often ports are looked at without a hint; default 2 s
	VIFNotFatal     bool          // build on although ports did not come up
	ShutdownTimeout time.Duration // how long a guest may take to go down by itself; default 60 s
	DownTime        time.Duration // a host silent for longer is down; default 60 s
	DefaultZone     string        // of hosts in no aggregate with a zone; default "nova"
}

// Deps are what the conductor uses.
type Deps struct {
	DB        *db.DB
	Now       clock.Now    // nil: the real clock
	Group     *store.Group // the process's; nil: one of its own
	Queue     *tasks.Queue
	Bus       *messaging.Bus
	Placement placement.API
	Networks  neutron.API
	Scheduler Scheduler
}

// Conductor handles the jobs of its queue and the agents' messages.
type Conductor struct {
	Deps
	c   Config
	hub hub
	// crash is called at instants between the things a job does, where tests end it.
	crash func(point string)
}

// New makes a conductor and registers its handlers with the queue, which somebody else runs.
func New(c Config, d Deps) *Conductor {
	conf.Fill(&c)
	for _, x := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.VIFTimeout, 5 * time.Minute}, {&c.VIFPoll, 2 * time.Second}, {&c.ShutdownTimeout, time.Minute}, {&c.DownTime,
		time.Minute}} {
		if *x.v == 0 {
			*x.v = x.d
		}
	}
	if c.DefaultZone == "" {
		c.DefaultZone = "nova"
	}
	if d.Now == nil {
		d.Now = clock.Real
	}
	if d.Group == nil {
		d.Group = store.NewGroup(d.DB, d.Now)
	}
	k := &Conductor{Deps: d, c: c}
	jobs.Build.Handle(d.Queue, k.buildOrTell, k.buildDied)
	jobs.Delete.Handle(d.Queue, k.delete, k.deleteDied)
	jobs.Forget.Handle(d.Queue, k.forget, nil)
	jobs.Power.Handle(d.Queue, k.power, k.powerDied)
	jobs.Cleanup.Handle(d.Queue, k.cleanup, nil)
	jobs.Retire.Handle(d.Queue, k.retire, nil)
	return k
}

// Manager is the role nova-conductor.
func (c *Conductor) Manager(host string) service.Manager {
	agents := &agentCalls{Conductor: c}
	return service.Manager{Binary: nova.BinaryConductor, Host: host, Topic: rpcapi.Conductor, Level: 1,
		Register: agents.register,
		Periodic: []service.Periodic{{Name: "ask_silent_services", Spacing: max(c.c.DownTime/4, 10*time.Millisecond),
			Fn: agents.askSilent},
			{Name: "heal_networks", Spacing: healEvery, Fn: agents.healNetworks}}}
}

func (c *Conductor) point(name string) {
	if c.crash != nil {
		c.crash(name)
	}
}

// asNova is ctx with compute's own rights: what a job does to ports and claims it does for the cloud, whoever asked
// for it.
func asNova(ctx context.Context) context.Context { return auth.With(ctx, auth.Service("nova")) }
