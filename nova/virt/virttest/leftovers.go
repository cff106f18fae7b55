package virttest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/nova/virt"
)

// leftovers looks at what each step of an operation has on the host, as another process sees it.
func leftovers(t *testing.T, h Harness, d virt.Driver, f virt.LeftoverFinder) {
	ctx := t.Context()
	s := h.running(t, d)
	h.running(t, d) // which nothing is done to
	has := func(step string, want ...virt.Leftover) {
		t.Helper()
		if h.Reopen != nil {
			f = h.Reopen(t, d).(virt.LeftoverFinder)
		}
		got, err := f.Leftovers(ctx)
		must(t, err)
		got = slices.DeleteFunc(got, func(l virt.Leftover) bool { return l.ID != s.ID })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", step, diff)
		}
	}
	has("nothing done")
	if c, ok := d.(virt.Snapshotter); ok {
		must(t, c.TakeSnapshot(ctx, s, "one", "qcow2"))
		has("a snapshot", virt.Leftover{ID: s.ID, Snapshots: []string{"one"}})
		must(t, c.DropSnapshot(ctx, s.ID, "one"))
		has("the snapshot removed")
	}
	if c, ok := d.(virt.Rebuilder); ok {
		must(t, c.PrepareRebuild(ctx, s, h.images(), false))
		has("a rebuild prepared", virt.Leftover{ID: s.ID, NewDisks: true})
		must(t, c.Rebuild(ctx, s, true))
		has("rebuilt", virt.Leftover{ID: s.ID, OldDisks: true, Image: h.Image.ID})
		must(t, c.FinishRebuild(ctx, s.ID))
		has("the rebuild finished")
	}
	if c, ok := d.(virt.Rescuer); ok {
		must(t, c.PrepareRescue(ctx, s, &h.Image, h.images()))
		has("a rescue prepared", virt.Leftover{ID: s.ID, RescueDisk: true})
		must(t, c.Rescue(ctx, s, &h.Image, time.Millisecond))
		has("rescued", virt.Leftover{ID: s.ID, RescueDisk: true, Rescued: true})
		must(t, c.Unrescue(ctx, s, true))
		has("the rescue over")
		must(t, c.PrepareRescue(ctx, s, &h.Image, h.images()))
		must(t, c.Rescue(ctx, s, &h.Image, time.Millisecond))
		must(t, d.Reboot(ctx, s, false, 0))
		has("started from its own disks")
	}
	must(t, d.Destroy(ctx, s.ID))
	has("destroyed")
}
