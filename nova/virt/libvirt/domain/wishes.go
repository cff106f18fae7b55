package domain

import (
	"regexp"
	"slices"
	"strings"

	"hypernova/nova"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// asked is what the image's properties ask for, checked.
type asked struct {
	diskBus, vifModel, machine, video string
	windows, uefi, agent              bool
}

func wishes(s *nova.Spec, h Host) (asked, error) {
	a := asked{diskBus: "virtio", vifModel: "virtio", machine: h.Machine, video: "vga"}
	if a.machine == "" {
		a.machine = "q35"
	}
	if !ids.IsUUID(s.ID) {
		return a, fault.Invalidf("%q is not a server id.", s.ID)
	}
	if s.Flavor.VCPUs < 1 || s.Flavor.RAM < 1 {
		return a, fault.Invalidf("Flavor %s has no CPUs or no memory.", s.Flavor.Name)
	}
	p := s.Image.Properties
	for _, w := range []struct {
		name  string
		to    *string
		known []string
	}{
		{"hw_disk_bus", &a.diskBus, []string{"virtio", "scsi", "sata", "usb", "ide"}},
		{"hw_vif_model", &a.vifModel, []string{"virtio", "e1000", "e1000e", "rtl8139", "vmxnet3", "igb"}},
		{"hw_video_model", &a.video, []string{"vga", "virtio", "cirrus", "qxl", "bochs", "none"}},
	} {
		if v := p[w.name]; v != "" {
			if !slices.Contains(w.known, v) {
				return a, fault.Invalidf("Image property %s=%s is not supported; it may be one of %s.", w.name, v, strings.Join(w.known, ", "))
			}
			*w.to = v
		}
	}
	if m := p["hw_machine_type"]; m != "" {
		if !machineName.MatchString(m) {
			return a, fault.Invalidf("Image property hw_machine_type=%q is not a machine type.", m)
		}
		a.machine = m
	}
	if a.diskBus == "ide" && strings.Contains(a.machine, "q35") {
		a.diskBus = "sata" // what the chipset calls it
	}
	if arch := p["hw_architecture"]; arch != "" && arch != "x86_64" && arch != "i686" {
		return a, fault.Invalidf("The image is for %s processors; this host has x86_64.", arch)
	}
	switch fw := p["hw_firmware_type"]; fw {
	case "", "bios":
	case "uefi":
		a.uefi = true
	default:
		return a, fault.Invalidf("Image property hw_firmware_type=%s is not supported; it may be bios or uefi.", fw)
	}
	a.windows = p["os_type"] == "windows"
	switch strings.ToLower(p["hw_qemu_guest_agent"]) {
	case "yes", "true", "on", "1":
		a.agent = true
	}
	for _, n := range s.Ports {
		if n.Device == "" {
			return a, fault.Invalidf("Port %s has no interface on this host.", n.ID)
		}
		if len(n.Device) > 15 || n.MAC == "" {
			return a, fault.Invalidf("Port %s cannot be plugged: interface %q, address %q.", n.ID, n.Device, n.MAC)
		}
	}
	return a, nil
}

var machineName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Check refuses a spec that XML would refuse, before anything is made for it.
func Check(h Host, s *nova.Spec) error {
	_, err := wishes(s, h)
	return err
}
