package api_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/glance"
	"hypernova/nova"
	"hypernova/nova/store"
)

const sizedFlavor = `{"flavor":{"id":"sized","name":"sized","ram":64,"vcpus":1,"disk":1,` +
	`"OS-FLV-EXT-DATA:ephemeral":5,"swap":512}}`

// devicesOf returns the stored rows of a server.
func (w *world) devicesOf(id string) []nova.BlockDevice {
	w.t.Helper()
	v, err := store.Server(w.t.Context(), w.db, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return v.BlockDevices
}

// TestBlockDeviceMapping walks the checks of both forms of the mapping with nova's answers.
func TestBlockDeviceMapping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(200, "root", "2.1", "POST /flavors", sizedFlavor)
	const (
		root   = `{"boot_index":0,"source_type":"image","destination_type":"local","uuid":"` + image + `"}`
		rooted = `"imageRef":"` + image + `","block_device_mapping_v2":[` + root + `,`
		v2     = `"imageRef":"` + image + `","block_device_mapping_v2":[`
		old    = `"imageRef":"` + image + `","block_device_mapping":[`
		blank  = `{"source_type":"blank","destination_type":"local"`
		bad    = "Block Device Mapping is Invalid: "
		boot   = bad + "Boot sequence for the instance and image/block device mapping combination is not valid."
	)
	for _, c := range []struct {
		name, version, members string
		status                 int
		says                   string
	}{
		{"the image alone", "2.1", v2 + root + `]`, 202, ""},
		{"as text", "2.1", v2 + strings.Replace(root, ":0", `:"0"`, 1) + `]`, 202, ""},
		{"an ephemeral disk", "2.1", rooted + blank + `,"boot_index":-1,"volume_size":2,"guest_format":"ext3"}]`, 202, ""},
		{"two that fill the flavor", "2.1", rooted + blank + `,"volume_size":2},` + blank + `,"volume_size":"3"}]`, 400,
			bad + "You specified more local devices than the limit allows"},
		{"larger than the flavor allows", "2.1", rooted + blank + `,"volume_size":6}]`, 400,
			"Ephemeral disks requested are larger than the instance type allows."},
		{"one without a size counts as the flavor's", "2.1", rooted + blank + `},` + blank + `,"volume_size":1}]`, 400,
			"Ephemeral disks requested are larger than the instance type allows."},
		{"a swap disk", "2.1", rooted + blank + `,"guest_format":"swap","volume_size":256}]`, 202, ""},
		{"a swap disk that is too large", "2.1", rooted + blank + `,"guest_format":"swap","volume_size":513}]`, 400,
			"Swap drive requested is larger than instance type allows."},
		{"two swap disks", "2.1", rooted + blank + `,"guest_format":"swap"},` + blank + `,"guest_format":"swap"}]`, 400,
			bad + "More than one swap drive requested."},
		{"nothing to boot from", "2.1", v2 + blank + `}]`, 400, boot},
		{"two to boot from", "2.1", rooted + root + `]`, 400, boot},
		{"a gap in the order", "2.1", rooted + blank + `,"boot_index":2}]`, 400, boot},
		{"a blank disk of an id", "2.1", rooted + blank + `,"uuid":"` + image + `"}]`, 400, bad + "Invalid device UUID."},
		{"a volume without an id", "2.1", rooted + `{"source_type":"volume","destination_type":"volume"}]`, 400,
			bad + "Missing device UUID."},
		{"an image that is not the server's", "2.1", rooted + strings.Replace(root, ":0", ":1", 1) + `]`, 400,
			bad + "Mapping image to local is not supported."},
		{"an image without the server's", "2.1", `"block_device_mapping_v2":[` + root + `]`, 400,
			bad + "Mapping image to local is not supported."},
		{"a member of the old form", "2.1", rooted + blank + `,"virtual_name":"x"}]`, 400,
			bad + "Following fields are invalid: virtual_name"},
		{"a bus", "2.1", rooted + blank + `,"disk_bus":"scsi","volume_size":1}]`, 202, ""},
		{"a bus that nobody has", "2.1", rooted + blank + `,"disk_bus":"bogus"}]`, 400, "Block Device Mapping is Invalid."},
		{"a tag", "2.42", rooted + blank + `,"tag":"fast","volume_size":1}]`, 202, ""},
		{"a tag before tags", "2.33", rooted + blank + `,"tag":"fast"}]`, 400, "server.block_device_mapping_v2[1].tag"},
		{"a tag of the first version of tags", "2.32", rooted + blank + `,"tag":"fast"}]`, 202, ""},
		{"a type of a disk on the host", "2.67", rooted + blank + `,"volume_type":"t"}]`, 400,
			bad + "Specifying a volume_type with destination_type=local is not supported."},
		{"a type of a volume that is there", "2.67", rooted + `{"source_type":"volume","destination_type":"volume","uuid":"` +
			nobody + `","volume_type":"t"}]`, 400, bad + "Specifying volume type to existing volume is not supported."},
		{"an unknown type", "2.67", rooted + `{"source_type":"blank","destination_type":"volume","volume_size":1,` +
			`"volume_type":"t"}]`, 400, "Volume type t could not be found."},
		{"a type before types", "2.66", rooted + blank + `,"volume_type":null}]`, 400, "volume_type"},
		{"a volume", "2.1", rooted + `{"source_type":"volume","destination_type":"volume","uuid":"` + nobody + `"}]`, 400,
			bad + "failed to get volume " + nobody + "."},
		{"a volume to boot from", "2.1", `"block_device_mapping_v2":[{"boot_index":0,"source_type":"volume",` +
			`"destination_type":"volume","uuid":"` + nobody + `"}]`, 400, bad + "failed to get volume " + nobody + "."},
		{"volumes of several servers", "2.1", `"max_count":2,` + rooted +
			`{"source_type":"volume","destination_type":"volume","uuid":"` + nobody + `"}]`, 400,
			"Cannot attach one or more volumes to multiple instances"},
		{"a volume in the place of the boot disk", "2.1", rooted + `{"source_type":"volume","destination_type":"volume",` +
			`"uuid":"` + nobody + `","device_name":"/dev/vda"}]`, 400,
			"The volume cannot be assigned the same device name as the root device vda"},
		{"a snapshot", "2.1", rooted + `{"source_type":"snapshot","destination_type":"volume","uuid":"` + nobody + `"}]`, 400,
			bad + "failed to get snapshot " + nobody + "."},
		{"a volume of an image", "2.1", `"block_device_mapping_v2":[{"boot_index":0,"source_type":"image",` +
			`"destination_type":"volume","uuid":"` + image + `","volume_size":1}]`, 400, "has no block storage service"},
		{"a volume of an image without a size", "2.1", `"block_device_mapping_v2":[{"boot_index":0,"source_type":"image",` +
			`"destination_type":"volume","uuid":"` + image + `"}]`, 400,
			bad + "Images with destination_type 'volume' need to have a non-zero size specified"},
		{"a volume of an unknown image", "2.1", `"block_device_mapping_v2":[{"boot_index":0,"source_type":"image",` +
			`"destination_type":"volume","uuid":"` + nobody + `","volume_size":1}]`, 400,
			bad + "failed to get image " + nobody + "."},
		{"an empty volume without a size", "2.1", rooted + `{"source_type":"blank","destination_type":"volume"}]`, 400,
			bad + "Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size"},
		{"an empty volume", "2.1", rooted + `{"source_type":"blank","destination_type":"volume","volume_size":1}]`, 400,
			"has no block storage service"},
		{"both forms", "2.1", rooted + blank + `}],"block_device_mapping":[{"virtual_name":"swap"}]`, 400,
			"Using different block_device_mapping syntaxes is not allowed in the same request."},
		{"neither image nor mapping", "2.1", `"metadata":{}`, 400, "Missing imageRef attribute"},
		{"old: a swap disk", "2.1", old + `{"virtual_name":"swap","device_name":"vdb"}]`, 202, ""},
		{"old: an ephemeral disk", "2.1", old + `{"virtual_name":"ephemeral0","volume_size":1}]`, 202, ""},
		{"old: no sense", "2.1", old + `{"virtual_name":"ephemeral01"}]`, 400, bad + "Unrecognized legacy format."},
		{"old: takes nothing away", "2.1", old + `{"device_name":"vdc","no_device":true}]`, 202, ""},
		{"old: a volume", "2.1", old + `{"volume_id":"` + nobody + `"}]`, 400, bad + "failed to get volume " + nobody + "."},
		{"old: a snapshot", "2.1", old + `{"snapshot_id":"` + nobody + `"}]`, 400,
			bad + "failed to get snapshot " + nobody + "."},
		{"old: a member of the new form", "2.1", old + `{"source_type":"blank"}]`, 400, "source_type"},
	} {
		networks := ""
		if c.version >= "2.37" {
			networks = `,"networks":"none"`
		}
		r := w.ask("alice", c.version, "POST /servers", `{"server":{"name":"s","flavorRef":"sized",`+c.members+networks+`}}`)
		if r.code != c.status || !strings.Contains(r.text, c.says) {
			t.Errorf("%s: got %d %s, want %d with %q", c.name, r.code, r.text, c.status, c.says)
		}
		if r.code == 202 {
			w.gone(r.at("server", "id").(string))
		}
	}
	w.want(403, "reader", "2.1", "POST /servers", `{"server":{"name":"s","flavorRef":"sized",`+v2+root+`]}}`)
}

// TestBlockDevicesAreStored looks at the rows of servers, which are the request's, the image's and the flavor's, with
// the names and sizes that the guest has.
func TestBlockDevicesAreStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(200, "root", "2.1", "POST /flavors", sizedFlavor)
	boot := func(members string) []nova.BlockDevice {
		t.Helper()
		r := w.want(202, "alice", "2.42", "POST /servers", `{"server":{"name":"s","networks":"none","flavorRef":"sized",`+
			`"imageRef":"`+image+`"`+members+`}}`)
		return w.devicesOf(r.at("server", "id").(string))
	}
	none, zero := -1, 0
	root := nova.BlockDevice{Source: "image", Dest: "local", Image: image, BootIndex: &zero, Type: "disk",
		Device: "/dev/vda", DeleteOnTermination: true}
	eph := nova.BlockDevice{Source: "blank", Dest: "local", BootIndex: &none, Type: "disk", Device: "/dev/vdb", Size: 5,
		DeleteOnTermination: true}
	swap := eph
	swap.Device, swap.Size, swap.Format = "/dev/vdc", 512, "swap"
	if diff := cmp.Diff([]nova.BlockDevice{root, eph, swap}, boot("")); diff != "" {
		t.Errorf("without a mapping: %s", diff)
	}
	own := root
	own.DeleteOnTermination, own.Type, own.Device = false, "", "/dev/sda"
	own.Bus = "sata"
	fast := nova.BlockDevice{Source: "blank", Dest: "local", Size: 2, Format: "ext3", Device: "/dev/vda", Tag: "fast",
		DeleteOnTermination: true}
	swap.Device = "/dev/vdb"
	got := boot(`,"block_device_mapping_v2":[{"boot_index":"0","source_type":"image","destination_type":"local","uuid":"` +
		image + `","disk_bus":"sata","device_name":"hda"},{"source_type":"blank","destination_type":"local",` +
		`"volume_size":2,"guest_format":"ext3","tag":"fast","delete_on_termination":true,"boot_index":null}]`)
	if diff := cmp.Diff([]nova.BlockDevice{own, fast, swap}, got); diff != "" {
		t.Errorf("with a mapping: %s", diff)
	}
	got = boot(`,"block_device_mapping":[{"virtual_name":"swap","volume_size":100}]`)
	swap.Size, swap.Type, swap.Device = 100, "", "/dev/vdc"
	eph.Device = "/dev/vdb"
	if diff := cmp.Diff([]nova.BlockDevice{root, swap, eph}, got); diff != "" {
		t.Errorf("with a mapping of the old form: %s", diff)
	}
	r := w.want(202, "alice", "2.1", "POST /servers", `{"server":{"name":"s","flavorRef":"1","imageRef":"`+image+
		`","block_device_mapping_v2":[{"boot_index":0,"source_type":"image","destination_type":"local","uuid":"`+image+
		`","disk_bus":"scsi"}]}}`)
	show := w.want(200, "root", "2.3", "GET /servers/"+r.at("server", "id").(string), "")
	if name := show.at("server", "OS-EXT-SRV-ATTR:root_device_name"); name != "/dev/sda" {
		t.Errorf("the boot disk is %v, want /dev/sda", name)
	}
	if v, _ := show.at("server", "os-extended-volumes:volumes_attached").([]any); v == nil || len(v) > 0 {
		t.Errorf("volumes: %v, want none", v)
	}
}

// propertied is the images with properties.
type propertied struct {
	images
	properties map[string]string
}

func (p propertied) Image(ctx context.Context, id string) (glance.Image, error) {
	i, err := p.images.Image(ctx, id)
	i.Properties = p.properties
	return i, err
}

// TestImagesDefineBlockDevices boots images with properties that define devices.
func TestImagesDefineBlockDevices(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		properties map[string]string
		members    string
		status     int
		want       string // formats and sizes
	}{
		{"mappings", map[string]string{"mappings": `[{"virtual":"ami","device":"sda1"},{"virtual":"swap","device":"sdb"},` +
			`{"virtual":"ephemeral0","device":"sdc"}]`}, "", 202, "root swap/512 /5"},
		{"without the device that the request takes away", map[string]string{
			"mappings": `[{"virtual":"ephemeral0","device":"sdc"}]`},
			`,"block_device_mapping":[{"device_name":"sdc","no_device":true}]`, 202, "root none /5 swap/512"},
		{"rows of the old form", map[string]string{"block_device_mapping": `[{"virtual_name":"ephemeral0",` +
			`"device_name":"sdc","volume_size":2}]`}, "", 202, "root /2 swap/512"},
		{"rows of the new form", map[string]string{"bdm_v2": "True", "block_device_mapping": `[{"source_type":"blank",` +
			`"destination_type":"local","guest_format":"swap","volume_size":7,"boot_index":null}]`}, "", 202,
			"root swap/7 /5"},
		{"a snapshot of a volume", map[string]string{"bdm_v2": "True", "root_device_name": "/dev/vda",
			"block_device_mapping": `[{"source_type":"snapshot","destination_type":"volume","snapshot_id":"s1",` +
				`"boot_index":0,"volume_size":1}]`}, "", 400, "failed to get snapshot s1."},
		{"what is no mapping", map[string]string{"block_device_mapping": `{`}, "", 400, "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.want(200, "root", "2.1", "POST /flavors", sizedFlavor)
			w.deps.Servers.Images = propertied{properties: c.properties}
			r := w.want(c.status, "alice", "2.1", "POST /servers", `{"server":{"name":"s","flavorRef":"sized","imageRef":"`+
				image+`"`+c.members+`}}`)
			if c.status != 202 {
				if !strings.Contains(r.text, c.want) {
					t.Errorf("got %s, want %q", r.text, c.want)
				}
				return
			}
			var got []string
			for _, d := range w.devicesOf(r.at("server", "id").(string)) {
				switch {
				case d.Root():
					got = append(got, "root")
				case d.NoDevice:
					got = append(got, "none")
				default:
					got = append(got, d.Format+"/"+strconv.Itoa(d.Size))
				}
			}
			if want := strings.Fields(c.want); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
