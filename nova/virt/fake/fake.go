// Package fake is a hypervisor without virtual machines: it keeps servers as records, in memory or in a folder, and
// fails, delays and lies when told to. It is a product, not only a test helper: a whole cloud on it runs unprivileged
// anywhere, and it obeys the driver suite.
package fake

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/clock"
	"hypernova/oslo/conf"
	"hypernova/oslo/fault"
)

// This driver keeps console logs, tells of guests that stop by themselves, and how long it runs.
var (
	_ virt.Console     = (*Driver)(nil)
	_ virt.EventSource = (*Driver)(nil)
	_ virt.Uptimer     = (*Driver)(nil)
	_ virt.Suspender   = (*Driver)(nil)
	_ virt.ImageCache  = (*Driver)(nil)
	_ virt.LastWords   = (*Driver)(nil)
	_ virt.Disk        = (*Driver)(nil)
)

// Config is section [fake], and what the driver depends on. The zero value is a host of the declared size in memory.
type Config struct {
	VCPUs     int64         `conf:"vcpus" default:"64" min:"1" help:"Processors of the pretended host."`
	MemoryMB  int64         `conf:"memory_mb" default:"262144" min:"1" help:"Its memory, in MiB."`
	DiskGB    int64         `conf:"disk_gb" default:"4096" min:"1" help:"Its disk, in GiB."`
	Dir       string        `conf:"state_dir" default:"$state_path/fake" help:"The folder that remembers its servers; empty forgets them with the process."`
	Delay     time.Duration `conf:"delay" default:"0" min:"0" help:"How long each operation on a server takes."`
	FaultText string        `conf:"faults" help:"What goes wrong, for tests: entries split by ';', such as: spawn server=bad-* fail=no luck; prepare nth=2 slow=3s."`

	Hostname, HostIP string // default "localhost" and 127.0.0.1
	Traits           []string
	Faults           []Fault // what goes wrong: FaultText read by ParseFaults
	SkipImages       bool    // do not read image data, for simulations of very many hosts
	Now              clock.Now
	Console          func(*nova.Spec) string // what a boot prints; default: a plausible boot log
}

// Driver is the fake hypervisor. All methods may be called concurrently.
type Driver struct {
	disker
	guests
	*consoles
	hooks

	c      Config
	made   time.Time
	disk   folder
	faults *injector
	images *imageCache

	mu      sync.Mutex
	down    bool
	free    int64 // of the pretended disk
	servers map[string]*record
	held    map[string]bool // servers whose next start stays under way
	watch   map[int]chan virt.Event
	nextID  int
}

// record is one server as the pretended hypervisor keeps it. Power NoState: prepared, not defined yet.
type record struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Display string          `json:"display"`
	VCPUs   int             `json:"vcpus"`
	RAM     int             `json:"ram"`
	Disk    int64           `json:"disk"`
	Power   nova.PowerState `json:"power"`
	Log     string          `json:"log"`
	Image   string          `json:"image,omitempty"` // the key of what it stands on in the cache
	Cause   nova.Cause      `json:"cause,omitempty"` // why it does not run, by Upset
	Why     string          `json:"why,omitempty"`
	Words   string          `json:"words,omitempty"`
	Saved   bool            `json:"saved,omitempty"` // by Suspend
	Disks   disks           `json:"disks,omitzero"`
	NICs    []string        `json:"nics,omitempty"` // ids
	// Starting is when the pretended hypervisor will have started the server, whether or not the process that asked for
	// it lives on; zero: it is not starting it. Boot is what the guest will have printed then.
	Starting time.Time `json:"starting,omitzero"`
	Boot     string    `json:"boot,omitempty"`
}

// New makes a fake host. It touches nothing until Init.
func New(c Config) *Driver {
	if c.Hostname == "" {
		c.Hostname = "localhost"
	}
	if c.HostIP == "" {
		c.HostIP = "127.0.0.1"
	}
	conf.Fill(&c)
	if c.Now == nil {
		c.Now = clock.Real
	}
	if c.Console == nil {
		c.Console = bootLog
	}
	d := &Driver{c: c, made: c.Now(), disk: folder(c.Dir), faults: &injector{faults: c.Faults}, images: &imageCache{},
		free: 1 << 50}
	d.disker, d.guests, d.consoles = disker{d}, guests{d}, &consoles{d: d}
	return d
}

// Init reads back the servers that an earlier process left in the folder.
func (d *Driver) Init(ctx context.Context) error {
	if _, err := d.enter(ctx, "init", "", 0); err != nil {
		return err
	}
	found, err := d.disk.load()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, r := range d.servers { // Init after Init keeps what is only in memory
		found[id] = r
	}
	d.servers = found
	return nil
}

// Resources is the configured size and what the servers use of it.
func (d *Driver) Resources(ctx context.Context) (virt.Resources, error) {
	if _, err := d.enter(ctx, "resources", "", 0); err != nil {
		return virt.Resources{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := virt.Resources{
		Hostname: d.c.Hostname, HostIP: d.c.HostIP, Type: "fake", Version: 1_000_000,
		CPUInfo: map[string]any{"arch": "x86_64", "model": "fake", "vendor": "fake", "features": []string{},
			"topology": map[string]any{"sockets": 1, "cores": d.c.VCPUs, "threads": 1}},
		VCPUs: d.c.VCPUs, MemoryMB: d.c.MemoryMB, DiskGB: d.c.DiskGB, MemoryUsedMB: 512,
		Traits: slices.Clone(d.c.Traits),
	}
	used := int64(0)
	for _, s := range d.servers {
		used += s.Disk
		if s.Power == nova.Running || s.Power == nova.PowerPaused {
			r.Running++
			r.MemoryUsedMB += int64(s.RAM)
		}
	}
	r.DiskFreeGB = max(0, d.c.DiskGB-used)
	return r, nil
}

// Servers lists the records in order of id.
func (d *Driver) Servers(ctx context.Context) ([]virt.Info, error) {
	if _, err := d.enter(ctx, "servers", "", 0); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]virt.Info, 0, len(d.servers))
	for _, id := range slices.Sorted(maps.Keys(d.servers)) {
		r, err := d.find(id)
		if err != nil {
			return nil, err
		}
		out = append(out, r.info())
	}
	return out, nil
}

// Info is one record's state. A lying host says that every server it knows runs.
func (d *Driver) Info(ctx context.Context, id string) (virt.Info, error) {
	p, err := d.enter(ctx, "info", id, 0)
	if err != nil {
		return virt.Info{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.find(id)
	if err != nil {
		return virt.Info{}, err
	}
	i := r.info()
	if p.lie {
		i.Power = nova.Running
	}
	return i, nil
}

// Prepare reads the image, unless this host has it, and makes the record.
func (d *Driver) Prepare(ctx context.Context, s *nova.Spec, images virt.Images) error {
	local := s.Disks()
	return d.do(ctx, "prepare", s.ID, s.Name, func(plan) error {
		disk := int64(s.Flavor.Disk)
		if gib := (s.Image.Size + 1<<30 - 1) >> 30; disk == 0 {
			disk = gib
		} else if gib > disk {
			return fault.New(fault.TooLarge, "Image %s needs %d GiB of disk but flavor %s has %d GiB.", s.Image.ID, gib,
				s.Flavor.Name, disk)
		}
		if !d.c.SkipImages && s.Image.ID != "" {
			release, err := d.images.fetch(ctx, s.Image, images, d.c.Now)
			defer release()
			if err != nil {
				return err
			}
		}
		return d.change(s.ID, func(r *record) (*record, error) {
			if r != nil {
				return r, nil
			}
			return &record{ID: s.ID, Name: virt.DomainName(s.ID), Display: s.Name, VCPUs: s.Flavor.VCPUs, RAM: s.Flavor.RAM,
				Disk: disk + size(local.Ephemerals), Image: imageKey(s.Image)}, nil
		})
	})
}

// size is the sum of the sizes of ephemeral disks, in GiB.
func size(disks []nova.BlockDevice) (sum int64) {
	for i := range disks {
		sum += int64(disks[i].Size)
	}
	return sum
}

// Spawn starts a prepared server.
func (d *Driver) Spawn(ctx context.Context, s *nova.Spec) error {
	return d.do(ctx, "spawn", s.ID, s.Name, func(p plan) error {
		return d.boot(ctx, s, p.passing, func(now nova.PowerState) (bool, error) {
			return now != nova.Running &&
				now != nova.PowerPaused, nil
		})
	})
}

// Destroy forgets the record.
func (d *Driver) Destroy(ctx context.Context, id string) error {
	return d.do(ctx, "destroy", id, "", func(plan) error {
		return d.change(id, func(*record) (*record, error) { return nil, nil })
	})
}

// Start powers on.
func (d *Driver) Start(ctx context.Context, s *nova.Spec) error {
	return d.do(ctx, "start", s.ID, s.Name, func(p plan) error {
		return d.boot(ctx, s, p.passing, startable(s.ID))
	})
}

// startable reports whether a server must be booted to run.
func startable(id string) func(nova.PowerState) (bool, error) {
	return func(now nova.PowerState) (bool, error) {
		if now == nova.PowerPaused {
			return false, fault.Conflictf("Server %s is paused.", id)
		}
		return now != nova.Running, nil
	}
}

// Stop powers off; the pretended guest always obeys at once.
func (d *Driver) Stop(ctx context.Context, id string, _ time.Duration) error {
	return d.do(ctx, "stop", id, "", func(plan) error {
		return d.change(id, func(r *record) (*record, error) {
			if r == nil {
				return nil, unknown(id)
			}
			if r.Power != nova.NoState || !r.Starting.IsZero() {
				r.end(nova.Shutdown)
			}
			return r, nil
		})
	})
}

// Reboot boots again, whatever the server did before.
func (d *Driver) Reboot(ctx context.Context, s *nova.Spec, _ bool, _ time.Duration) error {
	return d.do(ctx, "reboot", s.ID, s.Name, func(p plan) error {
		return d.boot(ctx, s, p.passing, func(nova.PowerState) (bool, error) { return true, nil })
	})
}

// Pause freezes a running server.
func (d *Driver) Pause(ctx context.Context, id string) error {
	return d.do(ctx, "pause", id, "", func(plan) error { return d.freeze(ctx, id, nova.Running, nova.PowerPaused) })
}

// Unpause thaws a paused server.
func (d *Driver) Unpause(ctx context.Context, id string) error {
	return d.do(ctx, "unpause", id, "", func(plan) error { return d.freeze(ctx, id, nova.PowerPaused, nova.Running) })
}

// Suspend ends a running server's guest so that Resume goes on with it.
func (d *Driver) Suspend(ctx context.Context, id string) error {
	return d.do(ctx, "suspend", id, "", func(plan) error {
		if _, err := d.settled(ctx, id); err != nil {
			return err
		}
		return d.change(id, func(r *record) (*record, error) {
			switch {
			case r == nil:
				return nil, unknown(id)
			case r.Saved:
			case r.Power == nova.Running || r.Power == nova.PowerPaused:
				r.Power, r.Saved = nova.Shutdown, true
			default:
				return nil, fault.Conflictf("Server %s does not run.", id)
			}
			return r, nil
		})
	})
}

// Resume goes on where Suspend stopped, without another boot; where nothing is saved it boots.
func (d *Driver) Resume(ctx context.Context, s *nova.Spec) error {
	return d.do(ctx, "resume", s.ID, s.Name, func(p plan) error {
		boots := true
		err := d.change(s.ID, func(r *record) (*record, error) {
			if r != nil && r.Saved {
				r.Power, r.Saved, boots = nova.Running, false, false
			}
			return r, nil
		})
		if err != nil || !boots {
			return err
		}
		return d.boot(ctx, s, p.passing, startable(s.ID))
	})
}

// ConsoleLog is the end of what the boots printed.
func (d *Driver) ConsoleLog(ctx context.Context, id string, n int64) ([]byte, error) {
	if _, err := d.enter(ctx, "console", id, 0); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.find(id)
	if err != nil {
		return nil, err
	}
	return []byte(r.Log[max(0, int64(len(r.Log))-n):]), nil
}

// boot makes a server run from its own disks, as startFrom does; that ends a rescue.
func (d *Driver) boot(ctx context.Context, s *nova.Spec, passing time.Duration,
	need func(nova.PowerState) (bool, error)) error {
	return d.startFrom(ctx, s, passing, func(r *record) (bool, error) {
		boots, err := need(r.Power)
		if err == nil && boots && r.Disks.Rescued {
			r.Disks.Rescue, r.Disks.Rescued = "", false
		}
		return boots, err
	})
}

// startFrom makes a server run, unless need says of it that there is no need, or that it may not be. The start
// takes so long as passing says, and goes on when nobody waits for it any more.
func (x disker) startFrom(ctx context.Context, s *nova.Spec, passing time.Duration,
	need func(*record) (bool, error)) error {
	if _, err := x.d.settled(ctx, s.ID); err != nil {
		return err
	}
	err := x.d.change(s.ID, func(r *record) (*record, error) {
		if r == nil {
			return nil, unknown(s.ID)
		}
		if boots, err := need(r); err != nil || !boots {
			return r, err
		}
		r.Boot, r.Saved, r.NICs = x.d.c.Console(s), false, nicsOf(s.Ports)
		switch {
		case x.d.held[s.ID]:
			r.Power, r.Starting = nova.NoState, never
		case passing > 0:
			r.Power, r.Starting = nova.NoState, x.d.c.Now().Add(passing)
		default:
			r.end(nova.Running)
		}
		return r, nil
	})
	if err != nil {
		return err
	}
	if power, err := x.d.settled(ctx, s.ID); err != nil || power != nova.Shutdown {
		return err
	}
	return fault.New(fault.Internal, "Server %s did not start.", s.ID)
}

// never is when a start that is held will be over.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// end is the end of a start, or of the guest.
func (r *record) end(p nova.PowerState) {
	if p == nova.Running {
		r.Log += r.Boot
	}
	r.Power, r.Starting, r.Boot = p, time.Time{}, ""
	r.Cause, r.Why, r.Words = "", "", ""
}

// settled waits until a server is no longer being started and returns its power state.
func (d *Driver) settled(ctx context.Context, id string) (nova.PowerState, error) {
	for {
		var now record
		err := d.change(id, func(r *record) (*record, error) {
			if r == nil {
				return nil, unknown(id)
			}
			now = *r
			return r, nil
		})
		if err != nil || now.Starting.IsZero() {
			return now.Power, err
		}
		if err := wait(ctx, lookEvery); err != nil {
			return now.Power, err
		}
	}
}

// lookEvery is how soon the end of a start is noticed.
const lookEvery = 10 * time.Millisecond

func (d *Driver) freeze(ctx context.Context, id string, from, to nova.PowerState) error {
	if _, err := d.settled(ctx, id); err != nil {
		return err
	}
	return d.power(id, func(p nova.PowerState) (nova.PowerState, error) {
		if p != from && p != to {
			return p, fault.Conflictf("Server %s does not run.", id)
		}
		return to, nil
	})
}

func (d *Driver) power(id string, next func(nova.PowerState) (nova.PowerState, error)) error {
	return d.change(id, func(r *record) (*record, error) {
		if r == nil {
			return nil, unknown(id)
		}
		p, err := next(r.Power)
		if err != nil {
			return nil, err
		}
		r.end(p)
		return r, nil
	})
}

// change replaces one record by what f makes of a copy of it (nil: absent), on disk before in memory.
func (d *Driver) change(id string, f func(*record) (*record, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var old *record
	if r, err := d.find(id); err == nil {
		c := *r
		old = &c
	}
	next, err := f(old)
	if err != nil {
		return err
	}
	if err := d.disk.save(id, next); err != nil {
		return err
	}
	if next == nil || next.Power != nova.Running && next.Power != nova.PowerPaused {
		d.end(id)
	}
	if next == nil {
		delete(d.servers, id)
		return nil
	}
	if d.servers == nil {
		d.servers = map[string]*record{}
	}
	d.servers[id] = next
	return nil
}

// do runs one operation that changes a server, between the faults that are set for it.
func (d *Driver) do(ctx context.Context, op, id, name string, work func(plan) error) error {
	if name == "" {
		name = d.display(id)
	}
	d.call("before " + op)
	p, err := d.enter(ctx, op, id+" "+name, d.c.Delay)
	if err == nil && !p.lie {
		if err = work(p); err == nil {
			err = p.after
		}
	}
	d.call("after " + op)
	return err
}

// enter applies what is set to happen before an operation; who is the server's id and name.
func (d *Driver) enter(ctx context.Context, op, who string, delay time.Duration) (plan, error) {
	id, name, _ := strings.Cut(who, " ")
	p := d.faults.next(op, id, name)
	if err := wait(ctx, delay+p.slow); err != nil {
		return p, err
	}
	d.mu.Lock()
	down := d.down
	d.mu.Unlock()
	if down {
		return p, fault.Unavailablef("The hypervisor on %s does not answer.", d.c.Hostname)
	}
	return p, p.before
}

func (d *Driver) display(id string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r, ok := d.servers[id]; ok {
		return r.Display
	}
	return ""
}

// find is called with the lock held. A start whose time is over is over.
func (d *Driver) find(id string) (*record, error) {
	if r, ok := d.servers[id]; ok {
		if !r.Starting.IsZero() && !r.Starting.After(d.c.Now()) {
			r.end(nova.Running)
		}
		return r, nil
	}
	return nil, unknown(id)
}

func (r *record) info() virt.Info {
	return virt.Info{ID: r.ID, Name: r.Name, Power: r.Power, Passing: !r.Starting.IsZero(), Cause: r.Cause, Why: r.Why}
}

func unknown(id string) error { return fault.NotFoundf("Instance %s could not be found.", id) }

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
