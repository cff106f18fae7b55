package servers

import (
	"encoding/json"
	"slices"
	"strings"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// disk is an entry of block_device_mapping_v2.
type disk struct {
	BootIndex  opt.Of[int]     `wire:"boot_index" is:"digits,nullable"`
	Source     string          `wire:"source_type" is:"enum=volume|image|snapshot|blank"`
	Dest       string          `wire:"destination_type" is:"enum=local|volume"`
	UUID       string          `wire:"uuid" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9._-]*$"`
	Image      string          `wire:"image_id" is:"uuid"`
	Volume     string          `wire:"volume_id" is:"uuid"`
	Snapshot   string          `wire:"snapshot_id" is:"uuid"`
	Size       opt.Of[int]     `wire:"volume_size" is:"digits,min=1,max=2147483647"`
	Delete     opt.Of[bool]    `wire:"delete_on_termination" is:"boolword"`
	Device     string          `wire:"device_name" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9._/-]*$"`
	DeviceType string          `wire:"device_type" is:"text"`
	Bus        string          `wire:"disk_bus" is:"text"`
	Format     string          `wire:"guest_format" is:"text"`
	Virtual    opt.Of[string]  `wire:"virtual_name" is:"text"`
	Connection string          `wire:"connection_info" is:"maxlen=16777215"`
	NoDevice   json.RawMessage `wire:"no_device"`
	Tag        string          `wire:"tag" mv:"2.32,2.42-" is:"minlen=1,maxlen=60,pattern=^[^,/]*$"`
	VolumeType opt.Of[string]  `wire:"volume_type" mv:"2.67-" is:"text,nullable"`
}

// oldDisk is an entry of block_device_mapping.
type oldDisk struct {
	Virtual    string          `wire:"virtual_name" is:"text"`
	Volume     string          `wire:"volume_id" is:"uuid"`
	Snapshot   string          `wire:"snapshot_id" is:"uuid"`
	Size       opt.Of[int]     `wire:"volume_size" is:"digits,min=1,max=2147483647"`
	Device     string          `wire:"device_name" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9._/-]*$"`
	Delete     opt.Of[bool]    `wire:"delete_on_termination" is:"boolword"`
	NoDevice   json.RawMessage `wire:"no_device"`
	Connection string          `wire:"connection_info" is:"maxlen=16777215"`
}

// blockDevices reads the block device mapping of either form, and checks whether the caller may have one.
func blockDevices(r *api.Request, in *serverCreate, args *servers.CreateArgs) error {
	if len(in.OldDisks) > 0 && len(in.Disks) > 0 {
		return fault.Invalidf("Using different block_device_mapping syntaxes is not allowed in the same request.")
	}
	args.OldDevices = len(in.OldDisks) > 0
	for i := range in.Disks {
		row, err := in.Disks[i].row(in.Image != "")
		if err != nil {
			return err
		}
		args.Devices = append(args.Devices, row)
	}
	for i := range in.OldDisks {
		d := &in.OldDisks[i]
		row := nova.BlockDevice{Volume: d.Volume, Snapshot: d.Snapshot, Size: d.Size.Or(0),
			Device: servers.DevicePath(d.Device), DeleteOnTermination: d.Delete.Or(false), NoDevice: truthy(d.NoDevice)}
		if err := servers.ReadOldDevice(&row, d.Virtual); err != nil {
			return err
		}
		args.Devices = append(args.Devices, row)
	}
	if len(args.Devices) > 0 {
		return r.Require(policies.ServersCreateAttachVolume, nil)
	}
	if in.Image == "" {
		return fault.Invalidf("Missing imageRef attribute")
	}
	return nil
}

// row returns the entry as a row. Its checks and their order are nova's.
func (d *disk) row(hasImage bool) (nova.BlockDevice, error) {
	invalid := func(why string) (nova.BlockDevice, error) {
		return nova.BlockDevice{}, fault.Invalidf("Block Device Mapping is Invalid: %s", why)
	}
	row := nova.BlockDevice{Source: d.Source, Dest: d.Dest, BootIndex: d.BootIndex.Ptr(), Format: d.Format,
		Device: servers.DevicePath(d.Device), Type: d.DeviceType, Bus: d.Bus, Size: d.Size.Or(0), Image: d.Image,
		Volume: d.Volume, Snapshot: d.Snapshot, VolumeType: d.VolumeType.Or(""), Tag: d.Tag,
		DeleteOnTermination: d.Delete.Or(false), NoDevice: truthy(d.NoDevice)}
	if row.Dest == "" && (row.Source == nova.SourceBlank || row.Source == nova.SourceImage) {
		row.Dest = nova.DestLocal
	} else if row.Dest == "" && row.Source != "" {
		row.Dest = nova.DestVolume
	}
	if !row.NoDevice {
		switch {
		case d.Source == nova.SourceBlank && d.UUID != "":
			return invalid("Invalid device UUID.")
		case d.Source != nova.SourceBlank && d.UUID == "":
			return invalid("Missing device UUID.")
		case row.Source == nova.SourceImage && row.Dest == nova.DestLocal && !(hasImage && row.Root()):
			return invalid("Mapping image to local is not supported.")
		case row.Dest == nova.DestLocal && row.VolumeType != "":
			return invalid("Specifying a volume_type with destination_type=local is not supported.")
		case row.Source == nova.SourceVolume && row.VolumeType != "":
			return invalid("Specifying volume type to existing volume is not supported.")
		}
		switch d.Source {
		case nova.SourceImage:
			row.Image = d.UUID
		case nova.SourceVolume:
			row.Volume = d.UUID
		case nova.SourceSnapshot:
			row.Snapshot = d.UUID
		}
	}
	if d.Virtual.Set {
		return invalid("Following fields are invalid: virtual_name")
	}
	if !row.NoDevice && d.Source == "" {
		return invalid("Some required fields are missing")
	}
	return row, nil
}

// truthy reports whether a member of any type is there and not empty.
func truthy(raw json.RawMessage) bool {
	text := strings.Join(strings.Fields(string(raw)), "")
	return !slices.Contains([]string{"", "null", "false", "0", "0.0", `""`, "[]", "{}"}, text)
}
