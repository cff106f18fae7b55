package domain_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/fault"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func spec(change func(*nova.Spec)) *nova.Spec {
	s := &nova.Spec{
		ID: "5b0f6c1e-7a34-4c1d-9f0a-3b2f8d6e1a2b", Name: "web <1>", Hostname: "web-1", Project: "p1", User: "u1",
		Flavor: nova.Flavor{ID: "1", Name: "m1.tiny", VCPUs: 2, RAM: 512, Disk: 1},
		Image: nova.ImageMeta{ID: "0d1b2c3d-1111-4222-8333-444455556666", Name: "guest", DiskFormat: "qcow2",
			Properties: map[string]string{}},
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if change != nil {
		change(s)
	}
	return s
}

func props(kv ...string) func(*nova.Spec) {
	return func(s *nova.Spec) {
		for i := 0; i < len(kv); i += 2 {
			s.Image.Properties[kv[i]] = kv[i+1]
		}
	}
}

var disks = []domain.Disk{
	{Path: "/srv/i/x/disk", Format: "qcow2", Base: "/srv/i/_base/img.qcow2", BaseFormat: "qcow2"},
	{Path: "/srv/i/x/disk.swap", Format: "raw"},
	{Path: "/srv/i/x/disk.config", Format: "raw", ReadOnly: true, ConfigRole: true},
}

// mapped is the disks of a spec: those of its block device mapping where it has one.
func mapped(s *nova.Spec) []domain.Disk {
	if len(s.BlockDevices) == 0 {
		return disks
	}
	var out []domain.Disk
	for i := range s.BlockDevices {
		d := domain.LocalDisk(&s.BlockDevices[i])
		d.Path, d.Format = "/srv/i/x/disk"+nova.DeviceLetters(i), "raw"
		out = append(out, d)
	}
	return append(out, disks[2])
}

func TestGolden(t *testing.T) {
	t.Parallel()
	port := nova.NIC{ID: "a1", MAC: "fa:16:3e:00:00:01", MTU: 1450, Device: "tapa1b2c3d4-e5"}
	for _, c := range []struct {
		name string
		host domain.Host
		spec *nova.Spec
	}{
		{"block-devices", domain.Host{Accel: "kvm"}, spec(func(s *nova.Spec) {
			s.BlockDevices = []nova.BlockDevice{
				{Source: "image", Dest: "local", BootIndex: new(int), Bus: "scsi"},
				{Source: "blank", Dest: "local", Size: 1, Type: "cdrom"},
				{Source: "blank", Dest: "local", Size: 1, Bus: "xen"},
				{Source: "blank", Dest: "local", Size: 64, Format: "swap", Bus: "ide"},
			}
		})},
		{"emulated", domain.Host{Accel: "qemu", Version: "1.0"},
			spec(func(s *nova.Spec) { s.Ports = []nova.NIC{port} })},
		{"kvm", domain.Host{Accel: "kvm", Cache: "writeback"}, spec(nil)},
		{"scsi-e1000", domain.Host{Accel: "kvm", CPUMode: "host-passthrough"}, spec(func(s *nova.Spec) {
			props("hw_disk_bus", "scsi", "hw_vif_model", "e1000", "hw_qemu_guest_agent", "yes")(s)
			s.Ports = []nova.NIC{port}
		})},
		{"windows-uefi", domain.Host{Accel: "kvm", CPUMode: "custom", CPUModel: "Haswell-noTSX"},
			spec(props("os_type", "windows", "hw_firmware_type", "uefi", "hw_disk_bus", "sata", "hw_video_model", "qxl"))},
		{"old-machine", domain.Host{Accel: "qemu", CPUMode: "none", Machine: "q35"},
			spec(props("hw_machine_type", "pc", "hw_disk_bus", "ide", "hw_video_model", "none"))},
		{"devices", domain.Host{Accel: "kvm"}, spec(func(s *nova.Spec) {
			props("hw_cpu_cores", "2", "hw_disk_bus", "scsi", "hw_scsi_model", "lsilogic", "hw_serial_port_count", "2",
				"hw_watchdog_action", "reset",
				"hw_boot_menu", "true", "hw_time_hpet", "yes", "hw_pointer_model", "usbtablet", "img_hide_hypervisor_id", "1",
				"hw_pmu", "false",
				"hw_rng_model", "virtio", "os_distro", "anything at all")(s)
			s.Flavor.VCPUs, s.Flavor.ExtraSpecs = 4, map[string]string{"hw:cpu_max_sockets": "2", "quota:cpu_shares": "2048",
				"quota:cpu_period": "100000", "quota:cpu_quota": "50000", "quota:disk_read_iops_sec": "100",
				"quota:disk_write_bytes_sec": "1048576"}
		})},
		{"spice", domain.Host{Accel: "kvm", NoVNC: true, SPICE: &domain.SPICE{Listen: "192.0.2.7", Agent: true,
			Secure: true, Image: "auto_glz", JPEG: "auto", ZLib: "never", Playback: "on", Streaming: "filter"}},
			spec(props("hw_qemu_guest_agent", "yes", "hw_pointer_model", "usbtablet"))},
		{"vnc-and-spice", domain.Host{Accel: "kvm", SPICE: &domain.SPICE{}}, spec(props("hw_pointer_model", "usbtablet"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := domain.XML(c.host, domain.Server{Spec: c.spec, Disks: mapped(c.spec), Console: "/srv/i/x/console.log"})
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", c.name+".xml")
			if *update {
				if err := os.WriteFile(file, []byte(got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got+"\n"); diff != "" {
				t.Errorf("definition changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnsupportedHardwareIsRejected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		spec *nova.Spec
		says string
	}{
		{"disk bus", spec(props("hw_disk_bus", "floppy")), "hw_disk_bus=floppy"},
		{"network card", spec(props("hw_vif_model", "virtio'/><evil")), "hw_vif_model"},
		{"machine", spec(props("hw_machine_type", "q35\"><evil")), "hw_machine_type"},
		{"firmware", spec(props("hw_firmware_type", "openboot")), "hw_firmware_type"},
		{"processor", spec(props("hw_architecture", "aarch64")), "aarch64"},
		{"no memory", spec(func(s *nova.Spec) { s.Flavor.RAM = 0 }), "no memory"},
		{"not an id", spec(func(s *nova.Spec) { s.ID = "../x" }), "not a server id"},
		{"port without interface", spec(func(s *nova.Spec) {
			s.Ports = []nova.NIC{{ID: "p9",
				MAC: "fa:16:3e:00:00:01"}}
		}), "p9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := domain.XML(domain.Host{Accel: "qemu"}, domain.Server{Spec: c.spec})
			if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), c.says) {
				t.Errorf("got %v, want an Invalid fault about %q", err, c.says)
			}
			if cerr := domain.Check(domain.Host{Accel: "qemu"}, c.spec); !fault.Is(cerr, fault.Invalid) {
				t.Errorf("Check accepted it: %v", cerr)
			}
		})
	}
}

func TestNamesAreEscaped(t *testing.T) {
	t.Parallel()
	got, err := domain.XML(domain.Host{Accel: "qemu"},
		domain.Server{Disks: disks, Spec: spec(func(s *nova.Spec) { s.Name = "a\x00\x1b]]></metadata>&\uffff" })})
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(got, "\x00\x1b\uffff") || strings.Count(got, "</metadata>") != 1 {
		t.Errorf("the name is not escaped:\n%s", got)
	}
}
