// Package weighers contains the built-in scheduler weighers, under nova's names. The scheduler normalises the scores of
// the remaining hosts to 0..1 and adds them, each times its multiplier.
package weighers

import (
	"hypernova/nova"
	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
	"hypernova/placement"
)

// Weigher is a weigher of the scheduler.
type Weigher = choose.Weigher[*snapshot.Request, *snapshot.Host]

// Config has the multipliers of the weighers, which are part of the section [filter_scheduler]. A positive multiplier
// prefers hosts with a high score, a negative one hosts with a low score; 0 disables the weigher.
type Config struct {
	RAM   float64 `conf:"ram_weight_multiplier" default:"1.0" help:"Weight of free memory; negative stacks servers."`
	CPU   float64 `conf:"cpu_weight_multiplier" default:"1.0" help:"Weight of free vCPUs; negative stacks servers."`
	Disk  float64 `conf:"disk_weight_multiplier" default:"1.0" help:"Weight of free disk; negative stacks servers."`
	IOOps float64 `conf:"io_ops_weight_multiplier" default:"-1.0" help:"Weight of servers being built or rebooted; negative prefers quiet hosts."`
	Soft  float64 `conf:"soft_affinity_weight_multiplier" default:"1.0" min:"0" help:"Weight of servers of the same group with the policy soft-affinity."`
	Anti  float64 `conf:"soft_anti_affinity_weight_multiplier" default:"1.0" min:"0" help:"Weight of servers of the same group with the policy soft-anti-affinity."`
}

// table has every weigher with its multiplier.
func table(c Config) []Weigher {
	return []Weigher{
		{Name: "RAMWeigher", Multiplier: c.RAM, Score: free(placement.MemoryMB)},
		{Name: "CPUWeigher", Multiplier: c.CPU, Score: free(placement.VCPU)},
		{Name: "DiskWeigher", Multiplier: c.Disk, Score: free(placement.DiskGB)},
		{Name: "IoOpsWeigher", Multiplier: c.IOOps, Score: busy},
		{Name: "ServerGroupSoftAffinityWeigher", Multiplier: c.Soft, Score: group(nova.SoftAffinity, 1)},
		{Name: "ServerGroupSoftAntiAffinityWeigher", Multiplier: c.Anti, Score: group(nova.SoftAntiAffinity, -1)},
	}
}

// New returns the weighers whose multiplier is not 0.
func New(c Config) []Weigher {
	var ws []Weigher
	for _, w := range table(c) {
		if w.Multiplier != 0 {
			ws = append(ws, w)
		}
	}
	return ws
}

// free scores a host by its free amount of a resource class.
func free(class string) func(*snapshot.Request, *snapshot.Host) float64 {
	return func(_ *snapshot.Request, h *snapshot.Host) float64 { return float64(h.Free(class)) }
}

// busy scores a host by the number of servers that are being built or rebooted on it.
func busy(_ *snapshot.Request, h *snapshot.Host) float64 { return float64(h.Load.Busy) }
