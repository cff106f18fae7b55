package libvirt_test

import (
	"testing"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt"
	"hypernova/nova/virt/libvirt/libvirttest"
	"hypernova/nova/virt/virttest"
	"hypernova/oslo/ids"
)

// Nothing listens on the port of a suspended guest's serial console, so another guest may have it at the resumption.
func TestAResumedGuestGetsAFreeSerialPort(t *testing.T) {
	t.Parallel()
	daemon := libvirttest.Start(t)
	c := libvirt.Config{URI: daemon.URI, InstancesPath: instances(t), VirtType: "qemu", SerialPorts: "10000:10099"}
	d := open(t, c)
	t.Cleanup(func() { destroyAll(t, d) })
	ctx := t.Context()
	h := virttest.Harness{Image: nova.ImageMeta{ID: ids.UUID(), DiskFormat: "raw", Size: 64 << 10}}
	first, second := h.Spec(), h.Spec()
	port := func(s *nova.Spec) int {
		t.Helper()
		at, err := d.ConsoleAddress(ctx, s.ID, nova.ConsoleSerial)
		if err != nil {
			t.Fatal(err)
		}
		return at.Port
	}
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	must(d.Prepare(ctx, first, bytesImages{idle()}), d.Spawn(ctx, first))
	was := port(first)
	must(d.Suspend(ctx, first.ID))
	d = open(t, c) // a new process begins with the first port again
	must(d.Prepare(ctx, second, bytesImages{idle()}), d.Spawn(ctx, second))
	if got := port(second); got != was {
		t.Fatalf("the second guest has port %d, not %d, and proves nothing", got, was)
	}
	must(d.Resume(ctx, first))
	if got := port(first); got == was || got == 0 {
		t.Errorf("the resumed guest has port %d, which is taken", got)
	}
}
