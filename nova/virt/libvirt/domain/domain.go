// Package domain builds libvirt's XML definition of a server from its spec, the host's configuration and the paths of
// its disks. It checks the hardware that image properties and extra specs request. It reads nothing from the host.
package domain

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
	"time"

	"libvirt.org/go/libvirtxml"

	"hypernova/nova"
	"hypernova/nova/virt"
)

// Host is the configuration that all servers of a host share.
type Host struct {
	Accel    string // "kvm" or "qemu" (emulation)
	Emulator string // empty: libvirt's choice
	CPUMode  string // none, host-model, host-passthrough, maximum, custom; empty: by Accel
	CPUModel string // for custom
	Machine  string // empty: q35
	Listen   string // address of the VNC servers; empty: 127.0.0.1
	NoVNC    bool   // guests have no VNC server
	SPICE    *SPICE // nil: guests have no SPICE server
	Cache    string // disk cache mode; empty: none, which needs a file system with direct I/O
	Version  string // version of this program, for the guest's SMBIOS tables
	Owner    uint32 // owner mark of the cloud; 0: none
	// PCIePorts is the number of PCIe ports of machines that have such; 0: libvirt's choice.
	PCIePorts int
}

// Disk is a file that is attached as a disk. Base is the backing file of a qcow2 overlay.
type Disk struct {
	Path, Format         string
	Base, BaseFormat     string
	ReadOnly, ConfigRole bool // ConfigRole: the config drive, which is always on virtio
	Serial               string
	// Device is cdrom or floppy, empty for a disk; Bus is empty for the server's. Boot: the server boots from this disk,
	// whichever its place is. Rescue disks have these.
	Device, Bus string
	Boot        bool
}

// Server is a server to define.
type Server struct {
	Spec    *nova.Spec
	Disks   []Disk // the first is the root disk
	Console string // file of the serial console's log
	// SerialHost and SerialPort are where the serial console listens; port 0: it has a log only.
	SerialHost string
	SerialPort int
}

// XML returns the domain definition. It returns fault.Invalid if the image or flavor requests unsupported hardware.
func XML(h Host, s Server) (string, error) {
	p, err := hardwareOf(s.Spec, h)
	if err != nil {
		return "", err
	}
	d := libvirtxml.Domain{
		Type: h.Accel, Name: virt.DomainName(s.Spec.ID), UUID: s.Spec.ID,
		Metadata:   &libvirtxml.DomainMetadata{XML: metadata(s.Spec, h.Version) + mark(h.Owner)},
		Memory:     &libvirtxml.DomainMemory{Value: uint(s.Spec.Flavor.RAM), Unit: "MiB"},
		VCPU:       &libvirtxml.DomainVCPU{Placement: "static", Value: uint(s.Spec.Flavor.VCPUs)},
		CPUTune:    cpuTune(s.Spec),
		SysInfo:    sysinfo(s.Spec, h.Version),
		OS:         operatingSystem(p, s.Disks),
		Features:   features(p, h),
		CPU:        cpu(p, h),
		Clock:      clock(p, h),
		OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "destroy",
		Devices: devices(h, s, p),
	}
	return d.Marshal()
}

// number returns an extra spec of the flavor. ok is false unless it is a number above zero.
func number(s *nova.Spec, key string) (uint64, bool) {
	n, err := strconv.ParseUint(s.Flavor.ExtraSpecs[key], 10, 64)
	return n, err == nil && n > 0
}

// cpuTune returns the flavor's CPU limits (quota:cpu_*), or nil if it has none.
func cpuTune(s *nova.Spec) *libvirtxml.DomainCPUTune {
	t := &libvirtxml.DomainCPUTune{}
	some := false
	if n, ok := number(s, "quota:cpu_shares"); ok {
		t.Shares, some = &libvirtxml.DomainCPUTuneShares{Value: uint(n)}, true
	}
	if n, ok := number(s, "quota:cpu_period"); ok {
		t.Period, some = &libvirtxml.DomainCPUTunePeriod{Value: n}, true
	}
	if n, err := strconv.ParseInt(s.Flavor.ExtraSpecs["quota:cpu_quota"], 10, 64); err == nil && n != 0 {
		t.Quota, some = &libvirtxml.DomainCPUTuneQuota{Value: n}, true
	}
	if !some {
		return nil
	}
	return t
}

// ioTune returns the flavor's limits of each disk (quota:disk_*), or nil if it has none.
func ioTune(s *nova.Spec) *libvirtxml.DomainDiskIOTune {
	t := &libvirtxml.DomainDiskIOTune{}
	some := false
	for key, to := range map[string]*uint64{
		"total_bytes_sec": &t.TotalBytesSec, "read_bytes_sec": &t.ReadBytesSec, "write_bytes_sec": &t.WriteBytesSec,
		"total_iops_sec": &t.TotalIopsSec, "read_iops_sec": &t.ReadIopsSec, "write_iops_sec": &t.WriteIopsSec,
		"total_bytes_sec_max": &t.TotalBytesSecMax, "read_bytes_sec_max": &t.ReadBytesSecMax,
		"write_bytes_sec_max": &t.WriteBytesSecMax,
		"total_iops_sec_max":  &t.TotalIopsSecMax, "read_iops_sec_max": &t.ReadIopsSecMax,
		"write_iops_sec_max": &t.WriteIopsSecMax,
	} {
		if n, ok := number(s, "quota:disk_"+key); ok {
			*to, some = n, true
		}
	}
	if !some {
		return nil
	}
	return t
}

func operatingSystem(p hardware, disks []Disk) *libvirtxml.DomainOS {
	os := &libvirtxml.DomainOS{
		Type:        &libvirtxml.DomainOSType{Arch: "x86_64", Machine: p.machine, Type: "hvm"},
		BootDevices: []libvirtxml.DomainBootDevice{{Dev: "hd"}},
		SMBios:      &libvirtxml.DomainSMBios{Mode: "sysinfo"},
	}
	if slices.ContainsFunc(disks, func(d Disk) bool { return d.Boot }) {
		os.BootDevices = nil // libvirt accepts one form or the other
	}
	if p.uefi {
		os.Firmware = "efi"
	}
	if p.bootMenu {
		os.BootMenu = &libvirtxml.DomainBootMenu{Enable: "yes"}
	}
	return os
}

func features(p hardware, h Host) *libvirtxml.DomainFeatureList {
	f := &libvirtxml.DomainFeatureList{ACPI: &libvirtxml.DomainFeature{}, APIC: &libvirtxml.DomainFeatureAPIC{}}
	if p.hidden {
		f.KVM = &libvirtxml.DomainFeatureKVM{Hidden: &libvirtxml.DomainFeatureState{State: "on"}}
	}
	if p.pmu != "" {
		f.PMU = &libvirtxml.DomainFeatureState{State: p.pmu}
	}
	if p.windows && h.Accel == "kvm" {
		on := &libvirtxml.DomainFeatureState{State: "on"}
		f.HyperV = &libvirtxml.DomainFeatureHyperV{Relaxed: on, VAPIC: on, VPIndex: on, Synic: on,
			Spinlocks: &libvirtxml.DomainFeatureHyperVSpinlocks{DomainFeatureState: *on, Retries: 8191}}
	}
	return f
}

// cpu returns the CPU model. With emulation the default is maximum, because current distributions do not boot on
// qemu64.
func cpu(p hardware, h Host) *libvirtxml.DomainCPU {
	mode := h.CPUMode
	if mode == "" || mode == "auto" {
		mode = "maximum"
		if h.Accel == "kvm" {
			mode = "host-model"
		}
	}
	c := &libvirtxml.DomainCPU{Topology: &libvirtxml.DomainCPUTopology{Sockets: p.topology.Sockets,
		Cores: p.topology.Cores, Threads: p.topology.Threads}}
	switch mode {
	case "none":
		return c
	case "custom":
		c.Mode, c.Match, c.Model = mode, "exact", &libvirtxml.DomainCPUModel{Value: h.CPUModel}
	default:
		c.Mode = mode
	}
	if mode == "host-model" || mode == "custom" {
		c.Check = "partial"
	}
	return c
}

func clock(p hardware, h Host) *libvirtxml.DomainClock {
	c := &libvirtxml.DomainClock{Offset: "utc"}
	if p.windows {
		c.Offset = "localtime"
	}
	c.Timer = []libvirtxml.DomainTimer{{Name: "pit", TickPolicy: "delay"}, {Name: "rtc", TickPolicy: "catchup"}}
	if p.hpet {
		c.Timer = append(c.Timer, libvirtxml.DomainTimer{Name: "hpet", Present: "yes"})
	} else if h.Accel == "kvm" { // with emulation the HPET is the best clock
		c.Timer = append(c.Timer, libvirtxml.DomainTimer{Name: "hpet", Present: "no"})
	}
	if p.windows && h.Accel == "kvm" {
		c.Timer = append(c.Timer, libvirtxml.DomainTimer{Name: "hypervclock", Present: "yes"})
	}
	return c
}

// sysinfo returns the SMBIOS tables. cloud-init uses OpenStack's metadata service if it finds this product name.
func sysinfo(s *nova.Spec, version string) []libvirtxml.DomainSysInfo {
	return []libvirtxml.DomainSysInfo{{SMBIOS: &libvirtxml.DomainSysInfoSMBIOS{System: &libvirtxml.DomainSysInfoSystem{
		Entry: []libvirtxml.DomainSysInfoEntry{
			{Name: "manufacturer", Value: "OpenStack Foundation"},
			{Name: "product", Value: "OpenStack Nova"},
			{Name: "version", Value: orDev(version)},
			{Name: "serial", Value: s.ID},
			{Name: "uuid", Value: s.ID},
			{Name: "family", Value: "Virtual Machine"},
		}}}}}
}

// metadata returns the domain's metadata in nova's namespace and format. Monitoring tools read names, projects and
// flavors from it.
func metadata(s *nova.Spec, version string) string {
	type owner struct {
		UUID string `xml:"uuid,attr"`
	}
	var doc struct {
		XMLName xml.Name `xml:"nova:instance"`
		NS      string   `xml:"xmlns:nova,attr"`
		Package struct {
			Version string `xml:"version,attr"`
		} `xml:"nova:package"`
		Name    string `xml:"nova:name"`
		Created string `xml:"nova:creationTime,omitempty"`
		Flavor  struct {
			Name      string `xml:"name,attr"`
			Memory    int    `xml:"nova:memory"`
			Disk      int    `xml:"nova:disk"`
			Swap      int    `xml:"nova:swap"`
			Ephemeral int    `xml:"nova:ephemeral"`
			VCPUs     int    `xml:"nova:vcpus"`
		} `xml:"nova:flavor"`
		Owner struct {
			User    owner `xml:"nova:user"`
			Project owner `xml:"nova:project"`
		} `xml:"nova:owner"`
		Root *struct {
			Type string `xml:"type,attr"`
			UUID string `xml:"uuid,attr"`
		} `xml:"nova:root"`
	}
	doc.NS = "http://openstack.org/xmlns/libvirt/nova/1.1"
	doc.Package.Version, doc.Name = orDev(version), clean(s.Name)
	if !s.Created.IsZero() {
		doc.Created = s.Created.UTC().Format(time.DateTime)
	}
	f := s.Flavor
	doc.Flavor.Name, doc.Flavor.Memory, doc.Flavor.Disk, doc.Flavor.Swap, doc.Flavor.Ephemeral, doc.Flavor.VCPUs =
		clean(f.Name), f.RAM, f.Disk, f.Swap, f.Ephemeral, f.VCPUs
	doc.Owner.User.UUID, doc.Owner.Project.UUID = clean(s.User), clean(s.Project)
	if s.Image.ID != "" {
		doc.Root = &struct {
			Type string `xml:"type,attr"`
			UUID string `xml:"uuid,attr"`
		}{"image", s.Image.ID}
	}
	b, err := xml.MarshalIndent(doc, "    ", "  ")
	if err != nil {
		return "" // a document of strings and numbers always marshals
	}
	return "\n" + string(b) + "\n  "
}

// clean removes characters that XML 1.0 does not allow. libvirt would reject the definition.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' || r == 0x7f || r == 0xfffe || r == 0xffff || r == 0xfffd {
			return -1
		}
		return r
	}, s)
}

func orDev(v string) string {
	if v == "" {
		return "dev"
	}
	return v
}
