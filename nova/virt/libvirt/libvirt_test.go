package libvirt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/nova/virt/libvirt/libvirttest"
	"hypernova/nova/virt/virttest"
	"hypernova/oslo/fault"
)

// idle returns a disk whose boot sector is an endless loop.
func idle() []byte {
	b := make([]byte, 64<<10)
	copy(b, "\xfb\xf4\xeb\xfc") // sti; hlt; jmp to the beginning
	b[510], b[511] = 0x55, 0xaa
	return b
}

func open(t *testing.T, c libvirt.Config) *libvirt.Driver {
	t.Helper()
	d, err := libvirt.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestContract(t *testing.T) {
	t.Parallel()
	daemon := libvirttest.Start(t)
	emulator := libvirttest.NewEmulator(t)
	// The guests are in the daemon's network namespace, where a driver in this one does not see which ports are taken. So
	// each driver has ports of its own.
	var drivers atomic.Int32
	ports := func() string {
		first := 10000 + 100*int(drivers.Add(1))
		return fmt.Sprintf("%d:%d", first, first+99)
	}
	var mu sync.Mutex
	configs := map[virt.Driver]libvirt.Config{}
	virttest.Run(t, virttest.Harness{
		New: func(t *testing.T) virt.Driver {
			c := libvirt.Config{URI: daemon.URI, InstancesPath: instances(t), VirtType: "qemu", Emulator: emulator.Path,
				QEMULogDir: daemon.Logs(), SerialPorts: ports(), SPICE: &domain.SPICE{Agent: true}}
			d := open(t, c)
			mu.Lock()
			configs[d] = c
			mu.Unlock()
			t.Cleanup(func() { destroyAll(t, d) })
			return d
		},
		Reopen: func(t *testing.T, d virt.Driver) virt.Driver {
			mu.Lock()
			c := configs[d]
			mu.Unlock()
			c.SerialPorts = ports()
			return open(t, c)
		},
		Kill:   func(t *testing.T, _ virt.Driver, id string) { libvirttest.KillGuest(t, id) },
		NoNICs: true,
		Dial:   daemon.Dial,
		Hold:   func(t *testing.T, _ virt.Driver, id string) func(bool) { return emulator.Hold(t, id) },
		Image:  nova.ImageMeta{Name: "idle", DiskFormat: "raw", ContainerFormat: "bare"},
		Data:   idle(),
	})
}

func destroyAll(t *testing.T, d virt.Driver) {
	ctx := context.WithoutCancel(t.Context()) // the test is over, its servers are not
	ss, err := d.Servers(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, s := range ss {
		if err := d.Destroy(ctx, s.ID); err != nil {
			t.Error(err)
		}
	}
}

// instances returns a new folder that QEMU's user can pass through.
func instances(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for p := dir; p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDriverReconnectsToTheDaemon(t *testing.T) {
	t.Parallel()
	daemon := libvirttest.Start(t)
	c := libvirt.Config{URI: daemon.URI, InstancesPath: instances(t), VirtType: "qemu"}
	d := open(t, c)
	t.Cleanup(func() { destroyAll(t, d) })
	ctx := t.Context()
	s := virttest.Harness{Image: nova.ImageMeta{ID: "11111111-2222-4333-8444-555555555555",
		DiskFormat: "raw", Size: 64 << 10}}.Spec()
	for _, err := range []error{d.Prepare(ctx, s, bytesImages{idle()}), d.Spawn(ctx, s)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	events := make(chan virt.Event, 100)
	ectx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = d.Events(ectx, func(e virt.Event) { events <- e }) })
	if err := d.Pause(ctx, s.ID); err != nil {
		t.Fatal(err)
	}
	for tick := time.Tick(20 * time.Millisecond); len(events) == 0; <-tick { // until somebody listens
		if err := errors.Join(d.Unpause(ctx, s.ID), d.Pause(ctx, s.ID)); err != nil {
			t.Fatal(err)
		}
	}

	c.CallTimeout = time.Second
	hasty := open(t, c)
	daemon.Hang(t, true)
	if _, err := hasty.Info(ctx, s.ID); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a daemon that hangs: got %v, want an Unavailable fault", err)
	}
	daemon.Hang(t, false)
	if i, err := hasty.Info(ctx, s.ID); err != nil || i.Power != nova.PowerPaused {
		t.Errorf("after that: got %+v, %v", i, err)
	}

	daemon.Stop(t)
	for name, err := range map[string]error{"start": d.Start(ctx, s), "stop": d.Stop(ctx, s.ID, 0),
		"destroy": d.Destroy(ctx, s.ID), "init": d.Init(ctx)} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s without a daemon: got %v, want an Unavailable fault", name, err)
		}
	}
	libvirttest.KillGuest(t, s.ID)
	daemon.Run(t)
	late := time.After(20 * time.Second)
	// A restarted daemon answers before it has found its guests.
	for tick := time.Tick(50 * time.Millisecond); ; <-tick {
		i, err := d.Info(ctx, s.ID)
		if err == nil && i.Power == nova.Shutdown {
			break
		}
		select {
		case <-late:
			t.Fatalf("back again: got %+v, %v; want what happened meanwhile", i, err)
		default:
		}
	}
	for {
		select {
		case e := <-events:
			if e.ID == s.ID && e.Power == nova.Shutdown {
				return
			}
		case <-late:
			t.Fatal("no event for the guest that ended while the daemon was down")
		}
	}
}
