package store

import (
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

func TestAPurgeTakesDeletedServersWithTheirHistory(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		then := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		for _, r := range []struct {
			id      string
			deleted time.Time
		}{{"old", then}, {"owed", then}, {"named", then}, {"late", then.Add(time.Hour)}, {"living", time.Time{}}} {
			v := server(r.id)
			v.DeletedAt = r.deleted
			if !r.deleted.IsZero() {
				v.VM = nova.Deleted
			}
			if err := InsertServers(ctx, d, []nova.Server{v}); err != nil {
				t.Fatal(err)
			}
			if err := StartActions(ctx, d, []nova.Action{{Server: r.id, Name: "create", Request: "r"},
				{Server: r.id, Name: "delete", Request: "q"}}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		event := db.NewExec(db.NewSet("test"), `INSERT INTO action_events (id, action_id, name, host, result, details, traceback, started_at)
			SELECT 'e' || id, id, 'x', '', '', '', '', 1 FROM actions`)
		work := db.NewExec(db.NewSet("test"), `INSERT INTO tasks (id, kind, task_key, seq, priority, state, dying, due, attempt, fence, owner, request, caller, args, journal, reason, created)
			VALUES (?, ?, ?, 1, 0, 'queued', FALSE, 1, 0, 0, '', '', '', '', '', '', 1)`)
		for _, err := range []error{
			second(event.Do(ctx, d)),
			second(work.Do(ctx, d, "t1", "host.cleanup", "cleanup:h1:owed")),
			second(work.Do(ctx, d, "t2", "server.forget", "forget:named")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		var sweep *db.Sweep
		for _, e := range Ends() {
			if e.Table == "servers" {
				sweep = e.Sweep
			}
		}
		n, err := d.Sweep(ctx, sweep, db.SweepArgs{Before: then.Add(time.Minute), Batch: 2})
		if err != nil || n["servers"] != 1 || n["actions"] != 2 || n["action_events"] != 2 {
			t.Errorf("deleted %v, %v", n, err)
		}
		left := dbtest.Snapshot(t, d, "servers", "actions", "action_events")
		if len(left["servers"]) != 4 || len(left["actions"]) != 8 || len(left["action_events"]) != 8 {
			t.Errorf("left are %d servers, %d actions, %d events", len(left["servers"]), len(left["actions"]),
				len(left["action_events"]))
		}
	}, tables(), taskTables())
}

func second[T any](_ T, err error) error { return err }

func TestAListLeavesOutAServerThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		for _, id := range []string{"a", "b", "c"} {
			v := server(id)
			v.Host = "h1"
			if err := InsertServers(ctx, d, []nova.Server{v}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.NewExec(db.NewSet("test"), "UPDATE servers SET metadata = '{', ports = '[' WHERE id = 'b'").Do(ctx,
			d); err != nil {
			t.Fatal(err)
		}
		vs, err := Servers(ctx, d, db.ListArgs{Limit: 2})
		if err != nil || len(vs) != 2 || vs[0].ID != "a" || vs[1].ID != "c" {
			t.Errorf("the list is %v, %v", vs, err)
		}
		if vs, err := ReadableServersOnHost(ctx, d, "h1"); err != nil || len(vs) != 2 {
			t.Errorf("on the host are %v, %v", vs, err)
		}
		if ports, err := PortsOnHost(ctx, d, "h1"); err != nil || len(ports) != 2 {
			t.Errorf("ports of the host: %v, %v", ports, err)
		}
		if _, err := Server(ctx, d, "b"); err == nil {
			t.Error("the row alone is read")
		}
		if found, err := stmts.Unreadable(ctx, d); err != nil || len(found) != 1 || found[0].ID != "b" ||
			found[0].Table != "servers" {
			t.Errorf("found %v, %v", found, err)
		}
	}, tables(), taskTables())
}
