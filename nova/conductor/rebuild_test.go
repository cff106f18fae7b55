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
	"hypernova/oslo/opt"
)

// standsOn checks which image the server has in the database, and what the guest's disk on the host is made of.
func standsOn(t *testing.T, w *world, v nova.Server, image string) {
	t.Helper()
	disks := w.hosts["h1"].driver.Disks(v.ID)
	if v.Image.ID != image || len(disks) != 1 || !strings.HasPrefix(disks[0], image) {
		t.Errorf("the server's image is %s, its disks on the host are of %q; want %s", v.Image.ID, disks, image)
	}
}

// failing asks for an action while an operation of the hypervisor fails.
func failing(op string, keys ...string) func(w *world) string {
	return func(w *world) string {
		for _, h := range w.hosts {
			h.driver.SetFaults(fake.Fault{Op: op, Fail: "no luck", Kind: fault.Invalid})
		}
		return power(keys...)(w)
	}
}

// rebuilt is the story of a failed rebuild: the server is in error with the reason, and has its old disk and image.
func unrebuilt(power nova.PowerState) func(t *testing.T, w *world, v nova.Server) {
	return func(t *testing.T, w *world, v nova.Server) {
		if v.VM != nova.Error || v.Fault == nil || v.Fault.Message != "no luck" || v.Name != "rebuilt" {
			t.Errorf("server is %+v, fault %+v", v, v.Fault)
		}
		standsOn(t, w, v, image)
		if i, err := w.hosts["h1"].driver.Info(w.ctx, v.ID); err != nil || i.Power != power {
			t.Errorf("guest is %+v, %v; want power state %d", i, err, power)
		}
	}
}

// meanwhile asks for a rebuild, and for something else at an instant of it.
func meanwhile(instant string, do func(w *world, id string) error) func(w *world) string {
	return func(w *world) string {
		id := power()(w)
		asked := false
		w.hosts["h1"].hook = func(op string) {
			if op == instant && !asked {
				asked = true
				if err := do(w, id); err != nil {
					w.t.Error(err)
				}
			}
		}
		w.ask(id, nova.RebuildServer.Key, "req-rebuild")
		w.work()
		return id
	}
}

func rebuildStories() []story {
	one := []string{"h1"}
	del := func(w *world, id string) error { return w.verbs.Delete(auth.WithRequest(w.ctx, "req-delete"), id) }
	reset := func(w *world, id string) error {
		return w.verbs.ResetState(auth.WithRequest(w.ctx, "req-reset"), id, true)
	}
	all := []story{
		{"rebuild", one, power("rebuild"), func(t *testing.T, w *world, v nova.Server) {
			active(t, w, v)
			standsOn(t, w, v, image2)
			if v.Name != "rebuilt" {
				t.Errorf("the name is %q", v.Name)
			}
		}},
		{"rebuild of a stopped server", one, power("stop", "rebuild-stopped"),
			func(t *testing.T, w *world, v nova.Server) {
				if v.VM != nova.Stopped || v.Power != nova.Shutdown {
					t.Errorf("server is %+v, fault %+v", v, v.Fault)
				}
				standsOn(t, w, v, image2)
			}},
		{"a rebuild whose image cannot be had", one, failing("rebuild-prepare", "rebuild"), unrebuilt(nova.Running)},
		{"a rebuild whose guest does not start", one, failing("rebuild", "rebuild"), unrebuilt(nova.Running)},
		{"a rebuild of a stopped server that fails", one, failing("rebuild", "stop", "rebuild-stopped"),
			unrebuilt(nova.Shutdown)},
		{"delete while rebuilding", one, meanwhile("after rebuild-prepare", del), gone},
		{"delete when the new guest runs", one, meanwhile("after rebuild", del), gone},
		{"reset while rebuilding", one, meanwhile("after rebuild-prepare", reset),
			func(t *testing.T, w *world, v nova.Server) {
				active(t, w, v)
				standsOn(t, w, v, image)
			}},
		{"a rescue that fails", one, failing("rescue", "rescue"), func(t *testing.T, w *world, v nova.Server) {
			active(t, w, v)
			standsOn(t, w, v, image)
		}},
		{"rescue and unrescue", one, power("rescue", "unrescue"), func(t *testing.T, w *world, v nova.Server) {
			active(t, w, v)
			standsOn(t, w, v, image)
		}},
		{"a password whose request ends", one, func(w *world) string {
			id := power()(w)
			w.hosts["h1"].hook = func(op string) {
				if op == "before password" {
					w.offset.Add(int64(10 * time.Minute))
					w.work() // before the host answers
				}
			}
			w.ask(id, nova.ChangePasswordServer.Key, "req-password")
			return id
		}, active},
	}
	return all
}

// An image that does not suit the host is refused by the scheduler, although the host has room for the server.
func TestRebuildAsksWhetherTheServerMayStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	id := power()(w)
	const unsuited = "44444444-4444-4444-4444-444444444444"
	if _, err := (servers.Disks{Servers: w.verbs}).Rebuild(auth.WithRequest(w.ctx, "req-rebuild"), id,
		servers.RebuildArgs{Image: unsuited, KeyName: opt.Some("k"), UserData: opt.Some("Zm9v")}); err != nil {
		t.Fatal(err)
	}
	if v := w.get(id); v.Task != nova.Rebuilding || v.Image.ID != unsuited || v.KeyName != "k" || v.Status() != "REBUILD" {
		t.Errorf("while it is rebuilt: %+v", v)
	}
	w.work()
	v := w.get(id)
	if v.VM != nova.Error || v.Fault == nil || !strings.HasPrefix(v.Fault.Message, "No valid host was found.") ||
		v.KeyName != "" || v.UserData != "" {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
	standsOn(t, w, v, image)
	if n := w.hosts["h1"].driver.Calls("rebuild-prepare"); n != 0 {
		t.Errorf("the host was asked %d times", n)
	}
	// The server's own image is not asked about: it is there already. Its host is full of it.
	w.ask(id, nova.RebuildServer.Key, "req-again")
	w.work()
	active(t, w, w.get(id))
}
