package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/service"
	"hypernova/oslo/tasks"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func tables() dbtest.Migrations { return dbtest.Migrations{Name: "nova", FS: Migrations()} }

func TestStatements(t *testing.T) { t.Parallel(); dbtest.Prepare(t, stmts, tables(), taskTables()) }

func taskTables() dbtest.Migrations { return dbtest.Migrations{Name: "tasks", FS: tasks.Migrations()} }

func server(id string) nova.Server {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	return nova.Server{ID: id, Name: "one", Hostname: "one", Project: "p", User: "u", VM: nova.Building,
		Task:   nova.Scheduling,
		Flavor: &nova.Flavor{ID: "f", Name: "m1.nano", VCPUs: 2, RAM: 128, Disk: 1}, Image: &nova.ImageMeta{ID: "i",
			Properties: map[string]string{"a": "b"}},
		Metadata: map[string]string{"k": "v"}, Tags: []string{"blue", "red"}, SecurityGroups: []string{"default"},
		Hints: []byte(`{"x":1}`),
		Addresses: []nova.Address{{Network: "demo", IP: "10.0.0.5", Version: 4, MAC: "fa:16:3e:00:00:01", Type: "fixed",
			Port: "p1"}},
		DiskConfig: "MANUAL", Created: at, Updated: at, Fault: &nova.Fault{Code: 500, Message: "m", Created: at}}
}

func TestServerComesBackAsItWas(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		want := server("s1")
		if err := InsertServers(t.Context(), d, []nova.Server{want}); err != nil {
			t.Fatal(err)
		}
		got, err := Server(t.Context(), d, "s1")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if _, err := Server(t.Context(), d, "other"); !fault.Is(err, fault.NotFound) {
			t.Errorf("another: %v", err)
		}
	}, tables())
}

func TestListedServersLackWhatListsDoNotShow(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		want := server("s1")
		want.LaunchedOn, want.PublicKey, want.LockedBy, want.Locked = "h1", "ssh-rsa", "admin", true
		want.Host, want.UserData, want.RequestedAZ, want.LockedReason = "h1", "IyE=", "az", "why"
		if err := InsertServers(t.Context(), d, []nova.Server{want}); err != nil {
			t.Fatal(err)
		}
		got, err := ListedServers(t.Context(), d, db.ListArgs{Limit: 10})
		want.LaunchedOn, want.PublicKey, want.LockedBy, want.Hints, want.SecurityGroups = "", "", "", nil, nil
		want.Image = &nova.ImageMeta{ID: "i"}
		if diff := cmp.Diff([]nova.Server{want}, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		names, err := ServerNames(t.Context(), d, db.ListArgs{Limit: 10})
		if diff := cmp.Diff([]nova.ServerName{{ID: "s1", Name: "one"}}, names); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}, tables())
}

func TestMoveComparesWithTheTable(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		if err := InsertServers(t.Context(), d, []nova.Server{server("s1")}); err != nil {
			t.Fatal(err)
		}
		host, power, now := "h1", nova.Running, time.Now().UTC().Truncate(time.Microsecond)
		for _, x := range []struct {
			move   nova.Move
			change Change
			want   *nova.Refusal
		}{
			{nova.StopServer.Begin, Change{}, &nova.Refusal{Attr: "vm_state", State: "building"}},
			{nova.MovePlace, Change{Host: &host}, nil},
			{nova.MoveBuilt, Change{}, &nova.Refusal{Attr: "task_state", State: "networking"}},
			{nova.MoveSpawn, Change{}, nil},
			{nova.MoveBuilt, Change{Power: &power, Launched: &now, ClearFault: true}, nil},
			{nova.StopServer.Begin, Change{}, nil},
			{nova.StopServer.Begin, Change{}, &nova.Refusal{Attr: "task_state", State: "powering-off"}},
			{nova.DeleteServer.Begin, Change{}, nil},
			{nova.StopServer.Done, Change{}, &nova.Refusal{Attr: "task_state", State: "deleting"}},
			{nova.DeleteServer.Done, Change{}, nil},
		} {
			var got *nova.Refusal
			err := d.Tx(t.Context(), func(tx *db.Tx) (err error) {
				_, got, err = Move(t.Context(), tx, "s1", x.move, x.change, now)
				return err
			})
			if diff := cmp.Diff(x.want, got); err != nil || diff != "" {
				t.Errorf("%s: %v\n%s", x.move.Name, err, diff)
			}
		}
		v, err := AnyServer(t.Context(), d, "s1")
		if err != nil || v.Host != "h1" || v.Power != nova.Running || !v.Launched.Equal(now) || v.Fault != nil || !v.Gone() ||
			v.VM != nova.Deleted {
			t.Errorf("%+v, %v", v, err)
		}
		if u, err := Usage(t.Context(), d, "p", ""); err != nil || u != (nova.Usage{}) {
			t.Errorf("a deleted server is counted: %+v, %v", u, err)
		}
	}, tables())
}

func TestListsAreServedByIndexes(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, tables())
	latest := []db.SortKey{{Column: "created_at", Desc: true}}
	dbtest.WantIndex(t, d, serverList, db.ListArgs{Where: []db.Cond{db.EqTo("project_id", "p"), db.EqTo("deleted", false)},
		Sort: latest, Limit: 10})
	dbtest.WantIndex(t, d, serverList, db.ListArgs{Where: []db.Cond{db.EqTo("deleted", false)}, Sort: latest, Limit: 10})
	failed := db.InList("vm_state", []string{"error"})
	for _, cs := range [][]db.Cond{{db.EqTo("deleted", false), failed},
		{db.EqTo("project_id", "p"), db.EqTo("deleted", false), failed}} {
		a := db.ListArgs{Where: cs, Sort: latest, Limit: 10}
		dbtest.WantIndex(t, d, listedServers, a)
		if plan := dbtest.Plan(t, d, listedServers, a); !strings.Contains(plan[0], "vm_state=?") {
			t.Errorf("servers of other states are read: %s", plan)
		}
	}
	dbtest.WantIndex(t, d, serverNames, db.ListArgs{Where: []db.Cond{db.EqTo("deleted", false)}, Sort: latest, Limit: 10})
	dbtest.WantIndex(t, d, actionList, db.ListArgs{Where: []db.Cond{db.EqTo("instance_uuid", "s")}, Sort: latest,
		Limit: 10})
}

func TestEventsOfAnAction(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if err := StartActions(ctx, d, []nova.Action{{Server: "s1", Name: "create", Request: "req-1", User: "u",
			Project: "p"}}, time.Now()); err != nil {
			t.Fatal(err)
		}
		err := d.Tx(ctx, func(tx *db.Tx) error {
			for range 2 { // the second start finds the first
				if err := StartEvent(ctx, tx, "s1", "req-1", nova.EventBuild, "h1", time.Now()); err != nil {
					return err
				}
			}
			if err := FinishEvent(ctx, tx, "s1", "req-1", nova.EventBuild, Outcome{Host: "h1", Details: "no", Traceback: "deep"},
				time.Now()); err != nil {
				return err
			}
			if err := StartEvent(ctx, tx, "s1", "req-1", nova.EventBuild, "h2", time.Now()); err != nil {
				return err
			}
			if err := FinishEvent(ctx, tx, "s1", "unknown", nova.EventBuild, Outcome{}, time.Now()); err != nil {
				return err
			}
			return FinishEvent(ctx, tx, "s1", "req-1", nova.EventBuild, Outcome{Host: "h2", Last: true}, time.Now())
		})
		if err != nil {
			t.Fatal(err)
		}
		a, err := Action(ctx, d, "s1", "req-1")
		want := []nova.ActionEvent{{Name: nova.EventBuild, Host: "h2", Result: "Success"},
			{Name: nova.EventBuild, Host: "h1", Result: "Error", Details: "no", Traceback: "deep"}}
		if diff := cmp.Diff(want, a.Events, cmpopts.IgnoreFields(nova.ActionEvent{}, "ID", "Action", "Started",
			"Finished")); err != nil || diff != "" || a.Finished.IsZero() {
			t.Errorf("%v %+v\n%s", err, a, diff)
		}
	}, tables())
}

func TestGroupKeepsWhatOperatorsDecided(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		g, ctx := NewGroup(d, func() time.Time { return now }), t.Context()
		m := service.Member{Host: "h1", Binary: nova.BinaryCompute, Topic: "compute", Level: 1}
		id, err := g.Join(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		v, err := Service(ctx, d, id)
		if err != nil || !v.Up(now, time.Minute) || v.Number != 1 {
			t.Fatalf("%+v, %v", v, err)
		}
		v.Disabled, v.DisabledReason = true, "repair"
		if err := SaveService(ctx, d, &v, now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * time.Minute)
		if v, _ := Service(ctx, d, id); v.Up(now, time.Minute) {
			t.Error("up without a heartbeat")
		}
		if err := g.Beat(ctx, id); err != nil {
			t.Fatal(err)
		}
		if again, err := g.Join(ctx, m); err != nil || again != id {
			t.Errorf("joined again as %s, %v", again, err)
		}
		v, err = ServiceOf(ctx, d, "h1", nova.BinaryCompute)
		if err != nil || !v.Disabled || v.DisabledReason != "repair" || !v.Up(now, time.Minute) {
			t.Errorf("%+v, %v", v, err)
		}
		if err := g.Leave(ctx, id); err != nil {
			t.Fatal(err)
		}
		if v, _ := Service(ctx, d, id); v.Up(now, time.Minute) {
			t.Error("up after it left")
		}
		if err := DeleteService(ctx, d, id); err != nil {
			t.Fatal(err)
		}
		if err := g.Beat(ctx, id); !fault.Is(err, fault.NotFound) {
			t.Errorf("beat of a deleted service: %v", err)
		}
	}, tables())
}

// BenchmarkList reads what a detail list of 1,000 servers shows.
func BenchmarkList(b *testing.B) {
	d := dbtest.Memory(b, tables())
	var vs []nova.Server
	for i := range 1000 {
		vs = append(vs, server(fmt.Sprintf("s%d", i)))
	}
	if err := InsertServers(b.Context(), d, vs); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		got, err := Servers(b.Context(), d,
			db.ListArgs{Where: []db.Cond{db.EqTo("project_id", "p"), db.EqTo("deleted", false)},
				Sort: []db.SortKey{{Column: "created_at", Desc: true}}, Limit: 1000})
		if err != nil || len(got) != 1000 {
			b.Fatal(len(got), err)
		}
	}
}
