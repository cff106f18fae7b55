package store

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

type actionRow struct {
	ID       string  `db:"id"`
	Server   string  `db:"server_id" list:"instance_uuid"`
	Name     string  `db:"name" list:"action"`
	Request  string  `db:"request_id" list:"request_id"`
	User     string  `db:"user_id"`
	Project  string  `db:"project_id"`
	Message  string  `db:"message"`
	Started  db.Time `db:"started_at,set" list:"created_at"`
	Updated  db.Time `db:"updated_at,set" list:"updated_at"`
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

// latestAction is the id of the action of a request on a server. actions_request serves it.
const latestAction = `(
  SELECT id
  FROM actions
  WHERE server_id = ?
    AND request_id = ?
  ORDER BY started_at DESC, id DESC
  LIMIT 1)`

var (
	actions = db.NewTable[actionRow](stmts, "actions", "id")
	// actions_server serves it.
	actionList = actions.List()
	// actions_request serves it.
	actionByRequest = actions.Query("server_id = ?\n  AND request_id = ?\nORDER BY started_at DESC, id DESC\nLIMIT 1")
	// These find the action as actionByRequest does, without reading it first.
	touchAction = db.NewQuery[string](stmts, `
UPDATE actions
SET updated_at = ?
WHERE id = `+latestAction+`
RETURNING id`)
	closeAction = db.NewQuery[string](stmts, `
UPDATE actions
SET updated_at = ?, finished_at = ?, message = ?
WHERE id = `+latestAction+`
RETURNING id`)

	events = db.NewTable[eventRow](stmts, "action_events", "id")
	// action_events_action serves all three.
	eventsOf  = events.Query("action_id = ?\nORDER BY started_at DESC, id DESC")
	openEvent = events.Query(
		"action_id = ?\n  AND name = ?\n  AND finished_at IS NULL\nORDER BY started_at DESC\nLIMIT 1")
	finishEvent = db.NewExec(stmts, `
UPDATE action_events
SET result = ?, details = ?, traceback = ?, host = ?, finished_at = ?
WHERE id = (
  SELECT id
  FROM action_events
  WHERE action_id = ?
    AND name = ?
    AND finished_at IS NULL
  ORDER BY started_at DESC
  LIMIT 1)`)
	noteEvent = events.Update("", "details", "traceback")
	// actions_server serves it.
	eventsOfName = db.NewQuery[int64](stmts, `
SELECT COUNT(*)
FROM actions a
JOIN action_events e ON e.action_id = a.id
WHERE a.server_id = ?
  AND e.name = ?`)
)

func (r *actionRow) value() nova.Action {
	return nova.Action{ID: r.ID, Server: r.Server, Name: r.Name, Request: r.Request, User: r.User, Project: r.Project,
		Message: r.Message, Started: r.Started.Time, Updated: r.Updated.Time, Finished: r.Finished.Time}
}

func (r *eventRow) value() nova.ActionEvent {
	return nova.ActionEvent{ID: r.ID, Action: r.Action, Name: r.Name, Host: r.Host, Result: r.Result, Details: r.Details,
		Traceback: r.Traceback, Started: r.Started.Time, Finished: r.Finished.Time}
}

// StartActions inserts the actions of requests; it sets their ids and stamps.
func StartActions(ctx context.Context, on db.Querier, as []nova.Action, now time.Time) error {
	rows := make([]actionRow, len(as))
	for i, a := range as {
		rows[i] = actionRow{ID: ids.Ordered(now), Server: a.Server, Name: a.Name, Request: a.Request, User: a.User,
			Project: a.Project, Started: db.At(now), Updated: db.At(now)}
	}
	return actions.InsertAll(ctx, on, rows)
}

// Actions returns one page of a server's actions, without events. Columns: action, request_id, created_at, updated_at;
// the marker is an action's id.
func Actions(ctx context.Context, on db.Querier, server string, a db.ListArgs) ([]nova.Action, error) {
	a.Where = append([]db.Cond{db.EqTo("instance_uuid", server)}, a.Where...)
	rows, err := actionList.Page(ctx, on, a)
	return values(rows, err, (*actionRow).value)
}

// Action returns the action of a request on a server with its events, latest first; fault.NotFound.
func Action(ctx context.Context, on db.Querier, server, request string) (nova.Action, error) {
	a, err := actionOf(ctx, on, server, request)
	if err != nil {
		return a, err
	}
	rows, err := eventsOf.All(ctx, on, a.ID)
	for i := range rows {
		a.Events = append(a.Events, rows[i].value())
	}
	return a, err
}

const noAction = "Action for request_id %s on instance %s not found"

func actionOf(ctx context.Context, on db.Querier, server, request string) (nova.Action, error) {
	r, err := actionByRequest.One(ctx, on, server, request)
	return r.value(), absent(err, noAction, request, server)
}

// DeletionBegan reports whether a deletion of the server has ever begun.
func DeletionBegan(ctx context.Context, on db.Querier, server string) (bool, error) {
	n, err := eventsOfName.One(ctx, on, server, nova.DeleteServer.Event)
	return n > 0, err
}

// Outcome is how an event ended. It failed if Details or Traceback is not empty, unless Success is set. Last also
// finishes the action.
type Outcome struct {
	Host               string
	Details, Traceback string
	Success            bool
	Last               bool
}

// StartEvent records that work for a request began on a host. An open event of that name stays as it is. Without an
// action of the request it does nothing.
func StartEvent(ctx context.Context, tx *db.Tx, server, request, name, host string, now time.Time) error {
	_, err := startEvent(ctx, tx, server, request, name, host, now)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// startEvent returns the open event; fault.NotFound if the request has no action.
func startEvent(ctx context.Context, tx *db.Tx, server, request, name, host string, now time.Time) (eventRow, error) {
	action, err := touchAction.One(ctx, tx, db.At(now), server, request)
	if err != nil {
		return eventRow{}, err
	}
	e, err := openEvent.One(ctx, tx, action, name)
	if !fault.Is(err, fault.NotFound) {
		return e, err
	}
	e = eventRow{ID: ids.Ordered(now), Action: action, Name: name, Host: host, Started: db.At(now)}
	return e, events.Insert(ctx, tx, e)
}

// NoteEvent writes the details of the open event of that name, and starts it if there is none.
func NoteEvent(ctx context.Context, tx *db.Tx, server, request, name string, o Outcome, now time.Time) error {
	e, err := startEvent(ctx, tx, server, request, name, o.Host, now)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	e.Details, e.Traceback = o.Details, o.Traceback
	_, err = noteEvent.Do(ctx, tx, e)
	return err
}

// FinishAction ends an action that has no event.
func FinishAction(ctx context.Context, tx *db.Tx, server, request string, now time.Time) error {
	_, err := closeAction.One(ctx, tx, db.At(now), db.At(now), "", server, request)
	return absent(err, noAction, request, server)
}

// FinishEvent ends the open event of that name, or records one that began and ended now. Without an action of the
// request it does nothing.
func FinishEvent(ctx context.Context, tx *db.Tx, server, request, name string, o Outcome, now time.Time) error {
	result, message := nova.ResultSuccess, ""
	if !o.Success && (o.Details != "" || o.Traceback != "") {
		result, message = nova.ResultError, "Error"
	}
	var action string
	var err error
	if o.Last {
		action, err = closeAction.One(ctx, tx, db.At(now), db.At(now), message, server, request)
	} else {
		action, err = touchAction.One(ctx, tx, db.At(now), server, request)
	}
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	n, err := finishEvent.Do(ctx, tx, result, o.Details, o.Traceback, o.Host, db.At(now), action, name)
	if err != nil || n > 0 {
		return err
	}
	return events.Insert(ctx, tx, eventRow{ID: ids.Ordered(now), Action: action, Name: name, Host: o.Host, Result: result,
		Details: o.Details, Traceback: o.Traceback, Started: db.At(now), Finished: db.At(now)})
}
