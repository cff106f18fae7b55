package conductor_test

import (
	"sync"
	"testing"

	"hypernova/nova"
	"hypernova/nova/hosts"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

// TestOperatorsMovesWhileJobsRun has an operator do with a host all that operators do, at instants of the jobs on it:
// what would take the host from under a server is refused, what says where new servers go changes nothing for those
// that are there.
func TestOperatorsMovesWhileJobsRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		instant string
		job     func(w *world, id string)
		want    func(t *testing.T, w *world, v nova.Server)
	}{
		{"before prepare", func(*world, string) {}, active},
		{"after spawn", func(*world, string) {}, active},
		{"before stop", func(w *world, id string) { w.ask(id, nova.StopServer.Key, "req-stop") },
			func(t *testing.T, _ *world, v nova.Server) {
				if v.VM != nova.Stopped {
					t.Errorf("server is %+v", v)
				}
			}},
		{"before destroy", func(w *world, id string) { w.ask(id, nova.DeleteServer.Key, "req-delete") }, gone},
	} {
		t.Run(c.instant, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "h1")
			bus, _ := w.bus()
			h := hosts.New(hosts.Config{}, hosts.Deps{DB: w.d, Bus: bus, Queue: w.queue})
			ctx := auth.WithRequest(w.ctx, "req-operator")
			zone, err := h.CreateAggregate(ctx, "east", "east")
			if err != nil {
				t.Fatal(err)
			}
			plain, err := h.CreateAggregate(ctx, "fast", "")
			if err != nil {
				t.Fatal(err)
			}
			did := false
			w.hosts["h1"].hook = func(op string) {
				if op != c.instant || did {
					return
				}
				did = true
				s, err := h.ServiceOf(ctx, "h1", nova.BinaryCompute)
				if err != nil {
					t.Error(err)
					return
				}
				if err := h.DeleteService(ctx, s.ID); !fault.Is(err, fault.Conflict) {
					t.Errorf("the service was deleted: %v", err)
				}
				if _, err := h.AddHost(ctx, zone.ID, "h1"); !fault.Is(err, fault.Conflict) {
					t.Errorf("the host went to another zone: %v", err)
				}
				if _, err := h.AddHost(ctx, plain.ID, "h1"); err != nil {
					t.Error(err)
				}
				if _, err := h.SetAggregateMetadata(ctx, plain.ID,
					map[string]*string{"availability_zone": &[]string{"west"}[0]}); !fault.Is(err, fault.Invalid) {
					t.Errorf("the host's aggregate went to another zone: %v", err)
				}
				s.Disabled = true
				if _, err := h.Decide(ctx, s); err != nil {
					t.Error(err)
				}
			}
			id := w.create().ID
			w.work()
			c.job(w, id)
			w.work()
			if !did {
				t.Error("the instant never came")
			}
			c.want(t, w, w.get(id))
			if s, err := h.ServiceOf(ctx, "h1", nova.BinaryCompute); err != nil || !s.Disabled {
				t.Errorf("the service is %+v, %v", s, err)
			}
			w.clean()
		})
	}
}

// TestZonesAndBuildsAgree races an operator, who moves a host between zones, with builds on it: whichever commits
// first, a server is in its host's zone.
func TestZonesAndBuildsAgree(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		w := newWorldOn(t, d, "h1")
		h := hosts.New(hosts.Config{}, hosts.Deps{DB: w.d})
		zone, err := h.CreateAggregate(w.ctx, "east", "east")
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			id := w.create().ID
			var operator sync.WaitGroup
			operator.Go(func() {
				a, err := h.Aggregate(w.ctx, zone.ID)
				move := h.AddHost
				if len(a.Hosts) > 0 {
					move = h.RemoveHost
				}
				if err == nil {
					_, err = move(w.ctx, zone.ID, "h1")
				}
				if err != nil && !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
			})
			w.work()
			operator.Wait()
			as, err := h.Aggregates(w.ctx)
			if v := w.get(id); err != nil || v.VM != nova.Active || v.AZ != nova.ZoneOf("h1", as, "nova") {
				t.Errorf("server is %s in zone %q, its host in %q, %v", v.VM, v.AZ, nova.ZoneOf("h1", as, "nova"), err)
			}
			w.ask(id, nova.DeleteServer.Key, "req-delete")
			w.work()
		}
		w.clean()
	}, novaTables, taskTables)
}
