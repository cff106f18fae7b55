package flavors

import (
	"regexp"
	"strings"

	"hypernova/oslo/fault"
)

// Values of extra specs.
const (
	aBool   = `(?i)true|false|1|0|yes|no|y|n|t|f|on|off`
	aNumber = `[0-9]+`
	anyText = `.*`
)

// specPatterns are the extra specs of namespaces whose keys are a closed list, and what their values look like. Keys
// in other namespaces, and without one, are an operator's own.
var specPatterns = []struct{ key, value string }{
	{`accel:device_profile`, anyText},
	{`hw:boot_menu`, aBool}, {`hw:cpu_cores`, aNumber}, {`hw:cpu_sockets`, aNumber}, {`hw:cpu_threads`, aNumber},
	{`hw:cpu_max_cores`, aNumber}, {`hw:cpu_max_sockets`, aNumber}, {`hw:cpu_max_threads`,
		aNumber}, {`hw:cpu_dedicated_mask`, `\^?[0-9]+([-,^0-9]*[0-9])?`},
	{`hw:cpu_policy`, `dedicated|shared|mixed`}, {`hw:cpu_thread_policy`, `prefer|isolate|require`}, {`hw:cpu_realtime`,
		aBool},
	{`hw:cpu_realtime_mask`, anyText}, {`hw:emulator_threads_policy`, `isolate|share`}, {`hw:hide_hypervisor_id`,
		aBool}, {`hw:input_bus`, `usb|virtio`},
	{`hw:locked_memory`, aBool}, {`hw:maxphysaddr_bits`, aNumber}, {`hw:maxphysaddr_mode`,
		`passthrough|emulate`}, {`hw:mem_encryption`, aBool},
	{`hw:mem_encryption_model`, `amd-sev|amd-sev-es`}, {`hw:mem_page_size`,
		`(?i)large|small|any|[0-9]+([kmgt]i?b?)?`}, {`hw:numa_nodes`, aNumber},
	{`hw:numa_cpus\.[0-9]+`, `\^?[0-9]+([-,^0-9]*[0-9])?`}, {`hw:numa_mem\.[0-9]+`,
		aNumber}, {`hw:pci_numa_affinity_policy`, `required|preferred|legacy|socket`},
	{`hw:pmem`, anyText}, {`hw:pmu`, aBool}, {`hw:serial_port_count`, `[0-9]+`}, {`hw:sound_model`,
		`sb16|es1370|pcspk|ac97|ich6|ich9|usb-audio|virtio`},
	{`hw:tpm_model`, `tpm-tis|tpm-crb`}, {`hw:tpm_secret_security`, `user|host|deployment`}, {`hw:tpm_version`,
		`1\.2|2\.0`}, {`hw:usb_model`, anyText},
	{`hw:vif_multiqueue_enabled`, aBool}, {`hw:viommu_model`, `intel|smmuv3|virtio|auto`}, {`hw:virtio_packed_ring`,
		aBool}, {`hw:watchdog_action`, `none|pause|poweroff|reset|disabled`},
	{`hw:redirected_usb_ports`, aNumber},
	{`hw_rng:allowed`, aBool}, {`hw_rng:rate_bytes`, aNumber}, {`hw_rng:rate_period`, aNumber}, {`hw_video:ram_max_mb`,
		aNumber},
	{`os:secure_boot`, `required|optional|disabled`}, {`os:vif_model`, anyText}, {`os:monitors`,
		aNumber}, {`os:resolution`, anyText},
	{`pci_passthrough:alias`, anyText},
	{`quota:cpu_period`, aNumber}, {`quota:cpu_quota`, `-?[0-9]+`}, {`quota:cpu_shares`,
		aNumber}, {`quota:(cpu|memory|disk_io)_(limit|reservation|shares_share)`, aNumber},
	{`quota:(cpu|memory|disk_io)_shares_level`,
		`custom|high|normal|low`}, {`quota:disk_(read|write|total)_(bytes|iops)_sec(_max)?`, aNumber},
	{`quota:vif_(inbound|outbound)_(average|peak|burst)`, aNumber}, {`quota:vif_(limit|reservation|shares_share)`,
		aNumber}, {`quota:vif_shares_level`, `custom|high|normal|low`},
	{`resources[a-zA-Z0-9_-]{0,64}:[A-Z0-9_]+`, aNumber}, {`trait[a-zA-Z0-9_-]{0,64}:[A-Z0-9_]+`, `required|forbidden`},
	{`group_policy`, `isolate|none`},
}

// closedNamespaces are those of specPatterns.
var closedNamespaces = regexp.MustCompile(
	`^(accel|hw|hw_rng|hw_video|os|pci_passthrough|quota|resources[a-zA-Z0-9_-]{0,64}|trait[a-zA-Z0-9_-]{0,64}):`)

// checkSpec refuses an extra spec that compute would not understand, or whose value makes no sense.
func checkSpec(key, value string) error {
	for _, p := range specPatterns {
		if matches(p.key, key) {
			if matches(p.value, value) {
				return nil
			}
			return fault.Invalidf("Validation failed; '%s' is not a value of the extra spec '%s'.", value, key)
		}
	}
	if closedNamespaces.MatchString(key) {
		namespace, _, _ := strings.Cut(key, ":")
		return fault.Invalidf("Validation failed; extra spec '%s' does not appear in the namespace '%s'.", key, namespace)
	}
	return nil
}

// matches compares the whole text; operators set specs rarely, so nothing is kept compiled.
func matches(pattern, text string) bool {
	flags := ""
	if rest, ok := strings.CutPrefix(pattern, "(?i)"); ok {
		pattern, flags = rest, "(?i)"
	}
	ok, err := regexp.MatchString(flags+`^(?:`+pattern+`)$`, text)
	return ok && err == nil
}
