package nova

import (
	"slices"
	"strings"

	"hypernova/oslo/fault"
)

// Sources and destinations of block devices (source_type and destination_type).
const (
	SourceBlank    = "blank"
	SourceImage    = "image"
	SourceVolume   = "volume"
	SourceSnapshot = "snapshot"
	DestLocal      = "local"
	DestVolume     = "volume"
)

// FormatSwap is the guest format of a swap disk.
const FormatSwap = "swap"

// BlockDevice is one row of a server's block device mapping: a disk on the server's host, or a volume.
type BlockDevice struct {
	Source, Dest            string
	BootIndex               *int // nil or negative: the server does not boot from it
	Format                  string
	Device                  string // such as /dev/vda; see NameBlockDevices
	Type, Bus               string // disk, cdrom, floppy or lun; virtio, scsi, …; empty: as the image says
	Size                    int    // GiB, of a swap disk MiB; 0: not said
	Image, Volume, Snapshot string // ids
	VolumeType, Tag         string
	DeleteOnTermination     bool
	NoDevice                bool // takes away the device of this name that the image defines
}

// Root reports the device that the server boots from.
func (d *BlockDevice) Root() bool { return d.BootIndex != nil && *d.BootIndex == 0 }

// Swap reports a swap disk on the host.
func (d *BlockDevice) Swap() bool {
	return d.Source == SourceBlank && d.Dest == DestLocal && d.Format == FormatSwap && !d.NoDevice
}

// Ephemeral reports an empty disk on the host, with a file system.
func (d *BlockDevice) Ephemeral() bool {
	return d.Source == SourceBlank && d.Dest == DestLocal && d.Format != FormatSwap && !d.NoDevice
}

// ImageDevice is the row of a boot disk that is made of an image.
func ImageDevice(image string) BlockDevice {
	return BlockDevice{Source: SourceImage, Dest: DestLocal, Image: image, BootIndex: new(int), Type: "disk",
		DeleteOnTermination: true}
}

// BlankDevice is the row of an empty disk that comes with a flavor.
func BlankDevice(size int, format string) BlockDevice {
	none := -1
	return BlockDevice{Source: SourceBlank, Dest: DestLocal, BootIndex: &none, Type: "disk", Format: format, Size: size,
		DeleteOnTermination: true}
}

// FlavorDevices are the rows of the disks that a flavor has beside the boot disk, without the kinds that rows has.
func FlavorDevices(f *Flavor, rows []BlockDevice) []BlockDevice {
	var out []BlockDevice
	has := func(is func(*BlockDevice) bool) bool {
		return slices.ContainsFunc(rows, func(d BlockDevice) bool { return is(&d) })
	}
	if f.Ephemeral > 0 && !has((*BlockDevice).Ephemeral) {
		out = append(out, BlankDevice(f.Ephemeral, ""))
	}
	if f.Swap > 0 && !has((*BlockDevice).Swap) {
		out = append(out, BlankDevice(f.Swap, FormatSwap))
	}
	return out
}

// LocalDisks are the disks that the host makes for a server, in the order in which the guest has them: the boot disk,
// ephemeral disks, the swap disk. Rows of size 0 make none.
type LocalDisks struct {
	Root       BlockDevice
	Ephemerals []BlockDevice
	Swap       *BlockDevice
}

// Disks returns the disks that the host makes. A spec without rows, of a server from before they were stored, has those
// of its flavor.
func (s *Spec) Disks() LocalDisks {
	rows := s.BlockDevices
	if len(rows) == 0 {
		rows = append([]BlockDevice{ImageDevice(s.Image.ID)}, FlavorDevices(&s.Flavor, nil)...)
		NameBlockDevices(rows, &s.Image)
	}
	d := LocalDisks{Root: ImageDevice(s.Image.ID)}
	for i := range rows {
		switch r := &rows[i]; {
		case r.Ephemeral() && r.Size > 0:
			d.Ephemerals = append(d.Ephemerals, *r)
		case r.Swap() && r.Size > 0:
			d.Swap = r
		case r.Source == SourceImage && r.Dest == DestLocal && r.Root():
			d.Root = *r
		}
	}
	return d
}

// formats are the guest formats of ephemeral disks that hypervisors make; empty is ext4.
var formats = []string{"", "ext2", "ext3", "ext4", "xfs"}

// Check returns fault.Invalid for a disk in a format that no host makes.
func (d *LocalDisks) Check() error {
	for i := range d.Ephemerals {
		if f := d.Ephemerals[i].Format; !slices.Contains(formats, f) {
			return fault.Invalidf("Block Device Mapping is Invalid: %s format is not supported", f)
		}
	}
	return nil
}

// Kind returns the sort of device that the guest sees: disk, cdrom or floppy.
func (d *BlockDevice) Kind() string {
	if d.Type == "cdrom" || d.Type == "floppy" {
		return d.Type
	}
	return "disk"
}

// BusesFor are the buses that a kind of device can be on.
func BusesFor(kind string) []string {
	switch kind {
	case "cdrom":
		return []string{"sata", "scsi", "ide", "usb"}
	case "floppy":
		return []string{"fdc"}
	}
	return []string{"virtio", "scsi", "ide", "sata", "usb"}
}

// BusOf returns the bus of a device: its own, else the image's, which is empty for virtio, else the usual one of its
// kind. A bus that the device cannot be on is not used.
func (d *BlockDevice) BusOf(image string) string {
	allowed := BusesFor(d.Kind())
	for _, bus := range []string{d.Bus, image} {
		if slices.Contains(allowed, bus) {
			return bus
		}
	}
	return allowed[0]
}

// NameBlockDevices writes the names of the devices as the guest has them, in its order: the boot disk, ephemeral
// disks, the swap disk, volumes. Names that a request or an image chose are not kept, as with nova's libvirt driver. It
// returns the name of the boot disk.
func NameBlockDevices(rows []BlockDevice, image *ImageMeta) (root string) {
	wishes := image.Wishes()
	next := map[string]int{}
	for rank := range 4 {
		for i := range rows {
			d := &rows[i]
			if d.NoDevice || d.rank() != rank {
				continue
			}
			prefix := "sd"
			switch d.BusOf(wishes["hw_disk_bus"]) {
			case "virtio":
				prefix = "vd"
			case "ide":
				if strings.HasPrefix(wishes["hw_machine_type"], "pc") { // others have SATA in its place
					prefix = "hd"
				}
			case "fdc":
				prefix = "fd"
			}
			d.Device = "/dev/" + prefix + DeviceLetters(next[prefix])
			next[prefix]++
			if rank == 0 {
				root = d.Device
			}
		}
	}
	return root
}

// rank is the place of a device among the others of a guest: lower ones come first.
func (d *BlockDevice) rank() int {
	switch {
	case d.Root():
		return 0
	case d.Ephemeral():
		return 1
	case d.Swap():
		return 2
	}
	return 3
}

// DeviceLetters returns the letters of the n-th device of a prefix, from 0: a, b, … z, aa, ab.
func DeviceLetters(n int) string {
	letters := ""
	for ; n >= 0; n = n/26 - 1 {
		letters = string(rune('a'+n%26)) + letters
	}
	return letters
}
