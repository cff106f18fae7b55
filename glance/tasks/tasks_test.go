package tasks_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/glance/tasks"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
)

// clock moves by a second at every look.
type clock struct{ at time.Time }

func (c *clock) now() time.Time {
	c.at = c.at.Add(time.Second)
	return c.at
}

// logged is a service whose log is written in transactions of its own.
type logged struct {
	*tasks.Service
	db *db.DB
}

func (l logged) Begin(ctx context.Context, b tasks.Begin) (id string, err error) {
	err = l.db.Tx(ctx, func(tx *db.Tx) (err error) { id, err = l.Log().Start(ctx, tx, b); return err })
	return id, err
}

func (l logged) Note(ctx context.Context, image, message string) error {
	return l.db.Tx(ctx, func(tx *db.Tx) error { return l.Log().Progress(ctx, tx, image, message) })
}

func (l logged) Finish(ctx context.Context, image string, result json.RawMessage) error {
	return l.db.Tx(ctx, func(tx *db.Tx) error { return l.Log().Done(ctx, tx, image, result) })
}

func service(t *testing.T) (logged, *clock, context.Context) {
	t.Helper()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	d := dbtest.Memory(t, dbtest.Migrations{Name: "glance", FS: store.Migrations()})
	ctx := auth.WithRequest(auth.With(t.Context(), &auth.Caller{UserID: "u", ProjectID: "p", Roles: []string{"member"}}),
		"req-1")
	return logged{tasks.New(d, tasks.Log{Life: time.Hour, Now: c.now}), d}, c, ctx
}

func TestLifeOfATask(t *testing.T) {
	t.Parallel()
	s, c, ctx := service(t)
	id, err := s.Begin(ctx, tasks.Begin{Type: glance.TaskImageImport, Image: "i",
		Input: json.RawMessage(`{"image_id":"i"}`)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)
	want := glance.Task{ID: id, Type: "api_image_import", Status: "pending", Owner: "p", UserID: "u", RequestID: "req-1",
		ImageID: "i",
		Input:   json.RawMessage(`{"image_id":"i"}`), Result: json.RawMessage("null"), Created: at, Updated: at}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := s.Note(ctx, "i", "copying"); err != nil {
		t.Fatal(err)
	}
	if got, _ = s.Get(ctx, id); got.Status != glance.TaskProcessing || got.Message != "copying" || !got.Expires.IsZero() {
		t.Errorf("under way: %+v", got)
	}
	if err := s.Finish(ctx, "i", json.RawMessage(`{"image_id":"i"}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Note(ctx, "i", "too late"); err != nil {
		t.Fatal(err)
	}
	got, _ = s.Get(ctx, id)
	if got.Status != glance.TaskSuccess || got.Message != "" || string(got.Result) != `{"image_id":"i"}` ||
		got.Expires.Sub(got.Created) < time.Hour {
		t.Errorf("ended: %+v", got)
	}
	if n, err := s.Expire(ctx); n != 0 || err != nil {
		t.Errorf("expired before its time: %d, %v", n, err)
	}
	c.at = c.at.Add(2 * time.Hour)
	if n, err := s.Expire(ctx); n != 1 || err != nil {
		t.Errorf("expired: %d, %v", n, err)
	}
	if _, err := s.Get(ctx, id); !fault.Is(err, fault.NotFound) {
		t.Errorf("after its time: %v", err)
	}
}

func TestANewTaskEndsWhatWasLeftOpen(t *testing.T) {
	t.Parallel()
	s, _, ctx := service(t)
	first, err := s.Begin(ctx, tasks.Begin{Type: glance.TaskImageImport, Image: "i"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Begin(ctx, tasks.Begin{Type: glance.TaskImageImport, Image: "i"})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.OfImage(ctx, "i")
	if err != nil || len(all) != 2 || all[0].ID != second || all[0].Status != glance.TaskPending || all[1].ID != first ||
		all[1].Status != glance.TaskFailure {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestWhoSeesATask(t *testing.T) {
	t.Parallel()
	s, _, ctx := service(t)
	made, err := s.Create(ctx, glance.TaskImport, json.RawMessage(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	other := auth.With(t.Context(), &auth.Caller{ProjectID: "q"})
	if _, err := s.Get(other, made.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("another project: %v", err)
	}
	admin := auth.With(t.Context(), &auth.Caller{ProjectID: "a", Roles: []string{"admin"}})
	for name, c := range map[string]struct {
		ctx  context.Context
		q    tasks.Query
		want int
	}{
		"own": {ctx, tasks.Query{}, 1}, "other": {other, tasks.Query{}, 0}, "admin": {admin, tasks.Query{}, 1},
		"by status": {admin, tasks.Query{Status: glance.TaskSuccess}, 0}, "behind itself": {admin,
			tasks.Query{Marker: made.ID}, 0},
	} {
		if got, err := s.List(c.ctx, c.q); len(got) != c.want || err != nil {
			t.Errorf("%s: %d, %v", name, len(got), err)
		}
	}
	if _, err := s.List(other, tasks.Query{Marker: made.ID}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a marker of another project: %v", err)
	}
	if got, err := s.FailTask(ctx, made.ID, "no"); err != nil || got.Status != glance.TaskFailure || got.Message != "no" {
		t.Errorf("failed: %+v, %v", got, err)
	}
}
