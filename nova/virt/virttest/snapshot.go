package virttest

import (
	"bytes"
	"io"
	"testing"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/diskformat"
	"hypernova/oslo/fault"
)

func snapshot(t *testing.T, h Harness, d virt.Driver, c virt.Snapshotter) {
	ctx := t.Context()
	s := h.running(t, d)
	if _, _, err := c.OpenSnapshot(ctx, s.ID, "one"); !fault.Is(err, fault.NotFound) {
		t.Errorf("without a snapshot: got %v, want a NotFound fault", err)
	}
	if err := c.TakeSnapshot(ctx, h.Spec(), "one", "qcow2"); !fault.Is(err, fault.NotFound) {
		t.Errorf("of an unknown server: got %v, want a NotFound fault", err)
	}
	must(t, c.DropSnapshot(ctx, h.Spec().ID, "one"))
	taken := func(name, format string, power nova.PowerState) {
		t.Helper()
		for range 2 {
			must(t, c.TakeSnapshot(ctx, s, name, format))
			want(t, d, s.ID, power)
		}
		data, size, err := c.OpenSnapshot(ctx, s.ID, name)
		must(t, err)
		b, err := io.ReadAll(data)
		must(t, err)
		must(t, data.Close())
		if int64(len(b)) != size || size == 0 {
			t.Errorf("snapshot %s has %d bytes of %d", name, len(b), size)
		}
		found, err := diskformat.Inspect(bytes.NewReader(b), size)
		must(t, err)
		if (found.Format == "qcow2") != (format == "qcow2") || found.Danger != "" { // such as a file beside it
			t.Errorf("snapshot %s is %+v, want the format %s", name, found, format)
		}
	}
	taken("one", "qcow2", nova.Running)
	taken("two", "raw", nova.Running)
	if _, _, err := c.OpenSnapshot(ctx, s.ID, "one"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the snapshot before: got %v, want a NotFound fault", err)
	}
	must(t, d.Pause(ctx, s.ID))
	taken("three", "qcow2", nova.PowerPaused)
	must(t, d.Unpause(ctx, s.ID))
	must(t, d.Stop(ctx, s.ID, 0))
	taken("four", "qcow2", nova.Shutdown)
	for range 2 {
		must(t, c.DropSnapshot(ctx, s.ID, "four"))
	}
	if _, _, err := c.OpenSnapshot(ctx, s.ID, "four"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a removed snapshot: got %v, want a NotFound fault", err)
	}
	must(t, c.TakeSnapshot(ctx, s, "five", "qcow2"))
	must(t, d.Destroy(ctx, s.ID)) // with the snapshot
	list(t, d)
}
