// Package compute is the agent on a host: it drives the hypervisor, one server's operations one after another, and
// reports facts. It never asks a database: each message brings all that it needs, and the conductor keeps the records.
package compute

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"hypernova/glance"
	"hypernova/nova"
	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/lock"
	"hypernova/oslo/messaging"
	"hypernova/oslo/service"
	"hypernova/placement"
)

// Config is the options of an agent.
type Config struct {
	Host               string
	UpdateInterval     time.Duration    // between reports of resources; default 60 s
	SyncInterval       time.Duration    // between looks at what guests do; default 10 min
	ReapInterval       time.Duration    // between looks for guests that nobody wants; default 30 min
	MaxBuilds          int              // servers that are prepared and spawned at once; 0: any number
	KeepDeleted        bool             // only log guests of deleted servers
	ResumeGuests       bool             // start, when the agent starts, guests that should run and do not
	RestartCrashed     bool             // have guests started again that crashed
	WakeHalted         bool             // have guests go on that were halted because the disk was full
	MinFreeDisk        int64            // bytes: while fewer are free the host takes no new servers; 0: never
	MaxConsole         int64            // bytes that a console log may take where nobody else bounds it; 0: any number
	DiskInterval       time.Duration    // between looks how full the disk is; default 5 s
	ImageCacheInterval time.Duration    // between looks for cached images that may go; default 40 min, negative: never
	ImageCache         virt.CachePolicy // which may go
	ReservedCPUs       int64
	ReservedMemoryMB   int64
	ReservedDiskGB     int64
	Consoles           map[nova.ConsoleType]string // base URLs of the proxies of consoles; types without one are disabled
	CPURatio, RAMRatio float64                     // 0: what the provider has already, or 4 and 1
	DiskRatio          float64
}

// Deps are what the agent uses.
type Deps struct {
	Driver    virt.Driver
	Bus       *messaging.Bus
	Placement placement.API
	Images    virt.Images
	Store     Store // that snapshots are sent to
}

// Store is the image service as snapshots use it. All methods act for the caller in ctx.
type Store interface {
	Image(ctx context.Context, id string) (glance.Image, error)
	Upload(ctx context.Context, id string, data io.Reader, size int64) error
}

// Manager is the agent.
type Manager struct {
	Deps
	c          Config
	operations map[string]hostOperation
	slots      chan struct{}      // one for each build that may run; nil: no bound
	locks      lock.Keyed[string] // by server; taken after an operation is in running

	cached atomic.Pointer[[]virt.CachedImage] // what the cache kept when it was last looked at

	low     atomic.Bool // the disk is almost full
	toldLow atomic.Bool // the conductor keeps the host out of scheduling for that

	mu      sync.Mutex
	halts   map[string]*halt               // guests that were halted for a disk, until they have gone on for long
	running map[string]map[string]*running // server -> operation -> the running one
}

// New makes an agent; nothing happens before its service runs.
func New(c Config, d Deps) *Manager {
	for _, x := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.UpdateInterval, time.Minute}, {&c.SyncInterval, 10 * time.Minute}, {&c.ReapInterval, 30 * time.Minute},
		{&c.ImageCacheInterval, 40 * time.Minute},
		{&c.DiskInterval, 5 * time.Second}} {
		if *x.v == 0 {
			*x.v = x.d
		}
	}
	m := &Manager{Deps: d, c: c, operations: hostOperations(), halts: map[string]*halt{},
		running: map[string]map[string]*running{}}
	if c.MaxBuilds > 0 {
		m.slots = make(chan struct{}, c.MaxBuilds)
	}
	return m
}

// WatchTask is the periodic task of hosts whose hypervisor tells of its guests by itself.
const WatchTask = "watch_guests"

// Manager is the role nova-compute.
func (m *Manager) Manager() service.Manager {
	ps := []service.Periodic{
		{Name: "update_available_resource", Spacing: m.c.UpdateInterval, Fn: m.report},
		{Name: "sync_power_states", Spacing: m.c.SyncInterval, Fn: m.syncPower},
		{Name: "cleanup_running_deleted_instances", Spacing: m.c.ReapInterval, Fn: m.reap},
		{Name: "settle_leftovers", Spacing: m.c.ReapInterval, Fn: leftovers{m}.settle},
		{Name: "manage_image_cache", Spacing: m.c.ImageCacheInterval, Fn: m.cleanImages},
		{Name: "watch_disk", Spacing: m.c.DiskInterval, RunImmediately: true, Fn: m.watchDisk},
	}
	if src, ok := m.Driver.(virt.EventSource); ok {
		ps = append(ps, service.Periodic{Name: WatchTask, Spacing: time.Second, RunImmediately: true,
			Fn: func(ctx context.Context) error { return m.watch(ctx, src) }})
	}
	return service.Manager{Binary: nova.BinaryCompute, Host: m.c.Host, Topic: rpcapi.Compute, Level: 1,
		InitHost: m.initHost, Register: m.register, Periodic: ps}
}

func (m *Manager) register(s *messaging.Server) {
	rpcapi.Prepare.Handle(s, m.prepare)
	rpcapi.Spawn.Handle(s, m.spawn)
	rpcapi.Destroy.Handle(s, m.destroy)
	rpcapi.Reap.Handle(s, func(ctx context.Context, a rpcapi.ServerArgs) (messaging.None, error) {
		return messaging.None{}, m.reapOne(ctx, a.Server, false)
	})
	rpcapi.Power.Handle(s, m.power)
	rpcapi.Rebuild.Handle(s, disks{m}.rebuild)
	rpcapi.Rescue.Handle(s, disks{m}.rescue)
	rpcapi.Snapshot.Handle(s, disks{m}.snapshot)
	rpcapi.SetPassword.Handle(s, guests{m}.setPassword)
	rpcapi.Interface.Handle(s, guests{m}.plugInterface)
	rpcapi.Diagnose.Handle(s, guests{m}.diagnose)
	rpcapi.ConsoleLog.Handle(s, m.consoleLog)
	rpcapi.Console.Handle(s, m.console)
	rpcapi.CacheImage.Handle(s, m.cacheImage)
	rpcapi.Uptime.Handle(s, m.uptime)
	rpcapi.Reconcile.Handle(s, func(ctx context.Context, _ messaging.None) error { return m.report(ctx) })
}

// Images gives a driver the image service's data.
func Images(g glance.API) virt.Images { return images{g} }

type images struct{ g glance.API }

func (i images) Open(ctx context.Context, id string) (io.ReadCloser, error) {
	_, r, err := i.g.Open(ctx, id)
	return r, err
}

// Group is the service group kept by a conductor in another process.
type Group struct{ Bus *messaging.Bus }

var _ service.Group = Group{}

// Join has a conductor find or create the record.
func (g Group) Join(ctx context.Context, m service.Member) (string, error) {
	r, err := rpcapi.Join.Do(ctx, g.Bus, "", rpcapi.JoinArgs{Host: m.Host, Binary: m.Binary, Topic: m.Topic,
		Level: m.Level, Pulse: m.Pulse})
	return r.ID, err
}

// Beat says the member is alive.
func (g Group) Beat(ctx context.Context, id string) error {
	_, err := rpcapi.Beat.Do(ctx, g.Bus, "", rpcapi.MemberArgs{ID: id})
	return err
}

// Leave says it stopped on purpose.
func (g Group) Leave(ctx context.Context, id string) error {
	_, err := rpcapi.Leave.Do(ctx, g.Bus, "", rpcapi.MemberArgs{ID: id})
	return err
}
