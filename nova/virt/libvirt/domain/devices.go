package domain

import (
	"slices"
	"strconv"
	"strings"

	"libvirt.org/go/libvirtxml"

	"hypernova/nova"
)

// devices returns the devices of a server.
func devices(h Host, s Server, p hardware) *libvirtxml.DomainDeviceList {
	one := uint(0)
	d := &libvirtxml.DomainDeviceList{
		Emulator: h.Emulator,
		Disks:    disks(s, p, h.Cache),
		// An emulated USB controller uses CPU time even if it is idle.
		Controllers: []libvirtxml.DomainController{{Type: "usb", Index: &one, Model: "none"}},
		Serials: []libvirtxml.DomainSerial{{
			Source: &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}},
			Target: &libvirtxml.DomainSerialTarget{Port: &one},
			Log:    &libvirtxml.DomainChardevLog{File: s.Console, Append: "on"},
		}},
		Inputs: []libvirtxml.DomainInput{{Type: "keyboard", Bus: "ps2"}, {Type: "mouse", Bus: "ps2"}},
		MemBalloon: &libvirtxml.DomainMemBalloon{Model: "virtio",
			Stats: &libvirtxml.DomainMemBalloonStats{Period: 10}},
		RNGs: []libvirtxml.DomainRNG{{Model: "virtio",
			Backend: &libvirtxml.DomainRNGBackend{Random: &libvirtxml.DomainRNGBackendRandom{Device: "/dev/urandom"}}}},
	}
	if s.SerialPort > 0 {
		d.Serials[0].Source = &libvirtxml.DomainChardevSource{TCP: &libvirtxml.DomainChardevSourceTCP{Mode: "bind",
			Host: s.SerialHost, Service: strconv.Itoa(s.SerialPort)}}
		d.Serials[0].Protocol = &libvirtxml.DomainChardevProtocol{Type: "raw"}
	}
	for i := 1; i < p.serials; i++ { // only the first port is logged
		port := uint(i)
		d.Serials = append(d.Serials, libvirtxml.DomainSerial{Source: &libvirtxml.DomainChardevSource{
			Pty: &libvirtxml.DomainChardevSourcePty{}},
			Target: &libvirtxml.DomainSerialTarget{Port: &port}})
	}
	if p.watchdog != "" {
		d.Watchdogs = []libvirtxml.DomainWatchdog{{Model: "i6300esb", Action: p.watchdog}}
	}
	if p.tablet {
		d.Inputs = append([]libvirtxml.DomainInput{{Type: "tablet", Bus: "usb"}}, d.Inputs...)
	}
	uses := func(bus string) bool {
		return p.diskBus == bus || slices.ContainsFunc(s.Disks, func(d Disk) bool { return busOf(d, p) == bus })
	}
	if uses("usb") || p.tablet {
		d.Controllers[0].Model = "qemu-xhci"
	}
	if h.PCIePorts > 0 && strings.Contains(p.machine, "q35") {
		zero := uint(0)
		d.Controllers = append(d.Controllers, libvirtxml.DomainController{Type: "pci", Index: &zero, Model: "pcie-root"})
		for range h.PCIePorts {
			d.Controllers = append(d.Controllers, libvirtxml.DomainController{Type: "pci", Model: "pcie-root-port"})
		}
	}
	if uses("scsi") {
		d.Controllers = append(d.Controllers, libvirtxml.DomainController{Type: "scsi", Index: &one, Model: p.scsi})
	}
	for _, n := range s.Spec.Ports {
		d.Interfaces = append(d.Interfaces, nic(n, p))
	}
	if p.video != "none" {
		listen := h.Listen
		if listen == "" {
			listen = "127.0.0.1"
		}
		if !h.NoVNC {
			d.Graphics = []libvirtxml.DomainGraphic{{VNC: &libvirtxml.DomainGraphicVNC{Port: -1, AutoPort: "yes",
				Listeners: []libvirtxml.DomainGraphicListener{
					{Address: &libvirtxml.DomainGraphicListenerAddress{Address: listen}}}}}}
		}
		if h.SPICE != nil {
			d.Graphics = append(d.Graphics, h.SPICE.graphics())
		}
		d.Videos = []libvirtxml.DomainVideo{{Model: libvirtxml.DomainVideoModel{Type: p.video}}}
	}
	if h.SPICE != nil && h.SPICE.Agent {
		d.Channels = append(d.Channels, libvirtxml.DomainChannel{
			Source: &libvirtxml.DomainChardevSource{SpiceVMC: &libvirtxml.DomainChardevSourceSpiceVMC{}},
			Target: &libvirtxml.DomainChannelTarget{VirtIO: &libvirtxml.DomainChannelTargetVirtIO{
				Name: "com.redhat.spice.0"}},
		})
	}
	if p.agent {
		d.Channels = append(d.Channels, libvirtxml.DomainChannel{
			Source: &libvirtxml.DomainChardevSource{UNIX: &libvirtxml.DomainChardevSourceUNIX{Mode: "bind"}},
			Target: &libvirtxml.DomainChannelTarget{VirtIO: &libvirtxml.DomainChannelTargetVirtIO{
				Name: "org.qemu.guest_agent.0"}},
		})
	}
	return d
}

// disks returns the disks. It names the backing file of an overlay and its format, so that QEMU probes no format.
// libvirt must not change the owner of the shared backing file.
func disks(s Server, p hardware, cache string) []libvirtxml.DomainDisk {
	if cache == "" {
		cache = "none"
	}
	var out []libvirtxml.DomainDisk
	next := map[string]int{}
	for _, d := range s.Disks {
		bus := busOf(d, p)
		prefix := "sd"
		switch bus {
		case "virtio":
			prefix = "vd"
		case "ide":
			prefix = "hd"
		case "fdc":
			prefix = "fd"
		}
		x := libvirtxml.DomainDisk{
			Device: "disk",
			Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: d.Format, Cache: cache, Discard: "unmap"},
			Source: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: d.Path}},
			Target: &libvirtxml.DomainDiskTarget{Dev: prefix + nova.DeviceLetters(next[prefix]), Bus: bus},
			Serial: d.Serial,
		}
		next[prefix]++
		if d.Device != "" {
			x.Device = d.Device
		}
		if d.Boot {
			x.Boot = &libvirtxml.DomainDeviceBoot{Order: 1}
		}
		if !d.ConfigRole {
			x.IOTune = ioTune(s.Spec)
		}
		if d.ReadOnly {
			x.ReadOnly, x.Driver.Discard = &libvirtxml.DomainDiskReadOnly{}, ""
		}
		x.BackingStore = &libvirtxml.DomainDiskBackingStore{}
		if d.Base != "" {
			x.BackingStore = &libvirtxml.DomainDiskBackingStore{
				Format: &libvirtxml.DomainDiskFormat{Type: d.BaseFormat},
				Source: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: d.Base,
					SecLabel: []libvirtxml.DomainDeviceSecLabel{{Model: "dac", Relabel: "no"}}}},
				BackingStore: &libvirtxml.DomainDiskBackingStore{},
			}
		}
		out = append(out, x)
	}
	return out
}

// LocalDisk returns the disk of a row of a block device mapping, without its files.
func LocalDisk(d *nova.BlockDevice) Disk {
	out := Disk{Device: d.Kind(), ReadOnly: d.Kind() == "cdrom"}
	if out.Device == "disk" {
		out.Device = ""
	}
	if slices.Contains(nova.BusesFor(d.Kind()), d.Bus) {
		out.Bus = d.Bus
	}
	return out
}

// busOf returns the bus of a disk: its own, else the server's where its device can be on it.
func busOf(d Disk, p hardware) string {
	bus := (&nova.BlockDevice{Type: d.Device, Bus: d.Bus}).BusOf(p.diskBus)
	if d.ConfigRole && d.Bus == "" {
		bus = "virtio" // some guests have no driver for SATA
	}
	if bus == "ide" && strings.Contains(p.machine, "q35") {
		bus = "sata" // q35 has no IDE controller
	}
	return bus
}

// Interface returns the definition of one NIC of a server; for the faults see XML.
func Interface(h Host, s *nova.Spec, n nova.NIC) (string, error) {
	p, err := hardwareOf(s, h)
	if err != nil {
		return "", err
	}
	x := nic(n, p)
	return x.Marshal()
}

// nic returns an interface on a tap device that the neutron agent has made. The device remains when the domain ends.
func nic(n nova.NIC, p hardware) libvirtxml.DomainInterface {
	x := libvirtxml.DomainInterface{
		MAC:    &libvirtxml.DomainInterfaceMAC{Address: n.MAC},
		Source: &libvirtxml.DomainInterfaceSource{Ethernet: &libvirtxml.DomainInterfaceSourceEthernet{}},
		Target: &libvirtxml.DomainInterfaceTarget{Dev: n.Device, Managed: "no"},
		Model:  &libvirtxml.DomainInterfaceModel{Type: p.vifModel},
	}
	if n.MTU > 0 && p.vifModel == "virtio" {
		x.MTU = &libvirtxml.DomainInterfaceMTU{Size: uint(n.MTU)}
	}
	return x
}
