package virttest

import (
	"testing"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

func suspend(t *testing.T, h Harness, d virt.Driver, sd virt.Suspender) {
	ctx := t.Context()
	s := h.running(t, d)
	must(t, sd.Resume(ctx, s)) // does nothing: it runs
	for round := range 2 {
		for range 2 {
			must(t, sd.Suspend(ctx, s.ID))
			want(t, d, s.ID, nova.Shutdown)
		}
		if round == 0 && h.Reopen != nil {
			d = h.Reopen(t, d)
			sd = d.(virt.Suspender)
		}
		for range 2 {
			must(t, sd.Resume(ctx, s))
			want(t, d, s.ID, nova.Running)
		}
	}
	must(t, d.Pause(ctx, s.ID))
	if err := sd.Resume(ctx, s); !fault.Is(err, fault.Conflict) {
		t.Errorf("resume of a paused server: got %v, want a Conflict fault", err)
	}
	must(t, d.Unpause(ctx, s.ID))
	must(t, sd.Suspend(ctx, s.ID))
	must(t, d.Reboot(ctx, s, false, 0)) // discards the saved memory
	want(t, d, s.ID, nova.Running)
	must(t, d.Stop(ctx, s.ID, 0))
	if err := sd.Suspend(ctx, s.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("suspend of a stopped server: got %v, want a Conflict fault", err)
	}
	must(t, sd.Resume(ctx, s)) // there is no saved memory: it boots
	want(t, d, s.ID, nova.Running)
	unknown := h.Spec()
	for name, err := range map[string]error{"suspend": sd.Suspend(ctx, unknown.ID), "resume": sd.Resume(ctx, unknown)} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s of an unknown server: got %v, want a NotFound fault", name, err)
		}
	}
	must(t, sd.Suspend(ctx, s.ID))
	must(t, d.Destroy(ctx, s.ID))
}
