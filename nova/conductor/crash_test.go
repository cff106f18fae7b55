package conductor_test

import (
	"fmt"
	"strings"
	"testing"

	"hypernova/nova"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/auth"
)

// story is something users do to a cloud, and what must have come of it whatever crashed meanwhile.
type story struct {
	name  string
	hosts []string
	tell  func(w *world) (server string)
	want  func(t *testing.T, w *world, v nova.Server)
}

func gone(t *testing.T, _ *world, v nova.Server) {
	if !v.Gone() {
		t.Errorf("server is %+v", v)
	}
}

func active(t *testing.T, _ *world, v nova.Server) {
	if v.VM != nova.Active || v.Power != nova.Running {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
}

func inError(t *testing.T, _ *world, v nova.Server) {
	if v.VM != nova.Error || v.Fault == nil || v.Host != "" {
		t.Errorf("server is %+v, fault %+v", v, v.Fault)
	}
}

// power does operations one after another on a server.
func power(verbs ...string) func(w *world) string {
	return func(w *world) string {
		id := w.create().ID
		w.work()
		for i, name := range verbs {
			ctx := auth.WithRequest(w.ctx, fmt.Sprintf("req-%s-%d", name, i))
			var err error
			switch name {
			case "stop":
				err = w.verbs.Stop(ctx, id)
			case "start":
				err = w.verbs.Start(ctx, id)
			case "reboot":
				err = w.verbs.Reboot(ctx, id, false)
			case "reboot-hard":
				err = w.verbs.Reboot(ctx, id, true)
			case "pause":
				err = w.verbs.Pause(ctx, id)
			case "unpause":
				err = w.verbs.Unpause(ctx, id)
			case "delete":
				err = w.verbs.Delete(ctx, id)
			}
			if err != nil {
				w.t.Fatalf("%s: %v", name, err)
			}
			w.work()
		}
		return id
	}
}

func stories() []story {
	return []story{
		{"build", []string{"h1"}, power(), active},
		{"build on the second host", []string{"h1", "h2"}, func(w *world) string {
			w.failFirstSpawn()
			return power()(w)
		}, active},
		{"build fails everywhere", []string{"h1", "h2"}, func(w *world) string {
			for _, h := range w.hosts {
				h.driver.SetFaults(fake.Fault{Op: "spawn", Fail: "no such machine type"})
			}
			return power()(w)
		}, inError},
		{"no host", nil, power(), inError},
		{"delete", []string{"h1"}, power("delete"), gone},
		{"delete while building", []string{"h1"}, func(w *world) string {
			id := w.create().ID
			asked := false
			w.hosts["h1"].hook = func(op string) {
				if op == "after prepare" && !asked {
					asked = true
					if err := w.verbs.Delete(auth.WithRequest(w.ctx, "req-delete"), id); err != nil {
						w.t.Error(err)
					}
				}
			}
			w.work()
			return id
		}, gone},
		{"delete on a dead host", []string{"h1"}, func(w *world) string {
			id := power()(w)
			w.hosts["h1"].kill()
			if err := w.verbs.Delete(auth.WithRequest(w.ctx, "req-delete"), id); err != nil {
				w.t.Fatal(err)
			}
			for range 5 { // the delete, however often it is cut off; the clean-up then waits
				if ended, _ := w.step(); !ended {
					w.revive()
				}
			}
			w.hosts["h1"].start()
			w.work()
			return id
		}, gone},
		{"stop and start", []string{"h1"}, power("stop", "start"), active},
		{"stop", []string{"h1"}, power("stop"), func(t *testing.T, w *world, v nova.Server) {
			if i, err := w.hosts["h1"].driver.Info(w.ctx, v.ID); v.VM != nova.Stopped || v.Power != nova.Shutdown || err != nil || i.Power != nova.Shutdown {
				t.Errorf("server is %+v, guest %+v, %v", v, i, err)
			}
		}},
		{"reboots", []string{"h1"}, power("reboot", "reboot-hard"), active},
		{"pause and unpause", []string{"h1"}, power("pause", "unpause"), active},
	}
}

// TestConductorMayEndAnywhere ends the conductor at every instant of every story and starts it again.
func TestConductorMayEndAnywhere(t *testing.T) {
	t.Parallel()
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			run := func(t *testing.T, crashAt int) int64 {
				w := newWorld(t, s.hosts...)
				w.crashAt = crashAt
				v := w.get(s.tell(w))
				s.want(t, w, v)
				w.clean()
				if t.Failed() {
					t.Logf("what happened: %s", strings.Join(w.trace, ", "))
				}
				return w.points.Load()
			}
			calm := run(t, 0)
			for k := 1; k <= int(calm); k++ {
				t.Run(fmt.Sprintf("instant %d", k), func(t *testing.T) { run(t, k) })
			}
		})
	}
}

// TestAgentMayEndAnywhere ends the agent before and after each of the hypervisor's operations, and starts it again once the jobs are done
// or wait for it.
func TestAgentMayEndAnywhere(t *testing.T) {
	t.Parallel()
	for _, hosts := range [][]string{{"h1"}, {"h1", "h2"}} {
		for _, op := range []string{"prepare", "spawn", "destroy", "stop", "start"} {
			for _, when := range []string{"before ", "after "} {
				t.Run(fmt.Sprintf("%s%s on one of %d", when, op, len(hosts)), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, hosts...)
					var dead *host
					for _, h := range w.hosts {
						h.hook = func(point string) {
							if point == when+op && dead == nil {
								dead = h
								h.kill()
							}
						}
					}
					rest := func() {
						for range 3 {
							w.step()
						}
						if dead != nil && dead.dead.Load() {
							dead.start()
						}
						w.work()
					}
					id := w.create().ID
					rest()
					active(t, w, w.get(id))
					for _, do := range []func() error{
						func() error { return w.verbs.Stop(auth.WithRequest(w.ctx, "req-stop"), id) },
						func() error { return w.verbs.Start(auth.WithRequest(w.ctx, "req-start"), id) },
					} {
						if err := do(); err != nil {
							t.Fatal(err)
						}
						rest()
					}
					active(t, w, w.get(id))
					w.clean()
					if err := w.verbs.Delete(auth.WithRequest(w.ctx, "req-delete"), id); err != nil {
						t.Fatal(err)
					}
					rest()
					gone(t, w, w.get(id))
					w.clean()
					if dead == nil && op != "destroy" {
						t.Error("the agent was never ended")
					}
				})
			}
		}
	}
}
