// Package weighers contains the built-in scheduler weighers. Scores are brought to 0..1 over those hosts and
// multiplied.
package weighers

import (
	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
	"hypernova/placement"
)

// Weigher is one score.
type Weigher = choose.Weigher[*snapshot.Request, *snapshot.Host]

// Config is the multipliers, which [filter_scheduler] embeds. Positive prefers large scores, negative small ones; 0 leaves the score out.
type Config struct {
	RAM   float64 `conf:"ram_weight_multiplier" default:"1.0" help:"Weight of free memory; negative stacks servers."`
	CPU   float64 `conf:"cpu_weight_multiplier" default:"1.0" help:"Weight of free vCPUs; negative stacks servers."`
	Disk  float64 `conf:"disk_weight_multiplier" default:"1.0" help:"Weight of free disk; negative stacks servers."`
	IOOps float64 `conf:"io_ops_weight_multiplier" default:"-1.0" help:"Weight of servers being built or rebooted; negative prefers quiet hosts."`
}

// table is every score, with its multiplier.
func table(c Config) []Weigher {
	return []Weigher{
		{Name: "RAMWeigher", Multiplier: c.RAM, Score: free(placement.MemoryMB)},
		{Name: "CPUWeigher", Multiplier: c.CPU, Score: free(placement.VCPU)},
		{Name: "DiskWeigher", Multiplier: c.Disk, Score: free(placement.DiskGB)},
		{Name: "IoOpsWeigher", Multiplier: c.IOOps, Score: busy},
	}
}

// New makes the weighers that have a say.
func New(c Config) []Weigher {
	var ws []Weigher
	for _, w := range table(c) {
		if w.Multiplier != 0 {
			ws = append(ws, w)
		}
	}
	return ws
}

func free(class string) func(*snapshot.Request, *snapshot.Host) float64 {
	return func(_ *snapshot.Request, h *snapshot.Host) float64 { return float64(h.Free(class)) }
}

func busy(_ *snapshot.Request, h *snapshot.Host) float64 { return float64(h.Load.Busy) }
