package app

import (
	"path/filepath"
	"testing"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/nova/virt/fake"
)

// TestWhatSnapshotsLeaveIsFound checks a host with a copy of a disk that no job makes, and a shelved server whose image
// is gone. nova-compute removes the first; the second only a person can decide.
func TestWhatSnapshotsLeaveIsFound(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *checked) {
		host := fake.New(fake.Config{Dir: filepath.Join(w.c.Default.StatePath, "fake")})
		w.ok(host.Init(t.Context()))
		w.ok(host.TakeSnapshot(t.Context(), &nova.Spec{ID: "mine"}, "image", "qcow2"))
		w.server("asleep", "", nova.State{VM: nova.ShelvedOffloaded})
		w.ok(store.SaveShelved(t.Context(), w.n.db, "asleep", "nowhere", w.n.now()))
		if _, got := w.found(); got != "image-missing server asleep, snapshot-orphaned guest mine" {
			t.Errorf("found %q", got)
		}
		w.ok(host.DropSnapshot(t.Context(), "mine", "image"))
		w.ok(store.SaveShelved(t.Context(), w.n.db, "asleep", "", w.n.now()))
		if _, got := w.found(); got != "" {
			t.Errorf("then found %q", got)
		}
	})
}
