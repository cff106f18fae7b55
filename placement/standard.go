package placement

import (
	_ "embed"
	"maps"
	"regexp"
	"strings"
)

// The other standard resource classes; those that the scheduler speaks of have names of their own.
var standardClasses = [...]string{VCPU, MemoryMB, DiskGB, "PCI_DEVICE", "SRIOV_NET_VF", "NUMA_SOCKET", "NUMA_CORE",
	"NUMA_THREAD",
	"NUMA_MEMORY_MB", "IPV4_ADDRESS", "VGPU", "VGPU_DISPLAY_HEAD", "NET_BW_EGR_KILOBIT_PER_SEC",
	"NET_BW_IGR_KILOBIT_PER_SEC", "PCPU",
	"MEM_ENCRYPTION_CONTEXT", "FPGA", "PGPU", "NET_PACKET_RATE_KILOPACKET_PER_SEC",
	"NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
	"NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC"}

//go:embed traits.txt
var standardTraits string

// StandardClasses are the resource classes that every cloud knows.
func StandardClasses() []string { return standardClasses[:] }

// StandardTraits are the traits that every cloud knows (os-traits), sorted.
func StandardTraits() []string { return strings.Fields(standardTraits) }

// MaxInt bounds every amount.
const MaxInt = 0x7fffffff

var customName = regexp.MustCompile(`^CUSTOM_[A-Z0-9_]+$`)

// IsCustomName tells the names that users may give to classes and traits.
func IsCustomName(s string) bool { return len(s) <= 255 && customName.MatchString(s) }

// Codes that tell refusals apart.
const (
	CodeConcurrent   = "placement.concurrent_update"
	CodeDuplicate    = "placement.duplicate_name"
	CodeInUse        = "placement.resource_provider.inuse"
	CodeParent       = "placement.resource_provider.cannot_delete_parent"
	CodeNotFound     = "placement.resource_provider.not_found"
	CodeInventory    = "placement.inventory.inuse"
	CodeQueryTwice   = "placement.query.duplicate_key"
	CodeQueryBad     = "placement.query.bad_value"
	CodeQueryMissing = "placement.query.missing_value"
)

// Capacity is how much of the inventory may be allocated.
func (i Inventory) Capacity() int64 {
	return int64(float64(i.Total-i.Reserved) * i.AllocationRatio)
}

// Fits says whether one allocation of the amount is possible on top of what is used: bounds, steps and capacity.
func (i Inventory) Fits(amount, used int64) bool {
	return amount >= i.MinUnit && amount <= i.MaxUnit && amount%max(i.StepSize, 1) == 0 && used+amount <= i.Capacity()
}

// Holds says whether two consumers hold the same for the same owner.
func (a Allocation) Holds(b Allocation) bool {
	return a.Project == b.Project && a.User == b.User && maps.EqualFunc(a.Providers, b.Providers, maps.Equal)
}
