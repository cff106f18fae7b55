package tasks_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/tasks"
)

// FuzzArgs stores arbitrary bytes as a task's arguments. The task must succeed or be dead at once with a reason, and
// the next task must run.
func FuzzArgs(f *testing.F) {
	for _, args := range []string{`{"Server":"s","N":5}`, `{"Server":"s","N":5,"New":{"x":[1]}}`, `{}`, `null`, `[]`,
		`{"N":"five"}`, `{"N":1e400}`, "", "{", "\xff", `{"Server":"s"} x`, `{"server":"s","n":1.0}`} {
		f.Add(args)
	}
	d := dbtest.Memory(f, schema)
	q, k := tasks.New(d, tasks.Config{Owner: "a", Lease: time.Minute}), tasks.NewKind[job]("build", quick)
	worked := 0
	k.Handle(q, func(context.Context, *tasks.Task, job) error { worked++; return nil }, nil)
	spoil := db.NewExec(db.NewSet("test"), "UPDATE tasks SET args = ? WHERE id = ?")
	clear := db.NewExec(db.NewSet("test"), "DELETE FROM tasks WHERE id = ?")
	f.Fuzz(func(t *testing.T, args string) {
		var want job
		good := json.Unmarshal([]byte(args), &want) == nil
		id := enqueue(t, d, q, k, job{Server: "first"})
		if _, err := spoil.Do(t.Context(), d, args, id); err != nil {
			t.Fatal(err)
		}
		enqueue(t, d, q, k, job{Server: "second"})
		worked = 0
		for range 2 {
			if ok, err := q.ProcessOne(t.Context()); !ok || err != nil {
				t.Fatalf("%q: %t, %v", args, ok, err)
			}
		}
		if want := map[bool]int{true: 2, false: 1}[good]; worked != want {
			t.Errorf("%q: %d tasks were worked, want %d", args, worked, want)
		}
		i, err := q.Show(t.Context(), id)
		if good != (err != nil) || !good && (i.State != "dead" || i.Reason == "" || i.Attempt != 1) {
			t.Errorf("%q: left as %+v, %v", args, i, err)
		}
		if _, err := clear.Do(t.Context(), d, id); err != nil {
			t.Fatal(err)
		}
	})
}
