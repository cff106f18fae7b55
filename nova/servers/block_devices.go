package servers

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/nova"
	"hypernova/oslo/fault"
)

// invalidDevices is nova's fault of a block device mapping.
func invalidDevices(format string, args ...any) error {
	return fault.Invalidf("Block Device Mapping is Invalid: "+format, args...)
}

// diskBuses are the buses that a device may ask for. Hosts choose another one for those that they do not have.
var diskBuses = []string{"fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml"}

// mapper reads the block device mappings of requests.
type mapper struct {
	Images glance.API
	most   *int // disks of a server on its host: Deps.MaxLocalDevices
}

// devices returns the block devices of the request's servers: those of the request, of the image and of the flavor,
// checked, with their sizes and names. Faults: Invalid for a combination that makes no sense, for more than the flavor
// allows, and for volumes, because there is no block storage service.
func (m mapper) devices(ctx context.Context, r *resolved, a *CreateArgs) ([]nova.BlockDevice, error) {
	root := bareName(r.image.Property("img_root_device_name"))
	if root == "" {
		root = "vda"
	}
	rows := slices.Clone(a.Devices)
	if a.Image != "" {
		for i := range rows {
			if rows[i].Dest == nova.DestVolume && bareName(rows[i].Device) == root {
				return nil, fault.Invalidf("The volume cannot be assigned the same device name as the root device %s", root)
			}
		}
	}
	defined, err := imageDevices(&r.image, &r.flavor, root)
	if err != nil {
		return nil, err
	}
	bootable := slices.ContainsFunc(defined, func(d nova.BlockDevice) bool { return d.Root() })
	switch {
	case len(rows) == 0 || a.OldDevices:
		rows = ordered(rows, a.Image, root, bootable)
	case bootable: // clients add a row of the image; the image's own rows say what to boot from
		rows = slices.DeleteFunc(rows, func(d nova.BlockDevice) bool { return d.Root() && d.Source == nova.SourceImage })
	}
	rows = merged(defined, rows)
	if a.Max > 1 && slices.ContainsFunc(rows, func(d nova.BlockDevice) bool { return d.Source == nova.SourceVolume }) {
		return nil, fault.Invalidf("Cannot attach one or more volumes to multiple instances")
	}
	rows = append(rows, nova.FlavorDevices(&r.flavor, rows)...)
	if err := m.checkDevices(ctx, r, a, rows); err != nil {
		return nil, err
	}
	for i := range rows {
		if d := &rows[i]; d.Size == 0 && d.Swap() {
			d.Size = r.flavor.Swap
		} else if d.Size == 0 && d.Ephemeral() {
			d.Size = r.flavor.Ephemeral
		}
	}
	r.rootDevice = nova.NameBlockDevices(rows, &r.image)
	return rows, nil
}

func bareName(device string) string { return strings.TrimPrefix(device, "/dev/") }

// ordered gives rows of the old form their boot indexes, and puts the image's row before them unless one of them is the
// boot disk. Such rows have no boot index: the one with the root device's name is the boot disk.
func ordered(rows []nova.BlockDevice, image, root string, bootable bool) []nova.BlockDevice {
	boots := false
	for i := range rows {
		d, none := &rows[i], -1
		switch {
		case !bootable && d.Source != nova.SourceBlank && d.Source != "" && bareName(d.Device) == root:
			d.BootIndex, boots = new(int), true
		case bootable || !d.NoDevice:
			d.BootIndex = &none
		}
	}
	if bootable || boots || image == "" {
		return rows
	}
	return append([]nova.BlockDevice{nova.ImageDevice(image)}, rows...)
}

// merged returns the rows and those defaults whose device no row names.
func merged(defaults, rows []nova.BlockDevice) []nova.BlockDevice {
	out := slices.Clone(rows)
	for _, d := range defaults {
		if d.Device == "" || !slices.ContainsFunc(rows, func(r nova.BlockDevice) bool { return r.Device == d.Device }) {
			out = append(out, d)
		}
	}
	return out
}

// checkDevices returns the first fault of the rows, in nova's order.
func (m mapper) checkDevices(ctx context.Context, r *resolved, a *CreateArgs, rows []nova.BlockDevice) error {
	var order []int
	for i := range rows {
		if n := rows[i].BootIndex; n != nil && *n >= 0 {
			order = append(order, *n)
		}
	}
	slices.Sort(order)
	for i, n := range order {
		if i != n {
			return badBootSequence()
		}
	}
	if len(order) == 0 {
		return badBootSequence()
	}
	for i := range rows {
		if err := m.checkDevice(ctx, a, &rows[i]); err != nil {
			return err
		}
	}
	if a.Image == "" { // what boots is neither an image nor a volume
		return badBootSequence()
	}
	return m.checkSizes(&r.flavor, rows)
}

func badBootSequence() error {
	return invalidDevices("Boot sequence for the instance and image/block device mapping combination is not valid.")
}

// checkDevice checks what a row refers to.
func (m mapper) checkDevice(ctx context.Context, a *CreateArgs, d *nova.BlockDevice) error {
	if d.VolumeType != "" {
		return fault.Invalidf("Volume type %s could not be found.", d.VolumeType)
	}
	if d.Image != "" && d.Image != a.Image {
		if _, err := m.Images.Image(ctx, d.Image); fault.Is(err, fault.NotFound) {
			return invalidDevices("failed to get image %s.", d.Image)
		} else if err != nil {
			return err
		}
	}
	volume := d.Dest == nova.DestVolume && !d.NoDevice
	switch {
	case d.Image != "" && d.Source == nova.SourceImage && volume && d.Size == 0:
		return invalidDevices("Images with destination_type 'volume' need to have a non-zero size specified")
	case d.Image != "":
	case d.Volume != "":
		return invalidDevices("failed to get volume %s.", d.Volume)
	case d.Snapshot != "":
		return invalidDevices("failed to get snapshot %s.", d.Snapshot)
	case d.Source == nova.SourceBlank && volume && d.Size == 0:
		return invalidDevices("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size")
	}
	switch {
	case volume:
		return invalidDevices("a volume cannot be made, because this cloud has no block storage service.")
	case d.Source == nova.SourceImage && d.Image != a.Image && a.Image != "":
		return invalidDevices("the boot disk's image is not the server's.")
	case d.Bus != "" && !slices.Contains(diskBuses, d.Bus):
		return fault.Invalidf("Block Device Mapping is Invalid.")
	}
	return nil
}

// checkSizes compares the disks on the host with what the flavor and the operator allow.
func (m mapper) checkSizes(f *nova.Flavor, rows []nova.BlockDevice) error {
	ephemeral, swaps, locals := 0, 0, 0
	for i := range rows {
		d := &rows[i]
		switch {
		case d.Ephemeral() && d.Size == 0:
			ephemeral += f.Ephemeral
		case d.Ephemeral():
			ephemeral += d.Size
		case d.Swap():
			swaps++
		}
		if d.Dest == nova.DestLocal {
			locals++
		}
	}
	if ephemeral > f.Ephemeral {
		return fault.Invalidf("Ephemeral disks requested are larger than the instance type allows. If no size is given " +
			"in one block device mapping, flavor ephemeral size will be used.")
	}
	if swaps > 1 {
		return invalidDevices("More than one swap drive requested.")
	}
	for i := range rows {
		if rows[i].Swap() && rows[i].Size > f.Swap {
			return fault.Invalidf("Swap drive requested is larger than instance type allows.")
		}
	}
	if m.most != nil && *m.most >= 0 && locals > *m.most {
		return invalidDevices("You specified more local devices than the limit allows")
	}
	return nil
}

// imageRow is a row of an image's property block_device_mapping, of both forms.
type imageRow struct {
	Source     string `json:"source_type"`
	Dest       string `json:"destination_type"`
	BootIndex  *int   `json:"boot_index"`
	Format     string `json:"guest_format"`
	Device     string `json:"device_name"`
	Type       string `json:"device_type"`
	Bus        string `json:"disk_bus"`
	Size       int    `json:"volume_size"`
	Image      string `json:"image_id"`
	Volume     string `json:"volume_id"`
	Snapshot   string `json:"snapshot_id"`
	VolumeType string `json:"volume_type"`
	Tag        string `json:"tag"`
	Virtual    string `json:"virtual_name"`
	Delete     bool   `json:"delete_on_termination"`
	NoDevice   bool   `json:"no_device"`
}

// imageMapping is an entry of an image's property mappings.
type imageMapping struct {
	Virtual string `json:"virtual"`
	Device  string `json:"device"`
	Format  string `json:"guest_format"`
}

// imageDevices returns the rows that an image defines. The root device's name decides which one it boots from, unless
// the rows say so themselves (bdm_v2).
func imageDevices(image *nova.ImageMeta, f *nova.Flavor, root string) ([]nova.BlockDevice, error) {
	var rows []imageRow
	var mappings []imageMapping
	for name, into := range map[string]any{"img_block_device_mapping": &rows, "img_mappings": &mappings} {
		if text := image.Property(name); text != "" && json.Unmarshal([]byte(text), into) != nil {
			return nil, invalidDevices("the property %s of image %s cannot be read.", strings.TrimPrefix(name, "img_"),
				image.ID)
		}
	}
	var out []nova.BlockDevice
	explicit := slices.Contains([]string{"1", "t", "true", "on", "y", "yes"},
		strings.ToLower(image.Property("img_bdm_v2")))
	for _, r := range rows {
		d := nova.BlockDevice{Source: r.Source, Dest: r.Dest, BootIndex: r.BootIndex, Format: r.Format,
			Device: DevicePath(r.Device), Type: r.Type, Bus: r.Bus, Size: r.Size, Image: r.Image, Volume: r.Volume,
			Snapshot: r.Snapshot, VolumeType: r.VolumeType, Tag: r.Tag, DeleteOnTermination: r.Delete, NoDevice: r.NoDevice}
		if explicit && d.Source == "" && !d.NoDevice {
			return nil, invalidDevices("Some required fields are missing")
		}
		if !explicit {
			if err := ReadOldDevice(&d, r.Virtual); err != nil {
				return nil, err
			}
		}
		out = append(out, d)
	}
	if !explicit {
		out = ordered(out, "", root, false)
	}
	var blanks []nova.BlockDevice
	for _, m := range mappings {
		size, format := f.Ephemeral, m.Format
		if m.Virtual == "swap" {
			size, format = f.Swap, nova.FormatSwap
		} else if !isEphemeral(m.Virtual) {
			continue
		}
		if size > 0 {
			d := nova.BlankDevice(size, format)
			d.Device = DevicePath(m.Device)
			blanks = append(blanks, d)
		}
	}
	return merged(blanks, out), nil
}

// DevicePath is a device's name with its folder; empty for none.
func DevicePath(name string) string {
	if name == "" {
		return ""
	}
	return "/dev/" + bareName(name)
}

// isEphemeral reports a virtual name of an ephemeral disk: ephemeral0, ephemeral1, …
func isEphemeral(virtual string) bool {
	n, ok := strings.CutPrefix(virtual, "ephemeral")
	return ok && n != "" && strings.Trim(n, "0123456789") == "" && (n == "0" || n[0] != '0')
}

// ReadOldDevice completes a row of the old form, which names volumes and snapshots or has a virtual name;
// fault.Invalid.
func ReadOldDevice(d *nova.BlockDevice, virtual string) error {
	d.BootIndex, d.Bus, d.Format, d.Type = nil, "", "", ""
	switch {
	case virtual == "swap" || isEphemeral(virtual):
		d.Source, d.Dest, d.DeleteOnTermination = nova.SourceBlank, nova.DestLocal, true
		if virtual == "swap" {
			d.Format = nova.FormatSwap
		}
	case d.Snapshot != "":
		d.Source, d.Dest = nova.SourceSnapshot, nova.DestVolume
	case d.Volume != "":
		d.Source, d.Dest = nova.SourceVolume, nova.DestVolume
	case d.NoDevice:
	default:
		return invalidDevices("Unrecognized legacy format.")
	}
	return nil
}
