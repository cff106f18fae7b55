package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/glance/api/policies"
	"hypernova/glance/images"
	"hypernova/glance/tasks"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// tasksAPI is the resource of tasks.
type tasksAPI struct {
	imageLoader

	Tasks *tasks.Service
	maker imageMaker
}

var taskOps = api.Resource[*tasksAPI]{Name: "task", Plural: "tasks", Ops: api.Ops[*tasksAPI]{
	api.List("GET /tasks", policies.TasksAPIAccess, (*tasksAPI).list),
	api.Do("POST /tasks", policies.TasksAPIAccess, http.StatusCreated, (*tasksAPI).create, api.Bare()),
	api.On("GET /tasks/{task_id}", policies.TasksAPIAccess, http.StatusOK, (*tasksAPI).loadTask, (*tasksAPI).show,
		api.Bare()),
	api.On("GET /images/{image_id}/tasks", policies.GetImage, http.StatusOK, (*tasksAPI).load, (*tasksAPI).ofImage,
		api.Bare(), api.Hidden()),
}}

// taskBrief is a task in a list.
type taskBrief struct {
	ID      string     `wire:"id"`
	Type    string     `wire:"type"`
	Status  string     `wire:"status"`
	Owner   string     `wire:"owner"`
	Created time.Time  `wire:"created_at"`
	Updated time.Time  `wire:"updated_at"`
	Expires *time.Time `wire:"expires_at" omit:"empty"`
	Self    string     `wire:"self"`
	Schema  string     `wire:"schema"`
}

type taskView struct {
	taskBrief
	Input   json.RawMessage `wire:"input"`
	Result  json.RawMessage `wire:"result"`
	Message string          `wire:"message"`
	Image   string          `wire:"image_id" omit:"empty"`
	Request string          `wire:"request_id" omit:"empty"`
	User    string          `wire:"user_id" omit:"empty"`
}

func briefOf(t glance.Task) taskBrief {
	v := taskBrief{ID: t.ID, Type: t.Type, Status: t.Status, Owner: t.Owner, Created: t.Created, Updated: t.Updated,
		Self: "/v2/tasks/" + t.ID, Schema: "/v2/schemas/task"}
	if !t.Expires.IsZero() {
		v.Expires = &t.Expires
	}
	return v
}

func viewTask(t glance.Task) taskView {
	v := taskView{briefOf(t), t.Input, t.Result, t.Message, t.ImageID, t.RequestID, t.UserID}
	for _, doc := range []*json.RawMessage{&v.Input, &v.Result} {
		if *doc == nil {
			*doc = json.RawMessage("null")
		}
	}
	return v
}

type taskQuery struct {
	api.PageQuery
	Status string `wire:"status" is:"enum=pending|processing|success|failure"`
	Type   string `wire:"type" is:"enum=import|api_image_import|location_import"`
	Owner  string `wire:"owner"`
}

func (a *tasksAPI) list(ctx context.Context, _ *api.Request, q *taskQuery) (api.Page[taskBrief], error) {
	order, err := oneKey(q.PageQuery)
	if err != nil {
		return api.Page[taskBrief]{}, err
	}
	if q.Marker != "" && !ids.IsUUID(q.Marker) {
		return api.Page[taskBrief]{}, fault.Invalidf("Invalid marker format")
	}
	ts, err := a.Tasks.List(ctx, tasks.Query{Status: q.Status, Type: q.Type, Owner: q.Owner, Sort: order, Marker: q.Marker,
		Limit: q.Rows()})
	if err != nil {
		return api.Page[taskBrief]{}, err
	}
	out := api.PageOf(q.Window, ts, func(t glance.Task) string { return t.ID }, briefOf)
	out.Extra = map[string]any{"schema": "/v2/schemas/tasks"}
	return out, nil
}

func (a *tasksAPI) loadTask(ctx context.Context, r *api.Request) (glance.Task, error) {
	return a.Tasks.Get(ctx, r.Param("task_id"))
}

func (a *tasksAPI) show(_ context.Context, _ *api.Request, t glance.Task, _ *api.None) (taskView, error) {
	return viewTask(t), nil
}

func (a *tasksAPI) ofImage(ctx context.Context, _ *api.Request, i images.Image, _ *api.None) (taskDetails, error) {
	out := taskDetails{Tasks: []taskView{}}
	ts, err := a.Tasks.OfImage(ctx, i.ID)
	for _, t := range ts {
		out.Tasks = append(out.Tasks, viewTask(t))
	}
	return out, err
}

type taskDetails struct {
	Tasks []taskView `wire:"tasks"`
}

type taskCreate struct {
	Type  string          `wire:"type" is:"required,enum=import|api_image_import|location_import"`
	Input json.RawMessage `wire:"input" is:"required"`
}

// taskInput is the input of a client's import task.
type taskInput struct {
	From       string                     `wire:"import_from"`
	Format     string                     `wire:"import_from_format"`
	Properties map[string]json.RawMessage `wire:"image_properties"`
	Other      map[string]json.RawMessage `wire:"*"`
}

// create inserts a client's task and begins it. An error of the image that it describes ends the task, not the
// request; an invalid source is an error of the request.
func (a *tasksAPI) create(ctx context.Context, r *api.Request, in *taskCreate) (taskView, error) {
	if in.Type != glance.TaskImport {
		return taskView{}, fault.Invalidf(
			"Tasks of the type %s are made by the imports of images; a client makes those of the type %s.", in.Type,
			glance.TaskImport)
	}
	var input taskInput
	if err := api.Decode(in.Input, r.Version, &input); err != nil {
		return taskView{}, fault.Invalidf("%s", err.Error())
	}
	if err := importable(input.From); err != nil {
		return taskView{}, err
	}
	if err := a.Images.Imports.Reachable(ctx, input.From); err != nil {
		return taskView{}, fault.Invalidf("URI for legacy import task does not pass filtering: %s", input.From).Because(err)
	}
	t, err := a.Tasks.Create(ctx, in.Type, in.Input)
	if err != nil {
		return taskView{}, err
	}
	r.SetHeader("Location", r.URL("/tasks/%s", t.ID))
	if err := a.begin(ctx, r, t.ID, input); err != nil {
		if fault.Of(err) == nil {
			return taskView{}, err
		}
		t, err = a.Tasks.FailTask(ctx, t.ID, fault.Message(err))
		return viewTask(t), err
	}
	t, err = a.Tasks.Get(ctx, t.ID)
	return viewTask(t), err
}

func importable(uri string) error {
	switch {
	case strings.HasPrefix(uri, "http://"), strings.HasPrefix(uri, "https://"):
		return nil
	case strings.HasPrefix(uri, "file:///"), strings.HasPrefix(uri, "filesystem:///"):
		return fault.Invalidf("File based imports are not allowed. Please use a non-local source of image data.")
	case uri == "":
		return fault.Invalidf("Invalid location: %s", uri)
	}
	return fault.Invalidf(
		"The given uri is not valid. Please specify a valid uri from the following list of supported uri ['http']")
}

// begin creates the image and begins its import.
func (a *tasksAPI) begin(ctx context.Context, r *api.Request, task string, in taskInput) error {
	switch {
	case in.Format == "":
		return fault.Invalidf("Input does not contain 'import_from_format' field")
	case in.Properties == nil:
		return fault.Invalidf("Input does not contain 'image_properties' field")
	}
	members := map[string]json.RawMessage{}
	for name, value := range in.Properties {
		members[name] = value
	}
	if len(members) == 0 {
		members["container_format"] = json.RawMessage(`"bare"`)
	}
	if members["disk_format"] == nil {
		b, err := json.Marshal(in.Format)
		if err != nil {
			return err
		}
		members["disk_format"] = b
	}
	out, err := a.maker.made(ctx, r, members)
	if err != nil {
		return err
	}
	return a.Images.Imports.Begin(ctx, out.ID, images.Import{Method: images.WebDownload, URI: in.From, Task: task})
}
