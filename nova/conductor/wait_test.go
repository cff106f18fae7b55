package conductor_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/compute"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/tasks"
	"hypernova/placement"
)

// silence makes the host's heartbeats stop some time ago, as far as the records tell.
func (w *world) silence(host string, ago time.Duration) {
	w.t.Helper()
	seen := db.NewExec(db.NewSet("test"), "UPDATE services\nSET seen_at = ?\nWHERE host = ?")
	if _, err := seen.Do(w.t.Context(), w.d, db.At(clock.Real().Add(-ago)), host); err != nil {
		w.t.Fatal(err)
	}
}

// event is the only event of the server's creation, and whether it is open.
func (w *world) event(id string) nova.ActionEvent {
	w.t.Helper()
	a, err := w.verbs.Action(w.ctx, id, "req-create")
	if err != nil || len(a.Events) != 1 {
		w.t.Fatalf("action %+v, %v", a, err)
	}
	return a.Events[0]
}

// waiting works until the build waits, and answers what it tells the operator.
func (w *world) waiting() tasks.Info {
	w.t.Helper()
	for range 5 {
		if _, did := w.step(); !did {
			break
		}
	}
	all, err := w.queue.List(w.t.Context(), tasks.ListArgs{Kind: "server.build"})
	if err != nil || len(all) != 1 || all[0].State != "queued" || all[0].Attempt != 0 {
		w.t.Fatalf("the builds are %+v, %v", all, err)
	}
	return all[0]
}

// A host that is cut off in the middle is asked again, however often, and loses the build none of its tries.
func TestABuildWaitsForAHostThatIsCutOff(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"before prepare", "after prepare", "before spawn", "after spawn"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "h1")
			h := w.hosts["h1"]
			cut := false
			h.hook = func(at string) {
				if at == op && !cut {
					cut = true
					_ = h.tr.Close(context.Background())
				}
			}
			id := w.create().ID
			if why := w.waiting().Reason; !strings.Contains(why, "Host h1 cannot be reached") {
				t.Errorf("it waits for %q", why)
			}
			for range 5 { // more than a build has tries
				w.offset.Add(int64(5 * time.Second))
				w.step()
			}
			if v := w.get(id); v.VM != nova.Building || v.Task == nova.Idle {
				t.Fatalf("it does not wait: %+v, fault %+v", v, v.Fault)
			}
			if e := w.event(id); !strings.Contains(e.Details, "Waiting until") || !strings.Contains(e.Details, "h1") ||
				e.Result != "" || !e.Finished.IsZero() {
				t.Errorf("the event tells %+v", e)
			}
			h.start()
			w.work()
			active(t, w, w.get(id))
			if e := w.event(id); e.Details != "" || e.Result != nova.ResultSuccess || e.Host != "h1" {
				t.Errorf("the event tells %+v", e)
			}
			w.clean()
		})
	}
}

// All hosts have fallen silent: what was to be built waits for any of them, and begins as soon as one is back.
func TestABuildWaitsForSilentHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	for name, h := range w.hosts {
		h.kill()
		w.silence(name, 2*time.Minute)
	}
	id := w.create().ID
	if why := w.waiting().Reason; !strings.Contains(why, "No host that would do can be reached") {
		t.Errorf("it waits for %q", why)
	}
	w.hosts["h2"].start() // it joins, which wakes the build: no time passes here
	if ended, did := w.step(); !ended || !did {
		t.Fatal("the build was not woken")
	}
	if v := w.get(id); v.Host != "h2" {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
	active(t, w, w.get(id))
	w.clean()
}

// Hosts that have been gone for longer than a build waits, or were stopped, are not waited for.
func TestWhoIsGoneForGoodIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	for _, h := range w.hosts {
		h.kill()
	}
	w.silence("h1", time.Hour)
	if err := store.NewGroup(w.d, nil).Leave(t.Context(), w.service("h2")); err != nil {
		t.Fatal(err)
	}
	id := w.create().ID
	if ended, did := w.step(); !ended || !did {
		t.Fatal("no build job")
	}
	v := w.get(id)
	inError(t, w, v)
	if !strings.HasPrefix(v.Fault.Message, "No valid host was found.") {
		t.Errorf("fault %q", v.Fault.Message)
	}
}

func (w *world) service(host string) string {
	w.t.Helper()
	s, err := store.ServiceOf(w.t.Context(), w.d, host, nova.BinaryCompute)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.ID
}

// A host that dies is left for one that lives, at once and without a try lost; what it may hold is cleaned up as soon
// as it is back.
func TestASilentHostIsLeftForAnotherAndPaidWhenItIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	died := ""
	for name, h := range w.hosts {
		h.hook = func(at string) {
			if at == "after prepare" && died == "" {
				died = name
				w.silence(name, 2*time.Minute)
				h.kill()
			}
		}
	}
	id := w.create().ID
	if ended, did := w.step(); !ended || !did {
		t.Fatal("no build job")
	}
	v := w.get(id)
	active(t, w, v)
	if v.Host == died || died == "" {
		t.Errorf("it is on %q, and %q died", v.Host, died)
	}
	for { // the host owes its clean-up, which is tried now and then
		if _, did := w.step(); !did {
			break
		}
	}
	w.hosts[died].start()
	if w.left() > 0 {
		if _, did := w.step(); !did {
			t.Error("what the host owes was not woken when it was back")
		}
	}
	if left := w.left(); left != 0 {
		t.Errorf("%d jobs are left", left)
	}
	w.clean()
}

// A heartbeat after a silence wakes what waits, as joining does.
func TestAHeartbeatAfterASilenceWakesWhatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.silence("h1", 2*time.Minute)
	id := w.create().ID
	w.waiting()
	w.hosts["h1"].beat()
	if ended, did := w.step(); !ended || !did {
		t.Fatal("the build was not woken")
	}
	active(t, w, w.get(id))
	w.clean()
}

// A build that waits is deleted at once.
func TestABuildThatWaitsIsDeletedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.hosts["h1"].kill()
	w.silence("h1", 2*time.Minute)
	id := w.create().ID
	w.waiting()
	if err := w.verbs.Delete(auth.WithRequest(w.ctx, "req-delete"), id); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the build that gives up, the deletion
		if ended, did := w.step(); !ended || !did {
			t.Fatal("nothing is due")
		}
	}
	if v := w.get(id); !v.Gone() {
		t.Errorf("server is %+v", v)
	}
}

// What other services say when they are away costs no try either.
func TestABuildWaitsForNetworking(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.ports.fail = away()
	id := w.create().ID
	for range 6 {
		if why := w.waiting().Reason; !strings.Contains(why, "neutron does not answer") {
			t.Errorf("it waits for %q", why)
		}
		w.offset.Add(int64(20 * time.Second))
	}
	w.ports.fail = nil
	w.work()
	active(t, w, w.get(id))
	w.clean()
}

// A service that stays away is not waited for for ever either.
func TestABuildDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.ports.fail = away()
	id := w.create().ID
	w.work()
	v := w.get(id)
	inError(t, w, v)
	if !strings.Contains(v.Fault.Message, "neutron does not answer") {
		t.Errorf("fault %q", v.Fault.Message)
	}
	if e := w.event(id); e.Result != nova.ResultError || e.Finished.IsZero() {
		t.Errorf("the event tells %+v", e)
	}
	w.clean()
}

// A host that answers, but lacks what it needs, has given its verdict: it is tried anew a few times only.
func TestWhatAHostLacksIsNotWaitedForForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	tries := 0
	w.hosts["h1"].hook = func(op string) {
		if op == "before prepare" {
			tries++
		}
	}
	w.hosts["h1"].lacks = fault.Unavailablef("libvirt does not answer")
	id := w.create().ID
	w.work()
	v := w.get(id)
	inError(t, w, v)
	if !strings.Contains(v.Fault.Message, "libvirt does not answer") {
		t.Errorf("fault %q", v.Fault.Message)
	}
	if tries != 4 {
		t.Errorf("given up after %d tries", tries)
	}
	w.clean()
}

func away() error { return fault.Unavailablef("neutron does not answer") }

// beat sends the host's heartbeat.
func (h *host) beat() {
	h.w.t.Helper()
	if err := (compute.Group{Bus: h.bus}).Beat(h.w.t.Context(), h.w.service(h.name)); err != nil {
		h.w.t.Fatal(err)
	}
}

// A request of a build may be late: what it makes after the deletion has ended goes too.
func TestWhatComesLateForADeletedServerGoesToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.ports.fail = away()
	id := w.create().ID
	w.waiting()
	if err := w.verbs.Delete(auth.WithRequest(w.ctx, "req-delete"), id); err != nil {
		t.Fatal(err)
	}
	for v := w.get(id); !v.Gone(); v = w.get(id) {
		if _, did := w.step(); !did {
			t.Fatal("nothing is due")
		}
	}
	w.ports.fail = nil
	if _, err := w.ports.Allocate(t.Context(), neutron.AllocateArgs{Server: id, Host: "h1",
		Specs: []neutron.PortSpec{{Network: network}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.claims.Claim(t.Context(), placement.Allocation{Consumer: id}); err != nil {
		t.Fatal(err)
	}
	w.work()
	w.clean()
}

// A conductor that was halted in the middle of a build wakes when another one has given the build up and deleted the
// server: what it makes then goes too.
func TestAConductorThatWakesLateLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := w.create().ID
	halted, wake := make(chan bool), make(chan bool)
	once := sync.OnceFunc(func() { close(halted); <-wake })
	w.ports.before = once
	late := make(chan error, 1)
	q := w.queue
	go func() { _, err := q.ProcessOne(t.Context()); late <- err }()
	<-halted
	w.offset.Add(int64(time.Minute)) // the lease ends
	w.conductor()
	if err := w.verbs.Delete(auth.WithRequest(w.ctx, "req-delete"), id); err != nil {
		t.Fatal(err)
	}
	w.work()
	if v := w.get(id); !v.Gone() || len(w.ports.m) != 0 {
		t.Fatalf("server is %+v, ports %v", v, w.ports.m)
	}
	close(wake)
	if err := <-late; err != nil {
		t.Error(err)
	}
	if len(w.ports.m) != 1 {
		t.Fatalf("the late one made no port: %v", w.ports.m)
	}
	w.offset.Add(int64(time.Minute))
	w.work()
	w.clean()
}
