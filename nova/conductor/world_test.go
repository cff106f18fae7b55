package conductor_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hypernova/glance"
	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/compute"
	"hypernova/nova/conductor"
	"hypernova/nova/imagetest"
	"hypernova/nova/rpcapi"
	"hypernova/nova/scheduler"
	"hypernova/nova/scheduler/snapshot"
	"hypernova/nova/servers"
	"hypernova/nova/store"
	"hypernova/nova/virt"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/service"
	"hypernova/oslo/tasks"
	"hypernova/placement"
)

const project, image, network = "p1", "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"

var (
	novaTables = dbtest.Migrations{Name: "nova", FS: store.Migrations()}
	taskTables = dbtest.Migrations{Name: "tasks", FS: tasks.Migrations()}
)

// image2 is the image of rebuilds and rescues.
const image2 = "33333333-3333-3333-3333-333333333333"

// world is a whole compute service around fakes with ledgers: what is left over shows there.
type world struct {
	t       testing.TB
	ctx     context.Context
	d       *db.DB
	broker  *inproc.Broker
	claims  *claims
	ports   *ports
	nics    int // of each server, as clean wants it
	hosts   map[string]*host
	images  imagetest.Images // of servers
	verbs   *servers.Servers
	limits  nova.Limits
	offload time.Duration // how long a shelved server stays on its host
	offset  atomic.Int64  // by how much the queue's clock is ahead
	crashAt int           // the instant at which the conductor ends, counted over all its lives; 0: never
	points  atomic.Int64
	mu      sync.Mutex
	trace   []string        // guarded by mu
	kinds   map[string]bool // of the tasks that were queued
	opened  func(*auth.Caller)
	on      func(point string) // called at each instant, before the conductor may end there; may be nil

	role  service.Manager // the conductor's
	queue *tasks.Queue
	stop  func()
}

func newWorld(t testing.TB, hosts ...string) *world {
	t.Helper()
	return newWorldOn(t, dbtest.Memory(t, novaTables, taskTables), hosts...)
}

func newWorldOn(t testing.TB, d *db.DB, hosts ...string) *world {
	t.Helper()
	w := &world{t: t, d: d, broker: inproc.NewBroker(), claims: newClaims(), hosts: map[string]*host{},
		kinds: map[string]bool{}, nics: 1, offload: -1,
		limits: nova.Limits{Instances: 10, Cores: 20, RAM: 51200, MetadataItems: 10, InjectedFiles: 5,
			InjectedFileContentBytes: 10240, InjectedFilePathBytes: 255}}
	w.ctx = auth.WithRequest(auth.With(t.Context(), &auth.Caller{UserID: "u1", ProjectID: project,
		Roles: []string{"member"}}), "req-create")
	w.ports = &ports{m: map[string]neutron.PortInfo{}, status: "ACTIVE"}
	w.conductor()
	for _, h := range hosts {
		w.host(h)
	}
	return w
}

func (w *world) bus() (*messaging.Bus, messaging.Transport) {
	w.t.Helper()
	tr := w.broker.Connect()
	b, err := messaging.New(w.t.Context(), tr, messaging.Beat(20*time.Millisecond))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = b.Close(context.Background()) })
	return b, tr
}

// conductor starts the conductor, its scheduler and the verbs; one before it is dead.
func (w *world) conductor() {
	w.t.Helper()
	if w.stop != nil {
		w.stop()
	}
	bus, _ := w.bus()
	q := tasks.New(w.d, tasks.Config{Owner: "conductor", Now: func() time.Time {
		return time.Now().UTC().Add(time.Duration(w.offset.Load())).Truncate(time.Microsecond)
	}, Crash: func(p string) { w.instant("task " + p) }})
	sch, err := scheduler.New(
		scheduler.Config{Weighers: scheduler.Weighers{RAM: 1}, Filters: scheduler.Filters{Enabled: []string{"ComputeFilter",
			"AvailabilityZoneFilter", "SameHostFilter", "ServerGroupAffinityFilter", "ServerGroupAntiAffinityFilter"}}},
		scheduler.Deps{DB: w.d, Placement: w.claims, Snapshot: snapshot.Config{TTL: time.Nanosecond}})
	if err != nil {
		w.t.Fatal(err)
	}
	c := conductor.New(conductor.Config{VIFTimeout: 2 * time.Second, VIFPoll: 10 * time.Millisecond,
		OffloadAfter: w.offload},
		conductor.Deps{DB: w.d, Queue: q, Bus: bus, Placement: w.claims, Networks: w.ports, Scheduler: sch,
			Images: &w.images})
	c.SetCrash(w.instant)
	srv := messaging.NewServer(bus, rpcapi.Conductor, "controller")
	w.role = c.Manager("controller")
	w.role.Register(srv)
	srv.Seal()
	if err := srv.Listen(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.endWith(srv)
	w.queue = q
	w.stop = func() { _ = srv.Drain(context.Background()) }
	w.verbs = servers.New(servers.Deps{DB: w.d, Queue: q, Bus: bus, Images: images{made: &w.images},
		Store: &w.images, Networks: w.ports,
		Flavors: w,
		Keys:    w, Quotas: w})
}

// endWith ends a server's goroutines with the test, without waiting for what it is doing.
func (w *world) endWith(srv *messaging.Server) {
	w.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = srv.Drain(ctx)
	})
}

func (w *world) Flavor(_ context.Context, id string) (nova.Flavor, error) {
	if id == "missing" {
		return nova.Flavor{}, fault.NotFoundf("Flavor %s could not be found.", id)
	}
	return nova.Flavor{ID: id, Name: "m1." + id, VCPUs: 1, RAM: 512, Disk: 1}, nil
}
func (w *world) PublicKey(context.Context, string, string) (string, error) {
	return "ssh-rsa AAAA", nil
}
func (w *world) Limits(context.Context, string, string) (nova.Limits, error) { return w.limits, nil }

// heal has the conductor read networks again, as it does now and then.
func (w *world) heal() {
	w.t.Helper()
	for _, p := range w.role.Periodic {
		if p.Name == "heal_networks" {
			if err := p.Fn(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// instant is a moment at which the conductor's worker may end; nothing after it happens then.
func (w *world) instant(point string) {
	n := w.points.Add(1)
	w.mu.Lock()
	w.trace = append(w.trace, point)
	w.mu.Unlock()
	if w.on != nil {
		w.on(point)
	}
	if int(n) == w.crashAt {
		runtime.Goexit()
	}
}

// note records the kinds of the tasks that are queued.
func (w *world) note() {
	w.t.Helper()
	all, err := w.queue.List(w.ctx, tasks.ListArgs{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, i := range all {
		w.kinds[i.Kind] = true
	}
}

// work does all jobs, starting the conductor anew whenever it ended, with time passing where a job waits for it.
func (w *world) work() {
	w.t.Helper()
	for range 200 {
		w.note()
		ended, did := w.step()
		switch {
		case !ended:
			w.revive()
		case !did:
			if w.left() == 0 {
				return
			}
			w.offset.Add(int64(2 * time.Minute)) // past any pause
		}
	}
	w.t.Fatalf("the jobs do not end; so far: %s", strings.Join(w.trace[max(0, len(w.trace)-20):], ", "))
}

// revive starts a conductor in place of one that ended, after its leases did.
func (w *world) revive() {
	w.t.Helper()
	w.offset.Add(int64(time.Minute))
	w.conductor()
}

// step does one job; ended is false when the conductor crashed in it.
func (w *world) step() (ended, did bool) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		var err error
		if did, err = w.queue.ProcessOne(w.t.Context()); err != nil {
			w.t.Errorf("queue: %v", err)
		}
		ended = true
	}()
	<-gone
	return ended, did
}

func (w *world) left() int {
	w.t.Helper()
	all, err := w.queue.List(w.t.Context(), tasks.ListArgs{})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(slices.DeleteFunc(all, func(i tasks.Info) bool { return i.State == "dead" }))
}

// host is one compute host: a hypervisor that outlives its agent.
type host struct {
	w      *world
	name   string
	driver *fake.Driver
	m      *compute.Manager
	tr     messaging.Transport
	bus    *messaging.Bus
	dead   atomic.Bool
	// hook is called before and after each of the hypervisor's operations, and each upload of an image.
	hook func(op string)
	// lacks is why the hypervisor prepares nothing.
	lacks error
}

func (w *world) host(name string) *host {
	h := &host{w: w, name: name, driver: fake.New(fake.Config{Hostname: name, VCPUs: 8000, MemoryMB: 8 << 20,
		DiskGB: 100_000})}
	w.hosts[name] = h
	h.start()
	return h
}

func (h *host) start() {
	t := h.w.t
	t.Helper()
	bus, tr := h.w.bus()
	h.tr, h.bus = tr, bus
	h.dead.Store(false)
	h.m = compute.New(compute.Config{Host: h.name}, compute.Deps{Driver: hooked{h.driver, h}, Bus: bus,
		Placement: h.w.claims, Images: compute.Images(images{made: &h.w.images, opened: func(c *auth.Caller) {
			if h.w.opened != nil {
				h.w.opened(c)
			}
		}}), Store: uploads{&h.w.images, h}})
	h.driver.SetHook(h.at)
	m := h.m.Manager()
	g := compute.Group{Bus: bus}
	if _, err := g.Join(t.Context(), service.Member{Host: h.name, Binary: nova.BinaryCompute, Topic: "compute",
		Level: 1}); err != nil {
		t.Fatal(err)
	}
	if err := m.InitHost(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv := messaging.NewServer(bus, rpcapi.Compute, h.name)
	m.Register(srv)
	srv.Seal()
	if err := srv.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.w.endWith(srv)
}

// kill ends the agent at once; the hypervisor keeps what it has.
func (h *host) kill() {
	h.dead.Store(true)
	_ = h.tr.Close(context.Background())
}

func (h *host) guests() []string {
	is, err := h.driver.Servers(h.w.t.Context())
	if err != nil {
		h.w.t.Fatal(err)
	}
	var ids []string
	for _, i := range is {
		ids = append(ids, i.ID)
	}
	return ids
}

// at calls the hook at an instant of the agent's work.
func (h *host) at(point string) {
	if h.hook != nil {
		h.hook(point)
	}
	if h.dead.Load() { // the agent that asked is dead
		runtime.Goexit()
	}
}

// hooked is the hypervisor, which may lack what a server needs.
type hooked struct {
	*fake.Driver
	h *host
}

func (d hooked) Prepare(ctx context.Context, s *nova.Spec, i virt.Images) error {
	if d.h.lacks != nil {
		d.h.at("before prepare")
		return d.h.lacks
	}
	return d.Driver.Prepare(ctx, s, i)
}

// uploads is the image service, as the agent sends images to it.
type uploads struct {
	*imagetest.Images
	h *host
}

func (u uploads) Upload(ctx context.Context, id string, data io.Reader, size int64) error {
	u.h.at("before upload")
	err := u.Images.Upload(ctx, id, data, size)
	u.h.at("after upload")
	return err
}

type images struct {
	opened func(*auth.Caller) // may be nil
	made   *imagetest.Images  // of servers; may be nil
}

func (i images) Image(ctx context.Context, id string) (glance.Image, error) {
	if i.made != nil {
		if found, err := i.made.Image(ctx, id); err == nil {
			return found, nil
		}
	}
	if id != image && id != image2 && id[0] != '4' {
		return glance.Image{}, fault.NotFoundf("no image %s", id)
	}
	g := glance.Image{ID: id, Name: "guest", Status: "active", DiskFormat: "qcow2", ContainerFormat: "bare", Size: 4}
	if id[0] == '4' { // no host has this
		g.Properties = map[string]string{"trait:HW_CPU_X86_AVX": "required"}
	}
	return g, nil
}
func (i images) Open(ctx context.Context, id string) (glance.Image, io.ReadCloser, error) {
	if i.opened != nil {
		i.opened(auth.From(ctx))
	}
	g, err := i.Image(ctx, id)
	return g, io.NopCloser(strings.NewReader("data")), err
}

// claims is placement with a ledger.
type claims struct {
	mu        sync.Mutex
	providers map[string]*placement.ProviderState
	held      map[string]placement.Allocation
	refuse    int // claims that are still to be refused
}

func newClaims() *claims {
	return &claims{providers: map[string]*placement.ProviderState{}, held: map[string]placement.Allocation{}}
}
func (c *claims) EnsureProvider(_ context.Context, p placement.Provider) (placement.Provider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.providers[p.ID] == nil {
		p.Root = p.ID
		c.providers[p.ID] = &placement.ProviderState{Provider: p, Used: placement.Resources{}}
	}
	return c.providers[p.ID].Provider, nil
}
func (c *claims) State(_ context.Context, id string) (placement.ProviderState, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.providers[id], nil
}
func (c *claims) States(context.Context) ([]placement.ProviderState, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []placement.ProviderState
	for _, p := range c.providers {
		s := *p
		s.Used = placement.Resources{}
		for _, a := range c.held {
			for class, n := range a.Providers[p.ID] {
				s.Used[class] += n
			}
		}
		out = append(out, s)
	}
	return out, nil
}
func (c *claims) SetInventories(_ context.Context, id string, _ int64, inv map[string]placement.Inventory) (int64,
	error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.providers[id].Inventories = inv
	c.providers[id].Generation++
	return c.providers[id].Generation, nil
}
func (c *claims) SetTraits(_ context.Context, id string, g int64, traits []string) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.providers[id].Traits = traits
	return g + 1, nil
}
func (c *claims) SetAggregates(_ context.Context, _ string, g int64, _ []string) (int64, error) {
	return g, nil
}
func (c *claims) DeleteProvider(_ context.Context, id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.held {
		if _, ok := a.Providers[id]; ok {
			return fault.Conflictf("something is claimed")
		}
	}
	delete(c.providers, id)
	return nil
}
func (c *claims) Candidates(context.Context, placement.CandidatesRequest) (placement.Candidates, error) {
	return placement.Candidates{}, nil
}
func (c *claims) Claim(_ context.Context, a placement.Allocation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse > 0 {
		c.refuse--
		return fault.Conflictf("no room").Coded("placement.undefined_code")
	}
	if _, ok := c.held[a.Consumer]; ok && a.Generation == nil {
		return fault.Conflictf("consumer exists").Coded("placement.concurrent_update")
	}
	c.held[a.Consumer] = a
	return nil
}
func (c *claims) Allocations(_ context.Context, consumer string) (placement.Allocation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held[consumer], nil
}
func (c *claims) Release(_ context.Context, consumer string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, consumer)
	return nil
}
func (c *claims) Consumers(context.Context, string) ([]string, error) { return nil, nil }

// ports is networking with a ledger.
type ports struct {
	mu     sync.Mutex
	m      map[string]neutron.PortInfo
	n      int
	status string // of new ports
	fail   error  // of Allocate
	before func() // Allocate begins; may be nil
	asked  []*auth.Caller
}

func (p *ports) Available(context.Context, string) ([]neutron.NetworkInfo, error) {
	return []neutron.NetworkInfo{{ID: network, Name: "demo", Subnets: []string{"s"}}}, nil
}
func (p *ports) Network(_ context.Context, id string) (neutron.NetworkInfo, error) {
	if id != network {
		return neutron.NetworkInfo{}, fault.NotFoundf("no network")
	}
	return neutron.NetworkInfo{ID: id, Subnets: []string{"s"}}, nil
}
func (p *ports) Port(context.Context, string) (neutron.PortInfo, error) {
	return neutron.PortInfo{}, fault.NotFoundf("no port")
}
func (p *ports) SecurityGroup(context.Context, string, string) (string, error) { return "sg", nil }
func (p *ports) Allocate(ctx context.Context, a neutron.AllocateArgs) ([]neutron.PortInfo, error) {
	if p.before != nil {
		p.before()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, auth.From(ctx))
	if p.fail != nil {
		return nil, p.fail
	}
	var out []neutron.PortInfo
	for i, s := range a.Specs {
		id := fmt.Sprintf("port-%s-%d", a.Server, i+len(a.Except))
		old, ok := p.m[id]
		if ok && s.Port == id {
			old.Host = a.Host
			p.m[id] = old
		}
		if ok && old.Host == a.Host {
			out = append(out, old)
			continue
		}
		p.n++
		v := neutron.PortInfo{ID: id, Network: s.Network, NetworkName: "demo", MAC: fmt.Sprintf("fa:16:3e:00:00:%02x", p.n),
			DeviceID: a.Server, Host: a.Host,
			Status: p.status, AdminUp: true, Created: true,
			FixedIPs: []neutron.FixedIP{{Subnet: "s", IP: netip.AddrFrom4([4]byte{10, 0, 0, byte(p.n)})}}}
		p.m[id] = v
		out = append(out, v)
	}
	return out, nil
}
func (p *ports) CheckAllocate(context.Context, neutron.AllocateArgs) error { return nil }

func (p *ports) PortsOf(_ context.Context, server string) ([]neutron.PortInfo, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []neutron.PortInfo
	for _, v := range p.m {
		if v.DeviceID == server {
			out = append(out, v)
		}
	}
	return out, nil
}
func (p *ports) Deallocate(_ context.Context, server string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, v := range p.m {
		if v.DeviceID == server {
			delete(p.m, id)
		}
	}
	return nil
}
func (p *ports) DeallocatePort(_ context.Context, server, port string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m[port].DeviceID == server {
		delete(p.m, port)
	}
	return nil
}
func (p *ports) AddGroup(context.Context, string, string) error          { return nil }
func (p *ports) RemoveGroup(context.Context, string, string) error       { return nil }
func (p *ports) AddFixedIP(context.Context, string, string) error        { return nil }
func (p *ports) RemoveFixedIP(context.Context, string, netip.Addr) error { return nil }
func (p *ports) Unbind(_ context.Context, server string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, v := range p.m {
		if v.DeviceID == server {
			v.Host = ""
			p.m[id] = v
		}
	}
	return nil
}
func (p *ports) GroupNames(_ context.Context, servers []string) (map[string][]string, error) {
	return map[string][]string{servers[0]: {"web"}}, nil
}
func (p *ports) PortQuotaFree(context.Context, string) (int, error) { return -1, nil }

// up brings every port up.
func (p *ports) up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = "ACTIVE"
	for id, v := range p.m {
		v.Status = "ACTIVE"
		p.m[id] = v
	}
}

// create asks for one server and answers it.
func (w *world) create() nova.Server {
	w.t.Helper()
	made, err := w.verbs.Create(w.ctx, servers.CreateArgs{Name: "one", Flavor: "nano", Image: image})
	if err != nil {
		w.t.Fatalf("create: %v", err)
	}
	return made.Servers[0]
}

func (w *world) get(id string) nova.Server {
	w.t.Helper()
	v, err := w.verbs.AnyServer(w.ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// clean fails the test unless everything in the ledgers belongs to a server that should have it, on its host, and is
// whole.
func (w *world) clean() {
	w.t.Helper()
	all, err := w.verbs.List(w.ctx, servers.Query{})
	if err != nil {
		w.t.Fatal(err)
	}
	live := map[string]nova.Server{}
	for _, v := range all {
		if v.Task != nova.Idle {
			w.t.Errorf("server %s is left in task state %s", v.ID, v.Task)
		}
		if !v.Gone() && (v.VM != nova.Error || v.Host != "") { // a failed build has no host
			live[v.ID] = v
		}
	}
	for name, h := range w.hosts {
		for _, id := range h.guests() {
			if v, ok := live[id]; !ok || v.Host != name {
				w.t.Errorf("host %s is left with the guest %s", name, id)
			}
		}
	}
	for id := range w.claims.held {
		if v, ok := live[id]; !ok || v.VM == nova.ShelvedOffloaded {
			w.t.Errorf("the claim of %s is left", id)
		}
	}
	for _, p := range w.ports.m {
		if v, ok := live[p.DeviceID]; !ok || v.Host != p.Host {
			w.t.Errorf("port %s of %s on %s is left", p.ID, p.DeviceID, p.Host)
		}
	}
	for id, v := range live {
		if v.VM == nova.ShelvedOffloaded {
			if v.Host != "" || len(v.Addresses) != w.nics || len(w.images.All()) != 1 {
				w.t.Errorf("server %s is not whole: %+v, images %+v", id, v, w.images.All())
			}
			continue
		}
		if got := w.hosts[v.Host].driver.NICs(id); len(got) != w.nics {
			w.t.Errorf("the guest of server %s has the NICs %v, want %d", id, got, w.nics)
		}
		if !slices.Contains(w.hosts[v.Host].guests(), id) || w.claims.held[id].Consumer == "" || len(v.Addresses) != w.nics {
			w.t.Errorf("server %s is not whole: %+v", id, v)
		}
	}
}
