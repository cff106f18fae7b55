package api_test

import (
	"testing"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
)

func TestResetStateAgreesWithTheJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	reset := func(id, state string, want int) {
		t.Helper()
		w.want(want, "root", "2.1", "POST /servers/"+id+"/action", `{"os-resetState":{"state":"`+state+`"}}`)
	}
	is := func(id, status string, task any) {
		t.Helper()
		r := w.want(200, "root", "2.1", "GET /servers/"+id, "")
		if got := r.at("server", "status"); got != status || r.at("server", "OS-EXT-STS:task_state") != task {
			t.Errorf("%v %v, want %s %v", got, r.at("server", "OS-EXT-STS:task_state"), status, task)
		}
	}
	built := w.server("built")
	w.settle(built)
	reset(built, "error", 202)
	is(built, "ERROR", nil)
	reset(built, "active", 202)
	is(built, "ACTIVE", nil)

	young := w.server("young")
	reset(young, "active", 409)
	reset(young, "error", 202)
	is(young, "ERROR", "scheduling") // the build has it until it has given back what it made
	w.want(409, "alice", "2.1", "POST /servers/"+young+"/action", `{"reboot":{"type":"HARD"}}`)
	reset(young, "active", 409)

	failed := w.server("failed")
	if err := w.db.Tx(t.Context(), failServer(w, failed, &nova.Fault{Code: 500})); err != nil {
		t.Fatal(err)
	}
	reset(failed, "active", 409)

	w.want(204, "alice", "2.1", "DELETE /servers/"+built, "")
	reset(built, "active", 409)
	reset(built, "error", 409)
	err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
		actions, err := store.Actions(t.Context(), tx, built, db.ListArgs{})
		if err != nil {
			return err
		}
		err = store.StartEvent(t.Context(), tx, built, actions[0].Request, nova.DeleteServer.Event, "h1", clock.Real())
		if err != nil {
			return err
		}
		_, _, err = store.Move(t.Context(), tx, built, nova.DeleteServer.Failed, store.Change{}, clock.Real())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	is(built, "ERROR", nil)
	reset(built, "active", 409) // it may have lost its guest already
	reset(built, "error", 202)
	w.want(204, "alice", "2.1", "DELETE /servers/"+built, "")
}
