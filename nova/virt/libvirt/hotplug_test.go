package libvirt_test

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt"
	"hypernova/nova/virt/libvirt/libvirttest"
	"hypernova/oslo/ids"
)

// hotplug gives a running guest a NIC on a device that it makes, and takes it away again: the guest's kernel must let
// it go.
func hotplug(ctx context.Context, t *testing.T, daemon *libvirttest.Daemon, d *libvirt.Driver, s *nova.Spec) {
	t.Helper()
	out, err := exec.CommandContext(ctx, "nsenter", "--net="+daemon.Net(), "ip", "tuntap", "add", "dev", "tap0a", "mode",
		"tap").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n := nova.NIC{ID: ids.UUID(), MAC: "fa:16:3e:00:0a:01", Device: "tap0a", AdminUp: true, Status: "ACTIVE"}
	with := *s
	with.Ports = append(with.Ports[:len(with.Ports):len(with.Ports)], n)
	for _, do := range []struct {
		what string
		f    func() error
	}{
		{"attach an interface", func() error { return d.AttachInterface(ctx, &with, &n) }},
		{"attach it again", func() error { return d.AttachInterface(ctx, &with, &n) }},
		{"detach it", func() error { return d.DetachInterface(ctx, s, &n) }},
		{"detach it again", func() error { return d.DetachInterface(ctx, s, &n) }},
	} {
		start := time.Now()
		if err := do.f(); err != nil {
			t.Fatalf("%s: %v", do.what, err)
		}
		t.Logf("%s took %v", do.what, time.Since(start).Round(time.Millisecond))
	}
}
