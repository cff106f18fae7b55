package domain

import (
	"slices"
	"strings"

	"hypernova/nova"
	"hypernova/oslo/fault"
)

// RescueDevice returns the rescue disk that an image asks for, without its files. An image with hw_rescue_device or
// hw_rescue_bus asks for a stable rescue: the server keeps all its devices, and boots from the rescue disk, which is
// the last. Of others the rescue disk is the first, and only the server's root disk and a config drive are beside it.
// fault.Invalid for a device or a bus that this host cannot give.
func RescueDevice(h Host, s *nova.Spec, rescue *nova.ImageMeta) (Disk, error) {
	device, bus := strings.ToLower(rescue.Property("hw_rescue_device")), strings.ToLower(rescue.Property("hw_rescue_bus"))
	if device == "" && bus == "" {
		return Disk{}, nil
	}
	p, err := hardwareOf(s, h)
	if err != nil {
		return Disk{}, err
	}
	if device == "" {
		device = "disk"
	}
	if !slices.Contains([]string{"disk", "cdrom", "floppy"}, device) {
		return Disk{}, fault.Invalidf("Requested rescue device '%s' is not supported", device)
	}
	allowed := []string{"virtio", "scsi", "ide", "sata", "usb"}
	switch device {
	case "cdrom":
		allowed = allowed[1:] // a virtio disk is no CD drive
	case "floppy":
		allowed = []string{"fdc"}
	}
	switch {
	case bus == "" && slices.Contains(allowed, p.diskBus):
		bus = p.diskBus
	case bus == "" && device == "cdrom":
		bus = "sata"
	case bus == "":
		bus = allowed[0]
	case !slices.Contains(allowed, bus):
		return Disk{}, fault.Invalidf("Requested rescue bus '%s' is not supported by '%s'", bus, h.Accel)
	}
	if bus == "ide" && strings.Contains(p.machine, "q35") {
		bus = "sata" // q35 has no IDE controller
	}
	d := Disk{Device: device, Bus: bus, Boot: true, ReadOnly: device == "cdrom"}
	if device == "disk" {
		d.Device = ""
	}
	return d, nil
}
