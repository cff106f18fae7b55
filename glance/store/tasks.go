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
	ID      string                   `db:"id"`
	Type    string                   `db:"type"`
	Status  string                   `db:"status"`
	Owner   string                   `db:"owner"`
	User    string                   `db:"user_id"`
	Request string                   `db:"request_id"`
	Image   string                   `db:"image_id"`
	Input   db.JSON[json.RawMessage] `db:"input"`
	Result  db.JSON[json.RawMessage] `db:"result"`
	Message string                   `db:"message"`
	Created db.Time                  `db:"created_at"`
	Updated db.Time                  `db:"updated_at"`
	Expires db.Time                  `db:"expires_at"`
}

const taskColumns = `id, type, status, owner, user_id, request_id, image_id, input, result, message, created_at, updated_at, expires_at`

var (
	taskInsert = db.NewInsert[taskRow](Statements, "image_tasks")
	taskByID   = db.NewQuery[taskRow](Statements, `SELECT `+taskColumns+` FROM image_tasks WHERE id = ?`)
	// image_tasks_image serves both.
	tasksOf  = db.NewQuery[taskRow](Statements, `SELECT `+taskColumns+` FROM image_tasks WHERE image_id = ? ORDER BY created_at DESC, id LIMIT 1000`)
	taskOpen = db.NewQuery[taskRow](Statements, `SELECT `+taskColumns+` FROM image_tasks
		WHERE image_id = ? AND status IN ('pending', 'processing')
		ORDER BY created_at DESC, id
		LIMIT 1`)
	taskUpdate = db.NewExec(Statements, `UPDATE image_tasks SET status = ?, image_id = ?, result = ?, message = ?, updated_at = ?, expires_at = ?
		WHERE id = ? AND status IN ('pending', 'processing')`)
	// image_tasks_expires serves it.
	tasksExpire = db.NewExec(Statements, `DELETE FROM image_tasks WHERE expires_at < ?`)
	// image_tasks_created serves the default order.
	taskList = db.NewList[taskRow](Statements, `SELECT `+taskColumns+` FROM image_tasks`, map[string]string{
		"id": "id NOT NULL", "type": "type NOT NULL", "status": "status NOT NULL", "owner": "owner NOT NULL",
		"created_at": "created_at NOT NULL", "updated_at": "updated_at NOT NULL", "expires_at": "expires_at", "image_id": "image_id NOT NULL",
	}, "id")
)

func toTask(r taskRow) glance.Task {
	return glance.Task{ID: r.ID, Type: r.Type, Status: r.Status, Owner: r.Owner, UserID: r.User, RequestID: r.Request, ImageID: r.Image,
		Input: r.Input.V, Result: r.Result.V, Message: r.Message, Created: r.Created.Time, Updated: r.Updated.Time, Expires: r.Expires.Time}
}

func toTasks(rows []taskRow) []glance.Task {
	out := make([]glance.Task, len(rows))
	for i, r := range rows {
		out[i] = toTask(r)
	}
	return out
}

// InsertTask writes a new task.
func InsertTask(ctx context.Context, q db.Querier, t glance.Task) error {
	return taskInsert.Do(ctx, q, taskRow{t.ID, t.Type, t.Status, t.Owner, t.UserID, t.RequestID, t.ImageID,
		db.JSON[json.RawMessage]{V: t.Input}, db.JSON[json.RawMessage]{V: t.Result}, t.Message, db.At(t.Created), db.At(t.Updated), db.At(t.Expires)})
}

// Task finds one; fault.NotFound.
func Task(ctx context.Context, q db.Querier, id string) (glance.Task, error) {
	r, err := taskByID.One(ctx, q, id)
	if fault.Is(err, fault.NotFound) {
		return glance.Task{}, fault.NotFoundf("No task found with ID %s", id).Because(err)
	}
	return toTask(r), err
}

// Tasks lists one page.
func Tasks(ctx context.Context, q db.Querier, a db.ListArgs) ([]glance.Task, error) {
	rows, err := taskList.Page(ctx, q, a)
	return toTasks(rows), err
}

// TasksOf are those of an image, the newest first.
func TasksOf(ctx context.Context, q db.Querier, image string) ([]glance.Task, error) {
	rows, err := tasksOf.All(ctx, q, image)
	return toTasks(rows), err
}

// OpenTask is the newest task of an image that has not ended; fault.NotFound.
func OpenTask(ctx context.Context, q db.Querier, image string) (glance.Task, error) {
	r, err := taskOpen.One(ctx, q, image)
	return toTask(r), err
}

// UpdateTask writes a task that has not ended; one that has is left as it is.
func UpdateTask(ctx context.Context, q db.Querier, t glance.Task) error {
	_, err := taskUpdate.Do(ctx, q, t.Status, t.ImageID, db.JSON[json.RawMessage]{V: t.Result}, t.Message, db.At(t.Updated), db.At(t.Expires), t.ID)
	return err
}

// ExpireTasks forgets those whose time has passed.
func ExpireTasks(ctx context.Context, q db.Querier, now time.Time) (int64, error) {
	return tasksExpire.Do(ctx, q, now)
}
