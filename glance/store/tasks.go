package store

import (
	"context"
	"encoding/json"
	"time"

	"hypernova/glance"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type taskRow struct {
	ID      string                   `db:"id" list:"id"`
	Type    string                   `db:"type,once" list:"type"`
	Status  string                   `db:"status" list:"status"`
	Owner   string                   `db:"owner,once" list:"owner"`
	User    string                   `db:"user_id,once"`
	Request string                   `db:"request_id,once"`
	Image   string                   `db:"image_id" list:"image_id"`
	Input   db.JSON[json.RawMessage] `db:"input,once"` // a client's, or that of an import
	Result  db.JSON[json.RawMessage] `db:"result"`
	Message string                   `db:"message"`
	Created db.Time                  `db:"created_at,once,set" list:"created_at"`
	Updated db.Time                  `db:"updated_at,set" list:"updated_at"`
	Expires db.Time                  `db:"expires_at" list:"expires_at"`
}

// image_tasks_created serves the default order of the list, image_tasks_image the queries by image, image_tasks_expires
// the deletion.
var (
	tasks      = db.NewTable[taskRow](stmts, "image_tasks", "id")
	listTasks  = tasks.List()
	updateTask = tasks.Update("status IN ('pending', 'processing')")
	tasksOf    = tasks.Query("image_id = ?\nORDER BY created_at DESC, id\nLIMIT 1000")
	openTaskOf = tasks.Query(`image_id = ? AND status IN ('pending', 'processing')
ORDER BY created_at DESC, id
LIMIT 1`)
	expireTasks = db.NewExec(stmts, `DELETE FROM image_tasks WHERE expires_at < ?`)
)

func (r taskRow) task() glance.Task {
	return glance.Task{ID: r.ID, Type: r.Type, Status: r.Status, Owner: r.Owner, UserID: r.User, RequestID: r.Request,
		ImageID: r.Image,
		Input:   r.Input.V, Result: r.Result.V, Message: r.Message, Created: r.Created.Time, Updated: r.Updated.Time,
		Expires: r.Expires.Time}
}

func taskRowOf(t glance.Task) taskRow {
	return taskRow{ID: t.ID, Type: t.Type, Status: t.Status, Owner: t.Owner, User: t.UserID, Request: t.RequestID,
		Image: t.ImageID,
		Input: db.JSON[json.RawMessage]{V: t.Input}, Result: db.JSON[json.RawMessage]{V: t.Result}, Message: t.Message,
		Created: db.At(t.Created), Updated: db.At(t.Updated), Expires: db.At(t.Expires)}
}

// InsertTask inserts a task record.
func InsertTask(ctx context.Context, on db.Querier, t glance.Task) error {
	return tasks.Insert(ctx, on, taskRowOf(t))
}

// Task returns a task record. fault.NotFound.
func Task(ctx context.Context, on db.Querier, id string) (glance.Task, error) {
	r, err := tasks.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return glance.Task{}, fault.NotFoundf("No task found with ID %s", id).Because(err)
	}
	return r.task(), err
}

// Tasks returns a page of task records.
func Tasks(ctx context.Context, on db.Querier, a db.ListArgs) ([]glance.Task, error) {
	rows, err := listTasks.Page(ctx, on, a)
	return each(rows, err, taskRow.task)
}

// TasksOf returns the newest task records of an image, at most 1,000, the newest first.
func TasksOf(ctx context.Context, on db.Querier, image string) ([]glance.Task, error) {
	rows, err := tasksOf.All(ctx, on, image)
	return each(rows, err, taskRow.task)
}

// OpenTask returns the newest task record of an image that has not ended. fault.NotFound.
func OpenTask(ctx context.Context, on db.Querier, image string) (glance.Task, error) {
	r, err := openTaskOf.One(ctx, on, image)
	return r.task(), err
}

// UpdateTask writes a task record's status, image, result, message and times. It does not change one that has ended.
func UpdateTask(ctx context.Context, on db.Querier, t glance.Task) error {
	_, err := updateTask.Do(ctx, on, taskRowOf(t))
	return err
}

// ExpireTasks deletes the task records whose time to live is over, and returns their number.
func ExpireTasks(ctx context.Context, on db.Querier, now time.Time) (int64, error) {
	return expireTasks.Do(ctx, on, now)
}
