package domain

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hypernova/nova"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// hardware is the virtual hardware of a server, from the properties of its image and the extra specs of its flavor.
type hardware struct {
	diskBus, vifModel, machine, video string
	scsi, watchdog                    string // empty watchdog: none
	topology                          nova.Topology
	serials                           int
	windows, uefi, agent              bool
	bootMenu, hpet, hidden, tablet    bool
	pmu                               string // "on", "off"; empty: the host's choice
}

// hardwareOf checks a spec and returns its hardware. It returns fault.Invalid for properties that this host does not
// support, and for a spec with bad ports, sizes or ids.
func hardwareOf(s *nova.Spec, h Host) (hardware, error) {
	a := hardware{diskBus: "virtio", vifModel: "virtio", machine: h.Machine, video: "vga", scsi: "virtio-scsi", serials: 1}
	if a.machine == "" {
		a.machine = "q35"
	}
	if !ids.IsUUID(s.ID) {
		return a, fault.Invalidf("%q is not a server id.", s.ID)
	}
	if s.Flavor.VCPUs < 1 || s.Flavor.RAM < 1 {
		return a, fault.Invalidf("Flavor %s has no CPUs or no memory.", s.Flavor.Name)
	}
	p := s.Image.Wishes()
	var err error
	if a.topology, err = nova.CPUs(&s.Flavor, p); err != nil {
		// nova-api rejects this for a new server; an older server still starts.
		a.topology = nova.Topology{Sockets: s.Flavor.VCPUs, Cores: 1, Threads: 1}
	}
	for _, name := range []string{"hw_disk_bus", "hw_vif_model", "hw_video_model", "hw_firmware_type"} {
		if v := s.Image.Property(name); v != "" && p[name] == "" {
			return a, fault.Invalidf("Image property %s=%s is not supported.", name, v)
		}
	}
	for name, to := range map[string]*string{"hw_disk_bus": &a.diskBus, "hw_vif_model": &a.vifModel,
		"hw_video_model": &a.video, "hw_scsi_model": &a.scsi} {
		if p[name] != "" {
			*to = p[name]
		}
	}
	spec := func(property, key string) string {
		if v := p[property]; v != "" {
			return v
		}
		return strings.ToLower(s.Flavor.ExtraSpecs[key])
	}
	if w := spec("hw_watchdog_action", "hw:watchdog_action"); w != "disabled" {
		a.watchdog = w
	}
	if n, err := strconv.Atoi(spec("hw_serial_port_count", "hw:serial_port_count")); err == nil && n > 1 {
		a.serials = min(n, maxSerials)
	}
	a.bootMenu, a.hidden = isYes(spec("hw_boot_menu", "hw:boot_menu")),
		isYes(spec("img_hide_hypervisor_id", "hw:hide_hypervisor_id"))
	// The SPICE agent moves the pointer itself.
	tablet := p["hw_pointer_model"] == "usbtablet" && (h.SPICE == nil || !h.SPICE.Agent || !h.NoVNC)
	a.hpet, a.tablet, a.agent = isYes(p["hw_time_hpet"]), tablet,
		isYes(p["hw_qemu_guest_agent"])
	if v := spec("hw_pmu", "hw:pmu"); v != "" {
		a.pmu = "off"
		if isYes(v) {
			a.pmu = "on"
		}
	}
	if m := p["hw_machine_type"]; m != "" {
		if !machineName.MatchString(m) {
			return a, fault.Invalidf("Image property hw_machine_type=%q is not a machine type.", m)
		}
		a.machine = m
	}
	if a.diskBus == "ide" && strings.Contains(a.machine, "q35") {
		a.diskBus = "sata" // q35 has no IDE controller
	}
	if arch := p["hw_architecture"]; arch != "" && arch != "x86_64" && arch != "i686" {
		return a, fault.Invalidf("The image is for %s processors; this host has x86_64.", arch)
	}
	a.uefi, a.windows = p["hw_firmware_type"] == "uefi", p["os_type"] == "windows"
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

// maxSerials is the number of serial ports of a PC.
const maxSerials = 4

// isYes reports whether a property is true, in the forms that oslo.utils accepts.
func isYes(v string) bool {
	return slices.Contains([]string{"1", "t", "true", "on", "y", "yes"}, strings.ToLower(v))
}

var machineName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Check returns the error that XML would return for a spec. Call it before disks are made for the server.
func Check(h Host, s *nova.Spec) error {
	_, err := hardwareOf(s, h)
	return err
}
