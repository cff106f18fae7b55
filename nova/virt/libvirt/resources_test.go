package libvirt_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"libvirt.org/go/libvirtxml"

	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt"
)

// TestTraitsOfANode names every trait that a node on libvirt reports to placement.
func TestTraitsOfANode(t *testing.T) {
	t.Parallel()
	want := []string{
		"COMPUTE_GRAPHICS_MODEL_BOCHS", "COMPUTE_GRAPHICS_MODEL_CIRRUS", "COMPUTE_GRAPHICS_MODEL_NONE",
		"COMPUTE_GRAPHICS_MODEL_VGA", "COMPUTE_GRAPHICS_MODEL_VIRTIO",
		"COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_IMAGE_TYPE_VDI", "COMPUTE_IMAGE_TYPE_VHD",
		"COMPUTE_IMAGE_TYPE_VHDX",
		"COMPUTE_NET_ATTACH_INTERFACE",
		"COMPUTE_NET_VIF_MODEL_E1000", "COMPUTE_NET_VIF_MODEL_E1000E", "COMPUTE_NET_VIF_MODEL_RTL8139",
		"COMPUTE_NET_VIF_MODEL_VIRTIO", "COMPUTE_NET_VIF_MODEL_VMXNET3",
		"COMPUTE_NODE",
		"COMPUTE_STORAGE_BUS_SATA", "COMPUTE_STORAGE_BUS_SCSI", "COMPUTE_STORAGE_BUS_USB", "COMPUTE_STORAGE_BUS_VIRTIO",
	}
	host := libvirtxml.Caps{Host: libvirtxml.CapsHost{CPU: &libvirtxml.CapsHostCPU{
		FeatureFlags: []libvirtxml.CapsHostCPUFeatureFlag{{Name: "avx2"}, {Name: "unheard-of"}}}}}
	d := new(libvirt.Driver)
	if diff := cmp.Diff(want, virt.Traits(d, libvirt.HostTraits(host, "qemu"))); diff != "" {
		t.Errorf("with emulation:\n%s", diff)
	}
	if diff := cmp.Diff(append(want, "HW_CPU_X86_AVX2"), virt.Traits(d, libvirt.HostTraits(host, "kvm"))); diff != "" {
		t.Errorf("with KVM:\n%s", diff)
	}
}
