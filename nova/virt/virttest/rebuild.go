package virttest

import (
	"errors"
	"testing"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// other returns the spec of the same server with another image, and that image.
func (h Harness) other(s *nova.Spec) (*nova.Spec, *source) {
	next := *s
	next.Image.ID = ids.UUID()
	return &next, h.images()
}

func rebuild(t *testing.T, h Harness, d virt.Driver, r virt.Rebuilder) {
	ctx, first := t.Context(), d
	for _, off := range []bool{false, true} {
		s := h.running(t, d)
		after, before := nova.Running, nova.Running
		if off {
			must(t, d.Stop(ctx, s.ID, 0))
			after, before = nova.Shutdown, nova.Shutdown
		}
		next, images := h.other(s)
		for range 2 {
			must(t, r.PrepareRebuild(ctx, next, images, false))
			want(t, d, s.ID, before) // its guest goes on
		}
		for range 2 {
			must(t, r.Rebuild(ctx, next, !off))
			want(t, d, s.ID, after)
		}
		if h.Reopen != nil {
			d = h.Reopen(t, first)
			r = d.(virt.Rebuilder)
		}
		for range 2 {
			must(t, r.FinishRebuild(ctx, s.ID))
		}
		must(t, r.UndoRebuild(ctx, s, true)) // there is nothing to undo
		want(t, d, s.ID, after)
		must(t, d.Start(ctx, next))
		want(t, d, s.ID, nova.Running)
		must(t, d.Destroy(ctx, s.ID))
	}
	list(t, d)
}

func undoRebuild(t *testing.T, h Harness, d virt.Driver, r virt.Rebuilder) {
	ctx, first := t.Context(), d
	s := h.running(t, d)
	away := fault.Unavailablef("the image store is away")
	next, images := h.other(s)
	if err := r.PrepareRebuild(ctx, next, &source{openErr: away}, false); !errors.Is(err, away) {
		t.Errorf("without an image: got %v, want %v", err, away)
	}
	if err := r.Rebuild(ctx, next, true); !fault.Is(err, fault.NotFound) {
		t.Errorf("without new disks: got %v, want a NotFound fault", err)
	}
	want(t, d, s.ID, nova.Running)
	for _, far := range []bool{false, true} {
		must(t, r.PrepareRebuild(ctx, next, images, true))
		if far {
			must(t, r.Rebuild(ctx, next, true))
		}
		if h.Reopen != nil {
			d = h.Reopen(t, first)
			r = d.(virt.Rebuilder)
		}
		for range 2 {
			must(t, r.UndoRebuild(ctx, s, true))
			want(t, d, s.ID, nova.Running)
		}
		if err := r.Rebuild(ctx, next, true); !fault.Is(err, fault.NotFound) {
			t.Errorf("after the undo: got %v, want a NotFound fault", err)
		}
	}
	unknown := h.Spec()
	for name, err := range map[string]error{"prepare": r.PrepareRebuild(ctx, unknown, images, false),
		"rebuild": r.Rebuild(ctx, unknown, true), "finish": r.FinishRebuild(ctx, unknown.ID)} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s of an unknown server: got %v, want a NotFound fault", name, err)
		}
	}
	must(t, r.PrepareRebuild(ctx, next, images, false))
	must(t, r.Rebuild(ctx, next, true))
	must(t, d.Destroy(ctx, s.ID)) // with what is aside
	list(t, d)
	must(t, d.Prepare(ctx, s, h.images()))
	must(t, d.Spawn(ctx, s))
	if err := r.Rebuild(ctx, next, true); !fault.Is(err, fault.NotFound) {
		t.Errorf("a new server of the same id has new disks: %v", err)
	}
}

func rescue(t *testing.T, h Harness, d virt.Driver, r virt.Rescuer) {
	ctx, first := t.Context(), d
	s := h.running(t, d)
	image, images := h.Image, h.images()
	image.ID = ids.UUID()
	if err := r.Rescue(ctx, s, &image, 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("without a rescue disk: got %v, want a NotFound fault", err)
	}
	away := fault.Unavailablef("the image store is away")
	if err := r.PrepareRescue(ctx, s, &image, &source{openErr: away}); !errors.Is(err, away) {
		t.Errorf("without an image: got %v, want %v", err, away)
	}
	for _, properties := range []map[string]string{nil, {"hw_rescue_bus": "virtio"}, {"hw_rescue_device": "disk"},
		{"hw_rescue_device": "cdrom"}} {
		image.Properties = properties
		for range 2 {
			must(t, r.PrepareRescue(ctx, s, &image, images))
			want(t, d, s.ID, nova.Running)
		}
		for range 2 {
			must(t, r.Rescue(ctx, s, &image, h.Grace))
			want(t, d, s.ID, nova.Running)
		}
		if h.Reopen != nil {
			d = h.Reopen(t, first)
			r = d.(virt.Rescuer)
		}
		for range 2 {
			must(t, r.Unrescue(ctx, s, true))
			want(t, d, s.ID, nova.Running)
		}
	}
	must(t, d.Stop(ctx, s.ID, 0))
	must(t, r.PrepareRescue(ctx, s, &image, images))
	must(t, r.Unrescue(ctx, s, false)) // undoes the first half
	want(t, d, s.ID, nova.Shutdown)
	must(t, r.PrepareRescue(ctx, s, &image, images))
	must(t, r.Rescue(ctx, s, &image, 0))
	want(t, d, s.ID, nova.Running)
	must(t, r.Unrescue(ctx, s, false))
	want(t, d, s.ID, nova.Shutdown)
	unknown := h.Spec()
	for name, err := range map[string]error{"prepare": r.PrepareRescue(ctx, unknown, &image, images),
		"rescue": r.Rescue(ctx, unknown, &image, 0), "unrescue": r.Unrescue(ctx, unknown, true)} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s of an unknown server: got %v, want a NotFound fault", name, err)
		}
	}
	must(t, r.PrepareRescue(ctx, s, &image, images))
	must(t, r.Rescue(ctx, s, &image, 0))
	must(t, d.Destroy(ctx, s.ID))
	list(t, d)
}

func setPassword(t *testing.T, h Harness, d virt.Driver, p virt.PasswordSetter) {
	ctx := t.Context()
	s := h.running(t, d)
	s.Image.Properties = map[string]string{"hw_qemu_guest_agent": "yes"}
	// The guest need not have an agent.
	if err := p.SetPassword(ctx, s, "secret"); err != nil && !fault.Is(err, fault.NotImplemented) &&
		!fault.Is(err, fault.Internal) {
		t.Errorf("got %v, want success, or that no agent answers", err)
	}
	must(t, d.Stop(ctx, s.ID, 0))
	if err := p.SetPassword(ctx, s, "secret"); !fault.Is(err, fault.Conflict) {
		t.Errorf("of a stopped server: got %v, want a Conflict fault", err)
	}
	unknown := h.Spec()
	unknown.Image.Properties = s.Image.Properties
	if err := p.SetPassword(ctx, unknown, "secret"); !fault.Is(err, fault.NotFound) {
		t.Errorf("of an unknown server: got %v, want a NotFound fault", err)
	}
}

func interrupt(t *testing.T, h Harness, d virt.Driver, i virt.Interrupter) {
	ctx := t.Context()
	s := h.running(t, d)
	must(t, i.InjectNMI(ctx, s.ID))
	want(t, d, s.ID, nova.Running)
	must(t, d.Stop(ctx, s.ID, 0))
	if err := i.InjectNMI(ctx, s.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("of a stopped server: got %v, want a Conflict fault", err)
	}
	if err := i.InjectNMI(ctx, ids.UUID()); !fault.Is(err, fault.NotFound) {
		t.Errorf("of an unknown server: got %v, want a NotFound fault", err)
	}
}

func diagnose(t *testing.T, h Harness, d virt.Driver, g virt.Diagnoser) {
	ctx := t.Context()
	s := h.running(t, d)
	got, err := g.Diagnose(ctx, s)
	must(t, err)
	if len(got.CPUs) != s.Flavor.VCPUs || len(got.Disks) == 0 || got.Plain["cpu0_time"] < 0 ||
		got.Plain["memory"] != int64(s.Flavor.RAM)<<10 || got.MemoryMaxMB == nil ||
		*got.MemoryMaxMB != int64(s.Flavor.RAM) || got.Driver != "libvirt" {
		t.Errorf("of a running server: got %+v", got)
	}
	if _, ok := got.Plain["vda_read_req"]; !ok {
		t.Errorf("the disk has no figures: %v", got.Plain)
	}
	must(t, d.Stop(ctx, s.ID, 0))
	if got, err = g.Diagnose(ctx, s); err != nil || len(got.CPUs) != 0 || got.Plain["memory"] != int64(s.Flavor.RAM)<<10 {
		t.Errorf("of a stopped server: got %+v, %v", got, err)
	}
	if _, err := g.Diagnose(ctx, h.Spec()); !fault.Is(err, fault.NotFound) {
		t.Errorf("of an unknown server: got %v, want a NotFound fault", err)
	}
}
