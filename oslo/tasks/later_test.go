package tasks_test

import (
	"context"
	"testing"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/tasks"
)

// A task may be postponed more often than it has attempts. Its reason names the missing dependency, and Hurry starts
// it.
func TestPostponedTaskKeepsItsAttempts(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q, k := tasks.New(d, config("a")), tasks.NewKind[job]("build",
			tasks.Options{MaxAttempts: 2, Backoff: time.Millisecond})
		waits, pause := 5, time.Duration(0)
		k.Handle(q, func(_ context.Context, tk *tasks.Task, _ job) error {
			if tk.Attempt != 1 {
				t.Errorf("attempt %d", tk.Attempt)
			}
			if waits--; waits >= 0 {
				return tasks.Later(fault.Unavailablef("the host is away"), pause)
			}
			return nil
		}, nil)
		id := enqueue(t, d, q, k, job{"s1", 1})
		for range 4 {
			if ok, err := q.ProcessOne(t.Context()); !ok || err != nil {
				t.Fatalf("process one: %v, %v", ok, err)
			}
		}
		pause = time.Hour
		if ok, err := q.ProcessOne(t.Context()); !ok || err != nil {
			t.Fatalf("process one: %v, %v", ok, err)
		}
		if ok, err := q.ProcessOne(t.Context()); ok || err != nil {
			t.Fatalf("it did not wait: %v, %v", ok, err)
		}
		if i, err := q.Show(t.Context(), id); err != nil || i.State != "queued" || i.Attempt != 0 ||
			i.Reason != "the host is away" {
			t.Errorf("it shows %+v, %v", i, err)
		}
		for _, c := range []struct {
			keys string
			want bool
		}{{"s2", false}, {"s1%", false}, {"s", true}} {
			if err := k.Hurry(t.Context(), q, c.keys); err != nil {
				t.Fatal(err)
			}
			i, err := q.Show(t.Context(), id)
			if due := time.Until(i.Due) < time.Minute; err != nil || due != c.want {
				t.Errorf("after Hurry(%q) it is due at %v, %v", c.keys, i.Due, err)
			}
		}
		if ok, err := q.ProcessOne(t.Context()); !ok || err != nil {
			t.Fatalf("process one: %v, %v", ok, err)
		}
		if _, err := q.Show(t.Context(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("it is not done: %v", err)
		}
	}, schema)
}
