package nova_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/nova"
	"hypernova/oslo/fault"
)

func TestWhatImagesAskFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		props string // name=value …
		want  string // of an error; empty: deliverable
		get   map[string]string
	}{
		{"", "", map[string]string{}},
		{"os_distro=anything my_own=x hw_rng_model=virtio", "", map[string]string{"os_distro": "anything",
			"hw_rng_model": "virtio"}},
		{"hw_disk_bus=SCSI os_type=Linux hw_qemu_guest_agent=True", "", map[string]string{"hw_disk_bus": "scsi",
			"os_type": "linux", "hw_qemu_guest_agent": "yes"}},
		{"hw_disk_bus=bogus", "Invalid image metadata. Error: Field value bogus is invalid", nil},
		{"hw_cpu_sockets=abc", "Invalid image metadata. Error: invalid literal for int() with base 10: 'abc'", nil},
		{"hw_vif_model=foo", "Invalid image metadata. Error: Field value foo is invalid", nil},
		{"hw_architecture=pdp11", "Invalid image metadata. Error: Field value pdp11 is invalid", nil},
		{"hw_vif_model=VirtualE1000", "", map[string]string{"hw_vif_model": "e1000"}},
		{"architecture=amd64", "", map[string]string{"hw_architecture": "x86_64"}},
		{"vmware_adaptertype=lsiLogic", "", map[string]string{"hw_disk_bus": "scsi", "hw_scsi_model": "lsilogic"}},
		{"hw_disk_bus=xen", "Image property hw_disk_bus=xen is not supported in this cloud.", nil},
		{"hw_cpu_policy=dedicated", "hw_cpu_policy=dedicated", nil},
		{"hw_cpu_policy=shared", "", map[string]string{"hw_cpu_policy": "shared"}},
		{"hw_mem_encryption=yes", "hw_mem_encryption=yes", nil},
		{"hw_mem_encryption=no", "", map[string]string{"hw_mem_encryption": "no"}},
		{"hw_tpm_model=tpm-crb", "hw_tpm_model=tpm-crb", nil},
		{"hw_numa_cpus.0=0-1", "hw_numa_cpus.0=0-1", nil},
		{"os_secure_boot=required", "os_secure_boot=required", nil},
		{"kernel_id=11111111-1111-1111-1111-111111111111", "kernel_id=", nil},
		{"hw_vif_multiqueue_enabled=true hw_pci_numa_affinity_policy=preferred", "",
			map[string]string{"hw_vif_multiqueue_enabled": "yes",
				"hw_pci_numa_affinity_policy": "preferred"}},
	} {
		i := nova.ImageMeta{ID: "i", Properties: map[string]string{}}
		for _, p := range strings.Fields(c.props) {
			name, value, _ := strings.Cut(p, "=")
			i.Properties[name] = value
		}
		got, err := i.Deliverable()
		if c.want == "" && err != nil || c.want != "" && (!fault.Is(err, fault.Invalid) ||
			!strings.Contains(fault.Message(err), c.want)) {
			t.Errorf("%s: %v, want %q", c.props, err, c.want)
		}
		if d := cmp.Diff(c.get, got); c.want == "" && d != "" {
			t.Errorf("%s: %s", c.props, d)
		}
	}
}

func TestTraitsOfImageAndFlavor(t *testing.T) {
	t.Parallel()
	f := nova.Flavor{Name: "f", ExtraSpecs: map[string]string{"trait:A": "required", "trait:B": "forbidden"}}
	ask, err := f.Ask()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ask.With(&nova.ImageMeta{Properties: map[string]string{"trait:A": "required", "trait:C": "required",
		"trait:D": "forbidden"}})
	if err != nil || cmp.Diff([]string{"A", "C"}, got.Required) != "" ||
		cmp.Diff([]string{"B", "D"}, got.Forbidden) != "" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, p := range []map[string]string{{"trait:C": "wanted"}, {"trait:B": "required"}} {
		if _, err := ask.With(&nova.ImageMeta{Properties: p}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v: %v", p, err)
		}
	}
}

func TestWhatFlavorsAskForAndNobodyGives(t *testing.T) {
	t.Parallel()
	for spec, fine := range map[string]bool{"hw:cpu_policy=shared": true, "hw:cpu_policy=dedicated": false,
		"hw:mem_page_size=1GB": false, "quota:disk_read_iops_sec=10": true, "quota:vif_inbound_average=10": false,
		"hw:cpu_sockets=2": true, "own=x": true, "os:secure_boot=required": false, "hw:locked_memory=false": true,
		"pci_passthrough:alias=gpu:1": false, "hw:tpm_version=2.0": false,
		"hw:watchdog_action=reset": true, "resources:CUSTOM_X=1": true,
		"resources1:CUSTOM_X=1": false, "trait_GPU:CUSTOM_A=required": false, "traits:X=1": false,
		"group_policy=none": true} {
		key, value, _ := strings.Cut(spec, "=")
		f := nova.Flavor{ExtraSpecs: map[string]string{key: value}}
		if err := f.Deliverable(); (err == nil) != fine || err != nil && !strings.Contains(fault.Message(err), key) {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

func TestCPUTopology(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cpus  int
		specs map[string]string
		props map[string]string
		want  nova.Topology // zero: impossible
	}{
		{4, nil, nil, nova.Topology{Sockets: 4, Cores: 1, Threads: 1}},
		{4, map[string]string{"hw:cpu_cores": "4"}, nil, nova.Topology{Sockets: 1, Cores: 4, Threads: 1}},
		{4, map[string]string{"hw:cpu_cores": "4"}, map[string]string{"hw_cpu_cores": "2"},
			nova.Topology{Sockets: 2, Cores: 2, Threads: 1}},
		{8, map[string]string{"hw:cpu_max_sockets": "2"}, nil, nova.Topology{Sockets: 2, Cores: 4, Threads: 1}},
		{8, nil, map[string]string{"hw_cpu_threads": "2", "hw_cpu_sockets": "1"}, nova.Topology{Sockets: 1, Cores: 4,
			Threads: 2}},
		{4, map[string]string{"hw:cpu_max_sockets": "1", "hw:cpu_max_cores": "1", "hw:cpu_max_threads": "1"}, nil,
			nova.Topology{}},
		{4, map[string]string{"hw:cpu_max_sockets": "2"}, map[string]string{"hw_cpu_sockets": "4"}, nova.Topology{}},
		{4, nil, map[string]string{"hw_cpu_sockets": "-1"}, nova.Topology{}},
	} {
		got, err := nova.CPUs(&nova.Flavor{VCPUs: c.cpus, ExtraSpecs: c.specs}, c.props)
		if (err != nil) != (c.want == nova.Topology{}) || err == nil && got != c.want {
			t.Errorf("%d of %v, %v: %+v, %v; want %+v", c.cpus, c.specs, c.props, got, err, c.want)
		}
	}
}
