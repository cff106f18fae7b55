package app

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"hypernova/nova"
	"hypernova/nova/conductor"
	"hypernova/nova/flavors"
	"hypernova/nova/hosts"
	"hypernova/nova/keypairs"
	"hypernova/nova/quota"
	"hypernova/nova/rpcapi"
	"hypernova/nova/scheduler"
	"hypernova/nova/scheduler/snapshot"
	"hypernova/nova/servergroups"
	"hypernova/nova/servers"
	"hypernova/nova/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/service"
	"hypernova/oslo/tasks"
)

// novaParts is compute for this process.
type novaParts struct {
	p      *Process
	made   *novaBase
	secret string // of the metadata service, where the configuration has none
}

// novaBase is compute's database, service group and task queue, which its roles share.
type novaBase struct {
	db        *db.DB
	now       clock.Now
	group     *store.Group
	queue     *tasks.Queue
	scheduler *scheduler.Scheduler // nil: in another process
	servers   *servers.Servers     // of nova-api
}

// base opens compute's database, once. Only nova-conductor runs the task queue; the other roles enqueue.
func (n *novaParts) base(ctx context.Context) (*novaBase, error) {
	if n.made != nil {
		return n.made, nil
	}
	p := n.p
	d, err := p.databases.ready(ctx, "nova")
	if err != nil {
		return nil, err
	}
	crash := p.o.Crash
	if crash == nil && p.c.Conductor.CrashAt != "" {
		if crash, err = crashAt(p.c.Conductor.CrashAt); err != nil {
			return nil, err
		}
	}
	now := p.databases.clock(ctx, "nova", d)
	var hint func(context.Context)
	if !p.has(RoleConductor) {
		// who is not told looks by itself
		hint = func(ctx context.Context) { _ = rpcapi.Work.Do(ctx, p.bus, messaging.None{}) }
	}
	n.made = &novaBase{db: d, now: now, group: store.NewGroup(d, now), queue: tasks.New(d, tasks.Config{
		Owner: p.c.Default.Host, Workers: p.c.Conductor.Workers, Lease: p.c.Conductor.TaskLease, Now: now, Log: p.o.Log,
		Crash: crash, Hint: hint,
		// A bus within the process means that there is no second conductor.
		Exclusive: strings.HasPrefix(p.c.Default.TransportURL, "inproc:"),
	})}
	return n.made, nil
}

// crashAt ends the process at a point of durable work, so that a test can see what the next process makes of it.
func crashAt(text string) (func(string), error) {
	var want string
	var n int64
	if _, err := fmt.Sscanf(text, "%s %d", &want, &n); err != nil || n < 1 {
		return nil, fault.Invalidf("[conductor] crash_at: %q is not of the form \"saved 3\"", text)
	}
	var seen atomic.Int64
	return func(point string) {
		if point == want && seen.Add(1) == n {
			os.Exit(137) // what a killed process leaves
		}
	}, nil
}

func buildScheduler(ctx context.Context, p *Process) error {
	n, err := p.nova.base(ctx)
	if err != nil {
		return err
	}
	pl, err := p.placement.api(ctx)
	if err != nil {
		return err
	}
	n.scheduler, err = scheduler.New(p.c.Filter, scheduler.Deps{DB: n.db, Now: n.now, Placement: pl,
		Snapshot: snapshot.Config{DownTime: p.c.Default.Down, DefaultZone: p.c.Default.DefaultZone}})
	if err != nil {
		return fault.Invalidf("[filter_scheduler] %v", err)
	}
	p.services = append(p.services, service.New(n.scheduler.Manager(p.c.Default.Host),
		service.Deps{Bus: p.bus, Group: n.group},
		p.serviceOptions()))
	return nil
}

func buildConductor(ctx context.Context, p *Process) error {
	n, err := p.nova.base(ctx)
	if err != nil {
		return err
	}
	pl, err := p.placement.api(ctx)
	if err != nil {
		return err
	}
	nets, err := p.neutron.api(ctx)
	if err != nil {
		return err
	}
	snapshots, err := p.glance.snapshots(ctx)
	if err != nil {
		return err
	}
	var choose conductor.Scheduler = scheduler.Remote{Bus: p.bus}
	if n.scheduler != nil {
		choose = n.scheduler
	}
	c := conductor.New(conductor.Config{Options: p.c.Conductor, Scheduling: p.c.Scheduler,
		VIFTimeout:      p.c.Default.VIFTimeout,
		VIFNotFatal:     !p.c.Default.VIFFatal,
		ShutdownTimeout: p.c.Default.Shutdown, DownTime: p.c.Default.Down,
		OffloadAfter: time.Duration(p.c.Default.ShelvedOffload) * time.Second, OffloadPoll: p.c.Default.ShelvedPoll,
		Precache: p.c.ImageCache.Precache, DefaultZone: p.c.Default.DefaultZone},
		conductor.Deps{DB: n.db, Now: n.now, Group: n.group, Queue: n.queue, Bus: p.bus, Placement: pl, Networks: nets,
			Scheduler: choose, Images: snapshots})
	p.services = append(p.services, service.New(c.Manager(p.c.Default.Host), service.Deps{Bus: p.bus, Group: n.group},
		p.serviceOptions()),
		n.queue)
	return nil
}

// novaOperations are the operations that the compute API calls.
type novaOperations struct {
	*novaBase
	flavors *flavors.Flavors
	keys    *keypairs.KeyPairs
	quotas  *quota.Quotas
	groups  *servergroups.Groups
	hosts   *hosts.Hosts
}

func (x *novaParts) operations(ctx context.Context) (*novaOperations, error) {
	p := x.p
	n, err := x.base(ctx)
	if err != nil {
		return nil, err
	}
	images, err := p.glance.api(ctx)
	if err != nil {
		return nil, err
	}
	nets, err := p.neutron.api(ctx)
	if err != nil {
		return nil, err
	}
	snapshots, err := p.glance.snapshots(ctx)
	if err != nil {
		return nil, err
	}
	v := &novaOperations{novaBase: n, flavors: flavors.New(n.db, n.now), quotas: quota.New(n.db, p.c.Quota.Limits()),
		hosts: hosts.New(hosts.Config{DownTime: p.c.Default.Down, DefaultZone: p.c.Default.DefaultZone},
			hosts.Deps{DB: n.db, Now: n.now, Bus: p.bus, Queue: n.queue, Image: func(ctx context.Context,
				id string) (nova.ImageMeta, error) {
				i, err := images.Image(ctx, id)
				return servers.ImageMeta(i), err
			}})}
	v.keys, v.groups = keypairs.New(n.db, n.now, v.quotas), servergroups.New(n.db, n.now, v.quotas)
	n.servers = servers.New(servers.Deps{DB: n.db, Now: n.now, Queue: n.queue, Bus: p.bus, Images: images, Networks: nets,
		Host: p.c.Default.Host, HidePasswords: !p.c.NovaAPI.Passwords, RescueImage: p.c.Libvirt.RescueImage,
		Store: snapshots, SnapshotFormat: p.c.Libvirt.SnapshotFormat, NotInherited: p.c.Default.NotInherited,
		ReclaimAfter: p.c.Default.ReclaimAfter, MaxLocalDevices: &p.c.Default.LocalDevices,
		Flavors: v.flavors, Keys: v.keys,
		Quotas: v.quotas, DefaultZone: p.c.Default.DefaultZone, ScheduleZone: p.c.Default.ScheduleZone})
	return v, nil
}
