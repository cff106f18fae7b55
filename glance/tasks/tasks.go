// Package tasks implements the records of the Tasks API: imports and other asynchronous work on images.
//
// Invariant: an image has at most one task that has not ended. A task ends once; later changes have no effect.
package tasks

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// DefaultLife is how long a task is kept after its end.
const DefaultLife = 48 * time.Hour

// Log writes the task records of work on images. Its methods use the transaction q of the change that they describe.
// They find a task by its image, so work that resumes after a crash continues with the same task.
type Log struct {
	Life time.Duration // time to live after the end; 0 is DefaultLife
	Now  clock.Now     // nil is the system clock
}

// Begin describes a new task. Owner, user and request id are from the context.
type Begin struct {
	ID    string // of a task from Create; "": Start creates one
	Type  string // glance.TaskImageImport, …
	Image string
	Input json.RawMessage // an object; nil is null
}

func (l Log) now() time.Time {
	if l.Now == nil {
		return clock.Real()
	}
	return l.Now()
}

// Start creates the task of an image for the caller in ctx and returns its id. An open task of the same image fails.
func (l Log) Start(ctx context.Context, q db.Querier, b Begin) (string, error) {
	if err := l.Fail(ctx, q, b.Image, "Expired lock preempted"); err != nil {
		return "", err
	}
	if b.ID != "" {
		t, err := store.Task(ctx, q, b.ID)
		if err != nil {
			return "", err
		}
		t.ImageID, t.Updated = b.Image, l.now()
		return t.ID, store.UpdateTask(ctx, q, t)
	}
	t := l.made(ctx, b)
	return t.ID, store.InsertTask(ctx, q, t)
}

func (l Log) made(ctx context.Context, b Begin) glance.Task {
	now := l.now()
	t := glance.Task{ID: ids.UUID(), Type: b.Type, Status: glance.TaskPending, ImageID: b.Image, Input: b.Input,
		RequestID: auth.RequestID(ctx), Created: now, Updated: now}
	if c := auth.From(ctx); c != nil {
		t.Owner, t.UserID = c.ProjectID, c.UserID
	}
	return t
}

// Progress sets the message of the image's open task and its status to processing. Without an open task it does
// nothing.
func (l Log) Progress(ctx context.Context, q db.Querier, image, message string) error {
	return l.change(ctx, q, image, func(t *glance.Task) { t.Status, t.Message = glance.TaskProcessing, message })
}

// Done ends the image's open task with success. The result is a JSON object or nil. Without an open task it does
// nothing.
func (l Log) Done(ctx context.Context, q db.Querier, image string, result json.RawMessage) error {
	return l.change(ctx, q, image, func(t *glance.Task) { l.end(t, glance.TaskSuccess, result, "") })
}

// Fail ends the image's open task with failure and a message for its owner. Without an open task it does nothing.
func (l Log) Fail(ctx context.Context, q db.Querier, image, why string) error {
	return l.change(ctx, q, image, func(t *glance.Task) { l.end(t, glance.TaskFailure, nil, why) })
}

func (l Log) end(t *glance.Task, status string, result json.RawMessage, message string) {
	life := l.Life
	if life <= 0 {
		life = DefaultLife
	}
	t.Status, t.Result, t.Message, t.Expires = status, result, message, l.now().Add(life)
}

func (l Log) change(ctx context.Context, q db.Querier, image string, change func(*glance.Task)) error {
	t, err := store.OpenTask(ctx, q, image)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	change(&t)
	t.Updated = l.now()
	return store.UpdateTask(ctx, q, t)
}

// Service implements the Tasks API.
type Service struct {
	db  *db.DB
	log Log
}

// New returns the service over the image service's database.
func New(d *db.DB, l Log) *Service { return &Service{d, l} }

// Log returns the log for the work behind tasks.
func (s *Service) Log() Log { return s.log }

// Create inserts a client's task, which has no image yet.
func (s *Service) Create(ctx context.Context, kind string, input json.RawMessage) (glance.Task, error) {
	t := s.log.made(ctx, Begin{Type: kind, Input: input})
	return t, store.InsertTask(ctx, s.db, t)
}

// FailTask ends a client's task with failure. fault.NotFound.
func (s *Service) FailTask(ctx context.Context, id, why string) (glance.Task, error) {
	var t glance.Task
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if t, err = store.Task(ctx, tx, id); err != nil {
			return err
		}
		s.log.end(&t, glance.TaskFailure, nil, why)
		t.Updated = s.log.now()
		return store.UpdateTask(ctx, tx, t)
	})
	return t, err
}

// mine reports whether the caller may see a task: administrators see all, others those of their project.
func mine(ctx context.Context, t glance.Task) bool {
	c := auth.From(ctx)
	return c.Admin() || c != nil && c.ProjectID != "" && c.ProjectID == t.Owner
}

// Get returns a task that the caller may see. fault.NotFound.
func (s *Service) Get(ctx context.Context, id string) (glance.Task, error) {
	t, err := store.Task(ctx, s.db, id)
	if err == nil && !mine(ctx, t) {
		return glance.Task{}, fault.NotFoundf("No task found with ID %s", id)
	}
	return t, err
}

// OfImage returns the tasks of an image that is visible to the caller, the newest first.
func (s *Service) OfImage(ctx context.Context, image string) ([]glance.Task, error) {
	return store.TasksOf(ctx, s.db, image)
}

// Query selects tasks. Empty fields do not filter.
type Query struct {
	Status, Type, Owner string
	Sort                []db.SortKey
	Marker              string
	Limit               int
}

var sortable = []string{"id", "type", "status", "created_at", "updated_at", "expires_at"}

// List returns a page of the tasks that the caller may see. fault.Invalid for a bad sort key or marker.
func (s *Service) List(ctx context.Context, q Query) ([]glance.Task, error) {
	var where []db.Cond
	if c := auth.From(ctx); !c.Admin() {
		where = append(where, db.EqTo("owner", c.ProjectID))
	}
	for name, value := range map[string]string{"status": q.Status, "type": q.Type, "owner": q.Owner} {
		if value != "" {
			where = append(where, db.EqTo(name, value))
		}
	}
	sort := q.Sort
	for _, k := range sort {
		if !slices.Contains(sortable, k.Column) {
			return nil, fault.Invalidf("Sort key supplied is invalid: %s. It must be one of the following: %s.", k.Column,
				strings.Join(sortable, ", "))
		}
	}
	if len(sort) == 0 {
		sort = []db.SortKey{{Column: "created_at", Desc: true}}
	}
	if q.Marker != "" {
		if _, err := s.Get(ctx, q.Marker); err != nil {
			return nil, fault.Body(err)
		}
	}
	return store.Tasks(ctx, s.db, db.ListArgs{Where: where, Sort: sort, Marker: q.Marker, Limit: q.Limit})
}

// Expire deletes the tasks whose time to live is over and returns their number.
func (s *Service) Expire(ctx context.Context) (int64, error) {
	return store.ExpireTasks(ctx, s.db, s.log.now())
}
