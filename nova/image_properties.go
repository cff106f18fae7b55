package nova

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"hypernova/oslo/fault"
)

// kind is what values of an image property are.
type kind int

const (
	freeText kind = iota
	integer
	boolean // anything that is not a word for yes is no
	choice  // one of values, in any case of letters
)

// imageProperty is one that compute knows. Others are their owner's own and mean nothing here.
type imageProperty struct {
	name   string
	kind   kind
	values []string // of a choice: what OpenStack allows
	// given says what servers get: nil, whatever is asked (or it is advice that needs no answer); else only these
	// values. For a boolean "no" is among them always, for a number "0".
	given []string
}

// nothing is the given of properties that this cloud honours in no value but those that ask for nothing.
var nothing = []string{}

var buses = []string{"fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml"}

// imageProperties are all that compute knows. Where a hypervisor of another kind is meant (img_linked_clone,
// hw_device_id, …), where only operations are meant that this cloud does not have (rescue, quiesced snapshots), or
// where OpenStack itself goes on without (multiqueue), the property is advice.
var imageProperties = []imageProperty{
	{name: "hw_architecture", kind: choice, values: []string{"alpha", "armv6", "armv7l", "armv7b", "aarch64", "cris",
		"i686", "ia64", "lm32", "m68k",
		"microblaze", "microblazeel", "mips", "mipsel", "mips64", "mips64el", "openrisc", "parisc", "parisc64", "ppc",
		"ppcle", "ppc64", "ppc64le",
		"ppcemb", "s390", "s390x", "sh4", "sh4eb", "sparc", "sparc64", "unicore32", "x86_64", "xtensa", "xtensaeb"}},
	// the scheduler and the host decide
	{name: "hw_auto_disk_config", kind: boolean},
	{name: "hw_boot_menu", kind: boolean, given: []string{"yes"}},
	{name: "hw_cdrom_bus", kind: choice, values: buses},
	{name: "hw_cpu_cores", kind: integer},
	{name: "hw_cpu_sockets", kind: integer},
	{name: "hw_cpu_threads", kind: integer},
	{name: "hw_cpu_max_cores", kind: integer},
	{name: "hw_cpu_max_sockets", kind: integer},
	{name: "hw_cpu_max_threads", kind: integer},
	{name: "hw_cpu_policy", kind: choice, values: []string{"dedicated", "shared", "mixed"}, given: []string{"shared"}},
	{name: "hw_cpu_realtime_mask", kind: freeText, given: nothing},
	{name: "hw_cpu_thread_policy", kind: choice, values: []string{"prefer", "isolate", "require"},
		given: []string{"prefer"}},
	{name: "hw_device_id", kind: integer},
	{name: "hw_disk_bus", kind: choice, values: buses, given: []string{"virtio", "scsi", "sata", "usb", "ide"}},
	{name: "hw_disk_type", kind: freeText},
	{name: "hw_emulation_architecture", kind: freeText, given: []string{"x86_64"}},
	{name: "hw_ephemeral_encryption", kind: boolean, given: nothing},
	{name: "hw_ephemeral_encryption_format", kind: choice, values: []string{"luks"}},
	{name: "hw_firmware_stateless", kind: boolean, given: nothing},
	{name: "hw_firmware_type", kind: choice, values: []string{"uefi", "bios"}},
	{name: "hw_floppy_bus", kind: choice, values: buses},
	{name: "hw_input_bus", kind: choice, values: []string{"usb", "virtio"}, given: nothing},
	{name: "hw_ipxe_boot", kind: boolean, given: nothing},
	{name: "hw_locked_memory", kind: boolean, given: nothing},
	{name: "hw_machine_type", kind: freeText},
	{name: "hw_maxphysaddr_bits", kind: integer, given: nothing},
	{name: "hw_maxphysaddr_mode", kind: choice, values: []string{"passthrough", "emulate"}, given: nothing},
	{name: "hw_mem_encryption", kind: boolean, given: nothing},
	{name: "hw_mem_encryption_model", kind: choice, values: []string{"amd-sev", "amd-sev-es"}},
	{name: "hw_mem_page_size", kind: freeText, given: []string{"small", "any"}},
	{name: "hw_numa_nodes", kind: integer, given: []string{"1"}},
	// No server has such a device.
	{name: "hw_pci_numa_affinity_policy", kind: choice, values: []string{"required", "legacy", "preferred", "socket"}},
	{name: "hw_pmu", kind: boolean, given: []string{"yes"}},
	{name: "hw_pointer_model", kind: choice, values: []string{"usbtablet"}, given: []string{"usbtablet"}},
	{name: "hw_qemu_guest_agent", kind: boolean, given: []string{"yes"}},
	{name: "hw_redirected_usb_ports", kind: integer, given: nothing},
	{name: "hw_rescue_bus", kind: choice, values: buses},
	{name: "hw_rescue_device", kind: choice, values: []string{"cdrom", "disk", "floppy", "fs", "lun"}},
	{name: "hw_rng_model", kind: choice, values: []string{"virtio"}},
	{name: "hw_scsi_model", kind: choice, values: []string{"buslogic", "ibmvscsi", "lsilogic", "lsisas1068",
		"lsisas1078", "virtio-scsi", "vmpvscsi"},
		given: []string{"virtio-scsi", "lsilogic"}},
	{name: "hw_serial_port_count", kind: integer, given: []string{"1", "2", "3", "4"}},
	{name: "hw_sound_model", kind: choice, values: []string{"sb16", "es1370", "pcspk", "ac97", "ich6", "ich9",
		"usb-audio", "virtio"}, given: nothing},
	{name: "hw_time_hpet", kind: boolean, given: []string{"yes"}},
	{name: "hw_tpm_model", kind: choice, values: []string{"tpm-tis", "tpm-crb"}, given: nothing},
	{name: "hw_tpm_version", kind: choice, values: []string{"1.2", "2.0"}, given: nothing},
	{name: "hw_usb_model", kind: freeText, given: nothing},
	{name: "hw_video_model", kind: choice, values: []string{"cirrus", "qxl", "vga", "vmvga", "xen", "virtio", "gop",
		"none", "bochs"},
		given: []string{"vga", "virtio", "cirrus", "qxl", "bochs", "none"}},
	{name: "hw_video_ram", kind: integer, given: nothing},
	{name: "hw_vif_model", kind: choice, values: []string{"virtio", "ne2k_pci", "pcnet", "rtl8139", "e1000", "e1000e",
		"lan9118", "netfront", "spapr-vlan",
		"sriov", "vmxnet", "vmxnet3", "igb"}, given: []string{"virtio", "e1000", "e1000e", "rtl8139", "vmxnet3",
		"igb"}},
	{name: "hw_vif_multiqueue_enabled", kind: boolean},
	{name: "hw_viommu_model", kind: choice, values: []string{"intel", "smmuv3", "virtio", "auto"}, given: nothing},
	{name: "hw_virtio_packed_ring", kind: boolean, given: nothing},
	{name: "hw_vm_mode", kind: choice, values: []string{"hvm", "xen", "uml", "exe"}}, // the scheduler decides
	{name: "hw_watchdog_action", kind: choice, values: []string{"none", "pause", "poweroff", "reset", "disabled"}},
	{name: "img_bdm_v2", kind: boolean},
	{name: "img_bittorrent", kind: boolean},
	{name: "img_block_device_mapping", kind: freeText}, // see servers.imageDevices
	{name: "img_cache_in_nova", kind: boolean},
	{name: "img_compression_level", kind: integer},
	{name: "img_config_drive", kind: choice, values: []string{"optional", "mandatory"}},
	{name: "img_hide_hypervisor_id", kind: boolean, given: []string{"yes"}},
	{name: "img_hv_requested_version", kind: freeText, given: nothing},
	{name: "img_hv_type", kind: choice, values: []string{"baremetal", "bhyve", "docker", "fake", "hyperv", "ironic",
		"kqemu", "kvm", "lxc", "lxd", "openvz",
		"parallels", "vz", "phyp", "qemu", "test", "uml", "vbox", "vmware", "xen", "zvm", "prsm"}},
	// the scheduler decides
	{name: "img_linked_clone", kind: boolean},
	{name: "img_mappings", kind: freeText},
	{name: "img_owner_id", kind: freeText},
	{name: "img_root_device_name", kind: freeText},
	{name: "img_use_agent", kind: boolean},
	{name: "img_version", kind: integer},
	{name: "kernel_id", kind: freeText, given: nothing}, // servers boot from their disks only
	{name: "ramdisk_id", kind: freeText, given: nothing},
	{name: "os_admin_user", kind: freeText},
	{name: "os_command_line", kind: freeText},
	{name: "os_distro", kind: freeText},
	{name: "os_require_quiesce", kind: boolean},
	{name: "os_secure_boot", kind: choice, values: []string{"required", "disabled", "optional"},
		given: []string{"disabled", "optional"}},
	{name: "os_skip_agent_inject_files_at_boot", kind: boolean},
	{name: "os_skip_agent_inject_ssh", kind: boolean},
	{name: "os_type", kind: choice, values: []string{"linux", "windows"}},
}

// formerNames are what properties were called once. The present name counts where both are there.
var formerNames = map[string]string{
	"architecture": "hw_architecture", "owner_id": "img_owner_id", "vmware_disktype": "hw_disk_type",
	"vmware_image_version": "img_version",
	"vmware_ostype":        "os_distro", "auto_disk_config": "hw_auto_disk_config", "ipxe_boot": "hw_ipxe_boot",
	"xenapi_device_id":               "hw_device_id",
	"xenapi_image_compression_level": "img_compression_level", "vmware_linked_clone": "img_linked_clone",
	"xenapi_use_agent":                       "img_use_agent",
	"xenapi_skip_agent_inject_ssh":           "os_skip_agent_inject_ssh",
	"xenapi_skip_agent_inject_files_at_boot": "os_skip_agent_inject_files_at_boot",
	"cache_in_nova":                          "img_cache_in_nova", "vm_mode": "hw_vm_mode",
	"bittorrent": "img_bittorrent", "mappings": "img_mappings", "block_device_mapping": "img_block_device_mapping",
	"bdm_v2":           "img_bdm_v2",
	"root_device_name": "img_root_device_name", "hypervisor_version_requires": "img_hv_requested_version",
	"hypervisor_type": "img_hv_type",
}

// otherProperties are known to OpenStack's compute and ask for nothing here.
var otherProperties = []string{"hw_numa_cpus", "hw_numa_mem", "img_signature", "img_signature_hash_method",
	"img_signature_certificate_uuid", "img_signature_key_type", "traits_required"}

// longestProperty is how many bytes of a property servers show.
const longestProperty = 255

// KnownProperties are the image's properties that OpenStack's compute knows, as they were written, by their present or
// their former names. Servers show them.
func (i *ImageMeta) KnownProperties() map[string]string {
	out := map[string]string{}
	for name, v := range i.Properties {
		_, former := formerNames[name]
		if former || slices.Contains(otherProperties, name) || slices.ContainsFunc(imageProperties,
			func(p imageProperty) bool { return p.name == name && name != "kernel_id" && name != "ramdisk_id" }) {
			out[name] = strings.ToValidUTF8(v[:min(len(v), longestProperty)], "")
		}
	}
	return out
}

// otherWords are values that mean another one.
var otherWords = map[string]map[string]string{
	"hw_architecture": {"i386": "i686", "i486": "i686", "i586": "i686", "x86_32": "i686", "x86_32p": "i686",
		"amd64": "x86_64"},
	"hw_scsi_model": {"lsilogicsas": "lsisas1068", "paravirtual": "vmpvscsi"},
	"hw_vm_mode":    {"pv": "xen", "hv": "hvm", "baremetal": "hvm"},
	"img_hv_type":   {"xapi": "xen"},
	"hw_vif_model": {"virtuale1000": "e1000", "virtuale1000e": "e1000e", "virtualpcnet32": "pcnet",
		"virtualsriovethernetcard": "sriov",
		"virtualvmxnet":            "vmxnet", "virtualvmxnet3": "vmxnet3"},
}

// Deliverable is Wishes, for a server that is asked for: fault.Invalid for a value that makes no sense, and for one
// that no server here can have.
func (i *ImageMeta) Deliverable() (map[string]string, error) {
	given := i.present()
	for _, p := range imageProperties {
		raw := given[p.name]
		if raw == "" {
			continue
		}
		v, err := p.read(raw)
		if err != nil {
			return nil, err
		}
		if !p.honoured(v) {
			return nil, fault.Invalidf("Image property %s=%s is not supported in this cloud.", p.name, raw)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if strings.HasPrefix(name, "hw_numa_cpus.") || strings.HasPrefix(name, "hw_numa_mem.") {
			return nil, fault.Invalidf("Image property %s=%s is not supported in this cloud.", name, given[name])
		}
	}
	return i.Wishes(), nil
}

// Wishes are what the image's properties ask of compute and servers here get, by their present names and in one form:
// choices in small letters, booleans "yes" or "no". Properties that compute does not know, and values that Deliverable
// refuses, are not among them: a server that was made when less was refused still starts.
func (i *ImageMeta) Wishes() map[string]string {
	given := i.present()
	out := map[string]string{}
	for _, p := range imageProperties {
		if raw := given[p.name]; raw != "" {
			if v, err := p.read(raw); err == nil && p.honoured(v) {
				out[p.name] = v
			}
		}
	}
	return out
}

// Property is a property by its present name, as it was written.
func (i *ImageMeta) Property(name string) string { return i.present()[name] }

// present is the properties by their present names.
func (i *ImageMeta) present() map[string]string {
	out := map[string]string{}
	for name, v := range i.Properties {
		if now, ok := formerNames[name]; ok {
			out[now] = v
		}
	}
	switch a := i.Properties["vmware_adaptertype"]; a {
	case "":
	case "ide":
		out["hw_disk_bus"] = "ide"
	default:
		out["hw_disk_bus"], out["hw_scsi_model"] = "scsi", a
	}
	for name, v := range i.Properties {
		if _, former := formerNames[name]; !former {
			out[name] = v
		}
	}
	return out
}

// read is a value in its one form; fault.Invalid in the words that clients know.
func (p *imageProperty) read(v string) (string, error) {
	switch p.kind {
	case integer:
		n, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil {
			return "", fault.Invalidf("Invalid image metadata. Error: invalid literal for int() with base 10: '%s': %s", v,
				p.name)
		}
		return strconv.Itoa(n), nil
	case boolean:
		if yes(v) {
			return "yes", nil
		}
		return "no", nil
	case choice:
		w := strings.ToLower(v)
		if other, ok := otherWords[p.name][w]; ok {
			w = other
		}
		if !slices.Contains(p.values, w) {
			return "", fault.Invalidf("Invalid image metadata. Error: Field value %s is invalid: %s", v, p.name)
		}
		return w, nil
	case freeText:
	}
	return v, nil
}

func (p *imageProperty) honoured(v string) bool {
	return p.given == nil || slices.Contains(p.given,
		v) || p.kind == boolean && v == "no" || p.kind == integer && v == "0"
}

// yes reports a word for yes.
func yes(v string) bool {
	return slices.Contains([]string{"1", "t", "true", "on", "y", "yes"}, strings.ToLower(strings.TrimSpace(v)))
}

// Traits are those that the image's properties "trait:NAME" require of a host, or forbid; fault.Invalid for any other
// word.
func (i *ImageMeta) Traits() (required, forbidden []string, err error) {
	return traits("Image "+i.ID+" has the property ", i.Properties)
}

func traits(whose string, from map[string]string) (required, forbidden []string, err error) {
	for k, v := range from {
		trait, ok := strings.CutPrefix(k, "trait:")
		if !ok {
			continue
		}
		switch v {
		case "required":
			required = append(required, trait)
		case "forbidden":
			forbidden = append(forbidden, trait)
		default:
			return nil, nil, fault.Invalidf("%s%s=%s; it must be required or forbidden.", whose, k, v)
		}
	}
	slices.Sort(required)
	slices.Sort(forbidden)
	return required, forbidden, nil
}
