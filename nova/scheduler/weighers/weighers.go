// Package weighers is the scores by which hosts that pass are ordered. Scores are brought to 0..1 over those hosts and multiplied.
package weighers

import (
	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
	"hypernova/placement"
)

// Weigher is one score.
type Weigher = choose.Weigher[*snapshot.Request, *snapshot.Host]

// Multipliers are the options. Positive spreads servers, negative stacks them; 0 leaves the score out.
type Multipliers struct{ RAM, CPU, Disk, IOOps float64 }

// New makes the weighers.
func New(m Multipliers) []Weigher {
	var ws []Weigher
	for _, w := range []Weigher{
		{Name: "RAMWeigher", Multiplier: m.RAM, Score: free(placement.MemoryMB)},
		{Name: "CPUWeigher", Multiplier: m.CPU, Score: free(placement.VCPU)},
		{Name: "DiskWeigher", Multiplier: m.Disk, Score: free(placement.DiskGB)},
		{Name: "IoOpsWeigher", Multiplier: m.IOOps, Score: func(_ *snapshot.Request, h *snapshot.Host) float64 { return float64(h.Load.Busy) }},
	} {
		if w.Multiplier != 0 {
			ws = append(ws, w)
		}
	}
	return ws
}

func free(class string) func(*snapshot.Request, *snapshot.Host) float64 {
	return func(_ *snapshot.Request, h *snapshot.Host) float64 { return float64(h.Free(class)) }
}
