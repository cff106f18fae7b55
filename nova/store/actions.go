package store

import (
	"context"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

type actionRow struct {
	ID       string  `db:"id"`
	Server   string  `db:"server_id"`
	Name     string  `db:"name"`
	Request  string  `db:"request_id"`
	User     string  `db:"user_id"`
	Project  string  `db:"project_id"`
	Message  string  `db:"message"`
	Started  db.Time `db:"started_at"`
	Updated  db.Time `db:"updated_at"`
	Finished db.Time `db:"finished_at"`
}

type eventRow struct {
	ID        string  `db:"id"`
	Action    string  `db:"action_id"`
	Name      string  `db:"name"`
	Host      string  `db:"host"`
	Result    string  `db:"result"`
	Details   string  `db:"details"`
	Traceback string  `db:"traceback"`
	Started   db.Time `db:"started_at"`
	Finished  db.Time `db:"finished_at"`
}

const (
	actionColumns = "id, server_id, name, request_id, user_id, project_id, message, started_at, updated_at, finished_at"
	eventColumns  = "id, action_id, name, host, result, details, traceback, started_at, finished_at"
)

func (r *actionRow) noun() nova.Action {
	return nova.Action{ID: r.ID, Server: r.Server, Name: r.Name, Request: r.Request, User: r.User, Project: r.Project,
		Message: r.Message, Started: r.Started.Time, Updated: r.Updated.Time, Finished: r.Finished.Time}
}

var insertAction = db.NewInsert[actionRow](stmts, "actions")

// StartActions records requests; ids and stamps are set here.
func (s *Store) StartActions(ctx context.Context, on db.Querier, as []nova.Action) error {
	now := s.now()
	rows := make([]actionRow, len(as))
	for i, a := range as {
		rows[i] = actionRow{ID: ids.Ordered(now), Server: a.Server, Name: a.Name, Request: a.Request, User: a.User, Project: a.Project,
			Started: db.At(now), Updated: db.At(now)}
	}
	return insertAction.DoAll(ctx, on, rows)
}

// actions_server serves it.
var actionList = db.NewList[actionRow](stmts, "SELECT "+actionColumns+"\nFROM actions", map[string]string{
	"instance_uuid": "server_id NOT NULL", "action": "name NOT NULL", "request_id": "request_id NOT NULL", "created_at": "started_at NOT NULL", "updated_at": "updated_at NOT NULL",
}, "id")

// Actions is one page of a server's actions, without events. Columns: action, request_id, created_at, updated_at;
// the marker is an action's id.
func (s *Store) Actions(ctx context.Context, on db.Querier, server string, a db.ListArgs) ([]nova.Action, error) {
	a.Where = append([]db.Cond{db.EqTo("instance_uuid", server)}, a.Where...)
	rows, err := actionList.Page(ctx, on, a)
	if err != nil {
		return nil, err
	}
	out := make([]nova.Action, len(rows))
	for i := range rows {
		out[i] = rows[i].noun()
	}
	return out, nil
}

var (
	// actions_request serves it.
	actionByRequest = db.NewQuery[actionRow](stmts, "SELECT "+actionColumns+"\nFROM actions\nWHERE server_id = ?\n  AND request_id = ?\nORDER BY started_at DESC, id DESC\nLIMIT 1")
	// action_events_action serves it.
	eventsOf = db.NewQuery[eventRow](stmts, "SELECT "+eventColumns+"\nFROM action_events\nWHERE action_id = ?\nORDER BY started_at DESC, id DESC")
)

// Action is what a request did to a server, with its events, latest first; fault.NotFound.
func (s *Store) Action(ctx context.Context, on db.Querier, server, request string) (nova.Action, error) {
	a, err := s.action(ctx, on, server, request)
	if err != nil {
		return a, err
	}
	rows, err := eventsOf.All(ctx, on, a.ID)
	for _, r := range rows {
		a.Events = append(a.Events, nova.ActionEvent{ID: r.ID, Action: r.Action, Name: r.Name, Host: r.Host, Result: r.Result,
			Details: r.Details, Traceback: r.Traceback, Started: r.Started.Time, Finished: r.Finished.Time})
	}
	return a, err
}

func (s *Store) action(ctx context.Context, on db.Querier, server, request string) (nova.Action, error) {
	r, err := actionByRequest.One(ctx, on, server, request)
	if fault.Is(err, fault.NotFound) {
		return nova.Action{}, fault.NotFoundf("Action for request_id %s on instance %s not found", request, server)
	}
	return r.noun(), err
}

var (
	insertEvent = db.NewInsert[eventRow](stmts, "action_events")
	openEvent   = db.NewQuery[string](stmts, "SELECT id\nFROM action_events\nWHERE action_id = ?\n  AND name = ?\n  AND finished_at IS NULL\nORDER BY started_at DESC\nLIMIT 1")
	finishEvent = db.NewExec(stmts, "UPDATE action_events\nSET result = ?, details = ?, traceback = ?, host = ?, finished_at = ?\nWHERE id = ?")
	noteEvent   = db.NewExec(stmts, "UPDATE action_events\nSET details = ?, traceback = ?\nWHERE action_id = ?\n  AND name = ?\n  AND finished_at IS NULL")
	touchAction = db.NewExec(stmts, "UPDATE actions\nSET updated_at = ?\nWHERE id = ?")
	closeAction = db.NewExec(stmts, "UPDATE actions\nSET updated_at = ?, finished_at = ?, message = ?\nWHERE id = ?")
)

// deletionsOf counts what a deletion recorded when it began; the index on a server's actions serves it.
var deletionsOf = db.NewQuery[int64](stmts, "SELECT COUNT(*)\nFROM actions a\nJOIN action_events e ON e.action_id = a.id\nWHERE a.server_id = ?\n  AND e.name = ?")

// DeletionBegan reports whether a deletion has begun to take from a server what it had.
func (s *Store) DeletionBegan(ctx context.Context, on db.Querier, server string) (bool, error) {
	n, err := deletionsOf.One(ctx, on, server, nova.DeleteServer.Event)
	return n > 0, err
}

// StartEvent records that work for a request began on a host; one that is already open stays. A request without an action is nothing to record.
func (s *Store) StartEvent(ctx context.Context, tx *db.Tx, server, request, name, host string) error {
	a, err := s.action(ctx, tx, server, request)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := openEvent.One(ctx, tx, a.ID, name); !fault.Is(err, fault.NotFound) {
		return err
	}
	now := db.At(s.now())
	if _, err := touchAction.Do(ctx, tx, now, a.ID); err != nil {
		return err
	}
	return insertEvent.Do(ctx, tx, eventRow{ID: ids.Ordered(now.Time), Action: a.ID, Name: name, Host: host, Started: now})
}

// NoteEvent tells what the open event of that name is at, and begins it where there is none.
func (s *Store) NoteEvent(ctx context.Context, tx *db.Tx, server, request, name string, o Outcome) error {
	if err := s.StartEvent(ctx, tx, server, request, name, o.Host); err != nil {
		return err
	}
	a, err := s.action(ctx, tx, server, request)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = noteEvent.Do(ctx, tx, o.Details, o.Traceback, a.ID, name)
	return err
}

// Outcome is how an event ended. Last also finishes the action.
type Outcome struct {
	Host               string
	Details, Traceback string // of a failure; both empty: Success
	Success            bool   // Details and Traceback tell of no failure
	Last               bool
}

// FinishEvent ends the open event of that name, or records one that began and ended now.
func (s *Store) FinishEvent(ctx context.Context, tx *db.Tx, server, request, name string, o Outcome) error {
	a, err := s.action(ctx, tx, server, request)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	now := db.At(s.now())
	result, message := nova.ResultSuccess, ""
	if !o.Success && (o.Details != "" || o.Traceback != "") {
		result, message = nova.ResultError, "Error"
	}
	id, err := openEvent.One(ctx, tx, a.ID, name)
	switch {
	case fault.Is(err, fault.NotFound):
		err = insertEvent.Do(ctx, tx, eventRow{ID: ids.Ordered(now.Time), Action: a.ID, Name: name, Host: o.Host, Result: result,
			Details: o.Details, Traceback: o.Traceback, Started: now, Finished: now})
	case err == nil:
		_, err = finishEvent.Do(ctx, tx, result, o.Details, o.Traceback, o.Host, now, id)
	}
	if err != nil {
		return err
	}
	if o.Last {
		_, err = closeAction.Do(ctx, tx, now, now, message, a.ID)
	} else {
		_, err = touchAction.Do(ctx, tx, now, a.ID)
	}
	return err
}
