package compute_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"hypernova/glance"
	"hypernova/nova"
	"hypernova/nova/compute"
	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/placement"

	"github.com/google/go-cmp/cmp"
)

// agent is one host with a conductor and placement that only write down.
type agent struct {
	placement.API
	t      *testing.T
	bus    *messaging.Bus
	driver *fake.Driver
	m      *compute.Manager

	state    placement.ProviderState
	conflict int // refusals of SetInventories still to come
	disabled bool
	auto     bool     // a host with trouble is disabled
	trouble  string   // what it said last
	gone     []string // servers that do not belong here
	wanted   []rpcapi.Wanted
	reports  chan rpcapi.ServerPower
}

func newAgent(t *testing.T, c compute.Config, wrap func(virt.Driver) virt.Driver) *agent {
	t.Helper()
	bus, err := messaging.Open(t.Context(), "inproc:", inproc.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close(context.Background()) })
	a := &agent{t: t, bus: bus, driver: fake.New(fake.Config{Hostname: "node1", VCPUs: 4, MemoryMB: 1024, DiskGB: 10,
		Traits: []string{"HW_CPU_X86_AVX"}}),
		reports: make(chan rpcapi.ServerPower, 100)}
	srv := messaging.NewServer(bus, rpcapi.Conductor, "controller")
	rpcapi.ReportNode.Handle(srv, func(_ context.Context, n rpcapi.NodeArgs) (rpcapi.NodeReply, error) {
		a.trouble = n.Trouble
		return rpcapi.NodeReply{ID: "node-id", Disabled: a.disabled || a.auto && n.Trouble != ""}, nil
	})
	rpcapi.HostServers.Handle(srv, func(context.Context, rpcapi.HostArgs) (rpcapi.HostServersReply, error) {
		return rpcapi.HostServersReply{Servers: a.wanted}, nil
	})
	rpcapi.Judge.Handle(srv, func(_ context.Context, j rpcapi.JudgeArgs) (rpcapi.JudgeReply, error) {
		var r rpcapi.JudgeReply
		for _, id := range j.Servers {
			if slices.Contains(a.gone, id) {
				r.Destroy = append(r.Destroy, id)
			}
		}
		return r, nil
	})
	rpcapi.ReportPower.Handle(srv, func(_ context.Context, r rpcapi.PowerReport) (messaging.None, error) {
		for _, s := range r.Servers {
			a.reports <- s
		}
		return messaging.None{}, nil
	})
	if err := srv.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if wrap == nil {
		wrap = func(d virt.Driver) virt.Driver { return d }
	}
	c.Host = "h1"
	a.m = compute.New(c, compute.Deps{Driver: wrap(a.driver), Bus: bus, Placement: a, Images: compute.Images(store{})})
	agent := messaging.NewServer(bus, rpcapi.Compute, "h1")
	a.m.Manager().Register(agent)
	agent.Seal()
	if err := agent.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *agent) EnsureProvider(_ context.Context, p placement.Provider) (placement.Provider, error) {
	a.state.Provider = p
	return p, nil
}
func (a *agent) State(context.Context, string) (placement.ProviderState, error) { return a.state, nil }
func (a *agent) SetInventories(_ context.Context, _ string, g int64, inv map[string]placement.Inventory) (int64,
	error) {
	if a.conflict > 0 {
		a.conflict--
		return 0, fault.Conflictf("somebody was faster").Coded("placement.concurrent_update")
	}
	a.state.Inventories = inv
	return g + 1, nil
}
func (a *agent) SetTraits(_ context.Context, _ string, g int64, traits []string) (int64, error) {
	a.state.Traits = traits
	return g + 1, nil
}

type store struct{}

func (store) Image(context.Context, string) (glance.Image, error) { return glance.Image{}, nil }
func (store) Open(context.Context, string) (glance.Image, io.ReadCloser, error) {
	return glance.Image{}, io.NopCloser(strings.NewReader("data")), nil
}

func spec(id string) nova.Spec {
	return nova.Spec{ID: id, Name: id, Flavor: nova.Flavor{Name: "f", VCPUs: 1, RAM: 64, Disk: 1}}
}

// boot makes a running guest.
func (a *agent) boot(id string) {
	a.t.Helper()
	s := spec(id)
	if err := a.driver.Prepare(a.t.Context(), &s, compute.Images(store{})); err != nil {
		a.t.Fatal(err)
	}
	if err := a.driver.Spawn(a.t.Context(), &s); err != nil {
		a.t.Fatal(err)
	}
}

// gate holds prepare until it is opened or its context ends.
type gate struct {
	virt.Driver
	entered chan struct{}
	open    chan struct{}
}

func (g gate) Prepare(ctx context.Context, s *nova.Spec, i virt.Images) error {
	g.entered <- struct{}{}
	select {
	case <-g.open:
		return g.Driver.Prepare(ctx, s, i)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func newGate() *gate { return &gate{entered: make(chan struct{}, 10), open: make(chan struct{})} }

func (g *gate) around(d virt.Driver) virt.Driver { g.Driver = d; return g }

func TestTheSameOperationIsJoined(t *testing.T) {
	t.Parallel()
	g := newGate()
	a := newAgent(t, compute.Config{}, g.around)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if _, err := rpcapi.Prepare.Do(t.Context(), a.bus, "h1", rpcapi.SpecArgs{Spec: spec("s1")}); err != nil {
				t.Errorf("prepare: %v", err)
			}
		})
	}
	<-g.entered
	close(g.open)
	all.Wait()
	// Requests that came after the first had ended did it again, which is no harm; those meanwhile did not.
	if n := a.driver.Calls("prepare"); n < 1 || n > 5 {
		t.Errorf("prepared %d times", n)
	}
	if r, err := rpcapi.Spawn.Do(t.Context(), a.bus, "h1", rpcapi.SpecArgs{Spec: spec("s1")}); err != nil ||
		r.Power != nova.Running {
		t.Errorf("spawn: %+v, %v", r, err)
	}
}

func TestWhatComesTooLateIsRefused(t *testing.T) {
	t.Parallel()
	a := newAgent(t, compute.Config{}, nil)
	a.gone = []string{"s1"}
	_, err := rpcapi.Prepare.Do(t.Context(), a.bus, "h1", rpcapi.SpecArgs{Spec: spec("s1")})
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("prepare: got %v, want a conflict", err)
	}
	if _, err := rpcapi.Spawn.Do(t.Context(), a.bus, "h1", rpcapi.SpecArgs{Spec: spec("s1")}); !fault.Is(err,
		fault.Conflict) {
		t.Errorf("spawn: got %v, want a conflict", err)
	}
	if guests, err := a.driver.Servers(t.Context()); err != nil || len(guests) != 0 {
		t.Errorf("got %v, %v, want nothing on the host", guests, err)
	}
}

func TestDisksOfAStrangeFormatAreRefused(t *testing.T) {
	t.Parallel()
	a := newAgent(t, compute.Config{}, nil)
	s := spec("s1")
	s.BlockDevices = []nova.BlockDevice{nova.ImageDevice("i"), nova.BlankDevice(1, "ntfs")}
	_, err := rpcapi.Prepare.Do(t.Context(), a.bus, "h1", rpcapi.SpecArgs{Spec: s})
	if !fault.Is(err, fault.Invalid) || fault.Message(err) !=
		"Block Device Mapping is Invalid: ntfs format is not supported" {
		t.Errorf("got %v, want an Invalid fault about the format", err)
	}
	if guests, err := a.driver.Servers(t.Context()); err != nil || len(guests) != 0 {
		t.Errorf("got %v, %v, want nothing on the host", guests, err)
	}
}

func TestDestroyEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	g := newGate()
	a := newAgent(t, compute.Config{}, g.around)
	ended := make(chan error, 1)
	go func() {
		_, err := rpcapi.Prepare.Do(t.Context(), a.bus, "h1", rpcapi.SpecArgs{Spec: spec("s1")})
		ended <- err
	}()
	<-g.entered
	if _, err := rpcapi.Destroy.Do(t.Context(), a.bus, "h1", rpcapi.ServerArgs{Server: "s1"}); err != nil {
		t.Errorf("destroy: %v", err)
	}
	if err := <-ended; !fault.Is(err, fault.Conflict) {
		t.Errorf("prepare ended with %v", err)
	}
	if a.driver.Calls("destroy") != 1 {
		t.Error("not destroyed")
	}
}

func TestBuildsOfAHostAreBounded(t *testing.T) {
	t.Parallel()
	g := newGate()
	a := newAgent(t, compute.Config{MaxBuilds: 2}, g.around)
	var all sync.WaitGroup
	for _, id := range []string{"s1", "s2", "s3"} {
		all.Go(func() {
			if _, err := rpcapi.Prepare.Do(t.Context(), a.bus, "h1", rpcapi.SpecArgs{Spec: spec(id)}); err != nil {
				t.Errorf("prepare: %v", err)
			}
		})
	}
	<-g.entered
	<-g.entered
	select {
	case <-g.entered:
		t.Error("a third build began")
	default:
	}
	close(g.open)
	all.Wait()
}

func TestResourcesAreOffered(t *testing.T) {
	t.Parallel()
	a := newAgent(t, compute.Config{ReservedMemoryMB: 512, CPURatio: 2}, nil)
	a.conflict, a.disabled = 2, true
	a.state.Inventories = map[string]placement.Inventory{"CUSTOM_GOLD": {Total: 1}, placement.MemoryMB: {Total: 1,
		AllocationRatio: 1.5}}
	a.state.Traits = []string{"CUSTOM_FAST", "HW_CPU_X86_SSE"}
	if err := a.m.Manager().InitHost(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]placement.Inventory{
		"CUSTOM_GOLD":      {Total: 1},
		placement.VCPU:     {Total: 4, MinUnit: 1, MaxUnit: 4, StepSize: 1, AllocationRatio: 2},
		placement.MemoryMB: {Total: 1024, Reserved: 512, MinUnit: 1, MaxUnit: 1024, StepSize: 1, AllocationRatio: 1.5},
		placement.DiskGB:   {Total: 10, MinUnit: 1, MaxUnit: 10, StepSize: 1, AllocationRatio: 1},
	}
	if diff := cmp.Diff(want, a.state.Inventories); diff != "" {
		t.Error(diff)
	}
	traits := []string{"COMPUTE_NET_ATTACH_INTERFACE",
		"COMPUTE_NODE", "COMPUTE_STATUS_DISABLED", "CUSTOM_FAST", "HW_CPU_X86_AVX"}
	if diff := cmp.Diff(traits, a.state.Traits); diff != "" {
		t.Error(diff)
	}
	if a.state.ID != "node-id" || a.state.Name != "node1" {
		t.Errorf("provider is %+v", a.state.Provider)
	}
}

func TestGuestsAreResumedWhereWanted(t *testing.T) {
	t.Parallel()
	for _, resume := range []bool{true, false} {
		a := newAgent(t, compute.Config{ResumeGuests: resume}, nil)
		a.boot("s1")
		a.boot("s2")
		for _, id := range []string{"s1", "s2"} {
			if err := a.driver.Change(id, nova.Shutdown); err != nil {
				t.Fatal(err)
			}
		}
		a.wanted = []rpcapi.Wanted{{Spec: spec("s1"), State: nova.State{VM: nova.Active}, Power: nova.Running},
			{Spec: spec("s2"), State: nova.State{VM: nova.Stopped}, Power: nova.Shutdown}}
		if err := a.m.Manager().InitHost(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := map[string]nova.PowerState{"s1": nova.Shutdown, "s2": nova.Shutdown}
		if resume {
			want["s1"] = nova.Running
		}
		got := map[string]nova.PowerState{}
		for range want {
			r := <-a.reports
			got[r.Server] = r.Power
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("resume %v:\n%s", resume, diff)
		}
	}
}

// TestWhatIsPassingIsNoFact: a guest that the hypervisor is starting is neither reported nor left to itself.
func TestWhatIsPassingIsNoFact(t *testing.T) {
	t.Parallel()
	a := newAgent(t, compute.Config{ResumeGuests: true}, nil)
	a.boot("s1")
	a.boot("s2")
	if err := a.driver.Stop(t.Context(), "s1", 0); err != nil {
		t.Fatal(err)
	}
	end := a.driver.Hold("s1")
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan error, 1)
	go func() { s := spec("s1"); started <- a.driver.Start(ctx, &s) }()
	for i := (virt.Info{}); !i.Passing; {
		var err error
		if i, err = a.driver.Info(t.Context(), "s1"); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-started; !errors.Is(err, context.Canceled) {
		t.Errorf("the interrupted start: %v", err)
	}
	for _, p := range a.m.Manager().Periodic {
		if p.Name == "sync_power_states" {
			if err := p.Fn(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	if r := <-a.reports; r.Server != "s2" || len(a.reports) != 0 {
		t.Errorf("reported %+v and %d more, want s2 alone", r, len(a.reports))
	}
	if err := end(false); err != nil {
		t.Fatal(err)
	}
	a.wanted = []rpcapi.Wanted{{Spec: spec("s1"), State: nova.State{VM: nova.Active}, Power: nova.Running}}
	if err := a.m.Manager().InitHost(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := <-a.reports; r.Server != "s1" || r.Power != nova.Running {
		t.Errorf("reported %+v, want s1 running", r)
	}
}

func TestChangesOfGuestsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	a := newAgent(t, compute.Config{}, nil)
	a.boot("s1")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	for _, p := range a.m.Manager().Periodic {
		if p.Name == "watch_guests" {
			go func() { done <- p.Fn(ctx) }()
		}
	}
	for a.driver.Watchers() == 0 {
		if t.Context().Err() != nil {
			t.Fatal("nobody watches")
		}
	}
	if err := a.driver.Change("s1", nova.Crashed); err != nil {
		t.Fatal(err)
	}
	if r := <-a.reports; r.Server != "s1" || r.Power != nova.Crashed {
		t.Errorf("reported %+v", r)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("watch ended with %v", err)
	}
}

func TestUptime(t *testing.T) {
	t.Parallel()
	a := newAgent(t, compute.Config{}, nil)
	r, err := rpcapi.Uptime.Do(t.Context(), a.bus, "h1", messaging.None{})
	if err != nil || !strings.Contains(r.Text, " up 0 min,  0 users,  load average: 0.00, 0.00, 0.00") {
		t.Errorf("%q, %v", r.Text, err)
	}
	b := newAgent(t, compute.Config{}, newGate().around)
	if _, err := rpcapi.Uptime.Do(t.Context(), b.bus, "h1", messaging.None{}); !fault.Is(err, fault.NotImplemented) {
		t.Errorf("of a driver that cannot tell: %v", err)
	}
}
