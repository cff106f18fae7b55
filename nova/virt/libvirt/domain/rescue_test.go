package domain_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/fault"
)

func TestRescueDevice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, device, bus string
		want              domain.Disk
		says              string // of the refusal
	}{
		{name: "of an image that says nothing"},
		{"a disk", "disk", "", domain.Disk{Bus: "virtio", Boot: true}, ""},
		{"a bus", "", "scsi", domain.Disk{Bus: "scsi", Boot: true}, ""},
		{"in capital letters", "CDROM", "SATA", domain.Disk{Device: "cdrom", Bus: "sata", Boot: true, ReadOnly: true}, ""},
		{"a CD drive", "cdrom", "", domain.Disk{Device: "cdrom", Bus: "sata", Boot: true, ReadOnly: true}, ""},
		{"IDE of a q35 machine", "cdrom", "ide", domain.Disk{Device: "cdrom", Bus: "sata", Boot: true, ReadOnly: true}, ""},
		{"a floppy", "floppy", "", domain.Disk{Device: "floppy", Bus: "fdc", Boot: true}, ""},
		{"no such device", "tape", "", domain.Disk{}, "Requested rescue device 'tape' is not supported"},
		{"no such bus", "disk", "xen", domain.Disk{}, "Requested rescue bus 'xen' is not supported by 'qemu'"},
		{"a CD drive on virtio", "cdrom", "virtio", domain.Disk{}, "rescue bus 'virtio'"},
	} {
		image := nova.ImageMeta{Properties: map[string]string{"hw_rescue_device": c.device, "hw_rescue_bus": c.bus}}
		got, err := domain.RescueDevice(domain.Host{Accel: "qemu"}, spec(nil), &image)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if c.says == "" && err != nil || c.says != "" && (!fault.Is(err, fault.Invalid) ||
			!strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.says)
		}
	}
}

// A server boots from its rescue disk although that is the last, and has what its bus needs.
func TestRescueDiskIsBootedFrom(t *testing.T) {
	t.Parallel()
	for bus, controller := range map[string]string{"scsi": `<controller type="scsi" index="0" model="virtio-scsi">`,
		"usb": `<controller type="usb" index="0" model="qemu-xhci">`, "sata": ""} {
		all := append(append([]domain.Disk{}, disks...), domain.Disk{Path: "/srv/i/x/disk.rescue", Format: "qcow2", Bus: bus,
			Boot: true})
		got, err := domain.XML(domain.Host{Accel: "qemu"}, domain.Server{Spec: spec(nil), Disks: all})
		if err != nil {
			t.Fatal(err)
		}
		rescue := got[strings.Index(got, "/srv/i/x/disk.rescue"):]
		for _, want := range []string{controller, `<target dev="sda" bus="` + bus + `">`, `<target dev="vda" bus="virtio">`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the definition lacks %s:\n%s", bus, want, got)
			}
		}
		if strings.Count(got, "<boot ") != 1 || !strings.Contains(rescue, `<boot order="1">`) {
			t.Errorf("%s: another disk is booted from:\n%s", bus, got)
		}
	}
}
