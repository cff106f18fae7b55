package conductor_test

import (
	"slices"
	"strings"
	"testing"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

// attached asks for another NIC of a server and does the job.
func (w *world) attached(id, request string) {
	w.t.Helper()
	w.ask(id, nova.AttachInterface.Key, request)
	w.work()
}

func TestAttachThatTheHostRefusesIsUndone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := w.create().ID
	w.work()
	w.hosts["h1"].driver.SetFaults(fake.Fault{Op: "attach-interface", Fail: "no free slot"})
	w.attached(id, "req-attach")
	w.nics = 1
	w.clean()
	if a, err := w.verbs.Action(w.ctx, id, "req-attach"); err != nil || a.Message != "Error" {
		t.Errorf("the action is %+v, %v", a, err)
	}
}

func TestAttachWithoutAPortLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := w.create().ID
	w.work()
	w.ports.fail = fault.Conflictf("no address is free")
	w.attached(id, "req-attach")
	w.nics = 1
	w.clean()
}

func TestNICThatTheGuestKeepsStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := w.create().ID
	w.work()
	w.hosts["h1"].driver.SetFaults(fake.Fault{Op: "detach-interface", Fail: "it is in use", Kind: fault.Conflict})
	w.ask(id, nova.DetachInterface.Key, "req-detach")
	w.work()
	w.nics = 1
	w.clean()
	a, err := w.verbs.Action(w.ctx, id, "req-detach")
	if err != nil || a.Message != "Error" || !strings.Contains(a.Events[0].Details, "it is in use") {
		t.Errorf("the action is %+v, %v", a, err)
	}
}

func TestUnknownPortIsNotDetached(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := w.create().ID
	w.work()
	ctx := auth.WithRequest(w.ctx, "req-detach")
	if err := (servers.Interfaces{Servers: w.verbs}).Detach(ctx, id, "none"); err != nil {
		t.Fatal(err)
	}
	w.work()
	w.clean()
	a, err := w.verbs.Action(w.ctx, id, "req-detach")
	if err != nil || a.Events[0].Details != "Port none is not attached" {
		t.Errorf("the action is %+v, %v", a, err)
	}
}

func TestDeletedPortIsUnplugged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := w.create().ID
	w.work()
	w.attached(id, "req-attach")
	w.clean()
	nics := w.hosts["h1"].driver.NICs(id)
	w.ports.mu.Lock()
	delete(w.ports.m, nics[0])
	w.ports.mu.Unlock()
	w.heal()
	w.work()
	w.nics = 1
	w.clean()
	if got := w.hosts["h1"].driver.NICs(id); !slices.Equal(got, nics[1:]) {
		t.Errorf("the guest has the NICs %v, want %v", got, nics[1:])
	}
}
