package filters

import (
	"slices"
	"strings"

	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
)

// image is ImagePropertiesFilter: it passes hosts that support the image's architecture, hypervisor type and VM mode.
func image(r *snapshot.Request) (check, error) {
	p := r.Image.Properties
	arch := canonical(first(p, "hw_architecture", "architecture"))
	kind := strings.ToLower(first(p, "img_hv_type", "hypervisor_type"))
	mode := strings.ToLower(first(p, "hw_vm_mode", "vm_mode"))
	if arch == "" && kind == "" && mode == "" {
		return nil, nil
	}
	return func(h *snapshot.Host) choose.Verdict {
		if runs := architectures(h); arch != "" && len(runs) > 0 && !slices.Contains(runs, arch) {
			return choose.Drop("runs %s, the image is for %s", runs[0], arch)
		}
		if kind != "" && !slices.Contains(kinds(h), kind) {
			return choose.Drop("is a %s hypervisor, the image is for %s", strings.ToLower(h.Node.Type), kind)
		}
		if mode != "" && mode != "hvm" {
			return choose.Drop("runs guests in hvm mode, the image is for %s", mode)
		}
		return choose.Pass()
	}, nil
}

// first returns the first of the properties that is set.
func first(p map[string]string, names ...string) string {
	for _, n := range names {
		if v := p[n]; v != "" {
			return v
		}
	}
	return ""
}

// canonical returns the canonical name of a processor architecture.
func canonical(arch string) string {
	switch a := strings.ToLower(arch); a {
	case "amd64", "x64", "x86-64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "i386", "i486", "i586", "x86":
		return "i686"
	case "ppc64el":
		return "ppc64le"
	default:
		return a
	}
}

// architectures returns the architectures that a host can run, its own first. It is empty if the driver reports none.
func architectures(h *snapshot.Host) []string {
	own, _ := h.CPU()["arch"].(string)
	switch own = canonical(own); own {
	case "":
		return nil
	case "x86_64":
		return []string{"x86_64", "i686"}
	default:
		return []string{own}
	}
}

// kinds returns the hypervisor types of images that a host can run. QEMU also runs images for KVM, and the reverse.
func kinds(h *snapshot.Host) []string {
	k := strings.ToLower(h.Node.Type)
	if k == "qemu" || k == "kvm" {
		return []string{"qemu", "kvm"}
	}
	return []string{k}
}
