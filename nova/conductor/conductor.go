// Package conductor is the nova-conductor role: it runs compute's tasks and handles the messages of the hosts, which
// open no database. Tasks (jobs) build, delete and power servers, and clean up on hosts that could not be reached. A
// job is a list of steps, each with its undo. If the process dies, another conductor continues the job, or undoes it,
// from the step in the job's record.
package conductor

import (
	"context"
	"time"

	"hypernova/glance"
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

// Scheduler selects hosts. It is the scheduler of this process, or one that is called over the message bus.
type Scheduler interface {
	Select(ctx context.Context, r nova.Request) (nova.Selection, error)
}

// Config is the options of the conductor.
type Config struct {
	Options
	Scheduling
	VIFTimeout      time.Duration // time for ports to become active; default 5 min
	VIFPoll         time.Duration // time between reads of the ports without a hint; default 2 s
	VIFNotFatal     bool          // continue a build although its ports did not become active
	ShutdownTimeout time.Duration // time for a guest to shut down; default 60 s
	DownTime        time.Duration // a host without a heartbeat for longer is down; default 60 s
	OffloadAfter    time.Duration // a shelved server is taken from its host after it; 0 at once, less: never
	OffloadPoll     time.Duration // time between looks for such servers; default 1 h
	Precache        int           // hosts that fetch images ahead of servers at once; default 1
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
	Images    Images // of snapshots
}

// Images deletes and finds images of servers; glance.Writer is one. All methods act for the caller in ctx.
type Images interface {
	Delete(ctx context.Context, id string) error
	Find(ctx context.Context, properties map[string]string) ([]glance.Image, error)
}

// Conductor handles the jobs of its queue and the agents' messages.
type Conductor struct {
	Deps
	c   Config
	hub hub
	// crash is called at named points of a job. Tests end the conductor there.
	crash func(point string)
}

// New makes a conductor and registers its handlers with the queue. The caller runs the queue.
func New(c Config, d Deps) *Conductor {
	conf.Fill(&c)
	for _, x := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.VIFTimeout, 5 * time.Minute}, {&c.VIFPoll, 2 * time.Second}, {&c.ShutdownTimeout, time.Minute}, {&c.DownTime,
		time.Minute}, {&c.OffloadPoll, time.Hour}} {
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
	jobs.Rebuild.Handle(d.Queue, k.rebuild, k.rebuildDied)
	jobs.Rescue.Handle(d.Queue, k.rescue, k.rescueDied)
	jobs.Snapshot.Handle(d.Queue, snapshots{k}.snapshot, snapshots{k}.snapshotDied)
	jobs.Unshelve.Handle(d.Queue, shelves{k}.unshelveOrTell, shelves{k}.unshelveDied)
	jobs.Unclaimed.Handle(d.Queue, snapshots{k}.unclaimed, nil)
	jobs.Attach.Handle(d.Queue, interfaces{k}.attach, interfaces{k}.attachDied)
	jobs.Detach.Handle(d.Queue, interfaces{k}.detach, interfaces{k}.detachDied)
	jobs.Password.Handle(d.Queue, k.forgottenPassword, nil)
	jobs.Cleanup.Handle(d.Queue, k.cleanup, nil)
	jobs.Retire.Handle(d.Queue, k.retire, nil)
	jobs.CacheImages.Handle(d.Queue, k.cacheImages, nil)
	return k
}

// Manager returns the manager of the role nova-conductor, for a launcher.
func (c *Conductor) Manager(host string) service.Manager {
	agents := &agentCalls{Conductor: c}
	return service.Manager{Binary: nova.BinaryConductor, Host: host, Topic: rpcapi.Conductor, Level: 1,
		Register: agents.register,
		Periodic: []service.Periodic{{Name: "ask_silent_services", Spacing: max(c.c.DownTime/4, 10*time.Millisecond),
			Fn: agents.askSilent},
			{Name: "offload_shelved", Spacing: c.c.OffloadPoll, Fn: powerStates{c}.offloadShelved},
			{Name: "heal_networks", Spacing: healEvery, Fn: agents.healNetworks}}}
}

func (c *Conductor) point(name string) {
	if c.crash != nil {
		c.crash(name)
	}
}

// asNova returns ctx with compute's own rights. Jobs change ports and allocations with them, not with the rights of
// the user who made the request.
func asNova(ctx context.Context) context.Context { return auth.With(ctx, auth.Service("nova")) }
