package conductor_test

import (
	"context"
	"testing"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/compute"
	"hypernova/nova/rpcapi"
	"hypernova/nova/servers"
	"hypernova/nova/store"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// sync has the agent look at its guests, as it does now and then.
func (h *host) sync() {
	h.w.t.Helper()
	for _, p := range h.m.Manager().Periodic {
		if p.Name == "sync_power_states" {
			if err := p.Fn(h.w.t.Context()); err != nil {
				h.w.t.Fatal(err)
			}
		}
	}
}

func TestGuestThatStopsByItselfIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	if err := w.hosts["h1"].driver.Change(id, nova.Shutdown); err != nil {
		t.Fatal(err)
	}
	w.hosts["h1"].sync()
	if v := w.get(id); v.VM != nova.Stopped || v.Power != nova.Shutdown {
		t.Errorf("server is %+v", v)
	}
	w.told(id, "stop", nova.ResultSuccess, "The guest shut itself down.", "shut off by itself")
}

// told checks the latest action of a server: one that nobody asked for, with its reason.
func (w *world) told(id, action, result, details, traceback string) {
	w.t.Helper()
	as, err := w.verbs.Actions(w.ctx, id, servers.ActionQuery{})
	if err != nil || len(as) == 0 {
		w.t.Fatalf("actions: %+v, %v", as, err)
	}
	a, err := w.verbs.Action(w.ctx, id, as[0].Request)
	if err != nil || len(a.Events) != 1 {
		w.t.Fatalf("the latest action is %+v, %v; want one with an event", a, err)
	}
	e := a.Events[0]
	if a.Name != action || a.User != "" || a.Finished.IsZero() || e.Name != nova.EventFound || e.Result != result ||
		e.Details != details ||
		e.Traceback != traceback || e.Host != "h1" {
		w.t.Errorf("the latest action is %+v", a)
	}
}

func TestGuestThatCrashesLeavesARecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	if err := w.hosts["h1"].driver.Upset(id, nova.Shutdown, nova.CauseCrash, "shut off: QEMU died",
		"qemu: oops"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // told again it is nothing new
		w.hosts["h1"].sync()
	}
	if v := w.get(id); v.VM != nova.Stopped || v.Power != nova.Shutdown {
		t.Errorf("server is %+v", v)
	}
	w.told(id, "stop", nova.ResultError, "The guest ended unexpectedly.", "shut off: QEMU died\nqemu: oops")
}

func TestPausedGuestThatDiesIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power("pause")(w)
	if err := w.hosts["h1"].driver.Upset(id, nova.Shutdown, nova.CauseCrash, "shut off: QEMU died", ""); err != nil {
		t.Fatal(err)
	}
	w.hosts["h1"].sync()
	if v := w.get(id); v.VM != nova.Stopped {
		t.Errorf("server is %+v", v)
	}
	w.told(id, "stop", nova.ResultError, "The guest ended unexpectedly.", "shut off: QEMU died")
}

func TestGuestThatIsHaltedIsPausedAndGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	h := w.hosts["h1"]
	halt := func() {
		t.Helper()
		if err := h.driver.Upset(id, nova.PowerPaused, nova.CauseDisk, "paused after an error of a disk", ""); err != nil {
			t.Fatal(err)
		}
		h.sync()
		if v := w.get(id); v.VM != nova.Paused || v.Power != nova.PowerPaused || v.Task != nova.Idle {
			t.Errorf("server is %+v", v)
		}
		w.told(id, "pause", nova.ResultError, "The guest was halted: its host could not write to a disk of it.",
			"paused after an error of a disk")
	}
	halt()
	if err := w.verbs.Act(w.ctx, id, nova.UnpauseServer); err != nil { // by its user
		t.Fatal(err)
	}
	w.work()
	active(t, w, w.get(id))
	halt()
	if err := h.driver.Unpause(t.Context(), id); err != nil { // by the host
		t.Fatal(err)
	}
	h.sync()
	active(t, w, w.get(id))
	w.told(id, "unpause", nova.ResultSuccess, "The guest goes on.", "")
}

func TestGuestThatCrashesIsStartedAgainWhereItsHostAsksForThat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	h := w.hosts["h1"]
	crash := func() {
		t.Helper()
		if err := h.driver.Change(id, nova.Crashed); err != nil {
			t.Fatal(err)
		}
		args := rpcapi.PowerReport{Host: "h1", Servers: []rpcapi.ServerPower{{Server: id, Power: nova.Crashed,
			Cause: nova.CauseCrash, Restart: true}}}
		if _, err := rpcapi.ReportPower.Do(t.Context(), w.hosts["h1"].bus, "", args); err != nil {
			t.Fatal(err)
		}
		w.work()
	}
	for range 3 {
		crash()
		active(t, w, w.get(id))
	}
	crash() // too often
	if v := w.get(id); v.VM != nova.Stopped {
		t.Errorf("server is %+v", v)
	}
}

func TestHostThatIsInTroubleIsDisabledByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	state := func(trouble string) (bool, string) {
		t.Helper()
		r, err := rpcapi.ReportNode.Do(t.Context(), w.hosts["h1"].bus, "",
			rpcapi.NodeArgs{Node: nova.Node{Host: "h1", Name: "h1"}, Trouble: trouble})
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.ServiceOf(t.Context(), w.d, "h1", nova.BinaryCompute)
		if err != nil || s.Disabled != r.Disabled {
			t.Errorf("service is %+v, %v; the host was told %+v", s, err, r)
		}
		return s.Disabled, s.DisabledReason
	}
	for _, trouble := range []string{"", "no room", "no room", ""} {
		want := ""
		if trouble != "" {
			want = "AUTO: " + trouble
		}
		if disabled, why := state(trouble); disabled != (trouble != "") || why != want {
			t.Errorf("with trouble %q: disabled %v, %q", trouble, disabled, why)
		}
	}
	s, err := store.ServiceOf(t.Context(), w.d, "h1", nova.BinaryCompute)
	if err != nil {
		t.Fatal(err)
	}
	s.Disabled, s.DisabledReason = true, "my own"
	if err := store.SaveService(t.Context(), w.d, &s, clock.Real()); err != nil {
		t.Fatal(err)
	}
	for _, trouble := range []string{"no room", ""} {
		if disabled, why := state(trouble); !disabled || why != "my own" {
			t.Errorf("with trouble %q an operator's word became %v, %q", trouble, disabled, why)
		}
	}
}

func TestGuestThatRunsAgainstTheCloudIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power("stop")(w)
	h := w.hosts["h1"]
	if err := h.driver.Change(id, nova.Running); err != nil {
		t.Fatal(err)
	}
	h.sync()
	w.work()
	i, err := h.driver.Info(t.Context(), id)
	if v := w.get(id); err != nil || i.Power != nova.Shutdown || v.VM != nova.Stopped || v.Task != nova.Idle {
		t.Errorf("server is %+v, guest %+v, %v", v, i, err)
	}
}

// A deletion that met a host that did not listen leaves the guest to the host, and may itself wait for something else
// when the host asks.
func TestGuestOfAServerThatIsBeingDeletedGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	if err := w.verbs.Delete(w.ctx, id); err != nil {
		t.Fatal(err)
	}
	h := w.hosts["h1"]
	for _, p := range h.m.Manager().Periodic {
		if p.Name == "cleanup_running_deleted_instances" {
			if err := p.Fn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := h.driver.Info(t.Context(), id); !fault.Is(err, fault.NotFound) {
		t.Errorf("the guest is there: %v", err)
	}
	w.work()
	w.clean()
}

func TestServerOwnedByAJobIsLeftToIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	if err := w.verbs.Act(w.ctx, id, nova.PauseServer); err != nil {
		t.Fatal(err)
	}
	if err := w.hosts["h1"].driver.Change(id, nova.Shutdown); err != nil {
		t.Fatal(err)
	}
	w.hosts["h1"].sync()
	if v := w.get(id); v.VM != nova.Active || v.Task != nova.Pausing {
		t.Errorf("server is %+v", v)
	}
}

func TestFailedPowerOperationGivesTheServerBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	w.hosts["h1"].driver.SetFaults(fake.Fault{Op: "stop", Fail: "the guest is stubborn", Kind: fault.Conflict})
	if err := w.verbs.Act(auth.WithRequest(w.ctx, "req-stop"), id, nova.StopServer); err != nil {
		t.Fatal(err)
	}
	w.work()
	a, err := w.verbs.Action(w.ctx, id, "req-stop")
	v := w.get(id)
	if v.VM != nova.Active || v.Task != nova.Idle || err != nil || a.Message != "Error" || len(a.Events) != 1 ||
		a.Events[0].Details != "the guest is stubborn" ||
		a.Events[0].Name != nova.StopServer.Event {
		t.Errorf("server is %+v, action %+v, %v", v, a, err)
	}
}

func TestPowerOfADeadHostIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	w.hosts["h1"].kill()
	if err := w.verbs.Act(auth.WithRequest(w.ctx, "req-stop"), id, nova.StopServer); err != nil {
		t.Fatal(err)
	}
	w.work()
	a, err := w.verbs.Action(w.ctx, id, "req-stop")
	if v := w.get(id); v.Task != nova.Idle || v.VM != nova.Active || err != nil || a.Message != "Error" {
		t.Errorf("server is %+v, action %+v, %v", v, a, err)
	}
}

func TestHardRebootOverridesWhatIsQueued(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	if err := w.verbs.Act(auth.WithRequest(w.ctx, "req-pause"), id, nova.PauseServer); err != nil {
		t.Fatal(err)
	}
	if err := w.verbs.Act(auth.WithRequest(w.ctx, "req-reboot"), id, nova.HardRebootServer); err != nil {
		t.Fatal(err)
	}
	w.work()
	active(t, w, w.get(id))
	if a, _ := w.verbs.Action(w.ctx, id, "req-pause"); a.Message != "Error" {
		t.Errorf("the pause that was overtaken is told of as %+v", a)
	}
}

func TestChangedPortsAreReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	w.ports.mu.Lock()
	for k, p := range w.ports.m {
		p.FixedIPs = append([]neutron.FixedIP(nil), p.FixedIPs...)
		p.FixedIPs[0].IP = p.FixedIPs[0].IP.Next()
		w.ports.m[k] = p
	}
	w.ports.mu.Unlock()
	before := w.get(id).Addresses[0].IP
	if err := w.verbs.ExternalEvents(w.ctx, []nova.ExternalEvent{{Name: "network-changed", Server: id}}); err != nil {
		t.Fatal(err)
	}
	w.wait(func() bool { return w.get(id).Addresses[0].IP != before })
}

// What networking did not tell, or what was lost on the way, is found all the same.
func TestNetworksAreReadAgainNowAndThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	w.ports.mu.Lock()
	for k, p := range w.ports.m {
		p.NetworkName, p.MAC = "renamed", "fa:16:3e:aa:bb:cc"
		w.ports.m[k] = p
	}
	w.ports.mu.Unlock()
	w.heal()
	if as := w.get(id).Addresses; len(as) != 1 || as[0].Network != "renamed" || as[0].MAC != "fa:16:3e:aa:bb:cc" {
		t.Errorf("addresses are %+v", as)
	}
	w.ports.mu.Lock()
	clear(w.ports.m)
	w.ports.mu.Unlock()
	w.heal()
	if as := w.get(id).Addresses; len(as) != 0 {
		t.Errorf("addresses are %+v", as)
	}
}

// wait looks until the condition holds; the test's own deadline bounds it.
func (w *world) wait(ok func() bool) {
	w.t.Helper()
	for !ok() {
		if err := w.t.Context().Err(); err != nil {
			w.t.Fatal(err)
		}
		if _, err := store.Services(w.t.Context(), w.d, "", ""); err != nil { // let others in
			w.t.Fatal(err)
		}
	}
}

func TestAgentStartsWhereGuestsAndServersDisagree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	h := w.hosts["h1"]
	keep := power()(w)
	deleted := func() string {
		v := w.create()
		w.work()
		return v.ID
	}()
	h.kill()
	h.driver.SetHook(nil) // what follows is not of the agent
	// While the agent is away a server goes, a guest stops, and one is there that nobody knows.
	err := w.d.Tx(w.ctx, func(tx *db.Tx) error {
		for _, m := range []nova.Move{nova.DeleteServer.Begin, nova.DeleteServer.Done} {
			if _, _, err := store.Move(w.ctx, tx, deleted, m, store.Change{}, clock.Real()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stranger := &nova.Spec{ID: "99999999-9999-9999-9999-999999999999", Name: "stranger", Image: nova.ImageMeta{}}
	if err := h.driver.Prepare(t.Context(), stranger, compute.Images(images{})); err != nil {
		t.Fatal(err)
	}
	if err := h.driver.Change(keep, nova.Shutdown); err != nil {
		t.Fatal(err)
	}
	h.start()
	for id, want := range map[string]bool{keep: true, deleted: false, stranger.ID: true} {
		_, err := h.driver.Info(context.Background(), id)
		if got := err == nil; got != want || err != nil && !fault.Is(err, fault.NotFound) {
			t.Errorf("guest %s is there: %v, want %v (%v)", id, got, want, err)
		}
	}
	if v := w.get(keep); v.VM != nova.Stopped {
		t.Errorf("server of the guest that stopped is %+v", v)
	}
}
