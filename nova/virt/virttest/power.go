package virttest

import (
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/oslo/fault"
)

func power(t *testing.T, h Harness) {
	d, ctx := h.New(t), t.Context()
	s := h.running(t, d)
	must(t, d.Start(ctx, s))
	want(t, d, s.ID, nova.Running)
	for _, grace := range []time.Duration{0, h.Grace} {
		for range 2 {
			must(t, d.Stop(ctx, s.ID, grace))
			want(t, d, s.ID, nova.Shutdown)
		}
		for range 2 {
			must(t, d.Start(ctx, s))
			want(t, d, s.ID, nova.Running)
		}
	}
}

func pause(t *testing.T, h Harness) {
	d, ctx := h.New(t), t.Context()
	s := h.running(t, d)
	must(t, d.Unpause(ctx, s.ID))
	for range 2 {
		must(t, d.Pause(ctx, s.ID))
		want(t, d, s.ID, nova.PowerPaused)
	}
	if err := d.Start(ctx, s); !fault.Is(err, fault.Conflict) {
		t.Errorf("start of a paused server: got %v, want a Conflict fault", err)
	}
	for range 2 {
		must(t, d.Unpause(ctx, s.ID))
		want(t, d, s.ID, nova.Running)
	}
	must(t, d.Pause(ctx, s.ID))
	must(t, d.Stop(ctx, s.ID, time.Hour)) // a paused guest cannot shut down, so this does not wait
	want(t, d, s.ID, nova.Shutdown)
	for name, err := range map[string]error{"pause": d.Pause(ctx, s.ID), "unpause": d.Unpause(ctx, s.ID)} {
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("%s of a stopped server: got %v, want a Conflict fault", name, err)
		}
	}
}

func reboot(t *testing.T, h Harness) {
	d, ctx := h.New(t), t.Context()
	s := h.running(t, d)
	for _, soft := range []bool{false, true} {
		must(t, d.Reboot(ctx, s, soft, h.Grace))
		want(t, d, s.ID, nova.Running)
		must(t, d.Stop(ctx, s.ID, 0))
		must(t, d.Reboot(ctx, s, soft, h.Grace))
		want(t, d, s.ID, nova.Running)
		must(t, d.Pause(ctx, s.ID))
		must(t, d.Reboot(ctx, s, soft, h.Grace))
		want(t, d, s.ID, nova.Running)
	}
}
