package virttest

import (
	"testing"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// interfaces attaches NICs to servers in each state and detaches them. It looks only at the errors and the power state;
// what the guest sees is tested with real guests.
func interfaces(t *testing.T, h Harness, d virt.Driver, x virt.InterfacePlugger) {
	ctx := t.Context()
	s := h.running(t, d)
	nic := nova.NIC{ID: ids.UUID(), MAC: "fa:16:3e:00:0a:01", Device: "tap0a", AdminUp: true, Status: "ACTIVE"}
	without, with := *s, *s
	with.Ports = append(with.Ports[:len(with.Ports):len(with.Ports)], nic)
	for _, power := range []nova.PowerState{nova.Running, nova.PowerPaused, nova.Shutdown} {
		switch {
		case power == nova.Shutdown:
			must(t, d.Stop(ctx, s.ID, 0))
		case h.NoNICs:
			continue
		case power == nova.PowerPaused:
			must(t, d.Pause(ctx, s.ID))
		}
		for range 2 {
			must(t, x.AttachInterface(ctx, &with, &nic))
			want(t, d, s.ID, power)
		}
		for range 2 {
			must(t, x.DetachInterface(ctx, &without, &nic))
			want(t, d, s.ID, power)
		}
	}
	must(t, d.Start(ctx, &without))
	want(t, d, s.ID, nova.Running)
	must(t, d.Destroy(ctx, s.ID))
	if err := x.AttachInterface(ctx, &with, &nic); !fault.Is(err, fault.NotFound) {
		t.Errorf("attach to an unknown server: got %v, want a NotFound fault", err)
	}
	must(t, x.DetachInterface(ctx, &without, &nic))
}
