package compute

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/placement"
)

// traitDisabled marks the provider of a host that an operator took out of scheduling.
const traitDisabled = "COMPUTE_STATUS_DISABLED"

// report tells the conductor and placement what the host is and offers.
func (m *Manager) report(ctx context.Context) error {
	r, err := m.Driver.Resources(ctx)
	if err != nil {
		return err
	}
	r.Traits = virt.Traits(m.Driver, r.Traits)
	cpu, err := json.Marshal(r.CPUInfo)
	if err != nil {
		return err
	}
	reply, err := rpcapi.ReportNode.Do(ctx, m.Bus, "", rpcapi.NodeArgs{Node: nova.Node{
		Host: m.c.Host, Name: r.Hostname, HostIP: r.HostIP, Type: r.Type, Version: r.Version, CPUInfo: string(cpu),
		VCPUs: r.VCPUs, MemoryMB: r.MemoryMB, DiskGB: r.DiskGB, MemoryUsedMB: r.MemoryUsedMB, DiskFreeGB: r.DiskFreeGB,
		Running: r.Running, Traits: r.Traits,
	}, Trouble: m.trouble()})
	if err != nil {
		return err
	}
	m.toldLow.Store(reply.Disabled && m.low.Load())
	return m.offer(auth.With(ctx, auth.Service("nova")), reply, r)
}

// offer brings the provider up to date. Others write providers too, so it reads again when its generation moved.
func (m *Manager) offer(ctx context.Context, node rpcapi.NodeReply, r virt.Resources) error {
	if _, err := m.Placement.EnsureProvider(ctx, placement.Provider{ID: node.ID, Name: r.Hostname}); err != nil {
		return err
	}
	var err error
	for range 4 {
		if err = m.offerOnce(ctx, node, r); !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return err
}

func (m *Manager) offerOnce(ctx context.Context, node rpcapi.NodeReply, r virt.Resources) error {
	s, err := m.Placement.State(ctx, node.ID)
	if err != nil {
		return err
	}
	generation := s.Generation
	if want := m.inventories(s.Inventories, r); !maps.Equal(want, s.Inventories) {
		if generation, err = m.Placement.SetInventories(ctx, node.ID, generation, want); err != nil {
			return err
		}
	}
	if want := traits(s.Traits, r.Traits, node.Disabled); !slices.Equal(want, slices.Sorted(slices.Values(s.Traits))) {
		_, err = m.Placement.SetTraits(ctx, node.ID, generation, want)
	}
	return err
}

// inventories are the host's sizes beside what others keep on the provider. A ratio that an operator set there stays,
// unless configured.
func (m *Manager) inventories(have map[string]placement.Inventory, r virt.Resources) map[string]placement.Inventory {
	want := maps.Clone(have)
	if want == nil {
		want = map[string]placement.Inventory{}
	}
	for _, x := range []struct {
		class             string
		total, reserved   int64
		configured, first float64
	}{
		{placement.VCPU, r.VCPUs, m.c.ReservedCPUs, m.c.CPURatio, 4},
		{placement.MemoryMB, r.MemoryMB, m.c.ReservedMemoryMB, m.c.RAMRatio, 1},
		{placement.DiskGB, r.DiskGB, m.c.ReservedDiskGB, m.c.DiskRatio, 1},
	} {
		if x.total <= 0 {
			delete(want, x.class)
			continue
		}
		ratio := x.configured
		if ratio == 0 {
			ratio = have[x.class].AllocationRatio
		}
		if ratio == 0 {
			ratio = x.first
		}
		want[x.class] = placement.Inventory{Total: x.total, Reserved: min(x.reserved, x.total), MinUnit: 1, MaxUnit: x.total,
			StepSize: 1, AllocationRatio: ratio}
	}
	return want
}

// traits returns the node's traits, whether the host is disabled, and the custom traits that operators set.
func traits(have, node []string, disabled bool) []string {
	want := slices.Clone(node)
	for _, t := range have {
		if strings.HasPrefix(t, "CUSTOM_") {
			want = append(want, t)
		}
	}
	if disabled {
		want = append(want, traitDisabled)
	}
	slices.Sort(want)
	return slices.Compact(want)
}
