package nova

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hypernova/oslo/fault"
	"hypernova/placement"
)

// Ask is what a server of a flavor wants of a host.
type Ask struct {
	Resources placement.Resources
	Required  []string // traits
	Forbidden []string
	Specs     map[string]string // the other extra specs, for capability filters
}

// Ask reads a flavor's sizes and its extra specs "resources:CLASS=n" (which replace a size, 0 removes it) and
// "trait:NAME=required|forbidden". A spec that makes no sense is fault.Invalid.
func (f *Flavor) Ask() (Ask, error) {
	a := Ask{Resources: placement.Resources{}, Specs: map[string]string{}}
	disk := int64(f.Disk) + int64(f.Ephemeral) + (int64(f.Swap)+1023)/1024
	for class, n := range map[string]int64{placement.VCPU: int64(f.VCPUs), placement.MemoryMB: int64(f.RAM),
		placement.DiskGB: disk} {
		if n > 0 {
			a.Resources[class] = n
		}
	}
	for k, v := range f.ExtraSpecs {
		if class, ok := strings.CutPrefix(k, "resources:"); ok {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 {
				return a, fault.Invalidf("Flavor %s has the extra spec %s=%s, which is not an amount.", f.Name, k, v)
			}
			if n == 0 {
				delete(a.Resources, class)
				continue
			}
			a.Resources[class] = n
			continue
		}
		if !strings.HasPrefix(k, "trait:") {
			a.Specs[k] = v
		}
	}
	var err error
	a.Required, a.Forbidden, err = traits("Flavor "+f.Name+" has the extra spec ", f.ExtraSpecs)
	return a, err
}

// With adds the traits that an image's properties ask of a host. A trait that one of the two requires and the other
// forbids is fault.Invalid.
func (a Ask) With(i *ImageMeta) (Ask, error) {
	required, forbidden, err := i.Traits()
	if err != nil {
		return a, err
	}
	a.Required, a.Forbidden = union(a.Required, required), union(a.Forbidden, forbidden)
	for _, t := range a.Required {
		if slices.Contains(a.Forbidden, t) {
			return a, fault.Invalidf("The trait %s is both required and forbidden by flavor and image.", t)
		}
	}
	return a, nil
}

func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// undelivered are extra specs that ask for what no server here has, and those of their values that ask for nothing.
var undelivered = []struct {
	key  string // a prefix where it ends in "*"
	free []string
}{
	{"accel:*", nil}, {"pci_passthrough:*", nil}, {"hw:cpu_policy", []string{"shared"}},
	{"hw:cpu_thread_policy", []string{"prefer"}}, {"hw:cpu_dedicated_mask", nil},
	{"hw:cpu_realtime", []string{"no"}}, {"hw:cpu_realtime_mask", nil}, {"hw:emulator_threads_policy", nil},
	{"hw:input_bus", nil}, {"hw:locked_memory", []string{"no"}}, {"hw:maxphysaddr_*", nil},
	{"hw:mem_encryption", []string{"no"}}, {"hw:mem_page_size", []string{"small", "any"}},
	{"hw:numa_nodes", []string{"1"}}, {"hw:numa_cpus.*", nil}, {"hw:numa_mem.*", nil}, {"hw:pmem", nil},
	{"hw:redirected_usb_ports", []string{"0"}}, {"hw:sound_model", nil}, {"hw:tpm_*", nil}, {"hw:usb_model", nil},
	{"hw:viommu_model", nil}, {"hw:virtio_packed_ring", []string{"no"}},
	{"os:secure_boot", []string{"disabled", "optional"}}, {"os:vif_model", nil}, {"quota:vif_*", nil},
	{"quota:cpu_limit", nil}, {"quota:cpu_reservation", nil}, {"quota:cpu_shares_*", nil}, {"quota:memory_*", nil},
	{"quota:disk_io_*", nil},
}

// grouped are extra specs of a named group of resources or traits, as resources1:VCPU or trait_GPU:CUSTOM_A: one host
// has one provider here, so groups cannot be told apart.
var grouped = regexp.MustCompile(`^(resources|trait)[a-zA-Z0-9_-]{1,64}:`)

// Deliverable refuses extra specs that ask for what no server here has.
func (f *Flavor) Deliverable() error {
	for _, k := range slices.Sorted(maps.Keys(f.ExtraSpecs)) {
		v := f.ExtraSpecs[k]
		if grouped.MatchString(k) {
			return fault.Invalidf("The flavor's extra spec %s=%s is not supported in this cloud.", k, v)
		}
		for _, u := range undelivered {
			prefix, open := strings.CutSuffix(u.key, "*")
			if k != u.key && !(open && strings.HasPrefix(k, prefix)) {
				continue
			}
			if !slices.Contains(u.free, strings.ToLower(v)) && !(slices.Contains(u.free, "no") && !yes(v)) {
				return fault.Invalidf("The flavor's extra spec %s=%s is not supported in this cloud.", k, v)
			}
		}
	}
	return nil
}
