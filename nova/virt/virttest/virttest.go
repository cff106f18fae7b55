// Package virttest is the test suite that every hypervisor driver must pass: the contract of virt.Driver as tests.
package virttest

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Harness provides the driver under test. Only New is required.
type Harness struct {
	// Dial connects to a console of a guest; nil: over the network of this process.
	Dial func(t *testing.T, at nova.ConsoleAddress) io.ReadWriteCloser
	// New returns a driver on a new host, after Init. It registers its own clean-up.
	New func(t *testing.T) virt.Driver
	// Reopen returns another driver on the host of d, after Init, as a new process makes it. nil: the driver has no state
	// outside its process.
	Reopen func(t *testing.T, d virt.Driver) virt.Driver
	// Kill makes a running guest crash. nil: not possible.
	Kill func(t *testing.T, d virt.Driver, id string)
	// Hold delays the next start of a server until end is called: with true it succeeds, with false it fails. nil: not
	// possible.
	Hold func(t *testing.T, d virt.Driver, id string) (end func(ok bool))
	// NoNICs: NICs need devices of the host that the test does not make, so they come and go while guests are off.
	NoNICs bool
	// Image and Data are an image that the driver can start; the guest need not boot. Default: 64 KiB of zeros, raw.
	Image nova.ImageMeta
	Data  []byte
	// Grace is the time for a soft stop before the guest is powered off; default 1 ms, because the guest need not react.
	Grace time.Duration
}

// test is one test of the suite.
type test struct {
	name       string
	capability string // the interface that it is about; empty for virt.Driver
	run        func(*testing.T, Harness)
}

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	if h.Data == nil {
		h.Data = make([]byte, 64<<10)
		h.Image = nova.ImageMeta{Name: "blank", DiskFormat: "raw", ContainerFormat: "bare"}
	}
	if h.Image.ID == "" {
		h.Image.ID = ids.UUID()
	}
	h.Image.Size = int64(len(h.Data))
	if h.Grace == 0 {
		h.Grace = time.Millisecond
	}
	for _, c := range append(capabilityTests(), []test{
		{name: "resources of a host", run: resources},
		{name: "an unknown server is not found", run: unknownServer},
		{name: "prepare makes a server that does not run yet", run: prepare},
		{name: "a failed prepare leaves nothing", run: prepareFails},
		{name: "an image larger than the disk is rejected", run: tooLarge},
		{name: "an image is downloaded once", run: fetchOnce},
		{name: "a cancelled prepare leaves nothing", run: prepareCancelled},
		{name: "spawn runs a server, once", run: spawn},
		{name: "operations wait for a start in progress", run: starting},
		{name: "start and stop, also repeated", run: power},
		{name: "pause and unpause", run: pause},
		{name: "reboot ends running", run: reboot},
		{name: "destroy leaves nothing", run: destroy},
		{name: "concurrent operations on several servers", run: parallel},
		{name: "a new process finds the servers", run: reopen},
	}...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, h)
		})
	}
}

// Spec returns a new small server with the harness's image.
func (h Harness) Spec() *nova.Spec {
	id := ids.UUID()
	return &nova.Spec{ID: id, Name: "vt-" + id[:8], Hostname: "vt-" + id[:8], Project: ids.Hex(), User: ids.Hex(),
		Flavor: nova.Flavor{ID: "1", Name: "tiny", VCPUs: 1, RAM: 64, Disk: 1}, Image: h.Image, Host: "h1", Node: "h1"}
}

func (h Harness) images() *source { return &source{data: h.Data} }

// running prepares and spawns a server.
func (h Harness) running(t *testing.T, d virt.Driver) *nova.Spec {
	t.Helper()
	s := h.Spec()
	must(t, d.Prepare(t.Context(), s, h.images()))
	must(t, d.Spawn(t.Context(), s))
	want(t, d, s.ID, nova.Running)
	return s
}

func resources(t *testing.T, h Harness) {
	d := h.New(t)
	r, err := d.Resources(t.Context())
	must(t, err)
	if r.Hostname == "" || r.HostIP == "" || r.Type == "" || r.Version <= 0 || r.VCPUs <= 0 || r.MemoryMB <= 0 ||
		r.DiskGB <= 0 || r.CPUInfo == nil {
		t.Errorf("resources lack something: %+v", r)
	}
	if r.Running != 0 {
		t.Errorf("an empty host runs %d servers", r.Running)
	}
	h.running(t, d)
	r, err = d.Resources(t.Context())
	must(t, err)
	if r.Running != 1 {
		t.Errorf("running = %d, want 1", r.Running)
	}
}

func unknownServer(t *testing.T, h Harness) {
	d, ctx := h.New(t), t.Context()
	s := h.Spec()
	_, err := d.Info(ctx, s.ID)
	for name, err := range map[string]error{
		"info": err, "spawn": d.Spawn(ctx, s), "start": d.Start(ctx, s), "stop": d.Stop(ctx, s.ID, 0),
		"reboot":      d.Reboot(ctx, s, false, 0),
		"soft reboot": d.Reboot(ctx, s, true, h.Grace), "pause": d.Pause(ctx, s.ID), "unpause": d.Unpause(ctx, s.ID),
	} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: got %v, want a NotFound fault", name, err)
		}
	}
	if err := d.Destroy(ctx, s.ID); err != nil {
		t.Errorf("destroy: got %v, want nothing", err)
	}
	list(t, d)
}

func prepare(t *testing.T, h Harness) {
	d, ctx := h.New(t), t.Context()
	s := h.Spec()
	for range 2 {
		must(t, d.Prepare(ctx, s, h.images()))
		want(t, d, s.ID, nova.NoState)
		list(t, d, s.ID)
	}
	must(t, d.Spawn(ctx, s))
	must(t, d.Prepare(ctx, s, h.images()))
	want(t, d, s.ID, nova.Running)
}

func prepareFails(t *testing.T, h Harness) {
	d, ctx := h.New(t), t.Context()
	s := h.Spec()
	away, damaged := fault.Unavailablef("the image store is away"), errors.New("the data does not match the checksum")
	for _, c := range []struct {
		name string
		src  *source
		want error
	}{
		{"cannot open", &source{openErr: away}, away},
		{"damaged at the end", &source{data: h.Data, endErr: damaged}, damaged},
	} {
		if err := d.Prepare(ctx, s, c.src); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		list(t, d)
	}
	must(t, d.Prepare(ctx, s, h.images()))
	must(t, d.Spawn(ctx, s))
	want(t, d, s.ID, nova.Running)
}

func tooLarge(t *testing.T, h Harness) {
	d := h.New(t)
	s := h.Spec()
	s.Image.ID, s.Image.DiskFormat, s.Image.Size = ids.UUID(), "raw", 1<<30+512
	if err := d.Prepare(t.Context(), s, &source{data: h.Data, zeros: s.Image.Size - int64(len(h.Data))}); !fault.Is(err,
		fault.TooLarge) {
		t.Errorf("got %v, want a TooLarge fault", err)
	}
	list(t, d)
}

func fetchOnce(t *testing.T, h Harness) {
	d := h.New(t)
	src := h.images()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if err := d.Prepare(t.Context(), h.Spec(), src); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := src.count(); n != 1 {
		t.Errorf("the image was opened %d times, want once", n)
	}
}

func prepareCancelled(t *testing.T, h Harness) {
	d := h.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	src := &source{data: h.Data, onRead: cancel}
	s := h.Spec()
	if err := d.Prepare(ctx, s, src); err == nil {
		// The image was complete before the cancellation: the server is prepared.
		want(t, d, s.ID, nova.NoState)
		return
	}
	list(t, d)
	must(t, d.Prepare(t.Context(), s, h.images()))
	list(t, d, s.ID)
}

func spawn(t *testing.T, h Harness) {
	d, ctx := h.New(t), t.Context()
	s := h.running(t, d)
	must(t, d.Spawn(ctx, s))
	want(t, d, s.ID, nova.Running)
	must(t, d.Pause(ctx, s.ID))
	must(t, d.Spawn(ctx, s))
	want(t, d, s.ID, nova.PowerPaused)
	list(t, d, s.ID)
	i, err := d.Info(ctx, s.ID)
	must(t, err)
	if i.Name != virt.DomainName(s.ID) {
		t.Errorf("name = %q, want %q", i.Name, virt.DomainName(s.ID))
	}
}

func destroy(t *testing.T, h Harness) {
	d, ctx := h.New(t), t.Context()
	prepared, up, off, paused := h.Spec(), h.running(t, d), h.running(t, d), h.running(t, d)
	must(t, d.Prepare(ctx, prepared, h.images()))
	must(t, d.Stop(ctx, off.ID, 0))
	must(t, d.Pause(ctx, paused.ID))
	for _, s := range []*nova.Spec{prepared, up, off, paused} {
		for range 2 {
			must(t, d.Destroy(ctx, s.ID))
		}
		if _, err := d.Info(ctx, s.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("after destroy: got %v, want a NotFound fault", err)
		}
	}
	list(t, d)
	must(t, d.Prepare(ctx, up, &source{openErr: errors.New("the cached image stays")}))
}

func parallel(t *testing.T, h Harness) {
	d, ctx := h.New(t), t.Context()
	keep := h.running(t, d)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s := h.Spec()
			for _, err := range []error{d.Prepare(ctx, s, h.images()), d.Spawn(ctx, s), d.Stop(ctx, s.ID, 0),
				d.Start(ctx, s), d.Destroy(ctx, s.ID)} {
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list(t, d, keep.ID)
	want(t, d, keep.ID, nova.Running)
}

func reopen(t *testing.T, h Harness) {
	if h.Reopen == nil {
		t.Skip("this driver has no state outside its process")
	}
	d, ctx := h.New(t), t.Context()
	up, off, prepared := h.running(t, d), h.running(t, d), h.Spec()
	must(t, d.Stop(ctx, off.ID, 0))
	must(t, d.Prepare(ctx, prepared, h.images()))
	d = h.Reopen(t, d)
	list(t, d, up.ID, off.ID, prepared.ID)
	want(t, d, up.ID, nova.Running)
	want(t, d, off.ID, nova.Shutdown)
	want(t, d, prepared.ID, nova.NoState)
	must(t, d.Spawn(ctx, prepared))
	must(t, d.Start(ctx, off))
	for _, s := range []*nova.Spec{up, off, prepared} {
		want(t, d, s.ID, nova.Running)
		must(t, d.Destroy(ctx, s.ID))
	}
	list(t, d)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want checks the power state of a server.
func want(t *testing.T, d virt.Driver, id string, p nova.PowerState) {
	t.Helper()
	i, err := d.Info(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if i.ID != id || i.Power != p || i.Passing {
		t.Errorf("info = %+v, want power state %d of %s", i, p, id)
	}
}

// list checks which servers the host has.
func list(t *testing.T, d virt.Driver, want ...string) {
	t.Helper()
	got, err := d.Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, i := range got {
		have[i.ID] = true
	}
	if len(have) != len(want) || len(got) != len(want) {
		t.Errorf("servers = %+v, want %v", got, want)
	}
	for _, id := range want {
		if !have[id] {
			t.Errorf("server %s is not listed: %+v", id, got)
		}
	}
}
