package conductor_test

import (
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

// shelved is the story of a server that is shelved, on its host or on none, with its image.
func shelved(vm nova.VMState, host string) func(*testing.T, *world, nova.Server) {
	return func(t *testing.T, w *world, v nova.Server) {
		if v.VM != vm || v.Host != host || v.Task != nova.Idle {
			t.Errorf("server is %+v, fault %+v", v, v.Fault)
		}
		wholeImages(t, w, 1)
	}
}

// back is the story of a server that has come back, whose image is gone.
func back(host string) func(*testing.T, *world, nova.Server) {
	return func(t *testing.T, w *world, v nova.Server) {
		active(t, w, v)
		if v.Host != host {
			t.Errorf("the server is on %s", v.Host)
		}
		wholeImages(t, w, 0)
	}
}

func shelveStories() []story {
	one := []string{"h1"}
	atOnce := func(keys ...string) func(*world) string {
		return func(w *world) string {
			w.offload = 0
			w.conductor()
			return power(keys...)(w)
		}
	}
	del := func(tell func(*world) string) func(*world) string {
		return func(w *world) string {
			id := tell(w)
			if err := w.verbs.Delete(auth.WithRequest(w.ctx, "req-delete"), id); err != nil {
				w.t.Fatal(err)
			}
			w.work()
			return id
		}
	}
	goneWithImage := func(t *testing.T, w *world, v nova.Server) {
		gone(t, w, v)
		wholeImages(t, w, 0)
	}
	return []story{
		{"shelve and offload at once", one, atOnce("shelve"), shelved(nova.ShelvedOffloaded, "")},
		{"shelve a paused server", one, power("pause", "shelve"), shelved(nova.Shelved, "h1")},
		{"shelve a suspended server", one, power("suspend", "shelve"), shelved(nova.Shelved, "h1")},
		{"shelve and unshelve on the host", one, power("shelve", "unshelve"), back("h1")},
		{"unshelve from no host", one, atOnce("shelve", "unshelve-offloaded"), back("h1")},
		{"a shelving whose disk cannot be copied", one, failing("snapshot", "shelve"),
			imaged(nova.Active, nova.Running, 0)},
		{"a shelving whose image is refused", one, func(w *world) string {
			w.images.FailUpload = fault.New(fault.TooLarge, "too large")
			return power("shelve")(w)
		}, imaged(nova.Active, nova.Running, 0)},
		{"an unshelve that fails", one, func(w *world) string {
			id := atOnce("shelve")(w)
			w.hosts["h1"].driver.SetFaults(fake.Fault{Op: "spawn", Fail: "no such machine type"})
			w.ask(id, nova.UnshelveOffloadedServer.Key, "req-unshelve")
			w.work()
			return id
		}, shelved(nova.ShelvedOffloaded, "")},
		{"delete a shelved server", one, del(power("shelve")), goneWithImage},
		{"delete an offloaded server", one, del(atOnce("shelve")), goneWithImage},
		{"offload by time", one, func(w *world) string {
			w.offload = time.Nanosecond
			w.conductor()
			id := power("shelve")(w)
			for _, p := range w.role.Periodic {
				if p.Name == "offload_shelved" {
					if err := p.Fn(w.ctx); err != nil {
						w.t.Fatal(err)
					}
				}
			}
			w.work()
			return id
		}, shelved(nova.ShelvedOffloaded, "")},
	}
}
