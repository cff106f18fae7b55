package libvirt

import (
	"bufio"
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	wire "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"hypernova/nova"
	"hypernova/nova/virt"
)

// Resources returns the host's processors, memory and disk, as libvirt and the file system of the instances path report
// them.
func (d *Driver) Resources(ctx context.Context) (virt.Resources, error) {
	r := virt.Resources{Hostname: d.c.Hostname, HostIP: d.c.HostIP, Type: "QEMU"}
	var (
		caps       string
		version    uint64
		memory     uint64
		processors int32
	)
	err := d.conn.call(ctx, func(lv *wire.Libvirt) (err error) {
		if caps, err = lv.ConnectGetCapabilities(); err != nil {
			return err
		}
		if version, err = lv.ConnectGetVersion(); err != nil {
			return err
		}
		_, memory, processors, _, _, _, _, _, err = lv.NodeGetInfo()
		return err
	})
	if err != nil {
		return virt.Resources{}, err
	}
	r.Version, r.VCPUs, r.MemoryMB = int(version), int64(processors), int64(memory>>10)
	var c libvirtxml.Caps
	if err := c.Unmarshal(caps); err != nil {
		return virt.Resources{}, err
	}
	r.CPUInfo = cpuInfo(c)
	accel, _ := d.Accelerator()
	r.Traits = traits(c, accel)
	if err := d.disk(&r); err != nil {
		return virt.Resources{}, err
	}
	r.MemoryUsedMB = max(0, r.MemoryMB-available())
	servers, err := d.Servers(ctx)
	if err != nil {
		return virt.Resources{}, err
	}
	for _, s := range servers {
		if s.Power == nova.Running || s.Power == nova.PowerPaused {
			r.Running++
		}
	}
	return r, nil
}

// disk sets the size and free space of the instances path's file system, in GiB.
func (d *Driver) disk(r *virt.Resources) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.c.InstancesPath, &st); err != nil {
		return err
	}
	r.DiskGB = int64(st.Blocks) * int64(st.Bsize) >> 30
	r.DiskFreeGB = int64(st.Bavail) * int64(st.Bsize) >> 30
	return nil
}

// cpuInfo returns the processor in the form of nova's cpu_info.
func cpuInfo(c libvirtxml.Caps) map[string]any {
	cpu := c.Host.CPU
	if cpu == nil {
		return map[string]any{}
	}
	features := []string{}
	for _, f := range cpu.FeatureFlags {
		features = append(features, f.Name)
	}
	slices.Sort(features)
	topology := map[string]any{"cells": 1}
	if c.Host.NUMA != nil && c.Host.NUMA.Cells != nil {
		topology["cells"] = len(c.Host.NUMA.Cells.Cells)
	}
	if t := cpu.Topology; t != nil {
		topology["sockets"], topology["cores"], topology["threads"] = t.Sockets, t.Cores, t.Threads
	}
	return map[string]any{"arch": cpu.Arch, "model": cpu.Model, "vendor": cpu.Vendor, "features": features,
		"topology": topology}
}

// traits returns the placement traits of this host beside those of the driver's capabilities (virt.Traits). It has
// processor features only with KVM: emulated guests do not get them.
func traits(c libvirtxml.Caps, accel string) []string {
	out := []string{
		"COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_VDI", "COMPUTE_IMAGE_TYPE_VHD",
		"COMPUTE_IMAGE_TYPE_VHDX",
		"COMPUTE_STORAGE_BUS_VIRTIO", "COMPUTE_STORAGE_BUS_SCSI", "COMPUTE_STORAGE_BUS_SATA",
		"COMPUTE_STORAGE_BUS_USB",
		"COMPUTE_NET_VIF_MODEL_VIRTIO", "COMPUTE_NET_VIF_MODEL_E1000", "COMPUTE_NET_VIF_MODEL_E1000E",
		"COMPUTE_NET_VIF_MODEL_RTL8139", "COMPUTE_NET_VIF_MODEL_VMXNET3",
		"COMPUTE_GRAPHICS_MODEL_VGA", "COMPUTE_GRAPHICS_MODEL_VIRTIO", "COMPUTE_GRAPHICS_MODEL_CIRRUS",
		"COMPUTE_GRAPHICS_MODEL_BOCHS", "COMPUTE_GRAPHICS_MODEL_NONE",
	}
	if accel != "kvm" || c.Host.CPU == nil {
		return out
	}
	known := map[string]string{
		"sse4.1": "SSE41", "sse4.2": "SSE42", "sse4_1": "SSE41", "sse4_2": "SSE42", "avx": "AVX", "avx2": "AVX2",
		"avx512f": "AVX512F", "avx512dq": "AVX512DQ", "avx512cd": "AVX512CD", "avx512bw": "AVX512BW",
		"avx512vl": "AVX512VL", "aes": "AESNI", "sha-ni": "SHA", "bmi1": "BMI", "bmi2": "BMI2", "fma": "FMA3",
		"f16c": "F16C", "clmul": "CLMUL", "vmx": "VMX", "svm": "SVM", "mmx": "MMX", "sse": "SSE", "sse2": "SSE2",
		"sse3": "SSE3", "ssse3": "SSSE3", "abm": "ABM", "sse4a": "SSE4A",
	}
	for _, f := range c.Host.CPU.FeatureFlags {
		if t, ok := known[f.Name]; ok {
			out = append(out, "HW_CPU_X86_"+t)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// available returns the memory in MiB that is available without swapping, or 0 if the host does not report it.
func available() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if rest, ok := strings.CutPrefix(sc.Text(), "MemAvailable:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n >> 10
		}
	}
	return 0
}
