package conductor_test

import (
	"strings"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

func TestBuildMakesAnActiveServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := w.create().ID
	w.work()
	v := w.get(id)
	if v.VM != nova.Active || v.Power != nova.Running || v.Host != "h1" || v.Launched.IsZero() || v.AZ != "nova" {
		t.Errorf("server is %+v", v)
	}
	a, err := w.verbs.Action(w.ctx, id, "req-create")
	if err != nil || len(a.Events) != 1 || a.Events[0].Name != nova.EventBuild ||
		a.Events[0].Result != nova.ResultSuccess || a.Events[0].Host != "h1" {
		t.Errorf("action %+v, %v", a, err)
	}
	w.clean()
}

func TestNoValidHostIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create().ID
	w.work()
	v := w.get(id)
	if v.VM != nova.Error || v.Fault == nil || v.Fault.Code != 500 || !strings.HasPrefix(v.Fault.Message,
		"No valid host was found.") {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
	w.clean()
}

func TestFailedHostIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	failed := w.failFirstSpawn()
	id := w.create().ID
	w.work()
	v := w.get(id)
	if v.VM != nova.Active || v.Host == *failed || *failed == "" {
		t.Errorf("failed first: %q; server is %+v, fault %+v", *failed, v, v.Fault)
	}
	a, err := w.verbs.Action(w.ctx, id, "req-create")
	if err != nil || len(a.Events) != 2 || a.Events[0].Result != nova.ResultSuccess ||
		a.Events[1].Result != nova.ResultError ||
		a.Events[1].Host != *failed || a.Events[1].Details != "no such machine type" ||
		!strings.Contains(a.Events[1].Traceback, "step spawn") {
		t.Errorf("action %+v, %v", a, err)
	}
	w.clean()
}

// failFirstSpawn makes the host that is chosen first fail, and tells which that was.
func (w *world) failFirstSpawn() *string {
	failed := new(string)
	for name, h := range w.hosts {
		h.hook = func(op string) {
			if op == "before spawn" && *failed == "" {
				*failed = name
				h.driver.SetFaults(fake.Fault{Op: "spawn", Fail: "no such machine type", Kind: fault.Gone})
			}
		}
	}
	return failed
}

func TestWhatNobodyClassifiedIsForOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	for _, h := range w.hosts {
		h.driver.SetFaults(fake.Fault{Op: "spawn", Fail: "open /srv/secret: permission denied"})
	}
	id := w.create().ID
	w.work()
	v := w.get(id)
	if v.VM != nova.Error || v.Fault == nil || strings.Contains(v.Fault.Message, "secret") ||
		!strings.Contains(v.Fault.Details, "open /srv/secret") {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
	a, err := w.verbs.Action(w.ctx, id, "req-create")
	told := 0
	for _, e := range a.Events {
		if strings.Contains(e.Details, "secret") {
			t.Errorf("event %+v", e)
		}
		if strings.Contains(e.Traceback, "open /srv/secret") {
			told++
		}
	}
	if err != nil || told != 2 {
		t.Errorf("action %+v, %v", a, err)
	}
}

func TestEveryHostFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	for _, h := range w.hosts {
		h.driver.SetFaults(fake.Fault{Op: "spawn", Fail: "no such machine type"})
	}
	id := w.create().ID
	w.work()
	v := w.get(id)
	if v.VM != nova.Error || v.Host != "" || v.Fault == nil {
		t.Fatalf("server is %+v, fault %+v", v, v.Fault)
	}
	for _, part := range []string{"No valid host was found.", "h1", "h2"} {
		if !strings.Contains(v.Fault.Message, part) {
			t.Errorf("fault %q does not tell of %q", v.Fault.Message, part)
		}
	}
	w.clean()
	if err := w.verbs.Delete(w.ctx, id); err != nil {
		t.Fatal(err)
	}
	w.work()
	if v := w.get(id); !v.Gone() {
		t.Errorf("after delete: %+v", v)
	}
}

func TestWhatIsWrongWithTheRequestIsNotTriedElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	w.ports.fail = fault.Invalidf("No fixed IP addresses available.")
	id := w.create().ID
	w.work()
	v := w.get(id)
	if v.VM != nova.Error || v.Fault == nil || v.Fault.Message != "No fixed IP addresses available." {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
	w.clean()
}

func TestBuildWaitsForPorts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.ports.status = "DOWN"
	id := w.create().ID
	w.hosts["h1"].hook = func(op string) {
		if op == "after prepare" {
			w.ports.up()
			if err := w.verbs.ExternalEvents(t.Context(), []nova.ExternalEvent{{Name: "network-vif-plugged", Server: id,
				Status: "completed"}}); err != nil {
				t.Error(err)
			}
		}
		if op == "before spawn" && w.ports.status != "ACTIVE" {
			t.Error("spawned before the ports were up")
		}
	}
	w.work()
	if v := w.get(id); v.VM != nova.Active {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
	w.clean()
}

func TestPortsThatStayDownFailTheBuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.ports.status = "DOWN"
	id := w.create().ID
	w.work()
	if v := w.get(id); v.VM != nova.Error || !strings.Contains(v.Fault.Message, "did not become active") {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
	w.clean()
}

func TestDeleteInterruptsABuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.ports.status = "DOWN" // the build waits for its ports
	v := w.create()
	w.hosts["h1"].hook = func(op string) {
		if op == "after prepare" {
			if err := w.verbs.Delete(auth.WithRequest(w.ctx, "req-delete"), v.ID); err != nil {
				t.Error(err)
			}
		}
	}
	w.work()
	if v := w.get(v.ID); !v.Gone() || v.VM != nova.Deleted {
		t.Errorf("server is %+v", v)
	}
	a, err := w.verbs.Action(w.ctx, v.ID, "req-delete")
	if err != nil || len(a.Events) != 1 || a.Events[0].Result != nova.ResultSuccess {
		t.Errorf("delete action %+v, %v", a, err)
	}
	w.clean()
}

func TestDeleteOfAServerOnADeadHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := w.create().ID
	w.work()
	h := w.hosts["h1"]
	h.kill()
	if err := w.verbs.Delete(w.ctx, id); err != nil {
		t.Fatal(err)
	}
	if ended, did := w.step(); !ended || !did {
		t.Fatal("no delete job")
	}
	if v := w.get(id); !v.Gone() || len(w.claims.held) != 0 || len(w.ports.m) != 0 {
		t.Errorf("server is %+v, claims %v, ports %v", v, w.claims.held, w.ports.m)
	}
	if w.left() != 1 {
		t.Errorf("%d jobs are left, want the one that owes the host its clean-up", w.left())
	}
	h.start()
	w.work()
	w.clean()
}

func TestAHostFilledByOthersIsPassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	w.claims.refuse = 1 // the best host is gone when it is claimed
	id := w.create().ID
	w.work()
	if v := w.get(id); v.VM != nova.Active {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
	w.clean()

	w.claims.refuse = 1000
	v := w.create()
	w.work()
	if v := w.get(v.ID); v.VM != nova.Error || !strings.Contains(v.Fault.Message, "filled by others") {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
	w.clean()
}

func TestSeveralServersAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2", "h3")
	made, err := w.verbs.Create(w.ctx, servers.CreateArgs{Name: "many", Flavor: "nano", Image: image, Min: 6, Max: 6})
	if err != nil {
		t.Fatal(err)
	}
	w.work()
	on := map[string]int{}
	for _, v := range made.Servers {
		v = w.get(v.ID)
		active(t, w, v)
		on[v.Host]++
	}
	for h, n := range on {
		if n != 2 {
			t.Errorf("host %s has %d of six servers", h, n)
		}
	}
	w.clean()
}

func TestAHostThatStaysAwayIsNotWaitedForForever(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.hosts["h1"].kill()
	id := w.create().ID
	for w.get(id).VM == nova.Building {
		if _, did := w.step(); !did {
			w.offset.Add(int64(2 * time.Minute))
		}
	}
	v := w.get(id)
	inError(t, w, v)
	if !strings.Contains(v.Fault.Message, "No valid host was found.") || !strings.Contains(v.Fault.Message, "h1") {
		t.Errorf("fault %q", v.Fault.Message)
	}
	w.hosts["h1"].start()
	w.work()
	w.clean()
}
