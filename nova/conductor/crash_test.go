package conductor_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"hypernova/nova"
	"hypernova/nova/hosts"
	"hypernova/nova/servers"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/auth"
	"hypernova/oslo/opt"
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

// power asks for actions of the table, one after another, on a new server. Each is named by its key.
func power(keys ...string) func(w *world) string {
	return func(w *world) string {
		id := w.create().ID
		w.work()
		for i, key := range keys {
			w.ask(id, key, fmt.Sprintf("req-%s-%d", key, i))
			w.work()
		}
		return id
	}
}

// ask asks for one action of the table.
func (w *world) ask(id, key, request string) {
	w.t.Helper()
	if err := w.asked(id, key, request); err != nil {
		w.t.Fatalf("%s: %v", key, err)
	}
}

// asked is ask for a request that may fail.
func (w *world) asked(id, key, request string) error {
	w.t.Helper()
	ctx := auth.WithRequest(w.ctx, request)
	var err error
	switch key {
	case nova.DeleteServer.Key:
		err = w.verbs.Delete(ctx, id)
	case nova.RebuildServer.Key, nova.RebuildStoppedServer.Key:
		_, err = servers.Disks{Servers: w.verbs}.Rebuild(ctx, id, servers.RebuildArgs{Image: image2,
			Name: opt.Some("rebuilt"), AdminPass: "secret"})
	case nova.RescueServer.Key:
		err = servers.Disks{Servers: w.verbs}.Rescue(ctx, id, image2, "secret")
	case nova.CreateImageServer.Key:
		_, err = servers.Snapshots{Servers: w.verbs}.CreateImage(ctx, id, servers.SnapshotArgs{Name: "shot"})
	case nova.BackupServer.Key:
		_, err = servers.Snapshots{Servers: w.verbs}.Backup(ctx, id, servers.SnapshotArgs{Name: "daily", Kind: "daily",
			Rotation: 2})
	case nova.ShelveServer.Key:
		err = servers.Shelves{Servers: w.verbs}.Shelve(ctx, id)
	case nova.UnshelveServer.Key, nova.UnshelveOffloadedServer.Key:
		err = servers.Shelves{Servers: w.verbs}.Unshelve(ctx, id, servers.UnshelveArgs{})
	case nova.ChangePasswordServer.Key:
		err = servers.Guests{Servers: w.verbs}.ChangePassword(ctx, id, "secret")
	case nova.AttachInterface.Key:
		w.nics++
		_, err = servers.Interfaces{Servers: w.verbs}.BeginAttach(ctx, id, servers.AttachArgs{})
	case nova.DetachInterface.Key:
		w.nics--
		err = servers.Interfaces{Servers: w.verbs}.Detach(ctx, id, "port-"+id+"-0")
	default:
		a, ok := nova.ServerActionOf(key)
		if !ok {
			w.t.Fatalf("there is no action %s", key)
		}
		err = w.verbs.Act(ctx, id, a)
	}
	return err
}

// wayTo is the actions that bring an active server where this one may begin: found in the table itself.
func wayTo(a nova.ServerAction) ([]string, bool) {
	ways := map[nova.VMState][]string{nova.Active: {}}
	for grown := true; grown; {
		grown = false
		for _, x := range nova.ServerActions() {
			if _, known := ways[x.Done.To]; known || x.Done.To == "" || x.Done.To == nova.Deleted {
				continue
			}
			for vm, way := range ways {
				if x.Begin.From == nil || slices.Contains(x.Begin.From, vm) {
					ways[x.Done.To], grown = append(slices.Clone(way), x.Key), true
					break
				}
			}
		}
	}
	if a.Begin.From == nil {
		return nil, true
	}
	for _, vm := range a.Begin.From {
		if way, ok := ways[vm]; ok {
			return way, true
		}
	}
	return nil, false
}

// ofTheTable has a sequence for every row of the table of actions, so that a new row is crashed at every step too.
func ofTheTable() []story {
	var all []story
	for _, a := range nova.ServerActions() {
		way, ok := wayTo(a)
		all = append(all, story{"action " + a.Key, []string{"h1"}, func(w *world) string {
			if !ok {
				w.t.Fatalf("no actions lead to a state in which %s may begin", a.Key)
			}
			return power(append(slices.Clone(way), a.Key)...)(w)
		}, func(t *testing.T, _ *world, v nova.Server) {
			if a.Done.To != "" && v.VM != a.Done.To || v.Fault != nil {
				t.Errorf("server is %+v, fault %+v", v, v.Fault)
			}
		}})
	}
	return all
}

// resetAt builds a server whose state an operator sets at an instant of it; refused is what the answer says if that may
// not be.
func resetAt(instant string, toActive bool, refused string) func(w *world) string {
	return func(w *world) string {
		id := w.create().ID
		asked := false
		w.hosts["h1"].hook = func(op string) {
			if op != instant || asked {
				return
			}
			asked = true
			err := w.verbs.ResetState(auth.WithRequest(w.ctx, "req-reset"), id, toActive)
			if refused == "" && err != nil || refused != "" && (err == nil || !strings.Contains(err.Error(), refused)) {
				w.t.Errorf("reset: %v", err)
			}
			v := w.get(id)
			if s := v.State(); refused == "" && (s.VM != nova.Error || !s.BeingBuilt()) {
				w.t.Errorf("the build no longer owns the server: %+v", s)
			}
		}
		w.work()
		return id
	}
}

// chosenThen builds a server; an operator does something once its host is chosen and not yet written down.
func chosenThen(do func(w *world) error) func(w *world) string {
	return func(w *world) string {
		done := false
		w.on = func(point string) {
			if point == "claimed" && !done {
				done = true
				if err := do(w); err != nil {
					w.t.Error(err)
				}
			}
		}
		return power()(w)
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
		{"given up while building", []string{"h1"}, resetAt("after prepare", false, ""), inError},
		{"given up when the guest runs", []string{"h1"}, resetAt("after spawn", false, ""), inError},
		{"active is refused while building", []string{"h1"}, resetAt("after prepare", true, "Cannot 'os-resetState'"),
			active},
		{"the host goes to another zone when it is chosen", []string{"h1"}, chosenThen(func(w *world) error {
			h := hosts.New(hosts.Config{}, hosts.Deps{DB: w.d})
			a, err := h.CreateAggregate(w.ctx, "east", "east")
			if err == nil {
				_, err = h.AddHost(w.ctx, a.ID, "h1")
			}
			return err
		}), func(t *testing.T, w *world, v nova.Server) {
			active(t, w, v)
			if v.AZ != "east" {
				t.Errorf("server is in zone %q", v.AZ)
			}
		}},
		{"the host's service is deleted when it is chosen", []string{"h1"}, chosenThen(func(w *world) error {
			h := hosts.New(hosts.Config{}, hosts.Deps{DB: w.d, Queue: w.queue})
			s, err := h.ServiceOf(w.ctx, "h1", nova.BinaryCompute)
			if err == nil {
				err = h.DeleteService(w.ctx, s.ID)
			}
			return err
		}), func(t *testing.T, w *world, v nova.Server) {
			inError(t, w, v)
			if len(w.claims.providers) > 0 {
				t.Errorf("placement is left with %v", w.claims.providers)
			}
		}},
		{"a guest that crashed", []string{"h1"}, func(w *world) string {
			id := power()(w)
			if err := w.hosts["h1"].driver.Change(id, nova.Crashed); err != nil {
				w.t.Fatal(err)
			}
			w.hosts["h1"].sync()
			w.work()
			return id
		}, func(t *testing.T, w *world, v nova.Server) {
			if i, err := w.hosts["h1"].driver.Info(w.ctx, v.ID); v.VM != nova.Stopped || v.Power != nova.Shutdown ||
				err != nil || i.Power != nova.Shutdown {
				t.Errorf("server is %+v, guest %+v, %v", v, i, err)
			}
		}},
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
		{"stop", []string{"h1"}, power("stop"), func(t *testing.T, w *world, v nova.Server) {
			if i, err := w.hosts["h1"].driver.Info(w.ctx, v.ID); v.VM != nova.Stopped || v.Power != nova.Shutdown ||
				err != nil || i.Power != nova.Shutdown {
				t.Errorf("server is %+v, guest %+v, %v", v, i, err)
			}
		}},
	}
}

// TestConductorMayEndAnywhere ends the conductor at every instant of every story and starts it again. The stories
// together must have tasks of every kind that the conductor handles, so that none is forgotten here.
func TestConductorMayEndAnywhere(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen, handled, told := map[string]bool{}, []string(nil), map[string]bool{}
	all := slices.Concat(stories(), rebuildStories(), snapshotStories(), shelveStories(), imageStories(), ofTheTable())
	t.Cleanup(func() {
		for _, k := range handled {
			if !seen[k] && len(told) == len(all) && !t.Failed() {
				t.Errorf("no story has a task of the kind %s", k)
			}
		}
	})
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			run := func(t *testing.T, crashAt int) int64 {
				w := newWorld(t, s.hosts...)
				w.crashAt = crashAt
				v := w.get(s.tell(w))
				s.want(t, w, v)
				w.clean()
				mu.Lock()
				handled, told[s.name] = w.queue.Kinds(), true
				maps.Copy(seen, w.kinds)
				mu.Unlock()
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

// TestAgentMayEndAnywhere ends the agent before and after each of the hypervisor's operations, and starts it again once
// the jobs are done or wait for it.
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
					for _, key := range []string{"stop", "start"} {
						w.ask(id, key, "req-"+key)
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
